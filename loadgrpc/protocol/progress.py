"""What a watcher of a run receives: to messages and back, in pairs."""

from __future__ import annotations

from google.protobuf import duration_pb2

from loadgrpc import model
from loadgrpc.clock import NS_PER_S
from loadgrpc.protocol import live_loads, loads
from loadgrpc.protocol.cases import (
    coverage_from_proto,
    coverage_to_proto,
    rule_progress_from_proto,
    rule_progress_to_proto,
)
from loadgrpc.protocol.custom_states import (
    custom_state_from_proto,
    custom_state_to_proto,
    reported_from_proto,
    reported_to_proto,
)
from loadgrpc.protocol.figures import iterations_from_proto, iterations_to_proto
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.runs import run_from_proto, run_to_proto
from loadgrpc.protocol.sockets import socket_progress_from_proto, socket_progress_to_proto
from loadgrpc.protocol.thresholds import threshold_result_from_proto, threshold_result_to_proto
from loadgrpc.protocol.timeline import window_from_proto, window_to_proto
from loadgrpc.protocol.times import (
    duration_from_proto,
    duration_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.protocol.troubles import troubles_from_proto, troubles_to_proto
from loadgrpc.v1 import control_pb2


def news_to_proto(news: model.News) -> control_pb2.WatchRunResponse:
    """News of a run as their message."""
    update = news.update
    return control_pb2.WatchRunResponse(
        sequence=news.sequence,
        run=run_to_proto(update) if isinstance(update, model.Run) else None,
        progress=progress_to_proto(update) if isinstance(update, model.Progress) else None,
        window=window_to_proto(update) if isinstance(update, model.TimelineWindow) else None,
        change=change_to_proto(news.change) if news.change is not None else None,
    )


def news_from_proto(message: control_pb2.WatchRunResponse) -> model.News:
    """News of a run from their message."""
    change = change_from_proto(message.change) if message.HasField("change") else None
    update: model.Update = None
    if message.HasField("run"):
        update = run_from_proto(message.run)
    elif message.HasField("progress"):
        update = progress_from_proto(message.progress)
    elif message.HasField("window"):
        update = window_from_proto(message.window)
    return model.News(message.sequence, update, change)


def change_to_proto(change: model.Change) -> control_pb2.Change:
    """A change of a run as its message."""
    return fit(
        control_pb2.Change,
        sequence=change.sequence,
        time=None if change.time_ns is None else timestamp_to_proto(change.time_ns),
        kind=int(change.kind),
        state=int(change.state),
        attempt=change.attempt,
        reason=change.reason,
        agent_id=change.agent_id,
        agent_event=int(change.agent_event or 0),
        cycle=change.cycle,
        users=change.users,
        load=None if change.load is None else live_loads.change_message(change.load),
        scenario=change.scenario,
        custom_state=custom_state_to_proto(change.custom_state) if change.custom_state else None,
        threshold=None if change.threshold is None else threshold_result_to_proto(change.threshold),
        due_time=None if change.due_time_ns is None else timestamp_to_proto(change.due_time_ns),
    )


def change_from_proto(message: control_pb2.Change) -> model.Change:
    """A change of a run from its message; one of a kind that is newer than this is a note."""
    kinds, events = {int(each) for each in model.ChangeKind}, {int(e) for e in model.AgentEvent}
    return model.Change(
        sequence=message.sequence,
        time_ns=timestamp_from_proto(message.time) if message.HasField("time") else None,
        kind=model.ChangeKind(message.kind) if message.kind in kinds else model.ChangeKind.NOTE,
        state=model.RunState(message.state),
        attempt=message.attempt,
        reason=message.reason,
        agent_id=message.agent_id,
        agent_event=(
            model.AgentEvent(message.agent_event) if message.agent_event in events else None
        ),
        cycle=message.cycle,
        users=message.users,
        load=loads.change_of(message.load) if message.HasField("load") else None,
        scenario=message.scenario,
        custom_state=(
            custom_state_from_proto(message.custom_state)
            if message.HasField("custom_state")
            else None
        ),
        threshold=threshold_result_from_proto(message.threshold)
        if message.HasField("threshold")
        else None,
        due_time_ns=time_or_none(message, "due_time"),
    )


def progress_to_proto(progress: model.Progress) -> control_pb2.RunProgress:
    """Live figures as their message."""
    return fit(
        control_pb2.RunProgress,
        elapsed=duration_to_proto(progress.elapsed_ns),
        fraction=progress.fraction,
        cycle=progress.cycle,
        cycles=progress.cycles,
        users=progress.users,
        hits=progress.hits,
        failed_hits=progress.failed_hits,
        rate=progress.rate,
        p50=duration_to_proto(progress.p50_ns),
        p95=duration_to_proto(progress.p95_ns),
        iterations=iterations_to_proto(progress.iterations),
        agents=progress.agents,
        saturated=progress.saturated,
        machine_busy=progress.machine_busy,
        window=_window_to_proto(progress.window),
        sockets=socket_progress_to_proto(progress.sockets) if progress.sockets else None,
        passed_checks=progress.passed_checks,
        failed_checks=progress.failed_checks,
        names=[
            fit(
                control_pb2.NameProgress,
                scenario=entry.scenario,
                name=entry.name,
                method=entry.method,
                hits=entry.hits,
                failed=entry.failed,
                rate=entry.rate,
                p95=_optional_to_proto(entry.p95_ns),
            )
            for entry in progress.names
        ],
        failures=[
            fit(
                control_pb2.FailureProgress,
                count=each.count,
                message=each.message,
                where=each.where,
            )
            for each in progress.failures
        ],
        cases=_cases_to_proto(progress),
        time_left=_optional_to_proto(progress.left_ns),
        troubles=troubles_to_proto(progress.troubles),
        custom_states=map(reported_to_proto, progress.custom_states),
        thresholds=[threshold_result_to_proto(each) for each in progress.thresholds],
    )


def progress_from_proto(message: control_pb2.RunProgress) -> model.Progress:
    """Live figures from their message."""
    return model.Progress(
        elapsed_ns=duration_from_proto(message.elapsed),
        fraction=message.fraction,
        cycle=message.cycle,
        cycles=message.cycles,
        users=message.users,
        hits=message.hits,
        failed_hits=message.failed_hits,
        rate=message.rate,
        p50_ns=duration_from_proto(message.p50),
        p95_ns=duration_from_proto(message.p95),
        iterations=iterations_from_proto(message.iterations),
        agents=message.agents,
        saturated=message.saturated,
        machine_busy=message.machine_busy,
        window=_window_from_proto(message.window) if message.HasField("window") else None,
        sockets=(
            socket_progress_from_proto(message.sockets) if message.HasField("sockets") else None
        ),
        passed_checks=message.passed_checks,
        failed_checks=message.failed_checks,
        names=tuple(
            model.NameProgress(
                scenario=entry.scenario,
                name=entry.name,
                method=entry.method,
                hits=entry.hits,
                failed=entry.failed,
                rate=entry.rate,
                p95_ns=_optional_from_proto(entry, "p95"),
            )
            for entry in message.names
        ),
        failures=tuple(
            model.FailureProgress(count=each.count, message=each.message, where=each.where)
            for each in message.failures
        ),
        rules=tuple(map(rule_progress_from_proto, message.cases.cases)),
        coverage=(
            coverage_from_proto(message.cases.coverage) if message.HasField("cases") else None
        ),
        left_ns=_optional_from_proto(message, "time_left"),
        troubles=troubles_from_proto(message.troubles),
        custom_states=tuple(map(reported_from_proto, message.custom_states)),
        thresholds=tuple(map(threshold_result_from_proto, message.thresholds)),
    )


def _cases_to_proto(progress: model.Progress) -> control_pb2.CasesProgress | None:
    if progress.coverage is None:
        return None
    return fit(
        control_pb2.CasesProgress,
        coverage=coverage_to_proto(progress.coverage),
        cases=list(map(rule_progress_to_proto, progress.rules)),
    )


def _window_to_proto(window: model.WindowFigures | None) -> control_pb2.WindowFigures | None:
    if window is None:
        return None
    return fit(
        control_pb2.WindowFigures,
        end=timestamp_to_proto(window.end_ns),
        length=duration_to_proto(window.seconds * NS_PER_S),
        hits=window.hits,
        failed=window.failed,
        p50=_optional_to_proto(window.p50_ns),
        p95=_optional_to_proto(window.p95_ns),
    )


def _window_from_proto(message: control_pb2.WindowFigures) -> model.WindowFigures:
    return model.WindowFigures(
        end_ns=timestamp_from_proto(message.end),
        seconds=max(duration_from_proto(message.length) // NS_PER_S, 1),
        hits=message.hits,
        failed=message.failed,
        p50_ns=_optional_from_proto(message, "p50"),
        p95_ns=_optional_from_proto(message, "p95"),
    )


def _optional_to_proto(ns: int | None) -> duration_pb2.Duration | None:
    return None if ns is None else duration_to_proto(ns)


def _optional_from_proto(
    message: control_pb2.RunProgress | control_pb2.WindowFigures | control_pb2.NameProgress,
    field: str,
) -> int | None:
    return duration_from_proto(getattr(message, field)) if message.HasField(field) else None
