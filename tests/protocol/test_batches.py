"""Batches as they are decoded: what a stranger sends is counted or rejected, never both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.model import ExceptionInfo, GeneratorState, HitError, TestOutcome
from loadgrpc.protocol import bounds, home
from loadgrpc.protocol.batches import decode as decode_batch
from loadgrpc.v1 import event_pb2, runner_pb2

NS = 1_000_000_000
ARRIVAL_NS = 1_700_000_000 * NS
WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
LABEL = {"name": "/a", "method": "GET", "status": 200}


def column(values, width):
    """A column of a block."""
    return np.array(values, WIDTHS[width]).tobytes()


def hit_block(count=1, *, base_ns=ARRIVAL_NS, labels=(LABEL,), **fields):
    """A block of hits with defaults that are valid."""
    block = event_pb2.HitBlock(count=count, labels=labels, **fields)
    if base_ns is not None:
        block.base_time.FromNanoseconds(base_ns)
    return block


def iteration_block(
    count=1, *, base_ns=ARRIVAL_NS, labels=({"test": "t", "outcome": 1},), **fields
):
    """A block of iterations with defaults that are valid."""
    block = event_pb2.TestBlock(count=count, labels=labels, **fields)
    if base_ns is not None:
        block.base_time.FromNanoseconds(base_ns)
    return block


def hit_row(**fields):
    """A row about a hit that took a millisecond."""
    hit = event_pb2.Hit(**{**LABEL, **fields})
    if "elapsed" not in fields:
        hit.elapsed.FromMilliseconds(1)
    return event_pb2.Event(hit=hit)


def timestamp(seconds):
    """The fields of a Timestamp or a Duration."""
    return {"seconds": seconds}


def decode(*, skip=0, **fields):
    """A batch of these rows and blocks, decoded."""
    return decode_batch(runner_pb2.EventBatch(**fields), arrival_ns=ARRIVAL_NS, skip=skip)


def kept(decoded):
    """Valid entries of a batch, of whatever kind."""
    return (
        decoded.hit_count
        + sum(len(block.label) for block in decoded.iterations)
        + decoded.starts
        + decoded.stops
        + len(decoded.outcomes)
        + len(decoded.counters)
        + len(decoded.users)
        + len(decoded.generator)
    )


# Blocks


@given(
    st.data(),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(1, 40),
)
def test_columns_come_back_as_they_were(data, width, count):
    """Numbers of any width decode to themselves, entry by entry."""
    most = min(2 ** (8 * width) - 1, 2**40)
    entries = st.lists(st.integers(0, most), min_size=count, max_size=count)
    start, elapsed, sent, received = (data.draw(entries) for _ in range(4))
    label = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    decoded = decode(
        hit_blocks=[
            hit_block(
                count,
                labels=[LABEL, {**LABEL, "name": "/b"}],
                label=column(label, width),
                start_ns=column(start, width),
                elapsed_ns=column(elapsed, width),
                bytes_sent=column(sent, width),
                bytes_received=column(received, width),
            )
        ],
        test_blocks=[
            iteration_block(count, start_ns=column(start, width), elapsed_ns=column(elapsed, width))
        ],
    )

    (hits,), (tests,) = decoded.hits, decoded.iterations
    assert hits.label.tolist() == label
    assert hits.start_ns.tolist() == tests.start_ns.tolist() == [ARRIVAL_NS + s for s in start]
    assert hits.elapsed_ns.tolist() == tests.elapsed_ns.tolist() == elapsed
    assert hits.bytes_sent.tolist() == sent
    assert hits.bytes_received.tolist() == received
    assert decoded.rejected == 0


def test_an_empty_column_is_zeros():
    """A block with nothing but its count and a label is that many hits of no duration."""
    (hits,) = decode(hit_blocks=[hit_block(3)]).hits

    assert hits.label.tolist() == hits.elapsed_ns.tolist() == [0, 0, 0]
    assert hits.start_ns.tolist() == [ARRIVAL_NS] * 3


HIT_COLUMNS = [
    field.name for field in event_pb2.HitBlock.DESCRIPTOR.fields if field.type == field.TYPE_BYTES
]
TEST_COLUMNS = [
    field.name for field in event_pb2.TestBlock.DESCRIPTOR.fields if field.type == field.TYPE_BYTES
]


@pytest.mark.parametrize("length", [1, 2, 4, 5, 7, 9, 12, 48])
@pytest.mark.parametrize("name", HIT_COLUMNS)
def test_a_column_of_hits_of_another_length_is_malformed(name, length):
    """Three entries fill 3, 6, 12 or 24 bytes; any other length rejects all three of them."""
    decoded = decode(hit_blocks=[hit_block(3, **{name: b"\0" * length})])
    whole = length in (3, 6, 12, 24)

    assert decoded.rejected == decoded.rejected_hits == (0 if whole else 3)
    assert decoded.hit_count == (3 if whole else 0)
    assert all(name in violation for violation in decoded.violations)
    assert bool(decoded.violations) is not whole


@pytest.mark.parametrize("length", [1, 2, 4, 5, 7, 9, 12, 48])
@pytest.mark.parametrize("name", TEST_COLUMNS)
def test_a_column_of_iterations_of_another_length_is_malformed(name, length):
    """The rule for columns is the same for blocks of iterations."""
    decoded = decode(test_blocks=[iteration_block(3, **{name: b"\0" * length})])

    assert (decoded.rejected, kept(decoded)) == ((0, 3) if length == 12 else (3, 0))
    assert decoded.rejected_hits == 0


HUGE = 2**63 - 1
FAILURE = {"test": "t", "outcome": 2, "exception": {"type": "AssertionError"}}
MALFORMED_HITS = {
    "no base_time": hit_block(4, base_ns=None),
    "a base_time that 64 bits cannot hold": hit_block(4, base_ns=None, base_time=timestamp(2**62)),
    "a base_time before 1970": hit_block(4, base_ns=None, base_time=timestamp(-1)),
    "no labels": hit_block(4, labels=[]),
    "a label without a name": hit_block(4, labels=[{"status": 200}]),
    "an index to no label": hit_block(4, label=column([0, 0, 1, 0], 1)),
    "a start over 2**63-1": hit_block(4, start_ns=column([0, 0, 0, 2**63], 8)),
    "a start after 2262": hit_block(4, start_ns=column([0, 0, 0, HUGE], 8)),
    "an end after 2262": hit_block(4, elapsed_ns=column([0, 0, 0, HUGE], 8)),
    "an elapsed over 2**63-1": hit_block(4, elapsed_ns=column([2**64 - 1] * 4, 8)),
    "a size over all bounds": hit_block(4, bytes_sent=column([0, 0, 0, 2**40 + 1], 8)),
    "another size over all bounds": hit_block(4, bytes_received=column([0, 0, 0, HUGE], 8)),
    "a plan before 1970": hit_block(4, delay_ns=column([0, 0, 0, ARRIVAL_NS + 1], 8)),
    "a delay over 2**63-1": hit_block(4, delay_ns=column([0, 0, 0, 2**63], 8)),
    "an attempt over 2**32-1": hit_block(4, attempt=column([0, 0, 0, 2**32], 8)),
    "an index to no case": hit_block(4, cases=["a"], case=column([0, 1, 2, 0], 1)),
}
MALFORMED_TESTS = {
    "no base_time": iteration_block(4, base_ns=None),
    "no labels": iteration_block(4, labels=[]),
    "a label without a test": iteration_block(4, labels=[{"outcome": 1}]),
    "a label without an outcome": iteration_block(4, labels=[{"test": "t"}]),
    "an unknown outcome": iteration_block(4, labels=[{"test": "t", "outcome": 77}]),
    "a failure without an exception": iteration_block(4, labels=[{"test": "t", "outcome": 2}]),
    "an error of no type": iteration_block(
        4, labels=[{"test": "t", "outcome": 3, "exception": {}}]
    ),
    "an index to no label": iteration_block(4, labels=[FAILURE], label=column([1, 0, 0, 0], 2)),
    "an end after 2262": iteration_block(4, elapsed_ns=column([HUGE] * 4, 8)),
    "an index to no case": iteration_block(4, cases=["a"], case=column([0, 1, 2, 0], 1)),
}


@pytest.mark.parametrize("what", MALFORMED_HITS)
def test_a_malformed_block_of_hits_is_rejected_whole(what):
    """A malformed block rejects its declared count, is named by its place, and harms no other."""
    decoded = decode(hit_blocks=[hit_block(2), MALFORMED_HITS[what], hit_block(3)])

    assert (decoded.rejected, decoded.rejected_hits, decoded.hit_count) == (4, 4, 5)
    (violation,) = decoded.violations
    assert violation.startswith("hit_blocks[1]: ")


@pytest.mark.parametrize("what", MALFORMED_TESTS)
def test_a_malformed_block_of_iterations_is_rejected_whole(what):
    """A malformed block rejects its declared count, is named by its place, and harms no other."""
    decoded = decode(test_blocks=[iteration_block(2), MALFORMED_TESTS[what], iteration_block(3)])

    assert (decoded.rejected, decoded.rejected_hits, kept(decoded)) == (4, 0, 5)
    assert decoded.violations[0].startswith("test_blocks[1]: ")


@pytest.mark.parametrize("count", [bounds.MAX_BATCH_ENTRIES + 1, 2**32 - 1])
def test_a_block_that_declares_too_much_is_rejected_without_memory(count):
    """A count over the bound is believed as far as numbers go, and nothing is made of it."""
    batch = runner_pb2.EventBatch(hit_blocks=[hit_block(count)])

    assert home.size(batch) == count
    assert decode_batch(batch, arrival_ns=0).rejected == count


def test_blocks_that_declare_too_much_together_are_rejected_without_memory():
    """Empty columns cost a sender nothing: of many large blocks only the first is made."""
    batch = runner_pb2.EventBatch(
        hit_blocks=[_zeros(hit_block(1), 100_000) for _ in range(9)],
        test_blocks=[_zeros(iteration_block(1), 100_000) for _ in range(9)],
    )

    decoded = decode_batch(batch, arrival_ns=0)
    assert (decoded.hit_count, len(decoded.iterations)) == (100_000, 0)
    assert decoded.rejected == 17 * 100_000
    assert "more than 131072 entries together" in decoded.violations[0]


def _zeros(block, count):
    """A block of so many entries, all of whose columns are empty."""
    for field, value in block.ListFields():
        if isinstance(value, bytes):
            block.ClearField(field.name)
    block.count = count
    return block


def test_outcomes_without_an_exception_need_none():
    """A passed and an interrupted iteration raise nothing, whatever the label says."""
    labels = [{**FAILURE, "outcome": 1}, {**FAILURE, "outcome": 4}, FAILURE]
    (tests,) = decode(test_blocks=[iteration_block(1, labels=labels)]).iterations

    assert [label.exception for label in tests.labels] == [
        None,
        None,
        ExceptionInfo(type="AssertionError"),
    ]


def test_the_error_tells_whether_there_was_an_answer():
    """An error makes a hit unanswered, one of the future too; status 0 alone does not."""
    labels = [
        {"name": "/", "status": 0},
        {"name": "/", "status": 0, "error": 2, "error_message": "refused"},
        {"name": "/", "status": 200, "error": 99},
        {"name": "/", "status": 404},
        {"name": "/", "status": 399},
    ]
    (hits,) = decode(hit_blocks=[hit_block(1, labels=labels)]).hits

    assert [label.error for label in hits.labels] == [
        HitError.NONE,
        HitError.CONNECT,
        HitError.OTHER,
        HitError.NONE,
        HitError.NONE,
    ]
    assert [label.answered for label in hits.labels] == [True, False, False, True, True]
    assert [label.failed for label in hits.labels] == [False, True, True, True, False]


def test_whoever_makes_a_hit_says_whether_it_failed():
    """`failed` decides; without it the error and the status do, whatever the protocol."""
    labels = [
        {"name": "/", "status": 500, "failed": False},
        {"name": "/", "status": 200, "failed": True},
        {"name": "/", "error": 4, "failed": False},
        {"name": "/rpc", "protocol": "grpc", "status": 14, "failed": True},
        {"name": "/rpc", "protocol": "grpc", "status": 14},
        {"name": "/", "protocol": "http", "status": 500},
    ]
    (hits,) = decode(hit_blocks=[hit_block(1, labels=labels)]).hits
    rows = decode(events=[hit_row(**{"status": 0, **label}) for label in labels]).hits[0]

    assert [label.failed for label in hits.labels] == [False, True, False, True, False, True]
    assert [label.answered for label in hits.labels] == [True, True, False, True, True, True]
    assert [label.protocol for label in hits.labels] == ["", "", "", "grpc", "grpc", ""]
    assert [(label.failed, label.protocol) for label in rows.labels] == [
        (label.failed, label.protocol) for label in hits.labels
    ]


def test_hits_are_late_by_what_they_started_after_their_plan():
    """A plan that is absent, or after the start, is the start; without any there is no column."""
    late, early, unplanned = hit_row(), hit_row(), hit_row()
    for row, planned_ns in ((late, ARRIVAL_NS - 7), (early, ARRIVAL_NS + 5)):
        row.hit.start_time.FromNanoseconds(ARRIVAL_NS)
        row.hit.planned_start_time.FromNanoseconds(planned_ns)
    (rows,) = decode(events=[late, early, unplanned]).hits
    (block,) = decode(hit_blocks=[hit_block(3, delay_ns=column([7, 0, 0], 1))]).hits
    (none,) = decode(events=[early, unplanned]).hits
    (zeros,) = decode(hit_blocks=[hit_block(3, delay_ns=column([0, 0, 0], 1))]).hits

    assert rows.delay_ns.tolist() == block.delay_ns.tolist() == [7, 0, 0]
    assert none.delay_ns is None
    assert zeros.delay_ns is None


def test_the_tail_of_all_columns():
    """Without its first entry a block has every other column without its first, too."""
    fields = {
        "delay_ns": column([7, 8], 1),
        "attempt": column([1, 2], 1),
        "cases": ["a", "b"],
        "case": column([2, 1], 1),
    }
    tests = {"cases": ["a", "b"], "case": column([2, 1], 1), "user": column([3, 4], 1)}
    decoded = decode(skip=1, hit_blocks=[hit_block(2, **fields)])
    (iterations,) = decode(skip=1, test_blocks=[iteration_block(2, **tests)]).iterations

    (hits,) = decoded.hits
    assert [c.tolist() for c in (hits.delay_ns, hits.attempt, hits.case)] == [[8], [2], [1]]
    assert [c.tolist() for c in (iterations.case, iterations.user)] == [[1], [4]]
    assert list(hits.cases) == list(iterations.cases) == ["a", "b"]


# Rows


def test_a_row_of_a_hit():
    """A hit's row gives its label, its start and its sizes; the start may be left out."""
    explicit = hit_row(url="http://x/a?q=1#f", name="", bytes_sent=5, bytes_received=7)
    explicit.hit.start_time.FromNanoseconds(ARRIVAL_NS - 5)
    by_end = hit_row()
    by_end.time.FromNanoseconds(ARRIVAL_NS + NS)
    on_arrival = hit_row(status=0, error=4)
    (hits,) = decode(events=[explicit, by_end, on_arrival]).hits

    assert [hits.labels[at].name for at in hits.label] == ["http://x/a", "/a", "/a"]
    assert hits.labels[2].error is HitError.TIMEOUT
    assert hits.start_ns.tolist() == [
        ARRIVAL_NS - 5,
        ARRIVAL_NS + NS - 1_000_000,
        ARRIVAL_NS - 1_000_000,
    ]
    assert hits.elapsed_ns.tolist() == [1_000_000] * 3
    assert (hits.bytes_sent[0], hits.bytes_received[0]) == (5, 7)


def test_equal_rows_share_a_label():
    """Hits that differ in numbers only are one series."""
    (hits,) = decode(events=[hit_row(), hit_row(bytes_sent=9), hit_row(status=500)]).hits

    assert hits.label.tolist() == [0, 0, 1]


def test_rows_about_iterations():
    """Starts, outcomes and stops are counted apart, with the span of time they name."""
    rows = [
        event_pb2.Event(test_start={"test": "t"}, time=timestamp(100)),
        event_pb2.Event(test_failure={"test": "t", "exception": {"type": "E", "message": "m"}}),
        event_pb2.Event(test_error={"test": "t", "exception": {"type": "F"}}, time=timestamp(90)),
        event_pb2.Event(test_success={"test": "t"}, time=timestamp(95)),
        event_pb2.Event(test_stop={"test": "t"}, time=timestamp(120)),
    ]
    decoded = decode(events=rows)

    assert (decoded.starts, decoded.stops, decoded.rejected) == (1, 1, 0)
    assert [(label.outcome, label.exception) for label in decoded.outcomes] == [
        (TestOutcome.FAILURE, ExceptionInfo(type="E", message="m")),
        (TestOutcome.ERROR, ExceptionInfo(type="F")),
        (TestOutcome.SUCCESS, None),
    ]
    assert (decoded.first_ns, decoded.last_ns) == (90 * NS, ARRIVAL_NS)


def test_counters_and_states():
    """A counter without an increment counts one, one of 0 counts none; the last state holds."""
    rows = [
        event_pb2.Event(counter={"name": "a"}),
        event_pb2.Event(counter={"name": "a", "increment": 0}),
        event_pb2.Event(counter={"name": "b", "increment": -3}),
        event_pb2.Event(state={"active_users": 7}),
        event_pb2.Event(state={"active_users": 0}),
    ]
    decoded = decode(events=rows)

    assert decoded.counters == [("a", 1), ("a", 0), ("b", -3)]
    assert [told.active for told in decoded.users] == [7, 0]


def test_states_of_generators():
    """Each is kept, with its moment; one without a time has that of its arrival."""
    rows = [
        event_pb2.Event(generator={"elapsed": timestamp(1), "lags_ns": [3, 4]}, time=timestamp(7)),
        event_pb2.Event(generator={"elapsed": timestamp(1), "process": 2}),
    ]
    decoded = decode(events=rows)

    assert decoded.generator == [
        (GeneratorState(elapsed_ns=NS, lags_ns=(3, 4)), 7 * NS),
        (GeneratorState(elapsed_ns=NS, process=2), ARRIVAL_NS),
    ]


def test_lines_that_were_printed():
    """Lines are counted, the empty ones too, and so are those that were left out."""
    rows = [
        event_pb2.Event(output={"text": "hello", "process": 1024}),
        event_pb2.Event(output={"text": "", "left_out": 3}),
        event_pb2.Event(output={"left_out": 4}),
        event_pb2.Event(output={"text": "of a stream of the future", "stream": 99}),
    ]
    decoded = decode(events=rows)

    assert (decoded.lines, decoded.lines_left_out, decoded.rejected) == (3, 7, 0)


INVALID_ROWS = {
    "a line that says nothing": event_pb2.Event(output={"process": 1}),
    "a line of too high a process": event_pb2.Event(output={"text": "x", "process": 1025}),
    "nothing": event_pb2.Event(),
    "a time only": event_pb2.Event(time=timestamp(1)),
    "a hit without name and url": hit_row(name=""),
    "a hit whose url is all query": hit_row(name="", url="?q"),
    "a hit without elapsed": event_pb2.Event(hit=LABEL),
    "a hit that took less than nothing": hit_row(elapsed=timestamp(-1)),
    "a hit that took for ever": hit_row(elapsed=timestamp(2**40)),
    "a hit that started beyond 64 bits": hit_row(start_time=timestamp(2**40)),
    "a hit that started before 1970": hit_row(start_time=timestamp(-5)),
    "a hit that ended before it could start": event_pb2.Event(
        hit={**LABEL, "elapsed": timestamp(5)}, time=timestamp(4)
    ),
    "a hit at the end of time": event_pb2.Event(
        hit={**LABEL, "elapsed": timestamp(5)}, time=timestamp(2**62)
    ),
    "a hit that was planned before 1970": hit_row(planned_start_time=timestamp(-1)),
    "a hit that was planned beyond 64 bits": hit_row(planned_start_time=timestamp(2**40)),
    "a size over all bounds": hit_row(bytes_sent=2**64 - 1),
    "a start without a test": event_pb2.Event(test_start={}),
    "a start at the end of time": event_pb2.Event(test_start={"test": "t"}, time=timestamp(2**62)),
    "a stop without a test": event_pb2.Event(test_stop={}),
    "a success without a test": event_pb2.Event(test_success={}),
    "a failure without an exception": event_pb2.Event(test_failure={"test": "t"}),
    "an error of no type": event_pb2.Event(test_error={"test": "t", "exception": {"message": "m"}}),
    "a generator of no time": event_pb2.Event(generator={"lags_ns": [5]}),
    "a counter without a name": event_pb2.Event(counter={"increment": 1}),
}


@pytest.mark.parametrize("what", INVALID_ROWS)
def test_an_invalid_row_is_rejected_alone(what):
    """A row that breaks a rule is counted, named by its kind, and harms no other."""
    row = INVALID_ROWS[what]
    decoded = decode(events=[hit_row(), row, hit_row()])

    assert (decoded.rejected, kept(decoded), decoded.hit_count) == (1, 2, 2)
    assert decoded.rejected_hits == row.HasField("hit")
    assert decoded.violations[0].startswith(f"{row.WhichOneof('event') or 'event'}: ")


def test_ten_violations_are_named():
    """Of many invalid events all are counted, and ten are named."""
    decoded = decode(events=[event_pb2.Event()] * 25)

    assert (decoded.rejected, len(decoded.violations)) == (25, 10)


# Whole batches

rows = st.sampled_from(
    [
        hit_row(),
        hit_row(name="/b"),
        event_pb2.Event(test_start={"test": "t"}),
        event_pb2.Event(counter={"name": "c"}),
        event_pb2.Event(generator={"elapsed": timestamp(1)}),
        *INVALID_ROWS.values(),
    ]
)
hit_blocks = st.integers(1, 4).map(hit_block) | st.sampled_from(list(MALFORMED_HITS.values()))
test_blocks = st.integers(1, 4).map(iteration_block) | st.sampled_from(
    list(MALFORMED_TESTS.values())
)
batches = st.builds(
    runner_pb2.EventBatch,
    events=st.lists(rows, max_size=4),
    hit_blocks=st.lists(hit_blocks, max_size=3),
    test_blocks=st.lists(test_blocks, max_size=3),
)


@given(batches)
def test_every_event_is_counted_or_rejected(batch):
    """A batch has as many valid and rejected events as it takes numbers."""
    decoded = decode_batch(batch, arrival_ns=ARRIVAL_NS)

    assert kept(decoded) + decoded.rejected == home.size(batch)


@given(batches, st.data())
def test_a_tail_is_what_follows(batch, data):
    """Without its first n events a batch has n fewer, and what is left is its end."""
    size = home.size(batch)
    skip = data.draw(st.integers(0, size))
    whole = decode_batch(batch, arrival_ns=ARRIVAL_NS)
    tail = decode_batch(batch, arrival_ns=ARRIVAL_NS, skip=skip)

    assert kept(tail) + tail.rejected == size - skip
    if skip <= len(batch.events):
        assert sum(len(t.label) for t in tail.iterations) == sum(
            len(t.label) for t in whole.iterations
        )
    else:
        assert (tail.starts, tail.counters) == (0, [])


def test_order_is_rows_then_hits_then_tests():
    """Numbers run through the rows, the hit blocks and the test blocks, in this order."""
    starts = column([1, 2, 3], 1)
    batch = {
        "events": [hit_row(name="/row")] * 2,
        "hit_blocks": [hit_block(3, start_ns=starts), hit_block(1)],
        "test_blocks": [iteration_block(3, start_ns=starts)],
    }
    left = [
        (
            [hits.labels[0].name for hits in decoded.hits for _ in hits.label],
            [int(start - ARRIVAL_NS) for tests in decoded.iterations for start in tests.start_ns],
        )
        for decoded in (decode(skip=skip, **batch) for skip in (0, 1, 3, 6, 7, 9))
    ]

    assert left == [
        (["/row"] * 2 + ["/a"] * 4, [1, 2, 3]),
        (["/row"] + ["/a"] * 4, [1, 2, 3]),
        (["/a"] * 3, [1, 2, 3]),
        ([], [1, 2, 3]),
        ([], [2, 3]),
        ([], []),
    ]


def test_the_tail_of_a_malformed_block():
    """Of a malformed block that overlaps, only the part that is new is rejected."""
    decoded = decode(skip=3, hit_blocks=[MALFORMED_HITS["no labels"]])

    assert (decoded.rejected, decoded.rejected_hits) == (1, 1)


@given(batches)
def test_whatever_decodes_adds_up(batch):
    """What is let through by decoding cannot break the figures."""
    aggregate = Aggregate()
    decoded = decode_batch(batch, arrival_ns=ARRIVAL_NS)
    aggregate.add(("agent", ""), "runner", decoded, arrival_ns=ARRIVAL_NS)

    assert aggregate.hits.total().count == decoded.hit_count
    assert aggregate.duration_ns({}) >= 0


def test_names_are_bounded():
    """Names are cut to a length, so that a thousand of them are no danger."""
    (hits,) = decode(hit_blocks=[hit_block(labels=[{"name": "x" * 5_000, "status": 200}])]).hits

    assert len(hits.labels[0].name) == bounds.MAX_NAME_CHARS


def test_protocols_are_bounded():
    """So are they."""
    (hits,) = decode(hit_blocks=[hit_block(labels=[{**LABEL, "protocol": "x" * 5_000}])]).hits

    assert hits.labels[0].protocol == "x" * bounds.MAX_PROTOCOL_CHARS
