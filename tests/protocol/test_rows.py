"""Batches as rows: what columns stand for, and what was rejected."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.protocol import batches, bounds
from loadgrpc.protocol.rows import KINDS, rows
from loadgrpc.protocol.times import duration_from_proto, timestamp_from_proto
from loadgrpc.v1 import event_pb2, runner_pb2

ARRIVAL_NS = 1_700_000_000_000_000_000
BASE_S = 1_600_000_000
BASE_NS = BASE_S * 1_000_000_000


def bytes_of(*values):
    """A column of 64-bit numbers."""
    return struct.pack(f"<{len(values)}Q", *values)


def hit_block(**fields):
    """Two hits, the second of which failed."""
    block = event_pb2.HitBlock(
        count=2,
        status={"iterations": 3, "users": 2, "cycle": 1},
        labels=[
            {"name": "http://h/a", "method": "GET", "status": 200},
            {"name": "b", "method": "PUT", "error": "HIT_ERROR_DNS", "error_message": "no h"},
        ],
        label=bytes([0, 1]),
        start_ns=bytes_of(10, 20),
        elapsed_ns=bytes_of(5, 7),
        delay_ns=bytes_of(0, 4),
        first_byte_ns=bytes_of(2, 0),
        connect_ns=bytes_of(1, 0),
        bytes_sent=bytes([9, 8]),
        bytes_received=bytes([7, 0]),
        user=bytes([1, 2]),
        iteration=bytes([3, 1]),
        urls=["http://h/b?x"],
        url=bytes([0, 1]),
    )
    block.base_time.seconds = BASE_S
    for name, value in fields.items():
        setattr(block, name, value)
    return block


def iteration_block():
    """One iteration of each outcome."""
    block = event_pb2.TestBlock(
        count=4,
        labels=[
            {"test": "t", "outcome": outcome, "exception": exception}
            for outcome, exception in (
                ("TEST_OUTCOME_SUCCESS", None),
                ("TEST_OUTCOME_FAILURE", {"type": "AssertionError", "message": "no"}),
                ("TEST_OUTCOME_ERROR", {"type": "ValueError"}),
                ("TEST_OUTCOME_INTERRUPTED", None),
            )
        ],
        label=bytes(range(4)),
        start_ns=bytes(4),
        elapsed_ns=bytes([6] * 4),
    )
    block.base_time.seconds = BASE_S
    return block


def listed(batch, **options):
    """The rows of a batch as a list."""
    found = rows(batch, arrival_ns=ARRIVAL_NS, **options)
    return [row for row in found if row is not None]


def test_hits_of_a_block():
    """Each entry is the row that says the same, times as moments, what is not measured absent."""
    one, two = listed(runner_pb2.EventBatch(hit_blocks=[hit_block()]))
    hit = one.event.hit
    assert (one.entry, timestamp_from_proto(one.event.time)) == (0, BASE_NS + 15)
    assert timestamp_from_proto(hit.start_time) == BASE_NS + 10
    assert (hit.name, hit.url, hit.method, hit.status) == ("http://h/a", "http://h/a", "GET", 200)
    measured = (hit.elapsed, hit.time_to_first_byte, hit.connect)
    assert [duration_from_proto(each) for each in measured] == [5, 2, 1]
    assert (hit.bytes_sent, hit.bytes_received, hit.HasField("planned_start_time")) == (9, 7, False)
    assert one.event.status == event_pb2.LoadStatus(
        iterations=3, users=2, cycle=1, current_user=1, current_iteration=3
    )
    hit = two.event.hit
    assert (two.entry, hit.url, hit.error) == (1, "http://h/b?x", event_pb2.HIT_ERROR_DNS)
    assert timestamp_from_proto(hit.planned_start_time) == BASE_NS + 16
    assert (hit.HasField("time_to_first_byte"), hit.HasField("connect")) == (False, False)


def test_what_hits_of_a_block_say_of_themselves():
    """Protocol, failed, attempt and case are those of the entry, and absent where none is said."""
    block = hit_block(attempt=bytes([0, 3]), case=bytes([2, 0]))
    block.cases.extend(["fair", "rainy"])
    block.labels[0].failed = False
    block.labels[0].status = 404
    block.labels[1].protocol = "grpc"
    one, two = (row.event for row in listed(runner_pb2.EventBatch(hit_blocks=[block])))
    assert (one.hit.protocol, one.hit.HasField("failed"), one.hit.failed) == ("", True, False)
    assert (two.hit.protocol, two.hit.HasField("failed")) == ("grpc", False)
    assert (one.hit.attempt, two.hit.attempt) == (0, 3)
    assert (one.status.case, two.status.case) == ("rainy", "")


def test_cases_of_iterations_of_a_block():
    """All rows of an iteration say which case it was fed with."""
    block = iteration_block()
    block.cases.append("rainy")
    block.case = bytes([0, 1, 0, 0])
    found = listed(runner_pb2.EventBatch(test_blocks=[block]))
    assert [(row.entry, row.event.status.case) for row in found if row.part == 2] == [
        (0, ""),
        (1, "rainy"),
        (2, ""),
        (3, ""),
    ]
    assert {row.event.status.case for row in found if row.entry == 1} == {"rainy"}


def test_iterations_of_a_block():
    """An entry is start, outcome and stop, with one number; an interrupted one has no outcome."""
    found = listed(runner_pb2.EventBatch(test_blocks=[iteration_block()]))
    kinds = [(row.entry, row.part, row.event.WhichOneof("event")) for row in found]
    assert kinds == [
        *((0, 0, "test_start"), (0, 1, "test_success"), (0, 2, "test_stop")),
        *((1, 0, "test_start"), (1, 1, "test_failure"), (1, 2, "test_stop")),
        *((2, 0, "test_start"), (2, 1, "test_error"), (2, 2, "test_stop")),
        *((3, 0, "test_start"), (3, 2, "test_stop")),
    ]
    assert found[4].event.test_failure.exception.message == "no"
    assert timestamp_from_proto(found[4].event.time) == BASE_NS + 6
    assert not found[4].event.HasField("status")


def test_kinds_are_chosen():
    """Only rows of the kinds asked for come, wherever they are from."""
    batch = runner_pb2.EventBatch(
        events=[
            event_pb2.Event(counter={"name": "n"}),
            event_pb2.Event(test_failure={"test": "t", "exception": {"type": "E"}}),
        ],
        hit_blocks=[hit_block()],
        test_blocks=[iteration_block()],
    )
    found = listed(batch, kinds=("test_failure", "hit"))
    assert [(row.entry, row.event.WhichOneof("event")) for row in found] == [
        *((1, "test_failure"), (2, "hit"), (3, "hit"), (5, "test_failure"))
    ]


def test_of_a_line_the_beginning_is_kept():
    """A line of more than 4 KiB is listed as its first 4 KiB, in whole characters."""
    lines = ["x" * 4096, "x" * 4097, "x" + "ü" * 4096]
    batch = runner_pb2.EventBatch(events=[{"output": {"text": line}} for line in lines])
    texts = [row.event.output.text for row in listed(batch, kinds={"output"})]

    assert texts == ["x" * 4096, "x" * 4096, "x" + "ü" * 2047]


def test_rows_without_a_time_have_that_of_their_arrival():
    """So that each listed event has one."""
    known = event_pb2.Event(counter={"name": "n"})
    known.time.seconds = BASE_S
    found = listed(runner_pb2.EventBatch(events=[event_pb2.Event(counter={"name": "n"}), known]))
    assert [timestamp_from_proto(row.event.time) for row in found] == [ARRIVAL_NS, BASE_NS]


def test_what_was_rejected_is_no_row():
    """Invalid rows and malformed blocks keep their numbers, and are not listed."""
    batch = runner_pb2.EventBatch(
        events=[event_pb2.Event(), event_pb2.Event(counter={}), event_pb2.Event(custom={})],
        hit_blocks=[hit_block(label=bytes([0, 9])), hit_block()],
    )
    assert [row.entry for row in listed(batch)] == [5, 6]


@pytest.mark.parametrize("name", ["first_byte_ns", "connect_ns", "user", "url"])
def test_columns_that_nothing_counts_may_hold_anything(name):
    """What no row can say is left out, and the row comes all the same."""
    worst = hit_block(**{name: bytes_of(2**64 - 1, 2**63 - 1)})
    assert len(listed(runner_pb2.EventBatch(hit_blocks=[worst]))) == 2


def test_a_batch_declares_no_more_than_there_is_room_for():
    """Of blocks that have too many entries together, those are listed that were counted."""
    empty = {"label": b"", "start_ns": b"", "elapsed_ns": b"", "delay_ns": b"", "url": b""}
    rest = dict.fromkeys(
        ("first_byte_ns", "connect_ns", "bytes_sent", "bytes_received", "user", "iteration"), b""
    )
    block = hit_block(count=bounds.MAX_BATCH_ENTRIES, **empty, **rest)
    batch = runner_pb2.EventBatch(hit_blocks=[block, block], test_blocks=[iteration_block()])
    assert listed(batch, kinds=("custom", "test_stop")) == []


@given(
    st.lists(st.sampled_from(["hit", "none", "counter", "custom"]), max_size=6),
    st.lists(st.binary(max_size=24), max_size=3),
)
def test_as_many_rows_as_were_counted(kinds, labels):
    """Whatever a batch holds, rows and rejected events are all of it."""
    said = {
        "hit": {"hit": {"name": "n", "elapsed": {"nanos": 1}}},
        "none": {},
        "counter": {"counter": {"name": "n"}},
        "custom": {"custom": {"type_url": "x/y"}},
    }
    batch = runner_pb2.EventBatch(
        events=[event_pb2.Event(**said[kind]) for kind in kinds],
        hit_blocks=[hit_block(label=label) for label in labels],
    )
    rejected = batches.decode(batch, arrival_ns=ARRIVAL_NS).rejected
    assert len(listed(batch)) + rejected == len(kinds) + 2 * len(labels)


def test_kinds_are_those_of_the_protocol():
    """Kinds are named as the fields of `Event.event`."""
    assert {"hit", "test_failure", "custom", "generator"} <= set(KINDS)


NUMBERS = st.integers(0, 2**40)
SAID = st.fixed_dictionaries(
    {
        "label": st.integers(0, 2),
        "start_ns": NUMBERS,
        "elapsed_ns": st.integers(1, 2**40),
        "delay_ns": st.just(0) | NUMBERS,
        "bytes_sent": NUMBERS,
        "bytes_received": NUMBERS,
        "attempt": st.integers(0, 2**32 - 1),
        "case": st.integers(0, 2),
    }
)
LABELS = [
    {"name": "a", "method": "GET", "status": 500, "failed": False},
    {"name": "b", "protocol": "grpc", "status": 14, "failed": True},
    {"name": "b", "protocol": "http", "error": "HIT_ERROR_DNS", "error_message": "none"},
]


@given(st.lists(SAID, min_size=1, max_size=8))
def test_rows_and_columns_count_alike(entries):
    """The rows that a block stands for decode to what the block decodes to, and say its cases."""
    columns = {name: bytes_of(*(entry[name] for entry in entries)) for name in entries[0]}
    block = event_pb2.HitBlock(count=len(entries), labels=LABELS, cases=["x", "y"], **columns)
    block.base_time.seconds = BASE_S
    found = listed(runner_pb2.EventBatch(hit_blocks=[block]))

    (of_block,) = decoded(hit_blocks=[block]).hits
    (of_rows,) = decoded(events=[row.event for row in found]).hits
    for name in ("start_ns", "elapsed_ns", "bytes_sent", "bytes_received", "delay_ns"):
        ones, others = getattr(of_block, name), getattr(of_rows, name)
        assert (ones is None, others is None) in {(True, True), (False, False)}
        assert ones is None or ones.tolist() == others.tolist()
    assert [of_block.labels[at] for at in of_block.label] == [
        of_rows.labels[at] for at in of_rows.label
    ]
    assert [(row.event.hit.attempt, row.event.status.case) for row in found] == [
        (entry["attempt"], ["", "x", "y"][entry["case"]]) for entry in entries
    ]


def test_blocks_without_the_newer_columns_are_what_they_were():
    """Of them nothing is late, has an attempt or a case, and says whether it failed."""
    (hits,) = decoded(hit_blocks=[hit_block(delay_ns=b"")]).hits
    (tests,) = decoded(test_blocks=[iteration_block()]).iterations
    one, two = (row.event for row in listed(runner_pb2.EventBatch(hit_blocks=[hit_block()])))

    assert (hits.delay_ns, hits.attempt, hits.case, tests.case) == (None, None, None, None)
    assert [(label.said_failed, label.failed) for label in hits.labels] == [
        (None, False),
        (None, True),
    ]
    for event in (one, two):
        assert not event.hit.HasField("failed")
        assert (event.hit.protocol, event.hit.attempt, event.status.case) == ("", 0, "")


def decoded(**fields):
    """A batch, decoded."""
    return batches.decode(runner_pb2.EventBatch(**fields), arrival_ns=ARRIVAL_NS)
