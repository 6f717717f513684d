"""The life of schedules: what becomes of times that come, and of those that were missed."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loadgrpc.broker import firing
from loadgrpc.broker.cron import Cron
from loadgrpc.broker.firing import FIRING_TRANSITIONS, FiringEvent, Situation, becomes
from loadgrpc.broker.state import IllegalEventError
from loadgrpc.design import DecisionTable
from loadgrpc.design.files import read_markdown
from loadgrpc.errors import NoRoom
from loadgrpc.model import FiringState, Missed, Overlap, Schedule, ScheduleSpec, Verdict
from loadgrpc.testing import plan_of

S = 10**9
MINUTE = 60 * S
NOON = round(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()) * S
PASSED = Verdict(exit_code=0, reason="")


class Calendar:
    """A schedule, and the time."""

    def __init__(self, cron="0 * * * *", **spec):
        spec = {"name": "n", "time_zone": "UTC", "plan": plan_of(test="a.B.c"), **spec}
        self.cron = Cron(cron, "UTC")
        self.now = NOON - MINUTE
        self.schedule = Schedule(
            schedule_id="s-1",
            spec=ScheduleSpec(cron=cron, **spec),
            create_time_ns=self.now,
            next_time_ns=self.cron.after(self.now),
        )

    def at(self, now):
        """It is that time."""
        self.now = now
        self.schedule = firing.time_passed(self.schedule, self.cron, now)
        return self

    def happens(self, what, *args):
        """Something happened to a firing."""
        self.schedule = what(self.schedule, *args)
        return self

    def started(self, number, run_id="r-1"):
        """The run of a firing is there."""
        return self.happens(firing.started, number, run_id, self.now)

    def over(self, number, verdict=PASSED):
        """The run of a firing is over."""
        return self.happens(firing.over, number, verdict, self.now)

    @property
    def states(self):
        """The states of its firings, newest first."""
        return [each.state.name for each in self.schedule.firings]

    @property
    def due(self):
        """What is to be done, in short."""
        return [(type(each).__name__, each.number) for each in firing.due(self.schedule, self.now)]


def test_the_table_is_total():
    """Each state and event has a cell or raises; nothing but final states is a dead end."""
    assert FIRING_TRANSITIONS.keys() == set(FiringState)
    reached = {FiringState.WAITING, FiringState.STARTING, FiringState.SKIPPED, FiringState.MISSED}
    reached |= {state for row in FIRING_TRANSITIONS.values() for state in row.values()}
    assert reached == set(FiringState)
    assert {state for state, row in FIRING_TRANSITIONS.items() if not row} == {
        state for state in FiringState if state.final
    }
    calendar = Calendar().at(NOON)
    for event in FiringEvent:
        if event not in FIRING_TRANSITIONS[FiringState.STARTING]:
            with pytest.raises(IllegalEventError, match=r"of a firing that is STARTING"):
                firing._moved(calendar.schedule, 1, event, NOON)


def test_the_decision_is_the_documented_table():
    """What becomes of a time is a decision table, without gaps and contradictions."""
    table = DecisionTable.of(
        read_markdown(
            """
        | late | missed   | active | waiting | overlap | action   |
        | ---- | -------- | ------ | ------- | ------- | -------- |
        | yes  | skip     | -      | -       | -       | MISSED   |
        | yes  | run-once | no     | -       | -       | STARTING |
        | no   | -        | no     | -       | -       | STARTING |
        | yes  | run-once | yes    | -       | skip    | SKIPPED  |
        | no   | -        | yes    | -       | skip    | SKIPPED  |
        | yes  | run-once | yes    | yes     | queue   | SKIPPED  |
        | no   | -        | yes    | yes     | queue   | SKIPPED  |
        | yes  | run-once | yes    | no      | queue   | WAITING  |
        | no   | -        | yes    | no      | queue   | WAITING  |
        """
        )
    )
    findings = table.check()
    assert not findings.gaps
    assert not findings.contradictions
    for late, missed, active, waiting, overlap in itertools.product(
        (True, False), Missed, (True, False), (True, False), Overlap
    ):
        given = {
            "late": late,
            "missed": missed.name.lower().replace("_", "-"),
            "active": active,
            "waiting": waiting,
            "overlap": overlap.name.lower(),
        }
        state = becomes(Situation(late, missed, active, waiting, overlap))
        assert table.decide(given).actions == {"action": state.name}


def test_a_time_comes():
    """Its run is asked for under a name of its own, and the next time is an hour later."""
    calendar = Calendar().at(NOON - 1)
    assert calendar.states == []
    calendar.at(NOON)
    assert calendar.states == ["STARTING"]
    (command,) = firing.due(calendar.schedule, NOON)
    assert command.request_id == "s-1/1"
    assert calendar.schedule.next_time_ns == NOON + 60 * MINUTE
    calendar.at(NOON + S)
    assert calendar.states == ["STARTING"]
    calendar.started(1)
    assert calendar.due == [("WatchFiring", 1)]
    calendar.over(1, Verdict(exit_code=1, reason="2 iterations failed"))
    (fired,) = calendar.schedule.firings
    assert (fired.state, fired.run_id, fired.reason) == (
        FiringState.OVER,
        "r-1",
        "2 iterations failed",
    )
    assert calendar.due == []


def test_a_run_that_finds_no_agents():
    """It waits for as long as the schedule says, and has failed then, with what was missing."""
    calendar = Calendar(start_timeout_s=60.0).at(NOON)
    calendar.happens(firing.waits, 1, "1 agent asked for, but 0 idle")
    assert calendar.schedule.firings[0].reason == "1 agent asked for, but 0 idle"
    assert [each.overdue for each in firing.due(calendar.schedule, NOON + 59 * S)] == [False]
    assert [each.overdue for each in firing.due(calendar.schedule, NOON + 60 * S)] == [True]
    calendar.happens(firing.not_started, 1, "0 idle", NOON + 60 * S)
    assert calendar.states == ["FAILED"]


def test_a_run_in_the_queue():
    """It is the firing's from the beginning, and overlaps; leaving the queue, it has begun."""
    calendar = Calendar().at(NOON).happens(firing.waits, 1, "1 of 1 in the queue", "r-1")
    (command,) = firing.due(calendar.schedule, NOON)
    assert (command.run_id, command.queued) == ("r-1", True)
    calendar.happens(firing.waits, 1, "needs 2 agents")
    assert calendar.at(NOON + 60 * MINUTE).states == ["SKIPPED", "STARTING"]
    assert calendar.schedule.firings[0].reason == "run r-1 is still active"
    calendar.started(1)
    (command,) = firing.due(calendar.schedule, NOON)
    assert (command.run_id, command.queued) == ("r-1", False)


def test_a_broker_that_was_away_for_a_moment():
    """A restart at the time itself misses nothing."""
    assert Calendar().at(NOON + 59 * S).states == ["STARTING"]


def test_missed_times_are_skipped():
    """They are one entry that says how many; the next one is in the future."""
    calendar = Calendar().at(NOON + 150 * MINUTE)
    (fired,) = calendar.schedule.firings
    assert fired.state is FiringState.MISSED
    assert fired.planned_time_ns == NOON
    assert fired.reason == "the broker was away: 3 times passed"
    assert calendar.schedule.next_time_ns == NOON + 180 * MINUTE


def test_missed_times_are_run_once():
    """One run for all of them."""
    calendar = Calendar(missed=Missed.RUN_ONCE).at(NOON + 150 * MINUTE)
    assert calendar.states == ["STARTING"]
    assert calendar.schedule.firings[0].reason == "the broker was away: 3 times passed"
    assert calendar.at(NOON + 151 * MINUTE).states == ["STARTING"]


def test_a_year_of_missed_minutes_is_counted_in_no_time():
    """The count is bounded."""
    calendar = Calendar("* * * * *").at(NOON + 365 * 24 * 60 * MINUTE)
    assert calendar.schedule.firings[0].reason == "the broker was away: 1000 times or more passed"


def test_clocks_that_are_put_back_fire_nothing_again():
    """The time of day goes back an hour: what was fired is not due again."""
    calendar = Calendar().at(NOON).started(1).over(1)
    assert calendar.at(NOON - 10 * MINUTE).at(NOON + S).states == ["OVER"]


def test_overlap_is_skipped():
    """With the run that was in the way."""
    calendar = Calendar().at(NOON).started(1, "r-7").at(NOON + 60 * MINUTE)
    assert calendar.states == ["SKIPPED", "RUNNING"]
    assert calendar.schedule.firings[0].reason == "run r-7 is still active"


def test_overlap_is_queued():
    """One waits, begins when the other is over, and further ones are skipped meanwhile."""
    calendar = Calendar(overlap=Overlap.QUEUE).at(NOON).started(1)
    calendar.at(NOON + 60 * MINUTE).at(NOON + 120 * MINUTE)
    assert calendar.states == ["SKIPPED", "WAITING", "RUNNING"]
    calendar.over(1).at(NOON + 121 * MINUTE)
    assert calendar.states == ["SKIPPED", "STARTING", "OVER"]
    assert calendar.due == [("StartFiring", 2)]


def test_paused_and_resumed():
    """Nothing is due meanwhile, and what passed was not missed; what waits goes on waiting."""
    calendar = Calendar(overlap=Overlap.QUEUE).at(NOON).started(1).at(NOON + 60 * MINUTE)
    calendar.happens(firing.paused).over(1).at(NOON + 300 * MINUTE)
    assert calendar.states == ["WAITING", "OVER"]
    assert calendar.schedule.next_time_ns is None
    calendar.happens(firing.resumed, calendar.cron, calendar.now)
    assert calendar.schedule.next_time_ns == NOON + 360 * MINUTE
    assert calendar.at(NOON + 301 * MINUTE).states == ["STARTING", "OVER"]


def test_by_hand():
    """A run now, whatever is active; but not without bound."""
    calendar = Calendar().at(NOON).started(1)
    for number in range(firing.MAX_FIRINGS - 1):
        calendar.happens(firing.fired_by_hand, NOON + number)
    assert calendar.states.count("STARTING") == 9
    assert calendar.schedule.firings[0].by_hand
    with pytest.raises(NoRoom, match="10 runs of schedule n are active"):
        calendar.happens(firing.fired_by_hand, NOON)


def test_firings_are_bounded():
    """The last twenty that are over are kept, and all that are not."""
    calendar = Calendar().at(NOON).started(1, "r-first")
    for hours in range(1, 100):
        calendar.at(NOON + hours * 60 * MINUTE)
    assert calendar.states == ["SKIPPED"] * firing.KEPT_FIRINGS + ["RUNNING"]
    assert calendar.schedule.fired == 100
    assert replace(calendar.schedule.firings[-1]).run_id == "r-first"
