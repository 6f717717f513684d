"""Streams to the broker: few on a connection, and as many connections as that takes."""

import asyncio

from loadgrpc.agent import streams as module
from loadgrpc.agent.streams import EACH, Streams
from loadgrpc.broker import server
from loadgrpc.model import LIMITS


class Call:
    """A stream that ends when it is told to."""

    def __init__(self, channel):
        self.channel = channel
        self._ended = []

    def add_done_callback(self, ended):
        self._ended.append(ended)

    def end(self):
        for ended in self._ended:
            ended(self)


class Channel:
    """A connection."""

    closed = False

    async def close(self):
        self.closed = True


class Stub:
    """What is called on one."""

    def __init__(self, channel):
        self._channel = channel

    def PublishEvents(self, *, wait_for_ready):  # noqa: N802 - as in the stub
        assert wait_for_ready
        return Call(self._channel)


def test_a_connection_has_few_streams_and_the_next_opens_another(monkeypatch):
    """What ends leaves room, which is used first; those that were opened are closed in the end."""
    monkeypatch.setattr(module, "RawRunnerServiceStub", Stub)
    opened = []

    def connect():
        opened.append(Channel())
        return opened[-1]

    async def main():
        first = Channel()
        async with Streams(first, connect) as streams:
            calls = [streams.PublishEvents(wait_for_ready=True) for _ in range(2 * EACH + 1)]
            assert len(opened) == 2
            calls[0].end()
            assert streams.PublishEvents(wait_for_ready=True).channel is first
            assert streams.PublishEvents(wait_for_ready=True).channel is opened[1]
        assert not first.closed
        assert all(each.closed for each in opened)

    asyncio.run(main())


def test_any_broker_takes_as_many():
    """However low its limit is set, there is room for what else an agent asks."""
    assert LIMITS["streams"].least > EACH
    assert dict(server._connection_limits({"streams": 100, "connections": 16}))[
        "grpc.max_concurrent_streams"
    ] == (EACH + 10)
