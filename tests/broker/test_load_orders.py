"""What a client may ask a load to become, and what that changes of a run."""

import pytest

from loadgrpc.broker.happened import LoadAsked
from loadgrpc.broker.load_orders import meant, sentence
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import (
    MAX_LOAD_CHANGES,
    LoadChange,
    LoadChangeKind,
    LoadOrder,
    LoadUnit,
    Plan,
    Scenario,
)
from loadgrpc.stats.load_text import stages

LEVEL, FACTOR, PAUSE = LoadChangeKind.LEVEL, LoadChangeKind.FACTOR, LoadChangeKind.PAUSE
PLAN = Plan(
    scenarios=(
        Scenario(name="open", test="a.B.c", load=stages("10/s for 1m")),
        Scenario(name="closed", test="a.B.c", load=stages("3 users for 1m")),
        Scenario(name="cycles", test="a.B.c"),
    )
)


@pytest.mark.parametrize(
    ("order", "scenarios"),
    [
        (LoadOrder(PAUSE), ("open", "closed")),
        (LoadOrder(FACTOR, 2, scenario="open"), ("open",)),
        (LoadOrder(LEVEL, 9, LoadUnit.USERS), ("closed",)),
        (LoadOrder(LEVEL, 9, LoadUnit.ARRIVALS), ("open",)),
    ],
)
def test_who_is_meant(order, scenarios):
    """Without a name all that have stages of the unit are."""
    assert meant(PLAN, order, {}) == scenarios


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (LoadOrder(LEVEL, 9, LoadUnit.USERS, "open"), "use rate"),
        (LoadOrder(LEVEL, 9, LoadUnit.ARRIVALS, "closed"), "use users"),
        (LoadOrder(PAUSE, scenario="cycles"), "has cycles"),
        (LoadOrder(PAUSE, scenario="opne"), "is none of open, closed, cycles"),
    ],
)
def test_what_cannot_be_is_refused(order, why):
    """With a sentence that says what to do instead."""
    with pytest.raises(InvalidRequest, match=why):
        meant(PLAN, order, {})


def test_changes_are_bounded():
    """A scenario that was changed a thousand times stays as it is."""
    with pytest.raises(InvalidRequest, match="1,000 times already"):
        meant(PLAN, LoadOrder(PAUSE, scenario="open"), {"open": MAX_LOAD_CHANGES})


def test_a_change_is_a_sentence():
    """What, from when on, and by whom."""
    made = LoadChange(12.5, LEVEL, 20.0)

    assert sentence(made, PLAN.scenarios[0], "ann") == (
        "scenario open: load set to 20/s, from 12.500 s on, by ann"
    )
    assert LoadAsked(("open",), LEVEL, 20.0).by == ""
