"""What runners do that follow loads which change over time: rules 7.13 to 7.21.

Rule: what is due is worked out by the program's own `stats/load_line.py` and `stats/arrivals.py`.
When the cycle began for the runner is not known to the kit; it follows from what it says of all
arrivals together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.conformance.checks.load import CLOCK_STEP_NS, finished
from loadgrpc.conformance.checks.registry import Check, check
from loadgrpc.conformance.finding import Finding, broken, kept, not_applicable, not_shown
from loadgrpc.conformance.happening import Fact, Happening
from loadgrpc.conformance.story import Story
from loadgrpc.conformance.transcript import ON_TIME, most_late
from loadgrpc.model import LoadChangeKind
from loadgrpc.stats.arrivals import Arrivals, Stripe
from loadgrpc.stats.load_line import LoadLine
from loadgrpc.text import counted
from loadgrpc.v1 import event_pb2

ON_TIME_S: Final = 0.005
"""How late an iteration may start; the lag of the machine comes on top."""
BUSIER: Final = 3
"""... as often: the kit sleeps nearly all the time, and so is woken before a runner that works."""
SAME_NS: Final = 2_000_000
"""By how much planned starts may differ from the plan: clocks of processes, and rounding."""
BEGUN_NS: Final = NS_PER_S
"""How long after `start_cycle` a runner may begin."""
BEGIN_OFF_NS: Final = NS_PER_S // 10
"""By how much the moment from which a runner counts may differ from the one that was said."""
FAR_NS: Final = 60 * NS_PER_S
"""A beginning that is farther from now than this is none."""
SETTLED: Final = (0.5, 0.95)
"""The part of a level in which users have come and gone."""
_CANNOT: Final = "it has not announced `stages`: a load that changes over time is refused"


def _follows(function: Check) -> Check:
    """A check of a runner that has announced `stages`; for others the rule is not."""

    def checked(story: Story) -> Finding:
        if not story.heard("open"):
            return not_shown("the source was not opened")
        if story.transcript.assignment.scenario.load is None or not story.follows:
            return not_applicable(_CANNOT)
        if not story.told("start_cycle"):
            return not_shown("no cycle was started")
        return function(story)

    return checked


def _rule(number: str) -> Callable[[Check], Check]:
    return lambda function: check(number)(_follows(function))


@dataclass(frozen=True)
class _Arrivals:
    """What was due, and what came, in nanoseconds by the wall clock."""

    due: list[int]
    """Planned instants of its share."""
    planned: list[int]
    """Those that the runner reports, in their order."""
    started: list[int]
    """When these iterations started, in the order of their instants."""
    began: int
    """When the cycle began for the runner."""


def _line(story: Story) -> LoadLine:
    load = story.transcript.assignment.scenario.load
    assert load is not None  # noqa: S101 - the rule is for such cases
    return LoadLine(load, story.transcript.load_changes)


def _stripe(story: Story) -> Stripe:
    place = story.transcript.assignment.place
    return Stripe(place.agent_index, place.agents)


def _starts(story: Story) -> list[Happening]:
    """The iterations, or their hits, of which each has made one: what says when it was planned."""
    iterations = [came.what for came in story.of(Fact.ITERATION)]
    if not any(each.delay_ns for each in iterations):
        iterations = [came.what for came in story.of(Fact.HIT)]
    return [each for each in iterations if each.start_ns is not None]


def _arrivals(story: Story) -> _Arrivals:
    assignment = story.transcript.assignment
    arrivals = Arrivals(
        _line(story), _stripe(story), assignment.scenario.arrivals, assignment.plan.seed
    )
    due = []
    while (due_ns := arrivals.due_ns) is not None:
        due.append(due_ns)
        arrivals.take()
    pairs = sorted((_ns(each) - each.delay_ns, _ns(each)) for each in _starts(story))
    planned = [one for one, _ in pairs]
    offsets = [one - other for one, other in zip(planned, due, strict=False)]
    began = round(median(offsets)) if offsets else 0
    return _Arrivals([began + each for each in due], planned, [start for _, start in pairs], began)


def _ns(what: Happening) -> int:
    return what.start_ns or 0


def _begun(story: Story, began: int) -> str:
    """What is wrong with the moment at which the cycle began for the runner; empty: nothing."""
    told_ns = story.wall_ns(story.told("start_cycle")[0][0])
    if -CLOCK_STEP_NS <= began - told_ns <= BEGUN_NS:
        return ""
    return f"planned starts that count from {(began - told_ns) / 1e6:.0f} ms after it"


@_rule("7.13")
def arrivals_start_at_their_instants(story: Story) -> Finding:
    """Nine of ten start within five milliseconds, as the runner and the kit's server see it."""
    came = _arrivals(story)
    if len(came.started) != len(came.due):
        return not_shown("not all arrivals started, and no other: see 7.14")
    lag_s = BUSIER * story.transcript.lag_s
    seen = {"start": (sorted(came.started), ON_TIME_S + lag_s)}
    requests = sorted(map(story.transcript.wall_ns, story.transcript.request_s))
    if story.on_target and len(requests) == len(came.due):
        seen["arrive at the server"] = (requests, 2 * (ON_TIME_S + lag_s))
    words = []
    for what, (moments, within_s) in seen.items():
        pairs = list(zip(moments, came.due, strict=True))
        late_s = most_late([max(0, moment - due) / 1e9 for moment, due in pairs])
        early_s = max((due - moment) / 1e9 for moment, due in pairs)
        if early_s > SAME_NS / NS_PER_S:
            return broken("no start before its instant", f"one {early_s * 1e3:.1f} ms before it")
        if late_s > within_s:
            return broken(
                f"{ON_TIME:.0%} of iterations that {what} within {within_s * 1e3:.1f} ms of their"
                f" instants, where the kit itself was {story.transcript.lag_s * 1e3:.1f} ms late",
                f"{late_s * 1e3:.1f} ms",
            )
        words.append(f"{what} within {late_s * 1e3:.1f} ms")
    return kept(f"{ON_TIME:.0%} of {len(came.due)} {', and '.join(words)}")


def _as_planned(story: Story) -> Finding:
    """Whether iterations, and their planned starts, are those of its share of the load."""
    came = _arrivals(story)
    if not came.planned and not story.heard("finish"):
        return not_shown("no iteration was reported")
    of = f"{counted(len(came.due), 'iteration')}, as many as its share has arrivals"
    if len(came.planned) != len(came.due):
        return broken(of, str(len(came.planned)))
    if story.on_target and story.transcript.requests != len(came.due):
        return broken(of, f"{counted(story.transcript.requests, 'request')} at the server")
    if words := _begun(story, came.began):
        return broken("a cycle that begins with `start_cycle`", words)
    off_ns, at = max(
        (abs(planned - due), at)
        for at, (planned, due) in enumerate(zip(came.planned, came.due, strict=True))
    )
    if off_ns > SAME_NS:
        k = _stripe(story).first + at * _stripe(story).step
        due_s = (came.due[at] - came.began) / NS_PER_S
        return broken(
            f"arrival {k} planned {due_s:.4f} s after the cycle began",
            f"{due_s + (came.planned[at] - came.due[at]) / NS_PER_S:.4f} s",
        )
    return kept(f"{counted(len(came.due), 'arrival')}, each where the load has it")


@_rule("7.14")
def each_arrival_starts(story: Story) -> Finding:
    """What starts is the runner's share of the plan, to the last arrival."""
    return _as_planned(story)


@_rule("7.15")
def arrivals_are_accounted_for(story: Story) -> Finding:
    """In each second, and in all of them together."""
    of_process: dict[int, dict[int, event_pb2.ArrivalsState]] = defaultdict(dict)
    for state, time_ns in _states(story):
        seconds = of_process[state.process]
        if time_ns // NS_PER_S in seconds:
            return broken("each second once", "one twice")
        seconds[time_ns // NS_PER_S] = state
    if not of_process:
        return broken("`arrivals` for each second", "none")
    wrong = next(filter(None, map(_unaccounted, of_process.values())), None)
    if wrong is not None:
        return wrong
    every = [state for seconds in of_process.values() for state in seconds.values()]
    total, made = sum(state.started for state in every), len(_starts(story))
    if total != made:
        return broken(f"{made} started in all, as many as there are iterations", str(total))
    return kept(f"{counted(made, 'iteration')} in {counted(len(every), 'report')}")


def _unaccounted(seconds: dict[int, event_pb2.ArrivalsState]) -> Finding | None:
    """What is wrong with the seconds of a process."""
    waiting, before = 0, min(seconds) - 1
    for second, state in sorted(seconds.items()):
        if second != before + 1:
            return broken("each second without a gap", f"none for {second - before - 1} s")
        waiting, before = waiting + state.planned - state.started - state.dropped, second
        if waiting != state.waiting:
            return broken(f"{waiting} waiting at the end of a second", str(state.waiting))
    return broken("nothing that waits in the end", str(waiting)) if waiting else None


def _states(story: Story) -> Iterator[tuple[event_pb2.ArrivalsState, int]]:
    """Reports of arrivals, and their times."""
    for came in story.of(Fact.OTHER):
        event = event_pb2.Event.FromString(came.what.other)
        if event.HasField("arrivals"):
            time_ns = came.what.end_ns
            yield event.arrivals, story.wall_ns(came.at) if time_ns is None else time_ns


@_rule("7.16")
def a_live_change_is_followed(story: Story) -> Finding:
    """From its moment on arrivals are where the changed load has them."""
    if not story.told("load_changed"):
        return not_shown("the load was not changed: too few requests came")
    return _as_planned(story)


@_rule("7.17")
def a_paused_load_starts_nothing(story: Story) -> Finding:
    """Nothing starts until it is resumed; what was planned starts all the same, later."""
    if not story.told("load_changed"):
        return not_shown("the load was not paused: too few requests came")
    moments = {change.kind: change.at_s for change in story.transcript.load_changes}
    came = _arrivals(story)
    slack_s = ON_TIME_S + CLOCK_STEP_NS / NS_PER_S
    first_ns, last_ns = (
        came.began + round((moments[kind] + move_s) * NS_PER_S)
        for kind, move_s in ((LoadChangeKind.PAUSE, slack_s), (LoadChangeKind.RESUME, -slack_s))
    )
    if among := sum(first_ns < start < last_ns for start in came.started):
        return broken("no start while the load is paused", str(among))
    return _as_planned(story)


@_rule("7.18")
def users_follow_the_level(story: Story) -> Finding:
    """When they have come, and gone, there are as many as the level asks for."""
    for at, wanted, users, _ in _levels(story):
        if len(users) != wanted:
            return broken(f"{counted(wanted, 'user')} in level {at}", _few(users))
    return kept("as many users as each level asks for")


@_rule("7.19")
def each_user_has_its_number(story: Story) -> Finding:
    """Users who have gone do not come back."""
    gone: set[int] = set()
    before: set[int] = set()
    for at, _, users, there in _levels(story):
        if back := users & gone:
            return broken(f"new numbers of users who come in level {at}", f"again {_few(back)}")
        gone |= before - there
        before = there
    return kept(f"{counted(len(before | gone), 'user')}") if gone else not_shown("no user has gone")


@_rule("7.20")
def users_who_go_finish(story: Story) -> Finding:
    """Each iteration that began has an outcome."""
    return finished(story)


@_rule("7.21")
def a_load_begins_when_it_is_to(story: Story) -> Finding:
    """Nothing starts before it, all that is planned counts from it, and without it nobody waits."""
    at, told = story.told("start_cycle")[0]
    if not told.answer.start_cycle.HasField("begin_time"):
        return not_shown("`start_cycle` did not say when")
    told_ns, begin_ns = story.wall_ns(at), told.answer.start_cycle.begin_time.ToNanoseconds()
    at_once = abs(begin_ns - told_ns) > FAR_NS
    first_ns = told_ns if at_once else max(told_ns, begin_ns)
    since = "`start_cycle`" if first_ns == told_ns else "`begin_time`"
    starts = [*map(_ns, _starts(story))]
    if story.on_target:
        starts += map(story.transcript.wall_ns, story.transcript.request_s)
    if not starts:
        over = story.heard("finish") or story.transcript.timed_out
        wanted = f"iterations from {since} on"
        return broken(wanted, "none") if over else not_shown("no iteration was reported")
    off_ns = min(starts) - first_ns
    if not -CLOCK_STEP_NS <= off_ns <= BEGUN_NS:
        seen = f"one {abs(off_ns) / 1e6:.0f} ms {'before' if off_ns < 0 else 'after'} it"
        return broken(f"a first start soon after {since}, and none before it", seen)
    load = story.transcript.assignment.scenario.load
    if load is not None and load.is_open and not at_once:
        counted_off_ns = _arrivals(story).began - begin_ns
        if abs(counted_off_ns) > BEGIN_OFF_NS:
            seen = f"such that count from {counted_off_ns / 1e6:.0f} ms after it"
            return broken("planned starts that count from `begin_time`", seen)
    return kept(f"the first start {max(0, off_ns) / 1e6:.0f} ms after {since}")


def _levels(story: Story) -> Iterator[tuple[int, int, set[int], set[int]]]:
    """Each level: its number, how many users it asks for here, and which there are.

    Those that began iterations when others had come and gone; and all that were in one by then.
    """
    began_ns = story.wall_ns(story.told("start_cycle")[0][0])
    line, stripe = _line(story), _stripe(story)
    hits = [came.what for came in story.of(Fact.HIT) if came.what.place]
    at_s, number = 0.0, 0
    while at_s < line.duration_s:
        until_s, number = line.next_change_s(at_s), number + 1
        first, last = (began_ns + round((at_s + each * (until_s - at_s)) * 1e9) for each in SETTLED)
        there = [each for each in hits if _ns(each) < last and first <= (each.end_ns or 0)]
        users = {each.place.user for each in there if each.place and _ns(each) >= first}
        in_one = {each.place.user for each in there if each.place}
        yield number, stripe.count(line.users(at_s)), users, in_one
        at_s = until_s


def _few(users: set[int]) -> str:
    return f"user {', '.join(map(str, sorted(users)))}" if users else "none"
