"""FleetService, for agents: parse, call, convert. Nothing is decided here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from loadgrpc.broker.audit import Audit
from loadgrpc.broker.broker import Broker
from loadgrpc.broker.callers import CALLER, check_agent
from loadgrpc.broker.orders import AgentLink
from loadgrpc.broker.outbox import queued
from loadgrpc.broker.pace import Pace
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import bounds, bundles
from loadgrpc.protocol.bound import MAX_NAME_CHARS
from loadgrpc.protocol.fleet import (
    HEARD,
    held_back_from_proto,
    order_to_proto,
    produced_from_proto,
    registered_to_proto,
    registration_from_proto,
    sent_ns,
)
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import fleet_pb2, fleet_pb2_grpc

_log = logging.getLogger(__name__)

MOST_PER_S: Final = 200
"""Heartbeats and the like that an agent is listened to: one that floods us takes nobody's time."""


class FleetService(fleet_pb2_grpc.FleetServiceServicer):
    """What agents say; see fleet.proto."""

    def __init__(self, broker: Broker, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._broker = broker

    async def Connect(  # noqa: N802
        self, requests: AsyncIterator[fleet_pb2.ConnectRequest], context: Context
    ) -> AsyncIterator[fleet_pb2.ConnectResponse]:
        """See fleet.proto."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("message") != "register":
            raise InvalidRequest([Violation("register", "must be the first message")])
        registration = registration_from_proto(first.register, context.peer())
        check_agent(registration.agent_id)
        if (caller := CALLER.get()) is not None:
            registration = replace(registration, certificate_until_ns=caller.expire_time_ns)
        await self._broker.fleet.admit_agent(registration)
        link = self._broker.fleet.connect_agent(registration)
        self._audit.note(context, "connected as an agent", registration.agent_id)
        goodbye = asyncio.Event()
        reading = asyncio.create_task(self._read(requests, link, goodbye))
        try:
            yield registered_to_proto(self._broker.roster.lease_s)
            async for order in queued(link.orders, reading):
                link.taken(order)
                yield order_to_proto(order)
        finally:
            reading.cancel()
            self._broker.fleet.disconnect_agent(link, goodbye=goodbye.is_set())

    async def FetchBundle(  # noqa: N802
        self, request: fleet_pb2.FetchBundleRequest, context: Context
    ) -> AsyncIterator[fleet_pb2.FetchBundleResponse]:
        """See fleet.proto."""
        bundles.check_digest(request.sha256)
        record = await self._broker.bundles.need(request.sha256)
        if request.offset > record.size:
            detail = f"is beyond the {record.size:,} bytes of the bundle"
            raise InvalidRequest([Violation("offset", detail)])
        _log.info(
            "%s fetches the bundle %s from byte %d on",
            unquote(context.peer()),
            request.sha256,
            request.offset,
        )
        yield fleet_pb2.FetchBundleResponse(size=record.size)
        async for data in self._broker.bundles.read(record, request.offset):
            yield fleet_pb2.FetchBundleResponse(chunk=data)

    async def _read(
        self,
        requests: AsyncIterator[fleet_pb2.ConnectRequest],
        link: AgentLink,
        goodbye: asyncio.Event,
    ) -> None:
        pace = Pace(MOST_PER_S, MOST_PER_S)
        async for request in requests:
            await link.orders.room()
            kind = request.WhichOneof("message")
            self._broker.fleet.heard_from_agent(link.agent_id, sent_ns(request.heartbeat))
            if kind == "runner_exit":
                ended = request.runner_exit
                self._broker.fleet.runner_exited(
                    link.agent_id,
                    ended.run_id,
                    ended.runner_id,
                    ended.exit_status or (1 if ended.start_error else 0),
                    bounds.kept_bytes(ended.start_error, bounds.MAX_TEXT_BYTES)
                    or _last_line(bounds.kept_bytes(ended.stderr_tail, bounds.MAX_TEXT_BYTES)),
                    scenario=ended.scenario,
                    last=ended.last,
                    produced=produced_from_proto(ended),
                    not_prepared=ended.not_prepared,
                )
            elif kind == "ready":
                ready = request.ready
                self._broker.fleet.agent_ready(
                    link.agent_id, ready.run_id, ready.scenario, ready.cycle
                )
            elif kind == "preparing":
                now = request.preparing
                doing = bounds.kept_chars(now.doing, MAX_NAME_CHARS)
                self._broker.fleet.agent_preparing(link.agent_id, now.run_id, doing)
            elif kind == "held_back":
                said = request.held_back
                self._broker.fleet.users_held_back(
                    link.agent_id, said.run_id, said.scenario, held_back_from_proto(said)
                )
            elif kind == "retiring":
                self._broker.fleet.agent_retires(link.agent_id)
            elif kind == "goodbye":
                goodbye.set()
            elif kind == "heartbeat":
                link.put(HEARD)
            # Anything else is of a newer agent, and ignored.
            if kind != "runner_exit":  # there may be as many of these as users
                await self._keep(pace)

    async def _keep(self, pace: Pace) -> None:
        """Waits until an agent is in its pace again."""
        if wait_ns := pace.take(self._clock.monotonic_ns()):
            await asyncio.sleep(wait_ns / NS_PER_S)


def _last_line(text: str) -> str:
    """The last line that is not indented: in many languages, stack frames are indented."""
    lines = [line for line in text.splitlines() if line.strip()]
    whole = [line for line in lines if not line[0].isspace()]
    return (whole or lines or [""])[-1].strip()
