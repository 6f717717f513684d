"""The streams of an agent's sources to the broker, spread over as many connections as they need.

Rule: a broker takes a limited number of calls on a connection, and gRPC keeps others back without
an error. Therefore a connection gets a bounded number of streams; the next one opens another, which
stays for those that follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import grpc.aio

from loadgrpc.protocol.raw import RawRunnerServiceStub

EACH: Final = 90
"""Streams of a connection: fewer than any broker takes, with room for what else an agent asks."""


@dataclass(eq=False)
class _Connection:
    channel: grpc.aio.Channel
    stub: RawRunnerServiceStub
    streams: int = 0


class Streams:
    """See the module. Has what a source needs of a RawRunnerServiceStub; use it in `async with`.

    `channel`: the connection that is there; `connect`: makes others, which this closes.
    """

    def __init__(self, channel: grpc.aio.Channel, connect: Callable[[], grpc.aio.Channel]) -> None:
        self._connections = [_Connection(channel, RawRunnerServiceStub(channel))]
        self._connect = connect

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(each.channel.close() for each in self._connections[1:]))

    def PublishEvents(  # noqa: N802 - as in the stub
        self, *, wait_for_ready: bool
    ) -> grpc.aio.StreamStreamCall:
        """Begins a stream; see runner.proto."""
        free = (each for each in self._connections if each.streams < EACH)
        if (chosen := next(free, None)) is None:
            channel = self._connect()
            chosen = _Connection(channel, RawRunnerServiceStub(channel))
            self._connections.append(chosen)
        call = chosen.stub.PublishEvents(wait_for_ready=wait_for_ready)
        chosen.streams += 1
        call.add_done_callback(lambda _: self._ended(chosen))
        return call

    def _ended(self, connection: _Connection) -> None:
        connection.streams -= 1
