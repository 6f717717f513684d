"""What a user process counts of its sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.bounds import MAX_GAPS
from loadgrpc.runner import socket_tally
from loadgrpc.runner.recorder import MAX_SOCKET_NAMES, Recorder
from loadgrpc.stats.buckets import position
from loadgrpc.testing import ManualClock
from loadgrpc.v1 import runner_pb2


@pytest.fixture
def recorder():
    """A recorder in the first cycle."""
    recorder = Recorder(ManualClock(), "test")
    recorder.begin_cycle(1, 1, 0)
    return recorder


def taken(recorder):
    """The events of what is taken, in order, and what they are decoded to."""
    events, decoded = [], []
    for encoded in recorder.take(2**20):
        batch = runner_pb2.EventBatch.FromString(encoded.payload)
        assert encoded.events == len(batch.events)
        events += batch.events
        found = decode(batch, arrival_ns=1)
        assert not found.violations
        decoded += found.sockets
    return events, decoded


def test_a_thousand_messages_are_one_event(recorder):
    """All that happens on sockets of a name between two reports is one event, and adds up."""
    tally = recorder.socket("chat", "websocket")
    tally.open()
    for at in range(1_000):
        tally.sent(10)
        tally.received(20, 1_000_000 if at else None)
    tally.close(broken=False)
    tally.close(broken=True)
    assert recorder.produced_events == 1
    (event,), (sockets,) = taken(recorder)
    assert event.status.cycle == 1
    stats = sockets.stats
    assert (sockets.name, sockets.protocol) == ("chat", "")
    assert (stats.opened, stats.closed, stats.broken) == (1, 1, 1)
    assert (stats.messages_sent, stats.bytes_sent) == (1_000, 10_000)
    assert (stats.messages_received, stats.bytes_received) == (1_000, 20_000)
    assert (stats.gaps.count, stats.gaps.max_ns) == (999, 1_000_000)
    assert recorder.take(2**20) == []


def test_nothing_is_counted_twice(recorder):
    """Each report has what happened since the one before, and each is one produced event."""
    tally = recorder.socket("chat", "websocket")
    seen = []
    for size in (1, 2, 3):
        tally.sent(size)
        seen += [sockets.stats.bytes_sent for sockets in taken(recorder)[1]]
        assert recorder.produced_events == size
    assert seen == [1, 2, 3]


def test_reports_belong_to_their_cycle(recorder):
    """What happened in a cycle is reported as its own, when the next one begins."""
    tally = recorder.socket("chat", "websocket")
    tally.sent(1)
    recorder.begin_cycle(2, 1, 0)
    tally.sent(1)
    events, _ = taken(recorder)
    assert [event.status.cycle for event in events] == [1, 2]
    assert recorder.produced_events == 2


def test_a_full_tally_reports_by_itself(recorder, monkeypatch):
    """Gaps of more lengths than an event may have, and more messages, make several events."""
    tally = recorder.socket("chat", "websocket")
    for gap in range(2 * MAX_GAPS + 10):
        tally.received(1, gap)
    monkeypatch.setattr(socket_tally, "MAX_COUNT", 3)
    for _ in range(10):
        tally.sent(1)
    events, sockets = taken(recorder)
    assert len(events) == recorder.produced_events == 6
    assert sum(each.stats.messages_received for each in sockets) == 2 * MAX_GAPS + 10
    assert sum(each.stats.gaps.count for each in sockets) == 2 * MAX_GAPS + 10
    assert sum(each.stats.messages_sent for each in sockets) == 10


@given(st.integers(0, 2**62))
def test_a_gap_stays_within_the_error_of_histograms(gap_ns):
    """Rounding leaves a gap in its bucket or one beside it, within 0.0062 % of what it was."""
    recorder = Recorder(ManualClock(), "test")
    recorder.socket("chat", "websocket").received(1, gap_ns)
    (event,), _ = taken(recorder)
    (rounded,) = event.socket.gaps_ns
    assert abs(rounded - gap_ns) <= gap_ns * 0.000_062
    if gap_ns:
        assert abs(position(rounded) - position(gap_ns)) <= 1


def test_names_are_bounded(recorder):
    """Sockets of too many names are counted together, and no message is lost."""
    for at in range(MAX_SOCKET_NAMES + 50):
        recorder.socket(f"name {at}", "websocket").sent(1)
    _, sockets = taken(recorder)
    assert len(sockets) == MAX_SOCKET_NAMES + 1
    assert sockets[-1].name == "(other)"
    assert sum(each.stats.messages_sent for each in sockets) == MAX_SOCKET_NAMES + 50


def test_passwords_are_masked(recorder):
    """A name has no token in it."""
    recorder.socket("ws://h/?token=secret1234", "websocket").sent(1)
    (event,), _ = taken(recorder)
    assert "secret1234" not in event.socket.name


def test_a_child_counts_nothing(recorder):
    """A forked child's messages are not produced."""
    tally = recorder.socket("chat", "websocket")
    recorder.mute()
    tally.sent(1)
    assert recorder.produced_events == 0
