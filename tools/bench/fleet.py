"""Simulated agents: they speak the protocol with a real broker, and make no load at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import grpc
import grpc.aio
import numpy as np
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from loadgrpc.v1 import (
    event_pb2,
    fleet_pb2,
    fleet_pb2_grpc,
    runner_pb2,
)

RUNNER_ID: Final = "runner-1"
NAME: Final = "http://shop.example/"
OPTIONS: Final = (
    # Each agent has a connection of its own, as it would from a machine of its own.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 16 << 20),
)
METHOD: Final = "/loadgrpc.v1.RunnerService/PublishEvents"


@dataclass(frozen=True)
class Batch:
    """A batch that is ready to be sent, save for its source and number."""

    payload: bytes
    """A serialised PublishEventsRequest; more fields may be put behind it."""
    events: int
    elapsed_ns: NDArray[np.int64]


def columns(elapsed_ns: NDArray[np.int64], base_ns: int, per_s: int) -> Batch:
    """Hits as columns, as the Python runner sends them, `per_s` of them in a second."""
    count = len(elapsed_ns)
    each = np.arange(count)
    block = event_pb2.HitBlock(
        count=count,
        base_time=_timestamp(base_ns),
        status=event_pb2.LoadStatus(users=200, cycle=1),
        labels=[event_pb2.HitLabel(name=NAME, method="GET", status=200)],
        start_ns=(each * (1_000_000_000 // per_s)).astype("<u4").tobytes(),
        elapsed_ns=elapsed_ns.astype("<u4").tobytes(),
        first_byte_ns=(elapsed_ns - 1_000).astype("<u4").tobytes(),
        bytes_sent=np.full(count, 147, "<u1").tobytes(),
        bytes_received=np.full(count, 171, "<u1").tobytes(),
        user=(each % 200 + 1).astype("<u1").tobytes(),
        iteration=(each // 200 + 1).astype("<u4").tobytes(),
    )
    batch = runner_pb2.EventBatch(hit_blocks=[block])
    return Batch(_request(batch), count, elapsed_ns)


def rows(elapsed_ns: NDArray[np.int64], base_ns: int, per_s: int) -> Batch:
    """The same hits as rows, one message each."""
    step_ns = 1_000_000_000 // per_s
    events = [
        event_pb2.Event(
            time=_timestamp(base_ns + at * step_ns + took_ns),
            status=event_pb2.LoadStatus(
                users=200, current_user=at % 200 + 1, current_iteration=at // 200 + 1, cycle=1
            ),
            hit=event_pb2.Hit(
                url=NAME,
                method="GET",
                status=200,
                elapsed=Duration(nanos=took_ns),
                bytes_sent=147,
                bytes_received=171,
            ),
        )
        for at, took_ns in enumerate(elapsed_ns.tolist())
    ]
    return Batch(_request(runner_pb2.EventBatch(events=events)), len(events), elapsed_ns)


def _request(batch: runner_pb2.EventBatch) -> bytes:
    return runner_pb2.PublishEventsRequest(batch=batch).SerializeToString()


def _timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // 1_000_000_000, nanos=wall_ns % 1_000_000_000)


def named(number: int) -> str:
    """The name of an agent."""
    return f"simulated-{number:04}"


def _channel(endpoint: str, agent_id: str, tls: Path | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(endpoint, options=OPTIONS)
    mine = tls / "agents" / agent_id
    paths = (tls / "ca.pem", mine / "agent-key.pem", mine / "agent.pem")
    credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in paths))
    return grpc.aio.secure_channel(endpoint, credentials, options=OPTIONS)


class SimulatedAgent:
    """One agent and its one source; use it in `async with`."""

    def __init__(self, endpoint: str, agent_id: str, tls: Path | None = None) -> None:
        self.agent_id = agent_id
        self._channel = _channel(endpoint, agent_id, tls)
        self._fleet: Any = None
        self._stream: Any = None
        self._beating: asyncio.Task[None] | None = None
        self._source = runner_pb2.SourceId()
        self._sent = 0
        self.acked = 0
        """Everything up to this number is in the broker's store."""

    async def __aenter__(self) -> Self:
        self._fleet = fleet_pb2_grpc.FleetServiceStub(self._channel).Connect()
        register = fleet_pb2.Register(agent_id=self.agent_id, hostname="simulated", cores=1)
        await self._fleet.write(fleet_pb2.ConnectRequest(register=register))
        welcome = await self._fleet.read()
        every_s = welcome.registered.heartbeat_interval.ToTimedelta().total_seconds()
        self._beating = asyncio.create_task(self._beat(every_s))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
        await self._channel.close()

    async def _beat(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._fleet.write(fleet_pb2.ConnectRequest(heartbeat=fleet_pb2.Heartbeat()))

    async def start(self) -> None:
        """Waits for work, and opens its source; it enters its cycle by itself."""
        order = await self._fleet.read()
        self._source = runner_pb2.SourceId(
            run_id=order.run.assignment.run_id, agent_id=self.agent_id, runner_id=RUNNER_ID
        )
        # Batches are bytes already.
        self._stream = self._channel.stream_stream(
            METHOD,
            request_serializer=None,
            response_deserializer=runner_pb2.PublishEventsResponse.FromString,
        )()
        opening = runner_pb2.PublishEventsRequest(
            source=self._source, open=runner_pb2.OpenSource(epoch=1)
        )
        await self._stream.write(opening.SerializeToString())
        opened = await self._stream.read()
        if opened.WhichOneof("message") != "opened":
            raise RuntimeError(f"the source was not opened but {opened}")

    async def send(self, batch: Batch) -> int:
        """Sends a batch with the next number; the number of its last event."""
        # Serialised messages put end to end are the merged message.
        number = runner_pb2.PublishEventsRequest(
            source=self._source, batch=runner_pb2.EventBatch(first_sequence=self._sent + 1)
        )
        await self._stream.write(batch.payload + number.SerializeToString())
        self._sent += batch.events
        return self._sent

    async def ack(self) -> None:
        """Reads the next answer, which must be an ack; `acked` tells it.

        Raises:
            RuntimeError: it was something else.
        """
        answer = await self._stream.read()
        if answer is grpc.aio.EOF or answer.WhichOneof("message") != "ack":
            raise RuntimeError(f"an ack was expected, not {answer}")
        self.acked = answer.ack.committed_sequence

    async def end(self) -> None:
        """Finishes the source, and tells that its runner has ended."""
        totals = runner_pb2.SourceTotals(events=self._sent, hits=self._sent)
        finish = runner_pb2.PublishEventsRequest(
            source=self._source, finish=runner_pb2.Finish(totals=totals)
        )
        await self._stream.write(finish.SerializeToString())
        while (await self._stream.read()).WhichOneof("message") != "finished":
            pass
        ended = fleet_pb2.RunnerExit(run_id=self._source.run_id, last=True)
        await self._fleet.write(fleet_pb2.ConnectRequest(runner_exit=ended))


@contextlib.asynccontextmanager
async def connected(
    endpoint: str, count: int, tls: Path | None = None
) -> AsyncIterator[list[SimulatedAgent]]:
    """So many agents, connected; `tls`: a folder with a certificate for each of them."""
    async with contextlib.AsyncExitStack() as stack:
        agents = [SimulatedAgent(endpoint, named(at), tls) for at in range(count)]
        for agent in agents:
            await stack.enter_async_context(agent)
        yield agents
