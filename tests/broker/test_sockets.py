"""The sockets of a run, by name and in its last seconds."""

import numpy as np

from loadgrpc.broker import sockets as module
from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.sockets import RunSockets
from loadgrpc.model import OTHER
from loadgrpc.protocol.decoded import Decoded, Sockets
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.sockets import SocketStats
from loadgrpc.stats.timeline import Recent
from loadgrpc.stats.window import Window

NS = 1_000_000_000


def told(name="chat", time_ns=0, protocol="", gaps=(), **counts):
    """What a runner reports."""
    found = Histogram()
    found.add(np.array(gaps, np.int64))
    return Sockets(name, protocol, SocketStats(**counts, gaps=found), time_ns)


def total(*parts, scenario=""):
    """All that was reported, by seconds of 0."""
    run = RunSockets()
    for part in parts:
        run.add(scenario, part, 0)
    return run


def test_a_run_without_sockets_says_nothing_of_them():
    """There is neither a summary nor progress."""
    assert RunSockets().summary(NS) is None
    assert RunSockets().progress(None) is None


def test_reports_add_up_by_name():
    """Reports of processes and agents are added, gaps are merged, names are sorted."""
    run = total(
        told("b", opened=2, messages_sent=10, bytes_sent=100),
        told("a", opened=1, closed=1, messages_received=2, gaps=[1_000]),
        told("b", closed=1, broken=1, messages_received=30, gaps=[3_000, 5_000]),
        told("b", protocol="mqtt", opened=1),
    )
    summary = run.summary(2 * NS)
    assert [(each.name, each.protocol) for each in summary.names] == [
        ("a", ""),
        ("b", ""),
        ("b", "mqtt"),
    ]
    b = summary.names[1].sockets
    assert (b.opened, b.closed, b.broken, b.open) == (2, 1, 1, 0)
    assert (b.sent_rate, b.received_rate, b.gaps.max_ns) == (5.0, 15.0, 5_000)
    assert (summary.total.opened, summary.total.gaps.avg_ns) == (4, 3_000)


def test_names_are_bounded(monkeypatch):
    """Sockets of too many names are counted together, last, and none is lost."""
    monkeypatch.setattr(module, "MAX_SOCKET_NAMES", 3)
    run = RunSockets()
    for scenario in ("s", "t"):
        for at in range(5):
            run.add(scenario, told(f"name {at}", opened=1), 0)
    for at in range(20):
        run.add(f"scenario {at}", told("x", opened=1), 0)
    summary = run.summary(NS)
    assert len(summary.names) <= 7
    assert summary.names[-1].name == OTHER
    assert summary.total.opened == 30


def test_live_rates_are_of_the_closed_seconds():
    """What is open is of now, rates are of the seconds that are shown; few seconds are kept."""
    run = RunSockets()
    for second in range(module.KEPT_S + 100):
        run.add("", told(opened=second == 0, messages_sent=second, messages_received=1), second)
    end_s = module.KEPT_S + 100
    progress = run.progress(Recent(end_s, 2, Window(end_s - 2)))
    assert (progress.open, progress.received_rate) == (1, 1.0)
    assert progress.sent_rate == (end_s - 1 + end_s - 2) / 2
    assert progress.messages_received == end_s
    assert len(run._seconds) == module.KEPT_S
    assert run.progress(None).sent_rate == 0


def test_they_are_part_of_what_events_add_up_to():
    """An agent whose clock is ahead reports in seconds of ours, and never later than now."""
    aggregate = Aggregate()
    events = Decoded(sockets=[told(time_ns=12 * NS, opened=1), told(time_ns=99 * NS, closed=1)])
    aggregate.add(("a", ""), "r", events, arrival_ns=20 * NS, ahead_ns=2 * NS)
    assert aggregate.sockets.summary(NS).total.opened == 1
    assert sorted(aggregate.sockets._seconds) == [10, 20]


def test_many_reports_are_added_a_few_at_a_time():
    """A batch full of reports lets others have their turn."""
    events = Decoded(sockets=[told(opened=1)] * 450)
    parts = list(events.surplus())
    assert [len(part.sockets) for part in parts] == [200, 200]
    assert len(events.sockets) == 50
