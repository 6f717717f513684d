"""What the recorder was told is what comes out of its frames."""

import struct
import tracemalloc
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loadgrpc.model import (
    MAX_GENERATOR_NS,
    MAX_LAGS,
    ExceptionInfo,
    GeneratorState,
    HitError,
    TestOutcome,
)
from loadgrpc.protocol.blocks import BLOCK_ENTRIES
from loadgrpc.protocol.events import generator_state_to_proto
from loadgrpc.runner import texts
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.recorder import MIN_BATCH_BYTES, Recorder
from loadgrpc.v1 import event_pb2, runner_pb2

MS = 1_000_000
MIB = 1024 * 1024
HIT_COLUMNS = [
    "label",
    "start_ns",
    "delay_ns",
    "elapsed_ns",
    "first_byte_ns",
    "connect_ns",
    "bytes_sent",
    "bytes_received",
    "user",
    "iteration",
    "url",
    "attempt",
    "case",
]


def decode_column(data, count):
    """A column as the proto defines it."""
    if not data:
        return [0] * count
    width, rest = divmod(len(data), count)
    assert rest == 0
    assert width in {1, 2, 4, 8}
    numbers = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
    smaller = {1: 0, 2: 8, 4: 16, 8: 32}[width]
    assert max(numbers) >> smaller, "a narrower column would have done"
    return numbers


def _date(timestamp):
    return timestamp.seconds * 1_000_000_000 + timestamp.nanos


def _cycle_of(status):
    return status.cycle, status.users, status.iterations


def decode_hits(block):
    """The hits of a block, as they were told to the recorder, with their cycle."""
    columns = {field: decode_column(getattr(block, field), block.count) for field in HIT_COLUMNS}
    assert len({label.SerializeToString() for label in block.labels}) == len(block.labels)
    assert set(columns["label"]) == set(range(len(block.labels)))
    assert set(columns["url"]) - {0} == set(range(1, len(block.urls) + 1))
    for entry in zip(*columns.values(), strict=True):
        row = dict(zip(columns, entry, strict=True))
        label = block.labels[row.pop("label")]
        url = row.pop("url")
        case = row.pop("case")
        row["start_ns"] += _date(block.base_time)
        delay_ns = row.pop("delay_ns")
        row["planned_start_ns"] = row["start_ns"] - delay_ns if delay_ns else 0
        yield {
            **row,
            "name": label.name,
            "method": label.method,
            "status": label.status,
            "error": HitError(label.error),
            "error_message": label.error_message,
            "url": block.urls[url - 1] if url else label.name,
            "cycle": _cycle_of(block.status),
            "protocol": label.protocol,
            "failed": label.failed if label.HasField("failed") else None,
            "case": block.cases[case - 1] if case else "",
        }


def decode_tests(block):
    """The iterations of a block, as they were told to the recorder, with their cycle."""
    fields = ("label", "start_ns", "elapsed_ns", "user", "iteration", "case")
    columns = [decode_column(getattr(block, field), block.count) for field in fields]
    for entry in zip(*columns, strict=True):
        row = dict(zip(fields, entry, strict=True))
        label = block.labels[row.pop("label")]
        info = label.exception
        case = row.pop("case")
        row["case"] = block.cases[case - 1] if case else ""
        row["start_ns"] += _date(block.base_time)
        assert label.test == "a.B.test_c"
        yield {
            **row,
            "outcome": TestOutcome(label.outcome),
            "exception": ExceptionInfo(
                type=info.type, message=info.message, traceback=info.traceback
            )
            if label.HasField("exception")
            else None,
            "cycle": _cycle_of(block.status),
        }


def _decode_row(event):
    status = event.status
    where = (_cycle_of(status), status.current_user, status.current_iteration, _date(event.time))
    if event.HasField("counter"):
        return "counter", event.counter.name, event.counter.increment, *where
    raise AssertionError(event)


def decode(frames, limit):
    """Everything in some frames: rows, hits, iterations."""
    rows, hits, tests = [], [], []
    for frame in frames:
        assert len(frame.payload) <= limit
        batch = runner_pb2.EventBatch.FromString(frame.payload)
        assert batch.first_sequence == 0
        blocks = [*batch.hit_blocks, *batch.test_blocks]
        assert frame.events == len(batch.events) + sum(block.count for block in blocks)
        assert frame.hits == sum(block.count for block in batch.hit_blocks)
        assert frame.events > 0
        rows += map(_decode_row, batch.events)
        hits += [hit for block in batch.hit_blocks for hit in decode_hits(block)]
        tests += [test for block in batch.test_blocks for test in decode_tests(block)]
    return rows, hits, tests


def _a_hit(**changes):
    return {
        "name": "http://h/a",
        "url": "http://h/a?b=1",
        "method": "GET",
        "status": 200,
        "error": HitError.NONE,
        "error_message": "",
        "start_ns": 1_700_000_000_000_000_000,
        "elapsed_ns": 12 * MS,
        "first_byte_ns": 10 * MS,
        "connect_ns": 3 * MS,
        "bytes_sent": 150,
        "bytes_received": 1150,
        "user": 2,
        "iteration": 7,
        "protocol": "",
        "failed": None,
        "planned_start_ns": 0,
        "attempt": 0,
        "case": "",
        **changes,
    }


def _record(recorder, *, user, iteration, **fields):
    """Has a hit recorded."""
    recorder.hit(Hit(**fields), user, iteration)


def _an_iteration(**changes):
    return {
        "outcome": TestOutcome.SUCCESS,
        "exception": None,
        "start_ns": 1_700_000_000_000_000_000,
        "elapsed_ns": 20 * MS,
        "user": 2,
        "iteration": 7,
        "case": "",
        **changes,
    }


@pytest.fixture
def recorder(clock):
    """A recorder of the test `a.B.test_c`."""
    return Recorder(clock, "a.B.test_c")


def test_figures_are_those_worked_out_by_hand(recorder, clock):
    """Two hits, an iteration and a counter come out as they went in."""
    recorder.begin_cycle(1, 10, 20)
    _record(recorder, **_a_hit())
    clock.advance(0.005)
    _record(recorder, **_a_hit(url="http://h/a", start_ns=1_700_000_000_000_000_256, connect_ns=0))
    recorder.iteration(**_an_iteration())
    recorder.counter("bought", -3, 2, 7)
    [frame] = recorder.take(MIB)
    assert (frame.events, frame.hits) == (4, 2)
    assert (recorder.produced_events, recorder.produced_hits) == (4, 2)

    batch = runner_pb2.EventBatch.FromString(frame.payload)
    load = event_pb2.LoadStatus(cycle=1, users=10, iterations=20)
    in_user = event_pb2.LoadStatus(
        cycle=1, users=10, iterations=20, current_user=2, current_iteration=7
    )
    time = {"seconds": 1_700_000_000, "nanos": 5 * MS}
    base = {"seconds": 1_700_000_000}
    assert batch == runner_pb2.EventBatch(
        events=[
            event_pb2.Event(time=time, status=in_user, counter={"name": "bought", "increment": -3}),
        ],
        hit_blocks=[
            event_pb2.HitBlock(
                count=2,
                base_time=base,
                status=load,
                labels=[{"name": "http://h/a", "method": "GET", "status": 200}],
                label=b"",
                start_ns=b"\0\0\0\1",
                elapsed_ns=(12 * MS).to_bytes(4, "little") * 2,
                first_byte_ns=(10 * MS).to_bytes(4, "little") * 2,
                connect_ns=(3 * MS).to_bytes(4, "little") + bytes(4),
                bytes_sent=b"\x96\x96",
                bytes_received=b"\x7e\4\x7e\4",
                user=b"\2\2",
                iteration=b"\7\7",
                urls=["http://h/a?b=1"],
                url=b"\1\0",
            )
        ],
        test_blocks=[
            event_pb2.TestBlock(
                count=1,
                base_time=base,
                status=load,
                labels=[{"test": "a.B.test_c", "outcome": event_pb2.TEST_OUTCOME_SUCCESS}],
                elapsed_ns=(20 * MS).to_bytes(4, "little"),
                user=b"\2",
                iteration=b"\7",
            )
        ],
    )
    assert recorder.take(MIB) == []


def test_how_the_process_kept_up_is_one_event(recorder, clock):
    """A state comes out as one row with its moment and its cycle, and is counted."""
    recorder.begin_cycle(2, 10, 20)
    clock.advance(0.005)
    state = GeneratorState(process=3, elapsed_ns=1_005 * MS, cpu_ns=7 * MS, lags_ns=(5, 6))
    recorder.generator(state)
    [frame] = recorder.take(MIB)
    assert (frame.events, frame.hits, recorder.produced_events) == (1, 0, 1)

    [event] = runner_pb2.EventBatch.FromString(frame.payload).events
    assert event == event_pb2.Event(
        time={"seconds": 1_700_000_000, "nanos": 5 * MS},
        status={"cycle": 2, "users": 10, "iterations": 20},
        generator=generator_state_to_proto(state),
    )


def test_what_was_produced_is_known_to_others(clock):
    """Events and hits are counted where they outlive the process, as they are recorded."""
    produced = memoryview(bytearray(16)).cast("Q")
    recorder = Recorder(clock, "a.B.c", produced)
    for record, counts in (
        (lambda: _record(recorder, **_a_hit()), [1, 1]),
        (lambda: recorder.iteration(**_an_iteration()), [2, 1]),
        (lambda: recorder.counter("n", 3, 1, 1), [3, 1]),
        (lambda: _record(recorder, **_a_hit()), [4, 2]),
        (lambda: recorder.take(MIN_BATCH_BYTES), [4, 2]),
    ):
        record()
        assert list(produced) == counts == [recorder.produced_events, recorder.produced_hits]


def test_the_largest_state_fits_into_the_smallest_batch(recorder):
    """A process that was held up for an hour can still say so."""
    recorder.generator(GeneratorState(elapsed_ns=1, lags_ns=(MAX_GENERATOR_NS,) * MAX_LAGS))
    [frame] = recorder.take(MIN_BATCH_BYTES)
    assert len(frame.payload) <= MIN_BATCH_BYTES


def test_before_the_first_cycle_the_load_is_unknown(recorder):
    """What is recorded before a cycle begins carries no LoadStatus."""
    _record(recorder, **_a_hit())
    [frame] = recorder.take(MIB)
    batch = runner_pb2.EventBatch.FromString(frame.payload)
    assert not batch.hit_blocks[0].HasField("status")


def test_a_measurement_that_is_refused_leaves_nothing_behind(recorder):
    """A number that no column can hold raises, and the entries around it stay whole."""
    _record(recorder, **_a_hit())
    with pytest.raises(struct.error):
        _record(recorder, **_a_hit(elapsed_ns=-1))
    _record(recorder, **_a_hit(status=404))
    assert recorder.produced_events == 2
    _, hits, _ = decode(recorder.take(MIB), MIB)
    assert [hit["status"] for hit in hits] == [200, 404]


def test_giant_texts_are_cut_to_what_the_protocol_keeps(recorder):
    """A single entry always fits in the smallest batch, whatever a test or server says."""
    giant = "é" * 100_000
    _record(recorder, **_a_hit(name=giant, url=giant + "?", method=giant, error_message=giant))
    info = ExceptionInfo(type=giant, message=giant, traceback=giant)
    recorder.iteration(**_an_iteration(outcome=TestOutcome.ERROR, exception=info))
    recorder.counter(giant, 1, 1, 1)
    frames = recorder.take(MIN_BATCH_BYTES)
    rows, [hit], [test] = decode(frames, MIN_BATCH_BYTES)
    assert 1_020 < len(rows[0][1].encode()) <= 1024
    assert 1_020 < len(hit["name"].encode()) <= 1024
    assert len(hit["url"].encode()) == 8192
    assert len(hit["error_message"].encode()) == 4096
    assert len(test["exception"].message.encode()) == 4096
    assert len(test["exception"].traceback.encode()) == 16384


def test_texts_that_are_no_text_are_sent_all_the_same(recorder):
    """Lone surrogates, as in undecodable file names, do not break a batch."""
    _record(recorder, **_a_hit(error_message="no \udc80"))
    _, [hit], _ = decode(recorder.take(MIB), MIB)
    assert hit["error_message"] == "no ?"


def test_labels_that_are_equal_after_cutting_are_one(recorder):
    """Each combination stands in a block once, though what it was made from differed."""
    for end in "ab":
        _record(recorder, **_a_hit(error_message="n" * 5_000 + end))
    [frame] = recorder.take(MIB)
    [block] = runner_pb2.EventBatch.FromString(frame.payload).hit_blocks
    assert len(block.labels) == 1


def test_d8_names_that_are_cut_stay_apart(recorder):
    """Names that differ only behind what is kept end in a hash, and are three series."""
    for end in "abc":
        _record(recorder, **_a_hit(name="n" * 5_000 + end))
        recorder.counter("c" * 5_000 + end, 1, 1, 1)
    [frame] = recorder.take(MIB)
    batch = runner_pb2.EventBatch.FromString(frame.payload)
    assert len({label.name for label in batch.hit_blocks[0].labels}) == 3
    assert len({event.counter.name for event in batch.events}) == 3
    assert all(len(label.name) == 1024 for label in batch.hit_blocks[0].labels)


def test_a_batch_that_could_not_hold_an_entry_is_refused(recorder):
    """A limit below the largest entry is the caller's mistake; nothing is lost by it."""
    _record(recorder, **_a_hit())
    with pytest.raises(ValueError, match="a batch needs"):
        recorder.take(MIN_BATCH_BYTES - 1)
    assert len(recorder.take(MIN_BATCH_BYTES)) == 1


def _blocks(frames):
    """The blocks of some frames: of hits, and of iterations."""
    batches = [runner_pb2.EventBatch.FromString(frame.payload) for frame in frames]
    hits = [block for batch in batches for block in batch.hit_blocks]
    tests = [block for batch in batches for block in batch.test_blocks]
    return hits, tests


def test_no_more_than_a_block_is_encoded_without_a_rest(recorder):
    """Users wait for a block at most: of hits, of iterations, or of rows."""
    rests = []
    for number in range(2 * BLOCK_ENTRIES + 1):
        _record(recorder, **_a_hit())
        recorder.iteration(**_an_iteration())
        recorder.counter("bought", 1, 1, number)
    hits, tests = _blocks(recorder.take(MIB, rest=lambda: rests.append(None)))
    for blocks in (hits, tests):
        assert max(block.count for block in blocks) <= BLOCK_ENTRIES
        assert sum(block.count for block in blocks) == 2 * BLOCK_ENTRIES + 1
        assert len(blocks) == 3
    assert len(rests) == len(hits) + len(tests) + 9  # rows: 500 at a time


def test_a_block_with_much_to_point_to_has_fewer_entries(recorder):
    """Labels and texts take time to encode as entries do, and count as they do."""
    for number in range(BLOCK_ENTRIES):
        _record(recorder, **_a_hit(name=f"/{number}", url=f"/{number}"))
        info = ExceptionInfo(type="E", message="", traceback=f"{number:16384}")
        recorder.iteration(**_an_iteration(outcome=TestOutcome.ERROR, exception=info))
    hits, tests = _blocks(recorder.take(MIB))
    assert max(block.count for block in hits) < BLOCK_ENTRIES / 10
    assert max(block.count for block in tests) < 50


def test_what_is_recorded_during_a_rest_is_taken_the_next_time(recorder):
    """A rest lets users go on: nothing is lost by it, and nothing comes twice."""
    for number in range(BLOCK_ENTRIES + 1):
        _record(recorder, **_a_hit(user=number))
    users = iter(range(BLOCK_ENTRIES + 1, BLOCK_ENTRIES + 9))
    first = recorder.take(MIB, rest=lambda: _record(recorder, **_a_hit(user=next(users))))
    second = recorder.take(MIB)
    _, hits, _ = decode([*first, *second], MIB)
    assert [hit["user"] for hit in hits] == list(range(len(hits)))
    assert len(hits) == recorder.produced_hits > BLOCK_ENTRIES + 1


def test_nothing_is_remembered_of_what_was_taken(recorder):
    """Names and URLs that are never the same leave nothing behind that grows with the run."""

    def record(first, last):
        for number in range(first, last):
            _record(recorder, **_a_hit(name=f"/{number}", url=f"/{number}?q"))
            if number % 5_000 == 4_999:
                recorder.take(MIB)

    tracemalloc.start()
    try:
        record(0, 5_000)
        before, _ = tracemalloc.get_traced_memory()
        record(5_000, 50_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500_000, "45,000 hits: 11 bytes each are less than any memory of them"


SIZES = st.one_of(st.integers(0, 300), st.sampled_from([65_535, 65_536, 2**32 - 1, 2**32, 2**62]))
WORDS = st.sampled_from(["a", "b" * 700, "ü" * 400, "c" * 8_000])
HITS = st.fixed_dictionaries(
    {
        "name": WORDS,
        "url": WORDS,
        "method": st.sampled_from(["GET", "POST"]),
        "status": st.sampled_from([0, 200, 404]),
        "error": st.sampled_from(list(HitError)),
        "error_message": st.sampled_from(["", "m" * 3_000]),
        "start_ns": st.integers(1_700_000_000_000_000_000, 1_700_001_000_000_000_000),
    }
    | dict.fromkeys(
        ["elapsed_ns", "first_byte_ns", "connect_ns", "bytes_sent", "bytes_received"], SIZES
    )
    | {"user": st.integers(1, 100_000), "iteration": st.integers(0, 70_000)}
    | {
        "protocol": st.sampled_from(["", "grpc", "websocket"]),
        "failed": st.sampled_from([None, False, True]),
        "planned_start_ns": st.sampled_from([0, 1_600_000_000_000_000_000, 2**62]),
        "attempt": st.sampled_from([0, 1, 300]),
        "case": st.just("") | WORDS,
    }
)
TESTS = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(list(TestOutcome)),
        "exception": st.none()
        | st.builds(ExceptionInfo, type=WORDS, message=WORDS, traceback=WORDS),
        "start_ns": st.integers(0, 2**62),
        "elapsed_ns": SIZES,
        "user": st.integers(1, 300),
        "iteration": st.integers(0, 70_000),
        "case": st.just("") | WORDS,
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hit"), HITS, st.integers(1, 40)),
        st.tuples(st.just("iteration"), TESTS, st.integers(1, 40)),
        st.tuples(st.just("counter"), WORDS, st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("cycle"), st.integers(1, 5), st.integers(0, 9)),
        st.tuples(st.just("take"), st.none(), st.none()),
    ),
    max_size=40,
)


def _cut(text, limit):
    return text.encode()[:limit].decode(errors="ignore")


def _expected(kind, entry, cycle):
    entry = {**entry, "cycle": cycle, "case": texts.name(entry["case"])}
    if kind == "hit":
        if entry["planned_start_ns"] > entry["start_ns"]:
            entry["planned_start_ns"] = 0
        same = entry["url"] == entry["name"]
        entry["name"] = texts.name(entry["name"])
        entry["url"] = entry["name"] if same else _cut(entry["url"], 8192)
    elif entry["exception"] is not None:
        info = entry["exception"]
        entry["exception"] = ExceptionInfo(
            type=_cut(info.type, 1024),
            message=_cut(info.message, 4096),
            traceback=_cut(info.traceback, 16384),
        )
    return entry


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.sampled_from([MIN_BATCH_BYTES, 50_000, MIB]))
@example([("hit", _a_hit(elapsed_ns=2**62), 3_000)], MIN_BATCH_BYTES)
@example([("hit", _a_hit(error_message="m" * 3_000, url="u" * 8_000), 40)], MIN_BATCH_BYTES)
def test_everything_comes_out_as_it_went_in(clock, steps, limit):
    """Whatever is recorded and whenever it is taken: nothing lost, nothing twice, in order."""
    recorder = Recorder(clock, "a.B.test_c")
    cycle = (0, 0, 0)
    told = {"hit": [], "iteration": [], "row": []}
    frames = []
    for kind, what, number in [*steps, ("take", None, None)]:
        if kind in {"hit", "iteration"}:
            for each in range(number):
                entry = {**what, "start_ns": what["start_ns"] + each}
                if kind == "hit":  # labels and urls of their own, so that blocks are split
                    entry["name"] = f"{each % 7}{entry['name']}"
                    entry["url"] = f"{each % 5}{entry['url']}"
                    _record(recorder, **entry)
                else:
                    recorder.iteration(**entry)
                told[kind].append(_expected(kind, entry, cycle))
        elif kind == "counter":
            clock.advance(0.001)
            recorder.counter(what, number, 3, 4)
            row = ("counter", texts.name(what), number, cycle, 3, 4, clock.wall_ns())
            told["row"].append(row)
        elif kind == "cycle":
            cycle = (what, 10 * what, number)
            recorder.begin_cycle(what, 10 * what, number)
        else:
            frames += recorder.take(limit)
    rows, hits, tests = decode(frames, limit)
    assert rows == told["row"]
    assert hits == told["hit"]
    assert tests == told["iteration"]
    assert recorder.produced_events == sum(frame.events for frame in frames)
    assert recorder.produced_hits == sum(frame.hits for frame in frames) == len(hits)


def test_frames_are_well_filled(recorder):
    """Splitting does not shatter: ten thousand hits of 25 bytes need few frames."""
    for number in range(10_000):
        _record(recorder, **_a_hit(start_ns=10**18 + number * MS, elapsed_ns=number * 1_000))
    frames = recorder.take(64 * 1024)
    assert sum(len(frame.payload) for frame in frames) < 10_000 * 30
    assert len(frames) <= 8
    assert Counter(frame.events == frame.hits for frame in frames) == {True: len(frames)}
