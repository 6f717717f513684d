"""Checks, on transcripts that were written by hand: what each finds, and what it lets pass."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from loadgrpc.conformance.checks import CHECKS
from loadgrpc.conformance.finding import Outcome
from loadgrpc.conformance.happening import unfold
from loadgrpc.conformance.judgement import judge
from loadgrpc.conformance.story import Story
from loadgrpc.conformance.transcript import (
    Ended,
    HomeMessage,
    MethodCall,
    ProcessEnd,
    Refusal,
    RunnerMessage,
    Transcript,
)
from loadgrpc.model import SourceId
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import event_pb2, runner_pb2

SOURCE = SourceId("r", "a", "x")
BEGUN_NS = 1_700_000_000 * 10**9
MS = 1_000_000
KEPT, BROKEN = Outcome.KEPT, Outcome.BROKEN
NOT_SHOWN, NOT_APPLICABLE = Outcome.NOT_SHOWN, Outcome.NOT_APPLICABLE


class Talk:
    """A transcript that grows: who says something next, half a second after the last."""

    def __init__(self, load=MappingProxyType({}), *, page="ok", **limits):
        limits = {"max_batch_bytes": 1 << 20, "max_unacked_batches": 2, **limits}
        self.transcript = Transcript(
            case="by-hand",
            source=SOURCE,
            assignment=assignment_of(
                **{"test": "t", "iterations": (1,), **load}, spawn_rate=1.0, stop_timeout_s=1.0
            ),
            token="secret",
            limits=runner_pb2.Limits(max_unacked_bytes=1 << 20, **limits),
            page=page,
            begun_ns=BEGUN_NS,
        )
        self.stream = 0

    @property
    def now_s(self):
        """When the next entry is noted."""
        return len(self.transcript.entries) * 0.5

    def _note(self, entry):
        self.transcript.entries.append(entry)
        self.transcript.ended_s = self.now_s
        return self

    def call(self):
        """The runner opens a stream."""
        self.stream += 1
        return self._note(MethodCall(self.now_s, "PublishEvents", self.stream, "Bearer secret"))

    def says(self, **message):
        """The runner says something."""
        request = runner_pb2.PublishEventsRequest(**message)
        return self._note(RunnerMessage(self.now_s, self.stream, request))

    def open(self, epoch=1, durable=0):
        """The runner opens its source, and is told that it is open."""
        source = {"run_id": "r", "agent_id": "a", "runner_id": "x"}
        opening = {"epoch": epoch, "capabilities": {"cycle_barrier": True}}
        self.call().says(source=source, open=opening)
        return self.told(opened={"durable_sequence": durable})

    def batch(self, first, *rows):
        """The runner sends rows."""
        return self.says(batch={"first_sequence": first, "events": rows})

    def told(self, **answer):
        """The home says something."""
        message = runner_pb2.PublishEventsResponse(**answer)
        return self._note(HomeMessage(self.now_s, self.stream, message))

    def breaks(self):
        """The home ends the stream."""
        return self._note(Ended(self.now_s, self.stream, "UNAVAILABLE"))

    def exits(self, status=0):
        """The process ends."""
        self.transcript.exit = ProcessEnd(self.now_s, status)
        return self

    def finding(self, number):
        """What the check of a rule finds."""
        return CHECKS[number](Story(self.transcript))

    def outcome(self, number):
        """How a rule fared."""
        return self.finding(number).outcome


def row(kind, at_s=0.0, *, user=1, iteration=1, cycle=1, **fields):
    """An event of a user, so long after the begin."""
    body = {} if kind == "hit" else {"test": "t"}
    event = event_pb2.Event(
        status={
            "users": 1,
            "iterations": 1,
            "current_user": user,
            "current_iteration": iteration,
            "cycle": cycle,
        },
        **{kind: {**body, **fields}},
    )
    event.time.FromNanoseconds(BEGUN_NS + round(at_s * 1e9))
    return event


def iteration(at_s=0.0, **place):
    """The rows of one iteration."""
    kinds = ("test_start", "test_success", "test_stop")
    return [row(kind, at_s, **place) for kind in kinds]


def test_numbers_follow_each_other():
    """From 1 on, over batches and skips; a gap, a repetition and a beginning at 2 are found."""
    one = row("test_start")
    assert Talk().open().batch(1, one, one).batch(3, one).outcome("3.1") is KEPT
    skip = {"first_sequence": 2, "count": 5}
    assert Talk().open().batch(1, one).says(skip=skip).batch(7, one).outcome("3.1") is KEPT
    assert Talk().open().batch(2, one).outcome("3.1") is BROKEN
    assert Talk().open().batch(1, one).batch(3, one).outcome("3.1") is BROKEN
    assert Talk().open().batch(1, one).batch(1, one).outcome("3.1") is BROKEN


def test_numbers_go_back_where_they_have_to():
    """After a gap, and on another stream, what was sent may be sent again."""
    one = row("test_start")
    gap = {"expected_sequence": 1}
    asked = Talk().open().batch(1, one).batch(2, one).told(gap=gap)
    assert asked.batch(1, one).batch(2, one).outcome("3.1") is KEPT
    again = Talk().open().batch(1, one).batch(2, one).breaks().open(2, durable=1)
    assert again.batch(2, one).batch(3, one).outcome("3.1") is KEPT
    assert again.batch(5, one).outcome("3.1") is BROKEN


def test_a_number_is_one_event():
    """What comes again is compared with what came first."""
    one, other = row("test_start"), row("test_stop")
    talk = Talk().open().batch(1, one, other).breaks().open(2)
    assert talk.batch(1, one).outcome("3.3") is KEPT
    assert talk.batch(2, one).outcome("3.3") is BROKEN


def test_rules_about_numbers_are_not_for_everybody():
    """A source that sends none cannot break them; one that sent nothing has not shown them."""
    silent, script = Talk().open(), Talk().open().batch(0, row("test_start")).exits()
    for number in ("2.2", "3.1", "3.3", "4.2", "5.2", "6.1", "10.1", "10.5"):
        assert silent.outcome(number) is NOT_SHOWN
        assert script.outcome(number) is NOT_APPLICABLE
    assert script.outcome("10.6") is KEPT


def test_windows_count_what_is_not_acked():
    """Two batches may be on their way, a third only when one was acked."""
    one = row("test_start")
    two = Talk().open().batch(1, one).batch(2, one)
    assert two.outcome("4.2") is KEPT
    assert two.told(ack={"durable_sequence": 1}).batch(3, one).outcome("4.2") is KEPT
    assert two.batch(4, one).outcome("4.2") is BROKEN


def test_e7_a_skip_is_no_batch_on_its_way():
    """What is declared lost does not count among batches that wait for their ack."""
    one, skip = row("test_start"), {"first_sequence": 3, "count": 4}
    talk = Talk().open().batch(1, one).batch(2, one).says(skip=skip)
    assert talk.outcome("4.2") is KEPT


def test_e7_events_without_a_place_are_judged_by_one_rule():
    """Iterations of several users cannot be put together then: only 9.4 is broken."""
    kinds = ("test_start", "test_start", "test_success", "test_stop")
    rows = [row(kind) for kind in kinds]
    for event in rows:
        event.ClearField("status")
    talk = Talk({"users": (2,)}).open().batch(1, *rows)
    assert talk.outcome("9.4") is BROKEN
    assert [talk.outcome(number) for number in ("7.7", "9.2")] == [NOT_SHOWN, NOT_SHOWN]


@pytest.mark.parametrize("rule", ["7.1", "7.6"])
def test_e1_a_runner_that_ends_without_any_work_is_found(rule):
    """Who finishes and has told of no user has not made its load; a cycle without users has."""
    finish = {"totals": {"events": 0}}
    load = {"users": (2,), "duration_s": 1.0}
    assert Talk(load).open().says(finish=finish).outcome(rule) is BROKEN
    assert (
        Talk({"users": (0,), "iterations": ()}).open().says(finish=finish).outcome(rule)
        is NOT_SHOWN
    )


def test_e7_what_a_home_refuses_is_judged_by_one_rule():
    """`ready` for a cycle that there is not is told as that, and not as a bad end."""
    talk = Talk().open().says(ready={"cycle": 7}).told(error={"reason": "INVALID_REQUEST"})
    talk.transcript.refusal = Refusal("7.5", "`ready` for cycle 7")
    talk.transcript.exit = ProcessEnd(talk.now_s, 1)

    findings = judge(talk.transcript, ["4.4", "7.9", "10.6"])

    broken = [number for number, found in findings.items() if found.outcome is BROKEN]
    assert broken == ["7.5"]
    assert "cycle 7" in findings["7.5"].words


def test_sizes_are_shown_when_there_was_enough_to_send():
    """A bound that nothing could have reached was not kept, but not shown."""
    one = row("test_start")
    assert Talk(max_batch_bytes=1_000).open().batch(1, one).outcome("4.1") is NOT_SHOWN
    assert Talk(max_batch_bytes=40).open().batch(1, one).batch(2, one).outcome("4.1") is KEPT
    assert Talk(max_batch_bytes=40).open().batch(1, one, one).outcome("4.1") is BROKEN


def test_streams_go_on_from_what_is_durable():
    """On the second stream the number after the durable one comes first, and nothing below."""
    one = row("test_start")
    talk = Talk().open().batch(1, one, one).batch(3, one).breaks().open(2, durable=2)
    assert talk.outcome("5.1") is KEPT
    assert talk.outcome("5.2") is BROKEN  # nothing came
    talk.batch(3, one)
    assert (talk.outcome("5.2"), talk.outcome("5.3")) == (KEPT, KEPT)
    late = Talk().open().batch(1, one).batch(2, one).breaks().open(2, durable=0)
    assert late.batch(2, one).outcome("5.2") is BROKEN
    all_again = Talk().open().batch(1, one).batch(2, one).breaks().open(2, durable=1)
    assert all_again.batch(1, one).outcome("5.3") is BROKEN


def test_who_gives_up_is_found():
    """A stream that broke without another after it is a broken rule."""
    talk = Talk().open().batch(1, row("test_start")).breaks()
    assert talk.outcome("5.1") is BROKEN


@pytest.mark.parametrize(
    ("pauses", "waits", "grows"),
    [
        ((0.1, 0.2, 0.4, 0.8), KEPT, KEPT),
        ((0.2, 0.2, 0.2, 0.2), KEPT, BROKEN),
        ((0.0, 0.001, 0.0, 0.001), BROKEN, NOT_SHOWN),
        ((0.3,), NOT_SHOWN, NOT_SHOWN),
    ],
)
def test_pauses(pauses, waits, grows):
    """Attempts that follow each other at once, and pauses that do not grow, are found."""
    talk, at_s = Talk(), 0.0
    entries = talk.transcript.entries
    entries.append(MethodCall(at_s, "PublishEvents", 1, ""))
    for stream, pause_s in enumerate(pauses, 2):
        entries.append(Ended(at_s, stream - 1, "UNAVAILABLE"))
        at_s += pause_s
        entries.append(MethodCall(at_s, "PublishEvents", stream, ""))
    entries += Talk().open().batch(1, row("test_start")).transcript.entries

    assert (talk.outcome("5.4"), talk.outcome("5.5")) == (waits, grows)


def test_what_was_too_large_comes_in_parts():
    """All of it, and not in one piece."""
    one = row("test_start")
    told = {"first_sequence": 1, "batch_bytes": 9}
    talk = Talk().open().batch(1, one, one).told(too_large=told)
    assert talk.outcome("6.2") is BROKEN
    assert talk.batch(1, one).outcome("6.2") is BROKEN
    assert talk.batch(2, one).outcome("6.2") is KEPT
    assert talk.batch(1, one, one).outcome("6.2") is BROKEN


def test_iterations_are_counted_by_user():
    """Too few of one user are found, and a user who is not there by another rule."""
    load = {"users": (2,), "iterations": (2,)}
    first = [*iteration(user=1, iteration=1), *iteration(user=1, iteration=2)]
    both = [*iteration(user=2, iteration=1), *iteration(user=2, iteration=2)]
    assert Talk(load).open().batch(1, *first, *both).outcome("7.1") is KEPT
    assert Talk(load).open().batch(1, *first, *both[:3]).outcome("7.1") is BROKEN
    one = Talk(load).open().batch(1, *first)
    assert (one.outcome("7.1"), one.outcome("7.2")) == (KEPT, BROKEN)


def test_a_cycle_waits_for_its_start():
    """Nothing of a cycle may have begun before `start_cycle` was told."""
    ready, start = {"cycle": 1}, {"cycle": 1}
    talk = Talk().open().says(ready=ready).told(start_cycle=start)
    told_s = talk.transcript.entries[-1].at_s
    assert talk.batch(1, *iteration(told_s + 0.1)).outcome("7.5") is KEPT
    assert talk.batch(4, *iteration(told_s - 0.3)).outcome("7.5") is BROKEN
    assert Talk().open().batch(1, *iteration(1.0)).outcome("7.5") is BROKEN


@pytest.mark.parametrize(
    "kinds",
    [
        ("test_start", "test_stop"),
        ("test_start", "test_success"),
        ("test_success", "test_stop"),
        ("test_start", "test_stop", "test_success"),
        ("test_start", "test_success", "test_success", "test_stop"),
    ],
)
def test_iterations_have_their_parts_in_order(kinds):
    """What is missing, twice or in the wrong order is found."""
    assert Talk().open().batch(1, *iteration()).outcome("9.2") is KEPT
    assert Talk().open().batch(1, *(row(kind) for kind in kinds)).outcome("9.2") is BROKEN


@pytest.mark.parametrize(
    ("output", "due"),
    [({"text": ""}, KEPT), ({"left_out": 2}, KEPT), ({"process": 1}, BROKEN)],
)
def test_c8_what_was_printed_is_a_line_or_a_count(output, due):
    """An empty line is one; an output that says nothing is no valid event."""
    assert Talk().open().batch(1, event_pb2.Event(output=output)).outcome("9.1") is due


def test_hits_are_compared_with_requests():
    """As many hits as the server has counted, and their status."""
    hit = row("hit", name="u", method="GET", status=200, elapsed={"nanos": 5})
    talk = Talk().open().batch(1, hit, hit)
    assert talk.outcome("9.14") is NOT_SHOWN
    talk.transcript.requests = 2
    assert (talk.outcome("9.14"), talk.outcome("9.15")) == (KEPT, KEPT)
    talk.transcript.requests = 3
    assert talk.outcome("9.14") is BROKEN
    talk.transcript.page = "fails"
    assert talk.outcome("9.15") is BROKEN


def test_totals_are_what_was_sent():
    """Skipped events count; one more or less does not pass."""
    skip = {"first_sequence": 4, "count": 2, "hits": 1}
    talk = Talk().open().batch(1, *iteration()).says(skip=skip)
    said = talk.says(finish={"totals": {"events": 5, "hits": 1}})
    assert (said.outcome("10.2"), said.outcome("10.3")) == (KEPT, KEPT)
    said = talk.says(finish={"totals": {"events": 3, "hits": 0}})
    assert (said.outcome("10.2"), said.outcome("10.3")) == (BROKEN, BROKEN)


def test_blocks_say_what_rows_say():
    """A hit and an iteration are the same whether they come as a row or in a block."""
    block = event_pb2.HitBlock(
        count=2,
        status={"users": 1, "iterations": 1, "cycle": 1},
        labels=[event_pb2.HitLabel(name="u", method="GET", status=200)],
        start_ns=(5 * MS).to_bytes(4, "little") * 2,
        elapsed_ns=(3 * MS).to_bytes(4, "little") * 2,
        user=b"\1\1",
        iteration=b"\1\1",
    )
    block.base_time.FromNanoseconds(BEGUN_NS)
    hit = row("hit", 0.008, name="u", method="GET", status=200, elapsed={"nanos": 3 * MS})
    batch = runner_pb2.EventBatch(events=[hit], hit_blocks=[block])

    first, *others = unfold(batch)
    assert others == [first, first]


def test_iterations_of_blocks_are_whole():
    """An entry of a TestBlock is start, outcome and stop."""
    block = event_pb2.TestBlock(
        count=1,
        status={"users": 1, "iterations": 1, "cycle": 1},
        labels=[event_pb2.TestLabel(test="t", outcome=event_pb2.TEST_OUTCOME_SUCCESS)],
        user=b"\1",
        iteration=b"\1",
    )
    block.base_time.FromNanoseconds(BEGUN_NS)
    talk = Talk().open().says(batch={"first_sequence": 1, "test_blocks": [block]})

    for number in ("7.1", "7.2", "9.1", "9.2", "9.3", "9.8"):
        assert talk.outcome(number) is KEPT, number


def test_who_does_not_end_has_broken_something():
    """A process that had to be killed has broken the rule of its case, or that of the end."""
    talk = Talk().open().batch(1, *iteration())
    talk.transcript.timed_out = True
    findings = judge(talk.transcript, ["3.1"])
    assert findings["3.1"].outcome is KEPT
    assert findings["10.6"].outcome is BROKEN

    gone = Talk().open().batch(1, *iteration()).breaks()
    gone.transcript.timed_out = True
    findings = judge(gone.transcript, ["5.1"])
    assert {number: f.outcome for number, f in findings.items()} == {"5.1": BROKEN}


def test_findings_say_what_was_expected_and_what_was_seen():
    """A finding is a sentence with the numbers in it."""
    talk = Talk().open().batch(1, row("test_start")).batch(3, row("test_start"))

    assert talk.finding("3.1").words == (
        "expected events from number 2 on; saw a batch of 1 from 3 on"
    )
