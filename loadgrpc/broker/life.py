"""What happens to a run, and what follows from it: events in, commands out.

Rule: pure. `step` changes what is known of the run (`run.py`, by the tables of `state.py`) and
returns what is to be done, in order; it talks to nobody, waits for nothing and reads no clock. The
broker carries out the commands. What must not happen before something is stored is an event of its
own (`Save.then`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import singledispatch
from typing import Any, NamedTuple

from loadgrpc.broker import deadlines, load_orders
from loadgrpc.broker.commands import (
    Close,
    Command,
    GiveUp,
    Log,
    Order,
    Release,
    Reply,
    Save,
)
from loadgrpc.broker.happened import (
    AgentAway,
    AgentBack,
    AgentGone,
    AgentPreparing,
    AgentReady,
    Began,
    CycleStored,
    Due,
    EndStored,
    Event,
    LoadAsked,
    LoadStored,
    NoteAsked,
    Resumed,
    RunnerExited,
    SourceFinished,
    SourceOpened,
    SourceReady,
    StatesReported,
    StopAsked,
    ThresholdsFailed,
    TimePassed,
    TooLate,
    UsersHeldBack,
)
from loadgrpc.broker.part import Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.setbacks import NOT_FED, stop_reason, unfed
from loadgrpc.broker.state import RunEvent
from loadgrpc.model import (
    NOT_PREPARED,
    AgentEvent,
    AssignmentState,
    ExceptionInfo,
    StopMode,
)
from loadgrpc.protocol import answers
from loadgrpc.protocol.fleet import ChangeLevel, StartProcesses, StartRunners, StopRunners


class Now(NamedTuple):
    """The time, by both clocks."""

    wall_ns: int
    monotonic_ns: int


def step(run: ActiveRun, event: Event, now: Now) -> list[Command]:
    """Applies an event to a run, and returns what is to be done."""
    return list(_decide(event, run, now))


@singledispatch
def _decide(event: Event, _run: ActiveRun, _now: Now) -> Iterator[Command]:
    raise TypeError(f"no event: {event!r}")


@_decide.register
def _(_: Due, run: ActiveRun, now: Now) -> Iterator[Command]:
    yield from _change(run, RunEvent.DUE, now, queue_time_ns=run.run.due_time_ns or now.wall_ns)
    yield Save()


@_decide.register
def _(event: TooLate, run: ActiveRun, now: Now) -> Iterator[Command]:
    yield from _change(run, RunEvent.TOO_LATE, now, reason=event.reason)
    yield Close()


@_decide.register
def _(event: Began, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.stopping is not None:  # while that was stored
        for part in run.live_parts():
            part.lose("the run was stopped before its part began", now.wall_ns)
    for part in run.live_parts():  # others were lost while the run was stored
        part.told_ns = now.monotonic_ns
        if part.agent_id in event.connected:
            yield Order(part.agent_id, _start_runners(part))
        else:
            yield from _lose(run, part, "it left before its part began", now.wall_ns, now)
    yield from _follow_up(run, now)


@_decide.register
def _(_: Resumed, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.run.state.waiting:
        return
    run.note("the broker was restarted, and continues the run", now.wall_ns)
    yield Log(f"of {run.run.plan.label} continues")
    yield from _follow_up(run, now)
    yield Save()


@_decide.register
def _(_: CycleStored, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.stopping is not None:
        return  # it was stopped meanwhile
    agent_ids = {part.agent_id for part in run.live_parts()}
    run.common_begin.decide(run.run.plan, agent_ids, now.wall_ns)
    for part in run.live_parts():
        begin_ns = run.common_begin.at(run.ahead_ns.get(part.agent_id))
        start = answers.StartCycle(run.cycle, begin_ns)
        for source_id, source in part.sources.items():
            if source.barrier:
                yield Reply(source_id, start)
        if part.scenario.one_user_each:
            yield Order(part.agent_id, _start_processes(run, part, run.cycle))


@_decide.register
def _(event: StopAsked, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.run.state.final:
        return
    if event.by and run.stopping not in {event.mode, StopMode.KILL}:
        how = "kill" if event.mode is StopMode.KILL else "stop"
        run.note(f"{event.by} asked to {how} the run", now.wall_ns)
    waited = run.run.state.waiting
    reason = event.reason or stop_reason(event.mode, waited=waited)
    yield from _change(run, RunEvent.STOP_ASKED, now, reason=reason)
    if waited:
        yield Close()
        return
    yield from _stop_parts(run, event.mode, now)
    yield Save(patient=False)


@_decide.register
def _(event: LoadAsked, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.run.state.final or run.stopping is not None:
        return  # it was stopped meanwhile
    load_orders.change(run, event, now.wall_ns)
    yield Save(then=LoadStored(event.scenarios))
    yield Save(patient=False)


@_decide.register
def _(event: LoadStored, run: ActiveRun, _now: Now) -> Iterator[Command]:
    for part in run.live_parts():
        if part.scenario.name not in event.scenarios:
            continue
        if part.scenario.one_user_each:  # its agent follows the level
            yield Order(part.agent_id, _change_load(part))
            continue
        for source_id in part.sources:
            yield Reply(source_id, answers.LoadChanged(part.changes))


@_decide.register
def _(event: NoteAsked, run: ActiveRun, now: Now) -> Iterator[Command]:
    run.note(event.text, now.wall_ns, request_id=event.request_id)
    yield Save(patient=False)


@_decide.register
def _(event: AgentBack, run: ActiveRun, now: Now) -> Iterator[Command]:
    registration = event.registration
    agent_id, run_id = registration.agent_id, run.run.attempt_id
    run.machines[agent_id] = registration
    ended = False
    for part in run.of_agent(agent_id):
        if registration.holds(run_id, part.scenario.name):
            if part.changes and part.scenario.one_user_each:  # it may have missed some
                yield Order(agent_id, _change_load(part))
            continue
        if part.unsure:
            part.hostname = registration.hostname
            part.told_ns = now.monotonic_ns
            yield Order(agent_id, _start_runners(part))
        elif not part.state.final:
            # It was restarted. The message of the part's end may have been lost with the
            # stream before this one.
            ended = True
            if not part.delivered:
                words = "the agent was restarted"
                run.runner_ended(part, "", 1, words, produced=None, now_wall_ns=now.wall_ns)
            yield from _end(run, part, event.last_heard_ns, now)
        part.unsure = False
    if run.note_agent(agent_id, AgentEvent.BACK, now.wall_ns) or ended:
        yield Save()
    if run_id in registration.run_ids and run.stopping is not None:
        yield Order(agent_id, _stop_runners(run, run.stopping))


@_decide.register
def _(event: AgentAway, run: ActiveRun, now: Now) -> Iterator[Command]:
    goes_on = any(not part.state.final for part in run.of_agent(event.agent_id))
    if goes_on and run.note_agent(event.agent_id, AgentEvent.UNREACHABLE, now.wall_ns):
        yield Save()


@_decide.register
def _(event: AgentGone, run: ActiveRun, now: Now) -> Iterator[Command]:
    for part in run.of_agent(event.agent_id):
        if not part.state.final:
            yield from _lose(run, part, event.reason, event.last_heard_ns, now)
    yield from _follow_up(run, now)


@_decide.register
def _(event: AgentPreparing, run: ActiveRun, now: Now) -> Iterator[Command]:
    for part in run.of_agent(event.agent_id):
        part.prepare(event.doing, now.wall_ns)  # live only: agents repeat it
    yield from ()


@_decide.register
def _(event: AgentReady, run: ActiveRun, now: Now) -> Iterator[Command]:
    part = run.parts[event.agent_id, event.scenario]
    if part.state.final:
        return
    part.agent_ready_for = max(part.agent_ready_for, event.cycle)
    part.get_ready()
    if event.cycle <= run.cycle:  # it missed the order
        yield Order(event.agent_id, _start_processes(run, part, event.cycle))
    yield from _follow_up(run, now)


@_decide.register
def _(event: UsersHeldBack, run: ActiveRun, now: Now) -> Iterator[Command]:
    part = run.parts[event.agent_id, event.scenario]
    if not part.state.final:
        part.hold_back(event.held, now.wall_ns)  # stored with what comes next: agents repeat it
    yield from ()


@_decide.register
def _(event: RunnerExited, run: ActiveRun, now: Now) -> Iterator[Command]:
    part = run.parts[event.agent_id, event.scenario]
    if event.not_prepared:
        sentence, _, printed = event.words.partition("\n")
        error = ExceptionInfo(type=NOT_PREPARED, message=sentence, traceback=printed)
        yield from _not_loaded(run, part, error, now)
    elif event.runner_id or event.exit_status:
        run.runner_ended(
            part,
            event.runner_id,
            event.exit_status,
            event.words,
            produced=event.produced,
            now_wall_ns=now.wall_ns,
        )
    if event.last:
        yield from _end(run, part, now.wall_ns, now)


@_decide.register
def _(event: EndStored, run: ActiveRun, _now: Now) -> Iterator[Command]:
    part = run.parts.get((event.agent_id, event.scenario))
    if part is not None and event.runner_id in part.ended:
        run.retire(part, event.runner_id)
    yield from ()


@_decide.register
def _(event: SourceOpened, run: ActiveRun, now: Now) -> Iterator[Command]:
    part = run.part_of(event.source_id)
    if unfed(part, event.source_id):
        yield from _not_loaded(run, part, NOT_FED, now)
    elif not part.sources[event.source_id].barrier:
        part.get_ready()
    yield from _follow_up(run, now)


@_decide.register
def _(event: SourceReady, run: ActiveRun, now: Now) -> Iterator[Command]:
    part = run.part_of(event.source_id)
    source = part.sources[event.source_id]
    source.ready_for = max(source.ready_for, event.cycle)
    part.get_ready()
    yield from _follow_up(run, now)


@_decide.register
def _(event: SourceFinished, run: ActiveRun, now: Now) -> Iterator[Command]:
    part = run.part_of(event.source_id)
    error = event.load_error
    if error is not None and part.load_error is None:
        yield from _not_loaded(run, part, error, now)
    if part.scenario.by_hand and part.delivered and not part.state.final:
        yield from _end(run, part, now.wall_ns, now)
        yield _let_go(part)


@_decide.register
def _(event: StatesReported, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.note_states(event.key, event.states, now.wall_ns, now.monotonic_ns):
        yield Save()


@_decide.register
def _(_: ThresholdsFailed, run: ActiveRun, now: Now) -> Iterator[Command]:
    goes_on = run.stopping is None and not run.run.state.final
    for result in run.note_thresholds(now.wall_ns, may_stop=goes_on):
        yield Log(f"does not meet {result.text}: {result.message}")
        if result.aborted:
            reason = f"a threshold stopped it: {result.text}"
            yield from _change(run, RunEvent.STOP_ASKED, now, reason=reason)
            yield from _stop_parts(run, StopMode.GRACEFUL, now)
    yield Save()


@_decide.register
def _(event: TimePassed, run: ActiveRun, now: Now) -> Iterator[Command]:
    if run.run.state.final:
        return
    for part in run.live_parts():
        connected = part.agent_id in event.connected
        if why := deadlines.why_overdue(run, part, now.monotonic_ns, connected=connected):
            yield GiveUp(part.agent_id)
            kill = StopRunners(run.run.attempt_id, StopMode.KILL, 0.0, part.scenario.name)
            yield Order(part.agent_id, kill)
            yield from _lose(run, part, why, now.wall_ns, now)
            yield from _follow_up(run, now)


# What several events lead to


def _follow_up(run: ActiveRun, now: Now) -> Iterator[Command]:
    """What follows from the states of a run's parts."""
    if run.run.state.waiting:
        return  # it has none
    if run.release(now.wall_ns):
        yield from _change(run, RunEvent.CYCLE_STARTED, now)
        run.log_load(now.wall_ns)
        yield Save(then=CycleStored())
    if run.ending is not None and not run.run.state.final:
        yield from _change(run, run.ending, now)
        yield Close()


def _change(
    run: ActiveRun, event: RunEvent, now: Now, reason: str = "", **more: Any
) -> Iterator[Command]:
    """An event of the table of states; `more`: what else it changes."""
    changed = run.change(event, now_wall_ns=now.wall_ns, reason=reason, **more)
    if changed and not run.run.state.final:
        yield Log(f"is {run.run.state.name}: {run.run.reason}".removesuffix(": "))


def _not_loaded(run: ActiveRun, part: Part, error: ExceptionInfo, now: Now) -> Iterator[Command]:
    """A part has no test to run: no other runs it either."""
    part.load_error = error
    words = f"{part.scenario.label} on agent {part.agent_id}: {error.message}"
    yield Log(f"could not load {words}", agent_id=part.agent_id)
    run.note(f"could not load {words}", now.wall_ns)
    yield from _stop_parts(run, StopMode.GRACEFUL, now)
    yield Save()


def _end(run: ActiveRun, part: Part, end_time_ns: int, now: Now) -> Iterator[Command]:
    """A part is over, by its own end."""
    part.end(end_time_ns)
    run.aggregate.ended(part.key, end_time_ns)
    if part.state is AssignmentState.LOST:
        yield from _note_loss(run, part, now)
    if all(each.state.final for each in run.of_agent(part.agent_id)):
        yield Release(part.agent_id)
    yield from _follow_up(run, now)


def _lose(
    run: ActiveRun, part: Part, reason: str, last_heard_ns: int, now: Now
) -> Iterator[Command]:
    """A part is lost with its agent, which was last heard from at that moment."""
    part.lose(reason, last_heard_ns)
    run.aggregate.ended(part.key, now.wall_ns)
    yield from _note_loss(run, part, now)
    yield Save()


def _note_loss(run: ActiveRun, part: Part, now: Now) -> Iterator[Command]:
    """Notes the loss in the log of the run, once for each agent, and logs it."""
    run.note_agent(part.agent_id, AgentEvent.LOST, now.wall_ns, part.reason)
    yield Log(f"lost agent {part.agent_id}: {part.reason}", logging.WARNING, part.agent_id)


def _stop_parts(run: ActiveRun, mode: StopMode, now: Now) -> Iterator[Command]:
    """All parts are to stop their users."""
    if run.stopping is not StopMode.KILL:
        run.stopping = mode
    run.over_by_ns = deadlines.over_by_ns(run, now.monotonic_ns)
    parts = run.live_parts()
    stop = answers.StopUsers(run.run.plan.stop_timeout_s)
    for part in parts:
        for source_id in part.sources:
            yield Reply(source_id, stop)
    for agent_id in dict.fromkeys(part.agent_id for part in parts):
        yield Order(agent_id, _stop_runners(run, mode))
    for part in parts:
        if part.scenario.by_hand and not part.sources:
            yield _let_go(part)


def _let_go(part: Part) -> Command:
    """No runner started by hand is running for a part, or will be: its agent need not wait."""
    run_id, scenario = part.assignment.run_id, part.scenario.name
    return Order(part.agent_id, StopRunners(run_id, StopMode.GRACEFUL, 0.0, scenario))


def _stop_runners(run: ActiveRun, mode: StopMode) -> StopRunners:
    return StopRunners(run.run.attempt_id, mode, run.run.plan.stop_timeout_s)


def _start_runners(part: Part) -> StartRunners:
    return StartRunners(replace(part.assignment, load_changes=part.changes))


def _change_load(part: Part) -> ChangeLevel:
    return ChangeLevel(part.assignment.run_id, part.scenario.name, part.changes)


def _start_processes(run: ActiveRun, part: Part, cycle: int) -> StartProcesses:
    return StartProcesses(run.run.attempt_id, part.scenario.name, cycle)
