"""An agent, from its settings: what it is made of, and how long it works.

Rule: everything that can be wrong with the settings is found before it connects.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from loadgrpc.agent import identity
from loadgrpc.agent.account import Account
from loadgrpc.agent.agent import AgentProcess
from loadgrpc.agent.code_trust import CodeTrust
from loadgrpc.agent.config import AgentConfig
from loadgrpc.agent.doors import Doors
from loadgrpc.agent.launch import Launch
from loadgrpc.agent.places import Places, default_places
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.spool import SpoolRoom
from loadgrpc.agent.streams import Streams
from loadgrpc.agent.watchdog import watching
from loadgrpc.agent.workplace import Workplace
from loadgrpc.model import Confinement
from loadgrpc.protocol import handshake
from loadgrpc.protocol.descriptors import raise_limit
from loadgrpc.protocol.transport import new_channel
from loadgrpc.v1 import fleet_pb2_grpc

_log = logging.getLogger(__name__)


@asynccontextmanager
async def running(
    config: AgentConfig, *, on_connected: Callable[[str], None]
) -> AsyncIterator[asyncio.Event]:
    """An agent that works for as long as the context lasts; yields what is set when it may leave.

    Raises:
        StateDirError: its state directory cannot be used.
        CertsError: its certificate cannot, or the keys that it trusts.
        AccountError: it cannot run anything as the user that it should.
    """
    raise_limit()
    trust = CodeTrust(config.trusted_keys)
    await asyncio.to_thread(trust.check)
    account = Account.of(config.run_as) if config.run_as else None
    no_python = await asyncio.to_thread(account.why_no_python) if account else ""
    if no_python:
        _log.warning(
            "only runs with a program of theirs (--test-runner) can run here: %s", no_python
        )
    launch = Launch(account, config.limits)
    certificates = config.certificates or {}
    held = identity.claim(config.state_dir, tuple(certificates))
    files = certificates.get(held.agent_id)
    try:
        async with (
            new_channel(config.broker, files) as channel,
            Streams(channel, lambda: new_channel(config.broker, files)) as streams,
        ):
            relay = Relay(streams)
            room = SpoolRoom(config.spool_bytes)
            try:
                workplace = Workplace(held.folder, account)
                doors = Doors(relay, workplace)
                await doors.open()
            except OSError as error:
                message = f"cannot use the state directory {held.folder}: {error}"
                raise identity.StateDirError(message) from error
            agent = AgentProcess(
                held,
                fleet_pb2_grpc.FleetServiceStub(channel),
                relay,
                doors,
                room=room,
                places=Places(config.max_processes or default_places()),
                packages=None if account else config.packages,
                why_away=lambda: handshake.trouble(config.broker, files),
                start_process=functools.partial(RunnerProcess.of, launch=launch),
                workplace=workplace,
                trust=trust,
                no_python=no_python,
            )
            agent.labels = config.labels
            agent.confinement = Confinement(
                signed_only=trust.demands_signatures,
                run_as=account.name if account else "",
                limits=config.limits,
            )
            await agent.resume()
            connecting = asyncio.create_task(agent.run(on_connected))
            if config.max_age_s is not None:
                delta_s = random.uniform(0.0, config.max_age_delta_s)  # noqa: S311 - no secret
                asyncio.get_running_loop().call_later(config.max_age_s + delta_s, agent.age)
            try:
                async with watching(config.limits, agent.parts):
                    yield agent.dismissed
            finally:
                await agent.leave()
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                await doors.close()
                await relay.close()
    finally:
        held.release()


async def serve(
    config: AgentConfig, *, on_connected: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Works until `stop` is set, or it is too old; calls `on_connected` with its id when it is."""
    async with running(config, on_connected=on_connected) as dismissed:
        ends = [asyncio.create_task(event.wait()) for event in (stop, dismissed)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
