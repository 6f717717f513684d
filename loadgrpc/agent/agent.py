"""The agent: registers, beats, takes work, starts runners, says how they ended.

Rule: the agent dials out, to one broker, and comes back for ever when the connection
breaks. It keeps its runners going meanwhile, until its lease is over: then nobody counts
them any more, and it ends them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc.aio

from loadgrpc import __version__
from loadgrpc.agent import identity
from loadgrpc.agent.process import Exit, RunnerProcess
from loadgrpc.agent.relay import SERVICES, Expected, Relay
from loadgrpc.errors import LoadgrpcError, Unavailable
from loadgrpc.model import Assignment, StopMode
from loadgrpc.protocol import convert, status
from loadgrpc.protocol.raw import RawRunnerServiceStub, add_raw_runner_service
from loadgrpc.protocol.transport import listen, new_channel, new_server
from loadgrpc.v1 import control_pb2, fleet_pb2, fleet_pb2_grpc

FIRST_BACKOFF_S: Final = 0.2
MAX_BACKOFF_S: Final = 5.0
SILENT_HEARTBEATS: Final = 4
"""A broker that answers none of so many heartbeats is taken to be out of reach."""
DEFAULT_LEASE_S: Final = 60.0
LEAVE_TIMEOUT_S: Final = 8.0
"""How long an agent that leaves waits for its runners, and for the broker to hear of them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """What an agent is told when it starts."""

    broker: str
    """HOST:PORT, or unix:PATH."""
    state_dir: Path | None = None
    """Where its name lives. None: the first free slot under the user's state folder."""


@dataclass
class _Running:
    """A runner of ours."""

    expected: Expected
    process: RunnerProcess


class Agent:
    """See the module."""

    def __init__(
        self, agent_id: str, fleet: fleet_pb2_grpc.FleetServiceStub, relay: Relay, endpoint: str
    ) -> None:
        self.agent_id = agent_id
        self._fleet = fleet
        self._relay = relay
        self._endpoint = endpoint
        self._starting: dict[str, fleet_pb2.StopAssignment | None] = {}
        """Runs whose runner is being started, with the order to stop it that came meanwhile."""
        self._runners: dict[str, _Running] = {}
        self._exits: dict[str, fleet_pb2.RunnerExit] = {}
        """Ends of runners that the broker has not noted, by run."""
        self._news = asyncio.Event()
        self._living: set[asyncio.Task[None]] = set()
        """Each watches over one runner, from its start to its end."""
        self._connected = False
        self._lease_s = DEFAULT_LEASE_S
        self._heartbeat_s = 1.0
        self._heard_at = time.monotonic()
        """When the broker last said something."""
        self._silent = False
        self._leaving = False
        self._said_goodbye = False
        self._gone = asyncio.Event()
        """Set when the broker has heard the goodbye, and ended the stream."""

    async def run(self, on_connected: Callable[[str], None]) -> None:
        """Stays connected, until it leaves; calls `on_connected` with its id each time it is."""
        backoff_s = FIRST_BACKOFF_S
        lease: asyncio.Task[None] | None = None
        while not self._gone.is_set():
            connected = False
            try:
                async for _ in self._connection():
                    connected = True
                    backoff_s = FIRST_BACKOFF_S
                    if lease is not None:
                        lease.cancel()
                        lease = None
                    on_connected(self.agent_id)
            except LoadgrpcError as error:
                if self._gone.is_set():
                    return
                if connected or backoff_s == FIRST_BACKOFF_S:
                    _log.warning("no connection to the broker (%s); trying again", error)
            if lease is None:
                lease = asyncio.create_task(self._end_load_with_lease())
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            backoff_s = min(MAX_BACKOFF_S, backoff_s * 2)

    async def leave(self) -> None:
        """Ends the runners, tells the broker how, and says goodbye."""
        self._leaving = True
        self._news.set()
        for run_id in self._starting:
            kill = control_pb2.STOP_MODE_KILL
            self._starting[run_id] = fleet_pb2.StopAssignment(run_id=run_id, mode=kill)
        for runner in self._runners.values():
            runner.process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await (self._gone.wait() if self._connected else asyncio.gather(*self._living))
        for runner in self._runners.values():
            runner.process.stop(StopMode.KILL, 0.0)

    # The stream

    async def _connection(self) -> AsyncIterator[None]:
        """One stream to the broker, from registration to its end; yields once, registered.

        Raises:
            Unavailable: it broke.
            LoadgrpcError: the broker will not have us.
        """
        call = self._fleet.Connect()
        self._silent = False
        speaking: asyncio.Task[None] | None = None
        try:
            await call.write(fleet_pb2.ConnectRequest(register=self._registration()))
            async for response in call:
                self._heard_at = time.monotonic()
                if response.HasField("registered"):
                    self._heartbeat_s = convert.seconds_from_proto(
                        response.registered.heartbeat_interval
                    )
                    self._lease_s = convert.seconds_from_proto(response.registered.lease)
                    speaking = asyncio.create_task(self._speak(call))
                    self._connected = True
                    yield
                else:
                    self._obey(response)
            raise Unavailable("the broker closed the stream")
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        except asyncio.CancelledError:
            if not self._silent:
                raise
            raise Unavailable("the broker has fallen silent") from None
        finally:
            self._connected = False
            if self._said_goodbye:
                self._gone.set()
            if speaking is not None:
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)  # its stream broke too
            call.cancel()

    def _obey(self, response: fleet_pb2.ConnectResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "run":
            self._start(convert.assignment_from_proto(response.run))
        elif kind == "stop":
            self._stop(response.stop)
        elif kind == "exit_noted":
            self._noted(response.exit_noted)
        # Answers to heartbeats are heard by coming; anything else is of a newer broker.

    async def _speak(self, call: grpc.aio.StreamStreamCall) -> None:
        """Sends heartbeats, and how runners ended."""
        said: list[fleet_pb2.RunnerExit] = []
        while True:
            self._news.clear()
            for ended in [each for each in self._exits.values() if each not in said]:
                await call.write(fleet_pb2.ConnectRequest(runner_exit=ended))
                said.append(ended)
            if self._leaving and not self._living and not self._exits:
                await call.write(fleet_pb2.ConnectRequest(goodbye=fleet_pb2.Goodbye()))
                self._said_goodbye = True
                await call.done_writing()  # the broker ends the stream, and so this task
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._news.wait()
                continue
            if time.monotonic() - self._heard_at > SILENT_HEARTBEATS * self._heartbeat_s:
                self._silent = True
                call.cancel()
                return
            await call.write(fleet_pb2.ConnectRequest(heartbeat=fleet_pb2.Heartbeat()))

    def _registration(self) -> fleet_pb2.Register:
        return fleet_pb2.Register(
            agent_id=self.agent_id,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            cores=len(os.sched_getaffinity(0)),
            run_ids=sorted({*self._starting, *self._runners, *self._exits}),
        )

    # Runners

    def _start(self, assignment: Assignment) -> None:
        if self._leaving:
            refusal = fleet_pb2.RunnerExit(
                run_id=assignment.run_id, start_error="the agent is leaving"
            )
            self._tell(refusal)
            return
        self._starting[assignment.run_id] = None
        living = asyncio.get_running_loop().create_task(self._live(assignment))
        self._living.add(living)
        living.add_done_callback(self._living.discard)
        living.add_done_callback(lambda _: self._news.set())

    async def _live(self, assignment: Assignment) -> None:
        """A runner, from its start to its end."""
        run_id = assignment.run_id
        expected = self._relay.expect(assignment)
        try:
            process = await RunnerProcess.start(
                expected.source, endpoint=self._endpoint, token=expected.token
            )
        except OSError as error:
            self._tell(fleet_pb2.RunnerExit(run_id=run_id, start_error=str(error)))
            self._relay.forget(expected)
            del self._starting[run_id]
            return
        _log.info("run %s: the runner of %s started", run_id, assignment.test)
        self._runners[run_id] = _Running(expected, process)
        stop = self._starting.pop(run_id)
        if stop is not None:
            self._stop(stop)
        ended = await process.wait()
        self._relay.forget(expected)
        del self._runners[run_id]
        if self._leaving and ended.status == 0:
            ended = Exit(1, "the agent was stopped")
        _log.info("run %s: the runner ended with status %d", run_id, ended.status)
        self._tell(
            fleet_pb2.RunnerExit(
                run_id=run_id,
                runner_id=expected.source.runner_id,
                exit_status=ended.status,
                stderr_tail=ended.stderr_tail,
            )
        )

    def _tell(self, ended: fleet_pb2.RunnerExit) -> None:
        self._exits[ended.run_id] = ended
        self._news.set()

    def _noted(self, noted: fleet_pb2.RunnerExitNoted) -> None:
        ended = self._exits.get(noted.run_id)
        if ended is not None and ended.runner_id == noted.runner_id:
            del self._exits[noted.run_id]
            self._news.set()

    def _stop(self, order: fleet_pb2.StopAssignment) -> None:
        if order.run_id in self._starting:
            self._starting[order.run_id] = order
        runner = self._runners.get(order.run_id)
        if runner is not None:
            kill = order.mode == control_pb2.STOP_MODE_KILL
            mode = StopMode.KILL if kill else StopMode.GRACEFUL
            runner.process.stop(mode, convert.seconds_from_proto(order.stop_timeout))

    async def _end_load_with_lease(self) -> None:
        await asyncio.sleep(self._lease_s)
        for run_id, runner in self._runners.items():
            _log.warning("run %s: the lease is over, its load ends here", run_id)
            runner.process.stop(StopMode.KILL, 0.0)


@asynccontextmanager
async def running(
    config: AgentConfig, *, on_connected: Callable[[str], None]
) -> AsyncIterator[None]:
    """An agent that works for as long as the context lasts.

    Raises:
        StateDirError: its state directory cannot be used.
    """
    held = identity.claim(config.state_dir)
    try:
        async with new_channel(config.broker) as channel:
            relay = Relay(RawRunnerServiceStub(channel))
            server = await new_server(SERVICES)
            add_raw_runner_service(relay, server)
            endpoint = listen(server, "127.0.0.1:0")
            await server.start()
            fleet = fleet_pb2_grpc.FleetServiceStub(channel)
            agent = Agent(held.agent_id, fleet, relay, endpoint)
            connecting = asyncio.create_task(agent.run(on_connected))
            try:
                yield
            finally:
                await agent.leave()
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                await server.stop(None)
    finally:
        held.release()


async def serve(
    config: AgentConfig, *, on_connected: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Works until `stop` is set; calls `on_connected` with the agent's id when it is."""
    async with running(config, on_connected=on_connected):
        await stop.wait()
