"""A broker that serves: built from its configuration, drained and stopped in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from loadgrpc.broker.access import Access
from loadgrpc.broker.access_service import AccessService
from loadgrpc.broker.audit import Audit
from loadgrpc.broker.broker import Broker
from loadgrpc.broker.campaign_service import CampaignService
from loadgrpc.broker.conductor import Conductor
from loadgrpc.broker.control_service import ControlService
from loadgrpc.broker.entrance import Entrance
from loadgrpc.broker.fleet_service import FleetService
from loadgrpc.broker.memory import give_back
from loadgrpc.broker.runner_service import RunnerService
from loadgrpc.broker.schedule_service import ScheduleService
from loadgrpc.broker.tokens import Tokens
from loadgrpc.broker.work import Guard, meanwhile
from loadgrpc.certs import FreshPems, TlsFiles
from loadgrpc.certs.holder import holder_of
from loadgrpc.certs.revoked import Revoked
from loadgrpc.clock import SystemClock
from loadgrpc.model import LIMITS, AccessInfo
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.protocol import status
from loadgrpc.protocol.descriptors import available, raise_limit
from loadgrpc.protocol.fleet import DEFAULT_LEASE_S
from loadgrpc.protocol.transport import listen, new_server
from loadgrpc.store import Retention, Store, StoreError
from loadgrpc.v1 import (
    access_pb2_grpc,
    campaign_pb2_grpc,
    control_pb2_grpc,
    fleet_pb2_grpc,
    runner_pb2_grpc,
    schedule_pb2_grpc,
)

SERVICES: Final = (
    "loadgrpc.v1.AccessService",
    "loadgrpc.v1.CampaignService",
    "loadgrpc.v1.ControlService",
    "loadgrpc.v1.FleetService",
    "loadgrpc.v1.RunnerService",
    "loadgrpc.v1.ScheduleService",
)
ANY_HOST: Final = {"0.0.0.0", "[::]", "::", "*"}  # noqa: S104 - as a broker may listen
GREETING_S: Final = 10.0
"""How long a connection may take to say that it speaks TLS, and HTTP/2."""
CALL_LESS_S: Final = 120.0
"""How long a connection may have no call: agents and watchers have one, others connect again."""
PENDING_CALLS: Final = 5_000
"""Calls, of all connections, that may wait until the broker looks at them."""
SPARE_DESCRIPTORS: Final = 64
"""Open files that connections leave for the store, logs and listeners."""
SERVER_GRACE_S: Final = 1.0
"""How long calls may take to end when the broker stops."""
RETENTION_S: Final = 10.0
"""How often detail that is not to be kept is looked for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BrokerConfig:
    """The settings of a broker."""

    listen: str
    """HOST:PORT, or unix:PATH; port 0 is a free one."""
    store: str
    """A file, `:memory:`, or the URL of a database of PostgreSQL."""
    lease_s: float = DEFAULT_LEASE_S
    """An agent that is silent for this long is lost."""
    keep_batches: bool = True
    """Whether what runners reported stays in the store after it was counted."""
    retention: Retention = field(default_factory=Retention)
    """How much of that is kept for how long."""
    allow_version_skew: bool = False
    """Whether agents of another minor version are accepted."""
    observers: ObserverConfig = field(default_factory=ObserverConfig)
    """Who is notified of runs."""
    tls: TlsFiles | None = None
    """Its certificate, and the authority of others. None: it speaks without encryption, and asks
    nobody who they are."""
    listen_tokens: str = ""
    """Where it also listens, for those with a token and no certificate. Empty: nowhere."""
    listen_inside: str = ""
    """Where it also listens, without encryption: unix:PATH, in a folder that only this user can
    enter, for the page in its own process. Empty: nowhere."""
    open_reflection: bool = False
    """Whether everybody may ask about its health and its methods."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Limits that are not as they are by default, by name (`model.LIMITS`)."""


@asynccontextmanager
async def running(config: BrokerConfig) -> AsyncIterator[str]:
    """A broker that serves for as long as the context lasts; yields where it listens.

    Raises:
        StoreError: the store cannot be opened.
        Unavailable: the address cannot be listened on.
    """
    store = await Store.open(config.store)
    clock = SystemClock()
    broker = Broker(
        store,
        clock,
        store_name=store.place,
        lease_s=config.lease_s,
        keep_batches=config.keep_batches,
        retention=config.retention,
        allow_version_skew=config.allow_version_skew,
        observers=config.observers,
        limits=_with_room(config.limits),
    )
    conductor = Conductor(broker, store, clock.real_ns)
    audit = Audit(store, clock)
    access: Access | None = None
    try:
        if config.tls is not None:
            access = Access(
                Tokens(store, clock),
                clock,
                audit,
                revoked=Revoked(config.tls),
                open_reflection=config.open_reflection,
            )
        server = await new_server(
            SERVICES,
            broker.types.described,
            options=_connection_limits(broker.quotas.values),
            admission=Entrance(access, broker.quotas).admission,
        )
        control_pb2_grpc.add_ControlServiceServicer_to_server(ControlService(broker, audit), server)
        fleet = FleetService(broker, audit, clock)
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(fleet, server)
        runner_pb2_grpc.add_RunnerServiceServicer_to_server(RunnerService(broker), server)
        campaigns = CampaignService(conductor.campaigns, audit)
        campaign_pb2_grpc.add_CampaignServiceServicer_to_server(campaigns, server)
        schedules = ScheduleService(conductor.schedules, audit)
        schedule_pb2_grpc.add_ScheduleServiceServicer_to_server(schedules, server)
        fresh = None if config.tls is None else FreshPems(config.tls)
        _access_info(fresh, "")  # what is wrong with certificates is known before anybody comes
        broker.address = address = listen(server, config.listen, config.tls)
        tokens_address = ""
        if config.listen_tokens:
            tokens_address = listen(server, config.listen_tokens, config.tls, asks=False)
            _log.info("listening on %s for those with a token", tokens_address)
        if config.listen_inside:
            listen(server, config.listen_inside)
        service = AccessService(access, audit, lambda: _access_info(fresh, tokens_address))
        access_pb2_grpc.add_AccessServiceServicer_to_server(service, server)
        broker.notifier.broker = conductor.announcing.broker = _reached_at(address)
        if access is not None:
            await access.tokens.recall()
        await broker.start()
        await conductor.start()
        await server.start()
        try:
            async with _kept(store, config.retention, access, audit):
                yield address
        finally:
            store.hurry()
            await conductor.close()
            await broker.close()
            await server.stop(SERVER_GRACE_S)
    finally:
        await store.close()


def _with_room(limits: Mapping[str, int]) -> Mapping[str, int]:
    """Limits, of which that of connections is one that there are open files for."""
    row = LIMITS["connections"]
    room = max(available() - SPARE_DESCRIPTORS, row.least)
    return {**limits, row.name: min(limits.get(row.name, row.default), room)}


def _connection_limits(values: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Options of gRPC's that keep connections within their limits."""
    milliseconds = 1_000
    return (
        ("grpc.max_concurrent_streams", values["streams"]),
        # Of calls that wait until they are looked at gRPC cancels some, those of anybody.
        ("grpc.server.max_pending_requests", PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", 2 * PENDING_CALLS),
        ("grpc.max_allowed_incoming_connections", values["connections"]),
        ("grpc.server_handshake_timeout_ms", round(GREETING_S * milliseconds)),
        ("grpc.max_connection_idle_ms", round(CALL_LESS_S * milliseconds)),
    )


def _access_info(fresh: FreshPems | None, tokens_address: str) -> AccessInfo:
    """How the broker is protected, by the certificate that it has now."""
    if fresh is None:
        return AccessInfo()
    expire_time_ns = holder_of(fresh.look().cert or b"").expire_time_ns
    return AccessInfo(tls=True, broker_expire_time_ns=expire_time_ns, tokens_address=tokens_address)


def _reached_at(address: str) -> str:
    """What people elsewhere give as -b; empty: nobody reaches it, or for a moment only."""
    if address.startswith("unix:"):
        return ""
    host, _, port = address.rpartition(":")
    return f"{socket.gethostname()}:{port}" if host in ANY_HOST else address


@asynccontextmanager
async def _kept(
    store: Store, retention: Retention, access: Access | None, audit: Audit
) -> AsyncIterator[None]:
    """Does what is done now and again, for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        if retention != Retention():
            await stack.enter_async_context(meanwhile(_retain(store, retention)))
        if access is not None:
            await stack.enter_async_context(meanwhile(access.watch()))
        await stack.enter_async_context(audit.kept())
        yield


async def _retain(store: Store, retention: Retention) -> None:
    """Drops the detail that is not to be kept, now and again."""
    guard = Guard()
    while True:
        with guard("dropping older hits"):
            try:
                if dropped := await store.retain(retention):
                    _log.info("dropped %d batches of older hits", dropped)
            except StoreError as error:
                _log.info("cannot drop older hits: %s", error)
        await asyncio.sleep(RETENTION_S)


async def serve(
    config: BrokerConfig, *, on_ready: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serves until `stop` is set; calls `on_ready` with the address once it does."""
    raise_limit()
    await asyncio.to_thread(status.preload)
    async with running(config) as address, meanwhile(give_back()):
        # The store has loaded SQLAlchemy meanwhile, say: to look through that for garbage takes
        # 50 ms, for which everybody waits.
        gc.collect()
        gc.freeze()
        on_ready(address)
        await stop.wait()
