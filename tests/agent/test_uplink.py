"""The stream to the broker, when something in between cuts it."""

import asyncio
import logging

import pytest

from loadgrpc.agent import uplink as module
from loadgrpc.agent.backlog import Backlog
from loadgrpc.agent.uplink import Uplink
from loadgrpc.protocol import home
from loadgrpc.v1 import event_pb2, runner_pb2

SOURCE = runner_pb2.SourceId(run_id="r-1", agent_id="a1", runner_id="one")


class CutCall:
    """A stream that is cut after so many batches were committed on it."""

    def __init__(self, broker, batches):
        self.broker = broker
        self.left = batches
        self.answers = asyncio.Queue()

    async def write(self, raw):
        request = runner_pb2.PublishEventsRequest.FromString(raw)
        if request.HasField("open"):
            opened = runner_pb2.SourceOpened(
                committed_sequence=self.broker.committed, limits=home.limits()
            )
            self.answers.put_nowait(runner_pb2.PublishEventsResponse(opened=opened))
            if not self.left:
                self.answers.put_nowait(None)
        elif self.left:
            self.left -= 1
            self.broker.committed += len(request.batch.events)
            ack = runner_pb2.Ack(committed_sequence=self.broker.committed)
            self.answers.put_nowait(runner_pb2.PublishEventsResponse(ack=ack))
            if not self.left:
                self.answers.put_nowait(None)

    def cancel(self):
        pass

    async def __aiter__(self):
        while (answer := await self.answers.get()) is not None:
            yield answer.SerializeToString()


class CutBroker:
    """A broker behind something that cuts each stream; `batches` of each stream get through."""

    def __init__(self, *batches):
        self.batches = list(batches)
        self.committed = 0
        self.streams = 0

    def PublishEvents(self, *, wait_for_ready):  # noqa: N802 - as the stub has it
        assert wait_for_ready
        self.streams += 1
        return CutCall(self, self.batches.pop(0) if self.batches else 1_000)


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, each over at once."""
    made = []
    sleep = asyncio.sleep

    async def pause(seconds):
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr(module.asyncio, "sleep", pause)
    return made


def delivered(broker, *, count=20):
    """Has so many batches of an event each delivered; gives the backlog."""

    async def main():
        backlog = Backlog()

        def answered(raw):
            response = runner_pb2.PublishEventsResponse.FromString(raw)
            if response.HasField("opened"):
                backlog.advance(response.opened.committed_sequence)
                backlog.outbound.opened(backlog.committed, response.opened.limits)
            else:
                backlog.advance(response.ack.committed_sequence)
            if backlog.committed == count:
                done.set()

        done = asyncio.Event()
        for number in range(1, count + 1):
            batch = runner_pb2.EventBatch(first_sequence=number, events=[event_pb2.Event()])
            request = runner_pb2.PublishEventsRequest(source=SOURCE, batch=batch)
            backlog.batch(request.SerializeToString(), request, 0.0)
        uplink = Uplink(
            broker, SOURCE, "", backlog, None, answered=answered, refused=lambda error: None
        )
        uplink.begin()
        async with asyncio.timeout(20):
            await done.wait()
        await uplink.close()

    asyncio.run(main())


def test_f12_a_stream_that_got_on_is_opened_again_at_once(pauses):
    """Who cuts each stream after a while costs no pauses, as long as something is committed."""
    broker = CutBroker(*[2] * 9)
    delivered(broker)
    assert broker.streams >= 10
    assert pauses == []


def test_f12_a_stream_that_gets_nowhere_is_opened_after_a_pause(pauses):
    """Pauses grow while nothing is committed, and begin anew when something is."""
    broker = CutBroker(0, 0, 0, 0, 1, 0)
    delivered(broker)
    first, *_, before, after = pauses
    assert len(pauses) == 5
    assert first <= 1.5 * module.FIRST_BACKOFF_S
    assert before > after
    assert after <= 1.5 * module.FIRST_BACKOFF_S


def test_f12_a_long_stall_is_told(pauses, monkeypatch, caplog):
    """When streams break for long before anything is committed, the log says so; and its end."""
    monkeypatch.setattr(module, "STALLED_S", -1.0)
    with caplog.at_level(logging.WARNING):
        delivered(CutBroker(0, 0, 0))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "Is a proxy in between" in told[0]
    assert "accepts events again" in told[1]
