"""What is kept for the broker is decided purely; `test_delivery.py` has what happens mostly."""

import pytest

from loadgrpc.agent.backlog import DAMAGED, Backlog, message
from loadgrpc.agent.spool import Found, Place
from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import home
from loadgrpc.protocol.home import Accept, Duplicate
from loadgrpc.v1 import event_pb2, runner_pb2


def batch(backlog, count, *, first=0, now_s=0.0):
    """Says a batch; the decision."""
    events = [event_pb2.Event(hit={"name": "/"})] * count
    request = runner_pb2.PublishEventsRequest(batch={"first_sequence": first, "events": events})
    return backlog.batch(request.SerializeToString(), request, now_s)


def opened(backlog, committed=0):
    """The broker opens the source."""
    backlog.outbound.begin()
    backlog.advance(committed)
    backlog.outbound.opened(committed, home.limits())


def sent(backlog):
    """What is sent now, in short."""
    found = []
    while (item := backlog.outbound.next()) is not None:
        backlog.outbound.count_as_sent(item)
        if item.request is None:
            found.append(("on disk", item.first_sequence, item.last_sequence))
            continue
        request = runner_pb2.PublishEventsRequest.FromString(item.request)
        kind = request.WhichOneof("message")
        if kind == "batch":
            found.append(("batch", request.batch.first_sequence, len(request.batch.events)))
        elif kind == "skip":
            found.append((request.skip.reason, request.skip.first_sequence, request.skip.count))
        else:
            found.append((kind,))
    return found


def place(at):
    """Somewhere on disk."""
    return Place(None, at, 1)


def test_who_sends_no_numbers_is_given_them():
    """They are written into the message, so that the broker counts it once, too."""
    backlog = Backlog()
    assert [batch(backlog, 2), batch(backlog, 3)] == [Accept(0), Accept(0)]
    opened(backlog)
    assert sent(backlog) == [("batch", 1, 2), ("batch", 3, 3)]


def test_memory_is_counted_until_it_is_committed_or_on_disk():
    """The bytes in memory are those of what is in neither place."""
    backlog = Backlog()
    for _ in range(3):
        batch(backlog, 1)
    one = backlog.memory_bytes // 3
    backlog.advance(1)
    assert backlog.memory_bytes == 2 * one
    due = backlog.due(0.0)
    backlog.spooled(due, [place(0)])
    assert (backlog.memory_bytes, backlog.durable, backlog.committed) == (one, 2, 1)
    assert [message(kept).first_sequence for kept in backlog.due(0.0)] == [3]
    opened(backlog, 1)
    assert sent(backlog) == [("on disk", 2, 2), ("batch", 3, 1)]


def test_nothing_is_due_before_its_time():
    """When the first is, all are: they are written together."""
    backlog = Backlog()
    assert backlog.due(9.0) == []
    batch(backlog, 1, now_s=5.0)
    batch(backlog, 1, now_s=6.0)
    assert backlog.due(4.9) == []
    assert len(backlog.due(5.0)) == 2


def test_what_was_committed_while_it_was_written(tmp_path):
    """The places of what the broker has by now do not matter."""
    backlog = Backlog()
    for _ in range(3):
        batch(backlog, 1)
    due = backlog.due(0.0)
    backlog.advance(2)
    backlog.spooled(due, [place(at) for at in range(3)])
    assert (backlog.memory_bytes, backlog.durable) == (0, 3)


def test_what_is_given_up_while_it_was_written():
    """Nothing of it is promised."""
    backlog = Backlog()
    batch(backlog, 3)
    due = backlog.due(0.0)
    backlog.give_up()
    backlog.spooled(due, [place(0)])
    assert (backlog.memory_bytes, backlog.durable) == (0, 0)
    assert batch(backlog, 2, first=1) == Accept(0)
    opened(backlog)
    assert sent(backlog) == [("batch", 1, 2)]


def test_a_batch_that_is_too_large_for_the_broker_is_lost():
    """Its numbers are declared, so that what follows is not held up."""
    backlog = Backlog()
    for count in (1, 4, 1):
        batch(backlog, count)
    opened(backlog)
    sent(backlog)
    backlog.too_large(2, 999)
    lost = "a batch of 999 bytes, which is more than the broker takes"
    assert sent(backlog) == [(lost, 2, 4), ("batch", 6, 1)]
    backlog.too_large(77, 1)  # of what is not kept any more: nothing
    assert sent(backlog) == []
    backlog.advance(6)
    assert (backlog.memory_bytes, backlog.outbound.kept_bytes) == (0, 0)


def test_what_is_damaged_on_disk_is_lost():
    """Its numbers are declared, with the reason."""
    backlog = Backlog()
    backlog.found([Found(4, 5, 10, place(0)), Found(6, 6, 10, place(1))])
    assert backlog.durable == 6
    opened(backlog, 3)
    assert sent(backlog) == [("on disk", 4, 5), ("on disk", 6, 6)]
    backlog.damaged(backlog.outbound.kept[0])
    assert sent(backlog)[0] == (DAMAGED, 4, 2)


def test_a_hole_on_disk_is_lost():
    """What a damaged file had held is declared; what is there twice is sent once."""
    backlog = Backlog()
    backlog.found([Found(4, 5, 10, place(0)), Found(4, 5, 10, place(1)), Found(8, 9, 10, place(2))])
    opened(backlog, 3)
    assert sent(backlog) == [("on disk", 4, 5), (DAMAGED, 6, 2), ("on disk", 8, 9)]


def test_what_the_broker_counts_beyond_is_known():
    """A batch that says less than it holds is counted by the broker as it is."""
    backlog = Backlog()
    batch(backlog, 2)
    backlog.advance(4)
    assert batch(backlog, 1, first=4) == Duplicate()
    assert batch(backlog, 1, first=5) == Accept(0)


def test_the_end_closes_the_account():
    """What the source says that it produced is received, though it never came."""
    backlog = Backlog()
    batch(backlog, 2)
    finish = runner_pb2.Finish(totals={"events": 9})
    request = runner_pb2.PublishEventsRequest(finish=finish)
    backlog.finish(request.SerializeToString(), finish)
    opened(backlog, 2)
    assert sent(backlog) == [("finish",)]
    assert not backlog.outbound.settled
    backlog.finished()
    assert (backlog.committed, backlog.durable) == (9, 9)
    assert backlog.outbound.settled


def test_a_skip_needs_a_number():
    """Nobody knows which are meant."""
    with pytest.raises(InvalidRequest, match="is required"):
        Backlog().skip(b"", runner_pb2.Skip(count=1), 0.0)
