"""Checks of loads that change over time, on transcripts that were written by hand."""

from __future__ import annotations

import pytest

from loadgrpc.model import LoadChange, LoadChangeKind
from loadgrpc.stats.load_text import stages
from loadgrpc.v1 import event_pb2

from .test_checks import BEGUN_NS, BROKEN, KEPT, NOT_APPLICABLE, NOT_SHOWN, Talk

MS = 1_000_000
SOURCE = {"run_id": "r", "agent_id": "a", "runner_id": "x"}


def talk(load="10/s for 500ms", *, announces=True, began=True):
    """A runner of such a load, whose cycle began a second and a half after all else."""
    load = stages(load)
    fields = {"load": load, "users": (9,), "duration_s": load.duration_s, "iterations": ()}
    talk = Talk(fields).call()
    capabilities = {"cycle_barrier": True, "stages": announces}
    talk.says(source=SOURCE, open={"epoch": 1, "capabilities": capabilities})
    talk.told(opened={})
    return talk.told(start_cycle={"cycle": 1}) if began else talk


BEGAN_S = 1.5


def hit(planned_s, late_ms=1.0, *, user=1, number=1):
    """One request, planned for so long after the cycle began."""
    row = event_pb2.Event(
        status={"cycle": 1, "current_user": user, "current_iteration": number},
        hit={"name": "x", "method": "GET", "status": 200},
    )
    planned_ns = BEGUN_NS + round((BEGAN_S + planned_s) * 1e9)
    row.hit.elapsed.FromNanoseconds(MS)
    row.hit.planned_start_time.FromNanoseconds(planned_ns)
    row.time.FromNanoseconds(planned_ns + round(late_ms * MS) + MS)
    return row


def state(second, planned, started, waiting=0, dropped=0):
    """What became of arrivals in a second."""
    counts = {"planned": planned, "started": started, "waiting": waiting, "dropped": dropped}
    row = event_pb2.Event(arrivals=counts)
    row.time.FromNanoseconds(BEGUN_NS + second * 10**9 + 5 * 10**8)
    return row


def each(*instants, **fields):
    """Requests planned for these instants."""
    return [hit(at, number=number, **fields) for number, at in enumerate(instants, 1)]


ALL = (0.0, 0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize("number", [f"7.{one}" for one in range(13, 22)])
def test_a_runner_without_the_capability_is_not_judged(number):
    """It is refused such a load; before it has said what it can do, nothing is known."""
    assert talk(announces=False).outcome(number) is NOT_APPLICABLE
    assert talk(began=False).outcome(number) is NOT_SHOWN
    assert Talk().outcome(number) is NOT_SHOWN


def test_starts_are_within_five_milliseconds_and_the_lag_of_the_machine():
    """Nine of ten, and none before its instant."""
    punctual, late = talk().batch(1, *each(*ALL)), talk().batch(1, *each(*ALL, late_ms=8))
    assert punctual.outcome("7.13") is KEPT
    assert late.outcome("7.13") is BROKEN
    late.transcript.lag_s = 0.004
    assert late.outcome("7.13") is KEPT
    assert talk().batch(1, *each(*ALL, late_ms=-3)).outcome("7.13") is BROKEN
    assert talk().batch(1, *each(*ALL[1:])).outcome("7.13") is NOT_SHOWN


def test_a_server_that_sees_requests_late_is_believed():
    """Whatever the runner says of itself."""
    said = talk().batch(1, *each(*ALL))
    said.transcript.request_s = [BEGAN_S + at + 0.02 for at in ALL]
    assert said.outcome("7.13") is BROKEN
    said.transcript.request_s = [BEGAN_S + at + 0.003 for at in ALL]
    assert said.outcome("7.13") is KEPT


def test_arrivals_are_those_of_the_plan():
    """As many, at the same instants, from the beginning of the cycle on."""

    def outcome(*instants):
        said = talk().batch(1, *each(*instants)).says(finish={})
        said.transcript.requests = len(instants)
        return said.outcome("7.14")

    assert outcome(*ALL) is KEPT
    assert outcome(*ALL[1:]) is BROKEN
    assert outcome(*ALL, 0.45) is BROKEN
    assert outcome(0.0, 0.1, 0.25, 0.3, 0.4) is BROKEN
    assert outcome(*(at + 1.5 for at in ALL)) is BROKEN
    assert outcome() is BROKEN
    assert talk().outcome("7.14") is NOT_SHOWN


def test_seconds_of_arrivals_add_up():
    """What waits follows from what waited; each second is there once; all that started is named."""

    def outcome(*states, starts=ALL):
        return talk().batch(1, *each(*starts), *states).outcome("7.15")

    assert outcome(state(1, 5, 3, 2), state(2, 0, 2)) is KEPT
    assert outcome(state(1, 6, 4, 1, 1), state(2, 0, 1)) is KEPT
    assert outcome() is BROKEN
    assert outcome(state(1, 5, 3, 1), state(2, 0, 2)) is BROKEN
    assert outcome(state(1, 5, 3, 2)) is BROKEN
    assert outcome(state(1, 5, 3, 2), state(3, 0, 2)) is BROKEN
    assert outcome(state(1, 5, 5), state(1, 0, 0)) is BROKEN
    assert outcome(state(1, 6, 6)) is BROKEN


def test_a_live_change_is_followed():
    """From its moment on, and not at all if there was none."""

    def said(*instants):
        said = talk().told(load_changed={}).batch(1, *each(*instants)).says(finish={})
        said.transcript.load_changes = (LoadChange(0.25, LoadChangeKind.LEVEL, 20.0),)
        said.transcript.requests = len(instants)
        return said.outcome("7.16")

    assert said(0.0, 0.1, 0.2, 0.275, 0.325, 0.375, 0.425, 0.475) is KEPT
    assert said(*ALL) is BROKEN
    assert talk().batch(1, *each(*ALL)).outcome("7.16") is NOT_SHOWN


def test_a_pause_is_kept():
    """Nothing starts in it, and the rest comes after it."""

    def said(*instants):
        said = talk().told(load_changed={}).batch(1, *each(*instants)).says(finish={})
        kinds = LoadChangeKind
        said.transcript.load_changes = (
            LoadChange(0.25, kinds.PAUSE),
            LoadChange(1.0, kinds.RESUME),
        )
        said.transcript.requests = len(instants)
        return said.outcome("7.17")

    assert said(0.0, 0.1, 0.2, 1.05, 1.15) is KEPT
    assert said(*ALL) is BROKEN
    assert said(0.0, 0.1, 0.2) is BROKEN
    assert talk().batch(1, *each(*ALL)).outcome("7.17") is NOT_SHOWN


def begins(in_s, *instants, load="10/s for 500ms", requests=(), ends=True):
    """A runner that is told when its load begins, counted from `start_cycle`."""
    said = talk(load)
    told = said.transcript.entries[-1].answer.start_cycle.begin_time
    told.FromNanoseconds(BEGUN_NS + round((BEGAN_S + in_s) * 1e9))
    if instants:
        said.batch(1, *each(*instants))
    if ends:
        said.says(finish={})
    said.transcript.request_s = [BEGAN_S + at for at in requests]
    return said.outcome("7.21")


def test_a_load_begins_when_it_is_to():
    """Not before, by the runner's word or the server's, and not much later; all counts from it."""
    ahead = tuple(0.8 + at for at in ALL)
    assert begins(0.8, *ahead) is KEPT
    assert begins(0.8, *ahead, requests=ahead) is KEPT
    assert begins(0.8, *ahead, requests=ALL) is BROKEN
    assert begins(0.8, *ALL) is BROKEN
    assert begins(0.8, *(0.3 + at for at in ahead)) is BROKEN
    assert begins(0.8, *(1.3 + at for at in ahead)) is BROKEN
    assert begins(0.8) is BROKEN
    assert begins(0.8, ends=False) is NOT_SHOWN
    assert talk().batch(1, *each(*ALL)).outcome("7.21") is NOT_SHOWN


def test_users_begin_when_they_are_to():
    """Nobody plans for them."""
    users = "1 users for 1s"
    assert begins(0.8, 0.9, 1.5, load=users) is KEPT
    assert begins(0.8, 0.1, 0.9, 1.5, load=users) is BROKEN


def test_a_load_that_has_begun_is_made_up_for():
    """It counts from when it began, and its first iterations are late."""
    late = [hit(at - 0.3, max(1.0, 301 - 1e3 * at), number=n) for n, at in enumerate(ALL, 1)]

    def outcome(*rows):
        said = talk()
        told = said.transcript.entries[-1].answer.start_cycle.begin_time
        told.FromNanoseconds(BEGUN_NS + round((BEGAN_S - 0.3) * 1e9))
        return said.batch(1, *rows).outcome("7.21")

    assert outcome(*late) is KEPT
    assert outcome(*each(*ALL)) is BROKEN


def test_a_beginning_that_is_far_away_is_none():
    """The load begins at once."""
    assert begins(3600.0, *ALL) is KEPT
    assert begins(-3600.0, *ALL) is KEPT
    assert begins(3600.0, *(1.5 + at for at in ALL)) is BROKEN


LEVELS = "levels 1,2,1,2 users each 1s"


def of_users(*levels):
    """Users that make a request in the middle of each second."""
    rows = [hit(second + 0.7, user=user) for second, users in enumerate(levels) for user in users]
    return talk(LEVELS).batch(1, *rows)


def test_users_are_as_many_as_the_level_asks_for():
    """In each of its seconds."""
    assert of_users([1], [1, 2], [1], [1, 3]).outcome("7.18") is KEPT
    assert of_users([1], [1, 2], [1, 2], [1, 3]).outcome("7.18") is BROKEN
    assert of_users([1], [1], [1], [1]).outcome("7.18") is BROKEN


def test_who_has_gone_does_not_come_back():
    """Whoever comes is somebody else."""
    assert of_users([1], [1, 2], [1], [1, 3]).outcome("7.19") is KEPT
    assert of_users([1], [1, 2], [1], [1, 2]).outcome("7.19") is BROKEN
    assert of_users([1], [1], [1], [1]).outcome("7.19") is NOT_SHOWN
