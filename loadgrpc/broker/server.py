"""A broker that serves: built from its configuration, drained and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from loadgrpc.broker.broker import Broker
from loadgrpc.broker.roster import DEFAULT_LEASE_S
from loadgrpc.broker.service import ControlService, FleetService, RunnerService
from loadgrpc.clock import SystemClock
from loadgrpc.protocol.transport import listen, new_server
from loadgrpc.store import Store
from loadgrpc.v1 import control_pb2_grpc, fleet_pb2_grpc, runner_pb2_grpc

SERVICES: Final = (
    "loadgrpc.v1.ControlService",
    "loadgrpc.v1.FleetService",
    "loadgrpc.v1.RunnerService",
)
STOP_GRACE_S: Final = 1.0
"""How long calls may take to end when the broker stops."""


@dataclass(frozen=True, kw_only=True)
class BrokerConfig:
    """What a broker is told when it starts."""

    listen: str
    """HOST:PORT, or unix:PATH; port 0 is a free one."""
    store: str
    """A file, or `:memory:`."""
    lease_s: float = DEFAULT_LEASE_S
    """An agent that is silent for so long is lost."""
    keep_batches: bool = True
    """Whether what runners reported stays in the store after it was counted."""


@asynccontextmanager
async def running(config: BrokerConfig) -> AsyncIterator[str]:
    """A broker that serves for as long as the context lasts; yields where it listens.

    Raises:
        StoreError: the store cannot be opened.
        Unavailable: the address cannot be listened on.
    """
    store = await Store.open(config.store)
    broker = Broker(
        store,
        SystemClock(),
        store_name=config.store,
        lease_s=config.lease_s,
        keep_batches=config.keep_batches,
    )
    try:
        server = await new_server(SERVICES)
        control_pb2_grpc.add_ControlServiceServicer_to_server(ControlService(broker), server)
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(FleetService(broker), server)
        runner_pb2_grpc.add_RunnerServiceServicer_to_server(RunnerService(broker), server)
        address = listen(server, config.listen)
        await broker.start()
        await server.start()
        try:
            yield address
        finally:
            await broker.close()
            await server.stop(STOP_GRACE_S)
    finally:
        await store.close()


async def serve(
    config: BrokerConfig, *, on_ready: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serves until `stop` is set; calls `on_ready` with the address once it does."""
    async with running(config) as address:
        on_ready(address)
        await stop.wait()
