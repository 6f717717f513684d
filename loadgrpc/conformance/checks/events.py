"""What events say of iterations and hits: rules 9."""

from __future__ import annotations

from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_shown
from loadgrpc.conformance.happening import (
    OF_ITERATIONS,
    OF_USERS,
    Fact,
    Happening,
    LoadPlace,
)
from loadgrpc.conformance.story import Story
from loadgrpc.conformance.target import SLOW_S
from loadgrpc.model import TestOutcome
from loadgrpc.protocol import batches
from loadgrpc.text import counted
from loadgrpc.v1 import event_pb2, runner_pb2

CLOCKS_NS: Final = 2 * NS_PER_S
"""By how much a runner's clock may be off."""
ROUNDING_NS: Final = 5_000_000
"""By how much a time may be rounded."""
_STATUSES: Final = {"ok": 200, "slow": 200, "meet-3": 200, "fails": 500}
_NO_HIT: Final = "no hit was reported"
_ELSEWHERE: Final = "the test does not call the kit's server"
_ABOUT_EXCEPTIONS: Final = "exception with a type"
"""How the decoder speaks of what is a rule of its own, 9.11."""


@check("9.1")
def events_are_valid(story: Story) -> Finding:
    """A broker would reject none of them."""
    checked = 0
    for at, _, batch in story.batches():
        arrival_ns = story.wall_ns(at)
        blocks = runner_pb2.EventBatch(hit_blocks=batch.hit_blocks, test_blocks=batch.test_blocks)
        parts = [runner_pb2.EventBatch(events=[row]) for row in batch.events]
        for part in [*parts, blocks]:
            decoded = batches.decode(part, arrival_ns=arrival_ns)
            wrong = [v for v in decoded.violations if _ABOUT_EXCEPTIONS not in v]
            if wrong:
                return broken("events that are valid", f"one that is not: {wrong[0]}")
        checked += len(batch.events) + len(batch.hit_blocks) + len(batch.test_blocks)
    return kept(counted(story.highest, "event")) if checked else not_shown("no event was sent")


@check("9.2")
def an_iteration_is_start_outcome_and_stop(story: Story) -> Finding:
    """Each iteration has a start, one outcome and a stop, in this order."""
    if not story.iterations:
        return not_shown("no iteration was reported")
    if not story.placed:
        return not_shown("not every event says which user it is of: see 9.4")
    for each in story.iterations:
        seen = [
            *(["test_start"] if each.start else []),
            *(["test_stop"] if each.late else []),
            *["outcome"] * len(each.outcomes),
            *(["test_stop"] if each.stop and not each.late else []),
        ]
        if seen != ["test_start", "outcome", "test_stop"]:
            return broken(
                "test_start, one outcome and test_stop of each iteration", ", ".join(seen)
            )
    return kept(counted(len(story.iterations), "iteration"))


@check("9.3")
def iterations_name_the_test(story: Story) -> Finding:
    """The test is named as the assignment names it."""
    test = story.transcript.assignment.scenario.test
    named = {came.what.test for came in story.of(*OF_ITERATIONS)}
    if not named:
        return not_shown("no iteration was reported")
    if named != {test}:
        return broken(f"the test {test!r}", f"{min(named - {test})!r}")
    return kept(f"{test}")


@check("9.4")
def events_say_where_they_happened(story: Story) -> Finding:
    """What is of a user has a LoadStatus."""
    events = story.of(*OF_USERS)
    if not events:
        return not_shown("no event of a user was sent")
    without = [came for came in events if came.what.place is None]
    if without:
        return broken(
            "`status` in each event of a user", f"{len(without)} of {len(events)} without it"
        )
    return kept(counted(len(events), "event"))


def _places(story: Story) -> list[tuple[Happening, LoadPlace]]:
    return [(c.what, c.what.place) for c in story.of(*OF_USERS) if c.what.place is not None]


@check("9.5")
def the_load_is_told_as_it_is(story: Story) -> Finding:
    """`users` and `iterations` are those of the cycle."""
    places = _places(story)
    loads = {number: (cycle.users, cycle.iterations) for number, cycle in story.cycles.items()}
    for _, place in places:
        due = {loads[place.cycle]} if place.cycle in loads else set(loads.values())
        if (place.users, place.iterations) not in due:
            users, iterations = min(due)
            return broken(
                f"{users} users and {iterations} iterations in `status`",
                f"{place.users} and {place.iterations}",
            )
    return kept(counted(len(places), "event")) if places else not_shown("no event has a status")


@check("9.6")
def iterations_are_numbered_from_1(story: Story) -> Finding:
    """Iterations of a user have the numbers from 1 on, and hits those of their iteration."""
    numbers: dict[tuple[int, int], set[int]] = {}
    hits: dict[tuple[int, int], set[int]] = {}
    for what, place in _places(story):
        into = hits if what.kind is Fact.HIT else numbers
        into.setdefault((place.cycle, place.user), set()).add(place.iteration)
    if not numbers:
        return not_shown("no event has a status")
    for (cycle, user), seen in numbers.items():
        if seen != set(range(1, len(seen) + 1)):
            return broken(
                f"iterations 1 to {len(seen)} of user {user} in cycle {cycle}",
                ", ".join(map(str, sorted(seen))),
            )
        if wrong := hits.get((cycle, user), set()) - seen:
            return broken(
                f"hits in iterations 1 to {len(seen)} of user {user}", f"one in {min(wrong)}"
            )
    return kept(f"1 to {max(len(seen) for seen in numbers.values())}")


@check("9.7")
def cycles_are_numbered_as_assigned(story: Story) -> Finding:
    """Cycles have the numbers of the assignment; 0 is for runners that have not asked for it."""
    seen = {place.cycle for _, place in _places(story)}
    if not seen:
        return not_shown("no event has a status")
    if seen == {0} and not story.calls("GetAssignment"):
        return kept("0: it has not asked for its assignment, and cannot know")
    if seen != set(story.cycles):
        return broken(
            f"cycles {', '.join(map(str, story.cycles))}", ", ".join(map(str, sorted(seen)))
        )
    return kept(", ".join(map(str, sorted(seen))))


@check("9.8")
def an_iteration_that_passes_is_a_success(story: Story) -> Finding:
    """A test whose requests are all answered with 200 passes."""
    return _outcomes(story, TestOutcome.SUCCESS)


@check("9.9")
def a_failed_assertion_is_a_failure(story: Story) -> Finding:
    """A test that asserts that there is no 500 fails."""
    return _outcomes(story, TestOutcome.FAILURE)


@check("9.10")
def anything_else_is_an_error(story: Story) -> Finding:
    """A test that cannot reach its server ends with an error."""
    return _outcomes(story, TestOutcome.ERROR)


def _outcomes(story: Story, due: TestOutcome) -> Finding:
    seen = [o.what.outcome for each in story.iterations for o in each.outcomes]
    if not seen:
        return not_shown("no outcome was reported")
    other = [outcome for outcome in seen if outcome is not due]
    if other:
        name = other[0].name.lower() if other[0] else "none"
        return broken(f"{due.name.lower()} of each iteration", f"{name} of {len(other)}")
    return kept(counted(len(seen), "iteration"))


def _exceptions(story: Story) -> list[tuple[str, str]]:
    return [
        came.what.exception
        for came in story.of(Fact.OUTCOME, Fact.ITERATION)
        if came.what.outcome in (TestOutcome.FAILURE, TestOutcome.ERROR)
    ]


@check("9.11")
def an_exception_has_its_type(story: Story) -> Finding:
    """A failure and an error name the type of what was raised."""
    exceptions = _exceptions(story)
    if not exceptions:
        return not_shown("no failure and no error was reported")
    without = sum(not kind for kind, _ in exceptions)
    if without:
        return broken("a type of each exception", f"none in {without} of {len(exceptions)}")
    return kept(", ".join(sorted({kind for kind, _ in exceptions})))


@check("9.12")
def an_exception_says_something(story: Story) -> Finding:
    """A failure and an error have a message."""
    exceptions = _exceptions(story)
    if not exceptions:
        return not_shown("no failure and no error was reported")
    without = sum(not message for _, message in exceptions)
    if without:
        return broken("a message of each exception", f"none in {without} of {len(exceptions)}")
    return kept(exceptions[0][1].splitlines()[0])


@check("9.13")
def times_are_those_of_the_run(story: Story) -> Finding:
    """What happened, happened while the runner lived."""
    moments = [came.what.end_ns for came in story.came if came.what.end_ns is not None]
    if not moments:
        return not_shown("no event has a time")
    begin = story.transcript.begun_ns
    end = story.transcript.wall_ns(story.transcript.ended_s)
    off = [m for m in moments if not begin - CLOCKS_NS <= m <= end + CLOCKS_NS]
    if off:
        by = max(begin - off[0], off[0] - end) / NS_PER_S
        return broken("times of the run", f"{len(off)} of {len(moments)} outside, by {by:,.1f} s")
    return kept(counted(len(moments), "event"))


def _hits(story: Story) -> list[Happening]:
    return [came.what for came in story.of(Fact.HIT)]


@check("9.14")
def each_request_is_a_hit(story: Story) -> Finding:
    """There are as many hits as the server has counted requests."""
    hits, requests = len(_hits(story)), story.transcript.requests
    if not requests:
        return not_shown(_ELSEWHERE if not story.on_target else "the server got no request")
    if hits != requests:
        return broken(f"{requests} hits, as many requests as the server got", str(hits))
    return kept(f"{counted(hits, 'hit')}, and as many requests at the server")


@check("9.15")
def a_hit_has_the_status_of_its_answer(story: Story) -> Finding:
    """The status is that which the server gave."""
    due = _STATUSES.get(story.transcript.page)
    hits = _hits(story)
    if due is None or not hits:
        return not_shown(_NO_HIT)
    if not story.on_target:
        return not_shown(_ELSEWHERE)
    other = [hit for hit in hits if hit.status != due or hit.error]
    if other:
        error = event_pb2.HitError.Name(other[0].error) if other[0].error else ""
        return broken(
            f"status {due} of each hit", f"{other[0].status} of {len(other)} {error}".rstrip()
        )
    return kept(f"{due} of {counted(len(hits), 'hit')}")


@check("9.16")
def a_hit_without_an_answer_says_so(story: Story) -> Finding:
    """A hit to a server that cannot be reached has an error, and no status."""
    hits = _hits(story)
    if not hits:
        return not_shown(_NO_HIT)
    without = [hit for hit in hits if not hit.error or hit.status]
    if without:
        return broken(
            "an error and no status of each hit", f"status {without[0].status} and no error"
        )
    names = {event_pb2.HitError.Name(hit.error) for hit in hits}
    return kept(f"{', '.join(sorted(names))} of {counted(len(hits), 'hit')}")


@check("9.17")
def a_hit_has_its_method(story: Story) -> Finding:
    """The method is there, as it is written in HTTP."""
    hits = _hits(story)
    if not hits:
        return not_shown(_NO_HIT)
    methods = {hit.method for hit in hits}
    if methods != {"GET"}:
        return broken("the method GET of each hit", f"{min(methods - {'GET'})!r}")
    return kept(f"GET of {counted(len(hits), 'hit')}")


@check("9.18")
def a_hit_took_as_long_as_its_request(story: Story) -> Finding:
    """Hits took some time, as long as the server did at least, and not longer than the run."""
    times = [hit.elapsed_ns for hit in _hits(story) if hit.elapsed_ns is not None]
    if not times:
        return not_shown(_NO_HIT)
    slow = story.transcript.page == "slow" and story.on_target
    least = round(SLOW_S * NS_PER_S) - ROUNDING_NS if slow else 1
    most = round(story.transcript.ended_s * NS_PER_S)
    off = [ns for ns in times if not least <= ns <= most]
    if off:
        expected = f"{SLOW_S * 1e3:.0f} ms" if slow else "more than 0 s"
        return broken(
            f"hits of at least {expected} and at most the {most / NS_PER_S:.1f} s of the run"
            if slow
            else f"hits of {expected} and at most the {most / NS_PER_S:.1f} s of the run",
            f"{off[0] / 1e6:.3f} ms of one",
        )
    return kept(f"{min(times) / 1e6:.2f} to {max(times) / 1e6:.2f} ms")
