"""Reports of sockets that come from strangers."""

import pytest

from loadgrpc.protocol.batches import decode
from loadgrpc.v1 import runner_pb2

GOOD = {"name": "chat", "opened": 1}


def decoded(**fields):
    """What becomes of one report."""
    batch = runner_pb2.EventBatch()
    batch.events.add().socket.SetInParent()
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(batch.events[0].socket, name).extend(value)
        else:
            setattr(batch.events[0].socket, name, value)
    return decode(runner_pb2.EventBatch.FromString(batch.SerializeToString()), arrival_ns=7)


def test_the_least_is_a_name_and_a_count():
    """What is not said is none, and the time is that of the arrival."""
    (sockets,) = decoded(**GOOD).sockets
    assert (sockets.name, sockets.protocol, sockets.time_ns) == ("chat", "", 7)
    assert (sockets.stats.opened, sockets.stats.gaps.count) == (1, 0)


def test_gaps_may_be_counted_or_not():
    """A gap is one value, unless it says how many."""
    (each,) = decoded(name="c", messages_received=3, gaps_ns=[5, 7]).sockets
    assert each.stats.gaps.count == 2
    (many,) = decoded(name="c", messages_received=9, gaps_ns=[5, 7], gap_counts=[1, 8]).sockets
    assert (many.stats.gaps.count, many.stats.gaps.sum_ns) == (9, 61)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"opened": 1}, "needs a name"),
        ({"name": "c"}, "counts nothing"),
        ({"name": "c", "bytes_sent": 1}, "counts nothing"),
        ({**GOOD, "bytes_sent": 2**40 + 1}, "a size is over"),
        ({**GOOD, "gap_counts": [1]}, "0 gaps_ns, and 1 gap_counts"),
        ({**GOOD, "messages_received": 9, "gaps_ns": [1, 2], "gap_counts": [1]}, "2 gaps_ns"),
        ({**GOOD, "messages_received": 9, "gaps_ns": [2**63]}, "a gap is over"),
        ({**GOOD, "messages_received": 9, "gaps_ns": [1], "gap_counts": [0]}, "count is 0"),
        ({**GOOD, "messages_received": 1, "gaps_ns": [1, 2]}, "more gaps than messages"),
        ({**GOOD, "messages_received": 9_000, "gaps_ns": [1] * 4_001}, "gaps_ns"),
    ],
)
def test_what_breaks_a_rule_is_rejected_and_named(fields, says):
    """An invalid report counts as rejected, says why, and adds nothing."""
    found = decoded(**fields)
    assert (found.rejected, found.sockets) == (1, [])
    assert says in found.violations[0]


def test_a_huge_count_costs_no_memory():
    """A count of billions is a number, not billions of values."""
    most = 2**32 - 1
    (sockets,) = decoded(name="c", messages_received=most, gaps_ns=[10], gap_counts=[most]).sockets
    assert sockets.stats.gaps.sum_ns == 10 * most


def test_long_names_stay_apart():
    """Names are cut as those of hits are."""
    (sockets,) = decoded(name="x" * 300, opened=1, protocol="y" * 40).sockets
    assert (len(sockets.name), sockets.name[-9], len(sockets.protocol)) == (256, "~", 32)
