"""The load itself, and its end by time or by a stop: rules 7 and 8."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_shown
from loadgrpc.conformance.happening import OF_USERS, Happening
from loadgrpc.conformance.story import IterationStory, Story
from loadgrpc.conformance.transcript import HomeMessage
from loadgrpc.errors import Unavailable
from loadgrpc.text import counted

UNHEARD_NS: Final = NS_PER_S
"""How long after a stop, or the end of its time, a user may not have heard of it."""
EARLY: Final = 2 / 3
"""A cycle that lasted less than this share of its time was cut short."""
CLOCK_STEP_NS: Final = 20_000_000
"""By how much two clocks, or one and its rounding, may differ."""
SLOW_START: Final = 0.5
"""Users may start in this share of the time that their rate takes."""
END_S: Final = 5.0
"""How long after the stop timeout a runner that cuts off its users may take to end."""
TERMINATED_S: Final = 3.5
"""How long one may take to end that got SIGTERM."""
NO_PLACE: Final = "no event says which user it is of"


def _place_of(iteration: IterationStory) -> tuple[int, int] | None:
    """Cycle and user."""
    came = iteration.start or iteration.stop or next(iter(iteration.outcomes), None)
    place = came.what.place if came else None
    return (place.cycle, place.user) if place else None


def _no_work(story: Story) -> Finding | None:
    """What is wrong with a runner that came to its end and reported no user at all."""
    users = sum(len(story.users(cycle)) for cycle in story.cycles)
    if story.of(*OF_USERS) or not users or story.transcript.timed_out:
        return None
    if not story.heard("finish"):
        return None  # it did not get so far, which other rules are about
    return broken(f"the load of {counted(users, 'user')}", "no event of any")


@check("7.1")
def each_user_makes_its_iterations(story: Story) -> Finding:
    """Every user that lived made as many iterations as the cycle has."""
    made = Counter(place for each in story.iterations if (place := _place_of(each)))
    if not made:
        return _no_work(story) or not_shown(
            NO_PLACE if story.iterations else "no iteration was reported"
        )
    known = {cycle for cycle, _ in made} <= story.cycles.keys()
    for (cycle, user), count in sorted(made.items()):
        if known:
            due = story.cycles[cycle].iterations
        else:  # of the cycles in which this user lives
            due = sum(c.iterations for c in story.cycles.values() if user <= c.users)
            count = sum(n for (_, one), n in made.items() if one == user)  # noqa: PLW2901 - the same
        if due and count != due:
            where = f" in cycle {cycle}" if known and len(story.cycles) > 1 else ""
            return broken(f"{due} iterations of user {user}{where}", str(count))
    return kept(f"{counted(sum(made.values()), 'iteration')} of {counted(len(made), 'user')}")


@check("7.2")
def each_user_lives(story: Story) -> Finding:
    """Events are of each user that was assigned, and of no other."""
    lived = {place for each in story.iterations if (place := _place_of(each))}
    if not lived:
        return not_shown(NO_PLACE if story.iterations else "no iteration was reported")
    known = {cycle for cycle, _ in lived} <= story.cycles.keys()
    for cycle in story.cycles:
        seen = {user for one, user in lived if one == cycle or not known}
        due = story.users(cycle)
        if known and seen != due:
            return broken(f"events of users {_list(due)} in cycle {cycle}", _list(seen))
        if not known and not due <= seen:
            return broken(f"events of users {_list(due)}", _list(seen))
    return kept(f"users {_list({user for _, user in lived})}")


def _list(users: set[int]) -> str:
    return ", ".join(map(str, sorted(users))) or "none"


@check("7.3")
def users_live_at_the_same_time(story: Story) -> Finding:
    """At some moment every user was inside of an iteration."""
    if not story.on_target:
        return not_shown("the test does not call the kit's server")
    spans = [
        (each.start_ns, each.end_ns)
        for each in story.iterations
        if each.start_ns is not None and each.end_ns is not None
    ]
    users = max(cycle.users for cycle in story.cycles.values())
    if len(spans) < users:
        return not_shown("iterations have no times")
    most = max(sum(start <= moment <= end for start, end in spans) for moment, _ in spans)
    if most < users:
        return broken(f"{users} users inside of an iteration at the same time", str(most))
    return kept(counted(most, "user"))


@check("7.4")
def cycles_come_one_after_another(story: Story) -> Finding:
    """Nothing of a cycle comes before all of the one before it has ended."""
    ends: dict[int, int] = {}
    for came in story.of(*OF_USERS):
        if came.what.place is None:
            continue
        cycle = came.what.place.cycle
        later = [other for other in ends if other > cycle]
        if later:
            return broken(f"no event of cycle {cycle} after one of cycle {max(later)}", "one")
        end_ns, start_ns = came.what.end_ns, came.what.start_ns
        before = max((ns for other, ns in ends.items() if other < cycle), default=None)
        if before is not None and start_ns is not None and start_ns + CLOCK_STEP_NS < before:
            return broken(
                f"no event of cycle {cycle} before the cycle before it has ended",
                f"one {(before - start_ns) / 1e6:.0f} ms before",
            )
        ends[cycle] = max(ends.get(cycle, 0), end_ns or 0)
    if len(ends) < min(2, len(story.cycles)):
        return not_shown("events do not say of which cycle they are")
    if len(story.cycles) == 1:
        return not_shown("there was one cycle")
    return kept(counted(len(ends), "cycle"))


@check("7.5")
def a_cycle_is_entered_when_it_is_started(story: Story) -> Finding:
    """A runner that announces the barrier sends `ready`, and waits for `start_cycle`."""
    if not story.heard("open"):
        return not_shown("the source was not opened")
    if not story.barrier:
        return not_shown("it enters cycles by itself: it has not announced `cycle_barrier`")
    ready = {heard.request.ready.cycle: at for at, heard in reversed(story.heard("ready"))}
    started = {
        told.answer.start_cycle.cycle: at for at, told in reversed(story.told("start_cycle"))
    }
    if wrong := sorted(ready.keys() - story.cycles.keys()):
        return broken(
            f"`ready` for cycle {', '.join(map(str, story.cycles))}", f"for cycle {wrong[0]}"
        )
    for came in story.of(*OF_USERS):
        cycle = came.what.place.cycle if came.what.place else 0
        if cycle not in story.cycles:
            continue
        if cycle not in ready:
            return broken(f"`ready` before the events of cycle {cycle}", "none")
        start_ns = came.what.start_ns
        begun_ns = story.wall_ns(came.at) if start_ns is None else start_ns
        due_ns = story.wall_ns(started[cycle]) if cycle in started else None
        if due_ns is None or begun_ns + CLOCK_STEP_NS < due_ns:
            by = "without it" if due_ns is None else f"{(due_ns - begun_ns) / 1e6:.0f} ms before it"
            return broken(f"no event of cycle {cycle} before its `start_cycle`", f"one {by}")
    return kept(counted(len(ready), "cycle"))


@check("7.6")
def a_duration_bounds_a_cycle(story: Story) -> Finding:
    """Iterations begin until the time is over, and not after it."""
    (cycle,) = list(story.cycles.values())[:1]
    if (nothing := _no_work(story)) is not None:
        return nothing
    events = story.of(*OF_USERS)
    starts = [_begun_ns(story, came.what, came.at) for came in events]
    ends = [came.what.end_ns or story.wall_ns(came.at) for came in events]
    if not events:
        return not_shown("no event of a user was sent")
    duration_ns = round((cycle.duration_s or 0.0) * NS_PER_S)
    begun = max(starts) - min(starts)
    lasted = max(ends) - min(starts)
    if begun > duration_ns + UNHEARD_NS:
        return broken(
            f"no iteration that begins after {cycle.duration_s} s",
            f"one after {begun / NS_PER_S:.2f} s",
        )
    if lasted < duration_ns * EARLY:
        return broken(
            f"iterations for {cycle.duration_s} s",
            f"the last ended after {lasted / NS_PER_S:.2f} s",
        )
    return kept(f"iterations for {lasted / NS_PER_S:.2f} of {cycle.duration_s} s")


@check("7.7")
def iterations_are_finished_when_time_is_over(story: Story) -> Finding:
    """Each iteration that began has an outcome."""
    return finished(story)


def finished(story: Story) -> Finding:
    """Whether each iteration that began has an outcome."""
    if not story.iterations:
        return not_shown("no iteration was reported")
    if not story.placed:
        return not_shown(NO_PLACE)
    open_ended = [each for each in story.iterations if each.outcome is None]
    if open_ended:
        return broken("an outcome of each iteration that began", f"none of {len(open_ended)}")
    return kept(counted(len(story.iterations), "iteration"))


@check("7.8")
def users_start_at_their_rate(story: Story) -> Finding:
    """Users do not start faster than they are to."""
    rate = story.transcript.assignment.scenario.spawn_rate
    firsts: dict[tuple[int, int], int] = {}
    for each in story.iterations:
        place, start_ns = _place_of(each), each.start_ns
        if place and start_ns is not None:
            firsts[place] = min(firsts.get(place, start_ns), start_ns)
    if len(firsts) < 2:  # noqa: PLR2004 - to have one after the other
        return not_shown("too few users have told when they started")
    took_s = (max(firsts.values()) - min(firsts.values())) / NS_PER_S
    due_s = (len(firsts) - 1) / rate
    if took_s < due_s * SLOW_START:
        return broken(
            f"{len(firsts)} users that start within {due_s:.2f} s, {rate:g} per second",
            f"{took_s:.2f} s",
        )
    return kept(f"{counted(len(firsts), 'user')} in {took_s:.2f} s")


@check("7.9")
def a_cycle_may_have_no_users(story: Story) -> Finding:
    """Nothing is lived, and that is no failure."""
    lived = len(story.of(*OF_USERS))
    if lived:
        return broken("no event of a user", str(lived))
    if story.transcript.timed_out:
        return broken("an end of a cycle without users", "none")
    return kept("nobody lived")


@check("7.10")
def on_a_new_stream_it_is_ready_again(story: Story) -> Finding:
    """A `ready` that a stream has taken with it comes again on the next."""
    if not story.barrier:
        return not_shown("it enters cycles by itself: it has not announced `cycle_barrier`")
    ready = [heard.stream for _, heard in story.heard("ready")]
    broke = [ended.stream for _, ended in story.ended(Unavailable.reason)]
    if not set(ready) & set(broke):
        return not_shown("no stream broke after `ready`")
    if max(ready) <= max(broke):
        return broken("`ready` again, after the stream broke without `start_cycle`", "none")
    return kept(f"on {counted(len(set(ready)), 'stream')}")


@check("7.11")
def who_goes_on_after_the_cycle_is_cut_off(story: Story) -> Finding:
    """The runner ends when a cycle's time and the stop timeout are over."""
    (cycle,) = story.cycles.values()
    told = [told.at_s for _, told in story.told("start_cycle")]
    told += [heard.at_s for _, heard in story.heard()]  # without the barrier it began by itself
    begun_s = next(iter(told), None)
    if begun_s is None or cycle.duration_s is None or not story.transcript.requests:
        return not_shown("no user waited for an answer when the cycle's time was over")
    allowed_s = cycle.duration_s + story.transcript.assignment.plan.stop_timeout_s
    return _ends(story, since_s=begun_s, within_s=allowed_s, what="a cycle with its stop timeout")


def _ends(story: Story, *, since_s: float, within_s: float, what: str) -> Finding:
    """Whether the runner ended soon after the time that it had."""
    end = story.transcript.exit
    took_s = (end.at_s if end else story.transcript.ended_s) - since_s
    if story.transcript.timed_out or took_s > within_s + END_S:
        return broken(
            f"an end soon after {what}, {within_s:g} s", f"that it still ran after {took_s:.1f} s"
        )
    return kept(f"it ended after {took_s:.1f} s")


def _stop(story: Story) -> HomeMessage | None:
    told = story.told("stop")
    return told[0][1] if told else None


@check("8.1")
def no_iteration_begins_after_a_stop(story: Story) -> Finding:
    """Users that hear of a stop begin nothing more."""
    stop = _stop(story)
    if stop is None:
        return not_shown("no stop was sent: no stream was open in the middle of the load")
    stopped_ns = story.transcript.wall_ns(stop.at_s)
    late = [
        begun_ns - stopped_ns
        for each in story.iterations
        if each.start is not None
        and (begun_ns := _begun_ns(story, each.start.what, each.start.at)) > stopped_ns + UNHEARD_NS
    ]
    if late:
        return broken(
            "no iteration that begins after `stop`",
            f"{len(late)}, the last {max(late) / NS_PER_S:.1f} s after it",
        )
    return kept(f"{counted(len(story.iterations), 'iteration')} before it")


def _begun_ns(story: Story, what: Happening, at: int) -> int:
    return story.wall_ns(at) if what.start_ns is None else what.start_ns


@check("8.2")
def iterations_are_finished_after_a_stop(story: Story) -> Finding:
    """Users that hear of a stop finish their iteration, for which there is time."""
    return finished(story) if _stop(story) else not_shown("no stop was sent")


@check("8.3")
def users_that_take_too_long_are_cut_off(story: Story) -> Finding:
    """The runner ends when the stop timeout is over, whatever its users wait for."""
    stop = _stop(story)
    if stop is None or not story.on_target:
        return not_shown("no user waited for an answer when the stop came")
    timeout_s = story.transcript.assignment.plan.stop_timeout_s
    return _ends(story, since_s=stop.at_s, within_s=timeout_s, what="the timeout of `stop`")


@check("8.4")
def who_is_cut_off_has_no_outcome(story: Story) -> Finding:
    """An iteration that was interrupted neither passed nor failed."""
    if _stop(story) is None or not story.on_target:
        return not_shown("no user waited for an answer when the stop came")
    outcomes = [each.outcome for each in story.iterations if each.outcome is not None]
    if outcomes:
        names = ", ".join(sorted({outcome.name.lower() for outcome in outcomes}))
        return broken("no outcome of an iteration that was cut off", f"{len(outcomes)} ({names})")
    return kept(f"{counted(len(story.iterations), 'iteration')} without one")


@check("8.5")
def it_ends_soon_after_sigterm(story: Story) -> Finding:
    """A process that gets SIGTERM has a few seconds; then it would be killed."""
    told_s, end = story.transcript.terminated_s, story.transcript.exit
    if told_s is None or end is None:
        return not_shown("no user waited for an answer, so it got no SIGTERM")
    if end.status == -signal.SIGKILL or end.at_s - told_s > TERMINATED_S:
        return broken(
            f"an end within {TERMINATED_S:g} s of SIGTERM",
            f"that it still ran {end.at_s - told_s:.1f} s after it",
        )
    return kept(f"it ended {end.at_s - told_s:.1f} s after it")


@check("8.6", numbered=True)
def it_reports_before_it_ends(story: Story) -> Finding:
    """What was cut off by SIGTERM is reported, to the last `finish`."""
    told_s = story.transcript.terminated_s
    if told_s is None:
        return not_shown("no user waited for an answer, so it got no SIGTERM")
    if not any(heard.at_s > told_s for _, heard in story.heard("finish")):
        return broken("`finish` after SIGTERM", "none")
    return kept("it said `finish`")
