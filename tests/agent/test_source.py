"""What a relay keeps for a runner that does not read."""

import asyncio

import pytest

from loadgrpc.agent import source as module
from loadgrpc.agent.source import Inbox, Source
from loadgrpc.errors import Unavailable
from loadgrpc.model import SourceId
from loadgrpc.v1 import runner_pb2

SOURCE = SourceId("r", "a1", "one")


def rejected(number):
    """What a broker says of a batch that is not valid."""
    answer = runner_pb2.Rejected(first_sequence=number, count=1)
    return runner_pb2.PublishEventsResponse(rejected=answer).SerializeToString()


def test_hostile_8_a_runner_that_does_not_read_is_not_listened_to(monkeypatch):
    """Nothing more is taken from it while many answers wait; of notes of acks one is enough."""
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)

    async def use():
        inbox = Inbox()
        for _ in range(100):
            inbox.put(None)
        await inbox.room()
        inbox.put(b"1")
        inbox.put(b"2")
        waiting = asyncio.create_task(inbox.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await inbox.take() is None
        await waiting
        inbox.put(None)
        assert [await inbox.take() for _ in range(3)] == [b"1", b"2", None]
        assert inbox.empty

    asyncio.run(use())


def test_hostile_8_a_runner_that_never_reads_loses_its_stream(monkeypatch):
    """What the broker says of what was sent long ago is not kept without a bound, either."""
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)

    async def use():
        source = Source(SOURCE, "", None, None)
        inbox = Inbox()
        source._inboxes.add(inbox)
        for number in range(100):
            source._answered(rejected(number))
        answers = []
        while not inbox.empty:
            answers.append(await inbox.take())
        assert [type(each) for each in answers if each is not None] == [bytes] * 5 + [Unavailable]
        assert source._inboxes == set()

    asyncio.run(use())


@pytest.mark.parametrize("said", [{"batch": {}}, {"skip": {"first_sequence": 1}}])
def test_d9_a_runner_that_sends_nothing_new_has_an_answer(said):
    """A batch without events and a skip of none are acked: whoever waits for that goes on."""

    async def use():
        source, inbox = Source(SOURCE, "", None, None), Inbox()
        source._inboxes.add(inbox)
        request = runner_pb2.PublishEventsRequest(**said)
        await source._said(inbox, request.SerializeToString(), request)
        assert await inbox.take() is None
        answer = runner_pb2.PublishEventsResponse.FromString(source.ack(inbox))
        assert answer.WhichOneof("message") == "ack"

    asyncio.run(use())
