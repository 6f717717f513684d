"""A run by time and by cycle, as its messages and back, in pairs."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.clock import NS_PER_S
from loadgrpc.protocol import measures
from loadgrpc.protocol.cases import case_from_proto, case_to_proto
from loadgrpc.protocol.figures import (
    elapsed_from_proto,
    elapsed_to_proto,
    hits_from_proto,
    hits_to_proto,
)
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.required import required
from loadgrpc.protocol.times import (
    duration_from_proto,
    duration_to_proto,
    optional_timestamp,
    seconds_from_proto,
    seconds_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.v1 import control_pb2, run_pb2


def query_to_proto(query: model.TimelineQuery) -> control_pb2.GetTimelineRequest:
    """Which windows are wanted, as the request."""
    message = control_pb2.GetTimelineRequest(
        run_id=query.run_id,
        to=optional_timestamp(query.to_ns),
        resolution=seconds_to_proto(query.resolution_s),
        names=query.names,
        without_series=not query.series,
        page_size=query.page_size,
        page_token=query.page_token,
        distribution=query.distribution,
        by_name=query.by_name,
    )
    if query.from_ns is not None:
        # The name of the field is a word of Python's own.
        getattr(message, "from").CopyFrom(timestamp_to_proto(query.from_ns))
    return message


def query_from_proto(message: control_pb2.GetTimelineRequest) -> model.TimelineQuery:
    """Which windows are wanted, from the request.

    Raises:
        InvalidRequest: it has no run.
    """
    return model.TimelineQuery(
        run_id=required(message, "run_id"),
        from_ns=time_or_none(message, "from"),
        to_ns=time_or_none(message, "to"),
        resolution_s=seconds_from_proto(message.resolution),
        names=tuple(message.names),
        series=not message.without_series,
        page_size=message.page_size,
        page_token=message.page_token,
        distribution=message.distribution,
        by_name=message.by_name,
    )


def page_to_proto(page: model.TimelinePage) -> control_pb2.GetTimelineResponse:
    """Some windows as the answer."""
    return control_pb2.GetTimelineResponse(
        windows=[window_to_proto(each) for each in page.windows],
        resolution=duration_to_proto(page.resolution_s * NS_PER_S),
        next_page_token=page.next_token,
    )


def page_from_proto(message: control_pb2.GetTimelineResponse) -> model.TimelinePage:
    """Some windows from the answer."""
    return model.TimelinePage(
        windows=tuple(window_from_proto(each) for each in message.windows),
        resolution_s=duration_from_proto(message.resolution) // NS_PER_S,
        next_token=message.next_page_token,
    )


def window_to_proto(window: model.TimelineWindow) -> control_pb2.TimelineWindow:
    """A window as its message."""
    return fit(
        control_pb2.TimelineWindow,
        start=timestamp_to_proto(window.start_ns),
        length=duration_to_proto(window.length_ns),
        closed=window.closed,
        hits=hits_to_proto(window.hits),
        series=[
            fit(
                control_pb2.WindowSeries,
                scenario=each.scenario,
                name=each.name,
                method=each.method,
                protocol=each.protocol,
                status_class=each.status_class,
                hits=hits_to_proto(each.hits),
                late=each.late,
                tags=dict(each.tags),
                distribution=_distribution_to_proto(each.distribution),
            )
            for each in window.series
        ],
        cases=list(map(case_to_proto, window.cases)),
        users=window.users,
        late=window.late,
        late_data=window.late_data,
        planned=window.planned,
        started=window.started,
        dropped=window.dropped,
        waiting=window.waiting,
        lag=None if window.lag is None else elapsed_to_proto(window.lag),
        cpu=None if window.cpu is None else _cpu_to_proto(window.cpu),
        distribution=_distribution_to_proto(window.distribution),
        **measures.as_fields(window.measures),
    )


def window_from_proto(message: control_pb2.TimelineWindow) -> model.TimelineWindow:
    """A window from its message."""
    return model.TimelineWindow(
        start_ns=timestamp_from_proto(message.start),
        length_ns=duration_from_proto(message.length),
        closed=message.closed,
        hits=hits_from_proto(message.hits),
        series=tuple(
            model.WindowSeries(
                scenario=each.scenario,
                name=each.name,
                method=each.method,
                protocol=each.protocol,
                status_class=each.status_class,
                hits=hits_from_proto(each.hits),
                late=each.late,
                tags=tuple(sorted(each.tags.items())),
                distribution=_distribution_from_proto(each),
            )
            for each in message.series
        ),
        cases=tuple(map(case_from_proto, message.cases)),
        users=message.users,
        late=message.late,
        late_data=message.late_data,
        planned=message.planned,
        started=message.started,
        dropped=message.dropped,
        waiting=message.waiting,
        lag=elapsed_from_proto(message.lag) if message.HasField("lag") else None,
        cpu=_cpu_from_proto(message.cpu) if message.HasField("cpu") else None,
        measures=measures.of_fields(message),
        distribution=_distribution_from_proto(message),
    )


def _cpu_to_proto(figures: model.CpuFigures) -> control_pb2.CpuFigures:
    return control_pb2.CpuFigures(avg=figures.avg, max=figures.max)


def _cpu_from_proto(message: control_pb2.CpuFigures) -> model.CpuFigures:
    return model.CpuFigures(avg=message.avg, max=message.max)


def _distribution_to_proto(
    distribution: model.Distribution | None,
) -> control_pb2.Distribution | None:
    if distribution is None:
        return None
    return control_pb2.Distribution(first=distribution.first, counts=distribution.counts)


def _distribution_from_proto(
    message: control_pb2.TimelineWindow | control_pb2.WindowSeries,
) -> model.Distribution | None:
    if not message.HasField("distribution"):
        return None
    found = message.distribution
    return model.Distribution(first=found.first, counts=tuple(found.counts))


def cycle_to_proto(cycle: model.CycleFigures) -> run_pb2.CycleFigures:
    """The figures of a cycle as their message."""
    return fit(
        run_pb2.CycleFigures,
        cycle=cycle.cycle,
        users=cycle.users,
        start_time=optional_timestamp(cycle.start_time_ns),
        duration=duration_to_proto(cycle.duration_ns),
        hits=hits_to_proto(cycle.hits),
        scenarios=[
            fit(
                run_pb2.CycleScenarioFigures,
                name=each.name,
                users=each.users,
                duration=duration_to_proto(each.duration_ns),
                hits=hits_to_proto(each.hits),
            )
            for each in cycle.scenarios
        ],
    )


def cycle_from_proto(message: run_pb2.CycleFigures) -> model.CycleFigures:
    """The figures of a cycle from their message."""
    return model.CycleFigures(
        cycle=message.cycle,
        users=message.users,
        start_time_ns=time_or_none(message, "start_time"),
        duration_ns=duration_from_proto(message.duration),
        hits=hits_from_proto(message.hits),
        scenarios=tuple(
            model.CycleScenarioFigures(
                name=each.name,
                users=each.users,
                duration_ns=duration_from_proto(each.duration),
                hits=hits_from_proto(each.hits),
            )
            for each in message.scenarios
        ),
    )
