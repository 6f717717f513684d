"""What runners do that feed iterations with cases: rules 7.12 and 9.26."""

from __future__ import annotations

from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_applicable, not_shown
from loadgrpc.conformance.happening import OF_USERS, LoadPlace
from loadgrpc.conformance.story import Story
from loadgrpc.protocol.decks import feed_of_cases
from loadgrpc.text import counted

_CANNOT = "it has not announced `cases`: a run with cases is refused"
_NO_PLACE = "no event says of which iteration it is"


def _places(story: Story) -> list[LoadPlace]:
    """Where in the load each event was that belongs to an iteration."""
    places = (came.what.place for came in story.of(*OF_USERS))
    return [place for place in places if place is not None and place.iteration]


@check("7.12")
def each_iteration_is_fed_with_its_case(story: Story) -> Finding:
    """What events say of an iteration is the rule of the case that is dealt to it."""
    assignment = story.transcript.assignment
    if (fed := assignment.scenario.cases) is None or not story.feeds:
        return not_applicable(_CANNOT)
    place, feed = assignment.place, feed_of_cases(fed)
    seen: dict[tuple[int, int, int], str] = {
        (each.cycle, each.user, each.iteration): each.case for each in _places(story) if each.case
    }
    if not seen:
        return not_shown("no event names a case")
    for (cycle, user, iteration), rule in sorted(seen.items()):
        if cycle not in story.cycles:
            continue
        seat = feed.seat(
            place.user_offsets[cycle - 1] + user - 1,
            place.total_users[cycle - 1],
            sum(place.total_users[: cycle - 1]) * story.cycles[cycle].iterations,
        )
        if rule != (due := seat.at(iteration - 1).rule):
            whose = f"user {user} in cycle {cycle} in iteration {iteration}"
            return broken(f"rule {due!r} for {whose}", repr(rule))
    return kept(counted(len(seen), "iteration"))


@check("9.26")
def each_event_names_the_rule(story: Story) -> Finding:
    """No event of an iteration leaves out what it was fed with."""
    if story.transcript.assignment.scenario.cases is None or not story.feeds:
        return not_applicable(_CANNOT)
    places = _places(story)
    if not places:
        return not_shown(_NO_PLACE)
    if silent := sum(not place.case for place in places):
        return broken("a rule in every event of an iteration", f"{silent} without one")
    return kept(counted(len(places), "event"))
