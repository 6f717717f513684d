"""What a relay keeps for a runner that does not read."""

import asyncio

import pytest

from loadgrpc.agent import runner_stream
from loadgrpc.agent.runner_stream import RunnerStream
from loadgrpc.agent.source import RelayedSource
from loadgrpc.errors import Unavailable
from loadgrpc.model import SourceId
from loadgrpc.secrets import Redactor
from loadgrpc.v1 import runner_pb2

SOURCE = SourceId("r", "a1", "one")


def rejected(number):
    """What a broker says of a batch that is not valid."""
    answer = runner_pb2.Rejected(first_sequence=number, count=1)
    return runner_pb2.PublishEventsResponse(rejected=answer).SerializeToString()


def test_hostile_8_a_runner_that_does_not_read_is_not_listened_to(monkeypatch):
    """Nothing more is taken from it while many answers wait; of notes of acks one is enough."""
    monkeypatch.setattr(runner_stream, "MOST_ANSWERS", 3)

    async def use():
        stream = RunnerStream()
        for _ in range(100):
            stream.put(None)
        await stream.room()
        stream.put(b"1")
        stream.put(b"2")
        waiting = asyncio.create_task(stream.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await stream.take() is None
        await waiting
        stream.put(None)
        assert [await stream.take() for _ in range(3)] == [b"1", b"2", None]
        assert stream.empty

    asyncio.run(use())


def test_hostile_8_a_runner_that_never_reads_loses_its_stream(monkeypatch):
    """What the broker says of what was sent long ago is not kept without a bound, either."""
    monkeypatch.setattr(runner_stream, "MOST_ANSWERS", 3)

    async def use():
        source = RelayedSource(SOURCE, "", None, None)
        stream = RunnerStream()
        source._streams.add(stream)
        for number in range(100):
            source._answered(rejected(number))
        answers = []
        while not stream.empty:
            answers.append(await stream.take())
        assert [type(each) for each in answers if each is not None] == [bytes] * 5 + [Unavailable]
        assert source._streams == set()

    asyncio.run(use())


@pytest.mark.parametrize("said", [{"batch": {}}, {"skip": {"first_sequence": 1}}])
def test_d9_a_runner_that_sends_nothing_new_has_an_answer(said):
    """A batch without events and a skip of none are acked: whoever waits for that goes on."""

    async def use():
        source, stream = RelayedSource(SOURCE, "", None, None), RunnerStream()
        source._streams.add(stream)
        request = runner_pb2.PublishEventsRequest(**said)
        await source._said(stream, request.SerializeToString(), request)
        assert await stream.take() is None
        answer = runner_pb2.PublishEventsResponse.FromString(source.ack(stream))
        assert answer.WhichOneof("message") == "ack"

    asyncio.run(use())


def test_a_runner_is_asked_to_stop_by_its_agent():
    """On its stream, and on each that it opens later."""

    async def use():
        source, first, later = RelayedSource(SOURCE, "", None, None), RunnerStream(), RunnerStream()
        source._uplink.begin = lambda: None
        source._streams.add(first)
        source.stop(2.5)
        source._open(later, runner_pb2.OpenSource())
        for stream in (first, later):
            answers = []
            while not stream.empty:
                answers.append(runner_pb2.PublishEventsResponse.FromString(await stream.take()))
            assert answers[-1].stop.stop_timeout.ToNanoseconds() == 2_500_000_000

    asyncio.run(use())


SECRET = "hunter2-hunter2"


def test_what_a_runner_says_has_no_secrets():
    """In whatever field a text is: names, messages, states, tables of a batch; the rest stays."""
    events = [
        {"hit": {"name": f"GET {SECRET}", "url": f"http://h/{SECRET}", "elapsed": {"seconds": 1}}},
        {"test_error": {"exception": {"type": "ValueError", "message": f"<{SECRET}>"}}},
        {"custom_state": {"name": "pays", "details": {SECRET: f"with {SECRET}", "n": "1"}}},
        {"hit": {"name": "GET /"}},
    ]
    batch = {"first_sequence": 1, "count": 4, "events": events}
    request = runner_pb2.PublishEventsRequest(batch=batch)
    expected = runner_pb2.PublishEventsRequest.FromString(request.SerializeToString())
    said = []

    async def use():
        source = RelayedSource(SOURCE, "", None, None, Redactor([SECRET]))
        stream = RunnerStream()
        source._streams.add(stream)

        async def note(_, raw, parsed):
            said.append((raw, parsed))

        source._said = note
        await source.take(stream, request.SerializeToString())
        raw = runner_pb2.PublishEventsRequest(batch={"first_sequence": 5, "count": 0})
        await source.take(stream, raw.SerializeToString())

    asyncio.run(use())
    (raw, parsed), (unchanged, _) = said
    assert SECRET.encode() not in raw
    assert runner_pb2.PublishEventsRequest.FromString(raw) == parsed
    found = parsed.batch.events
    assert (found[0].hit.name, found[0].hit.url) == ("GET ***", "http://h/***")
    assert found[1].test_error.exception.message == "<***>"
    assert dict(found[2].custom_state.details) == {"***": "with ***", "n": "1"}
    assert found[3] == expected.batch.events[3]
    assert parsed.batch.first_sequence == 1
    assert unchanged == b"\x1a\x04\x08\x05\x18\x00" or SECRET.encode() not in unchanged
