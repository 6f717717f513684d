"""What hits say beside what every hit has: rules 9.19 to 9.23."""

from __future__ import annotations

from loadgrpc.clock import NS_PER_S
from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_applicable, not_shown
from loadgrpc.conformance.happening import OF_USERS, Fact, Happening
from loadgrpc.conformance.story import Story
from loadgrpc.text import counted

ROUNDING_NS = 5_000_000
"""By how much a time may be rounded."""
_NO_HIT = "no hit was reported"


def _hits(story: Story) -> list[Happening]:
    return [came.what for came in story.of(Fact.HIT)]


@check("9.19")
def a_hit_has_the_protocol_of_its_request(story: Story) -> Finding:
    """The kit's server speaks HTTP."""
    hits = _hits(story)
    if not hits:
        return not_shown(_NO_HIT)
    for hit in hits:
        if hit.protocol not in ("", "http"):
            return broken("protocol http of each hit, or none", repr(hit.protocol))
    return kept(f"http of {counted(len(hits), 'hit')}")


@check("9.20")
def a_hit_that_went_as_expected_did_not_fail(story: Story) -> Finding:
    """A hit of an iteration that passes did not fail."""
    hits = _hits(story)
    if not hits:
        return not_shown(_NO_HIT)
    failed = [hit for hit in hits if hit.failed]
    if failed:
        return broken("no failed hit in iterations that pass", f"{len(failed)} of {len(hits)}")
    return kept(f"none of {counted(len(hits), 'hit')} failed")


@check("9.21")
def a_hit_is_not_planned_for_after_its_start(story: Story) -> Finding:
    """A planned start is a time up to the start, within the run."""
    hits = [hit for hit in _hits(story) if hit.delay_ns]
    if not hits:
        return not_applicable("no hit has a planned start other than its start")
    most_ns = round(story.transcript.ended_s * NS_PER_S) + ROUNDING_NS
    for hit in hits:
        if not -ROUNDING_NS <= hit.delay_ns <= most_ns:
            how = "after" if hit.delay_ns < 0 else "before"
            return broken(
                "planned starts up to the start, within the run",
                f"one {abs(hit.delay_ns) / NS_PER_S:,.3f} s {how} it",
            )
    return kept(counted(len(hits), "hit"))


@check("9.22")
def attempts_are_counted_from_1(story: Story) -> Finding:
    """An attempt other than the first comes after the one before, in the same iteration."""
    seen: dict[object, list[int]] = {}
    hits = [hit for hit in _hits(story) if hit.place is not None]
    if not any(hit.attempt for hit in hits):
        return not_applicable("no hit says which attempt it is, and where in the load")
    for hit in hits:
        seen.setdefault((hit.place, hit.name, hit.method), []).append(hit.attempt or 1)
    for attempts in seen.values():
        last = 0
        for attempt in attempts:
            if attempt not in (1, last + 1):
                return broken("attempt 1, or the one after the last", f"{attempt} after {last}")
            last = attempt
    most = max(max(attempts) for attempts in seen.values())
    return kept(f"1 to {most}" if most > 1 else "1 of each hit")


@check("9.23")
def an_iteration_has_one_case(story: Story) -> Finding:
    """All events of an iteration, and its hits, name the same case, or none of them does."""
    cases: dict[tuple[int, int, int], set[str]] = {}
    for came in story.of(*OF_USERS):
        if (place := came.what.place) is not None:
            cases.setdefault((place.cycle, place.user, place.iteration), set()).add(place.case)
    if not any(case for seen in cases.values() for case in seen):
        return not_applicable("no event names a case")
    for seen in cases.values():
        if len(seen) > 1:
            return broken("one case of each iteration", ", ".join(map(repr, sorted(seen))))
    return kept(counted(len(cases), "iteration"))
