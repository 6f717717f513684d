"""The agent: registers, beats, takes work, starts runners, says how they ended.

Rule: the agent dials out, to one broker, and comes back for ever when the connection
breaks. It keeps its runners going meanwhile, until its lease is over: then nobody counts
them any more, and it ends them. How a runner ended is told when the broker has all that it
had said; what an agent before this one has left on disk is delivered in the same way.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc.aio

from loadgrpc import __version__
from loadgrpc.agent import identity
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.relay import SERVICES, Expected, Relay
from loadgrpc.agent.source import Source
from loadgrpc.agent.spool import DEFAULT_SPOOL_BYTES, Room, Spool
from loadgrpc.agent.uplink import log_defect
from loadgrpc.errors import LoadgrpcError, Unavailable
from loadgrpc.model import Assignment, SourceId, StopMode
from loadgrpc.protocol import convert, status
from loadgrpc.protocol.backoff import Backoff
from loadgrpc.protocol.raw import RawRunnerServiceStub, add_raw_runner_service
from loadgrpc.protocol.transport import listen, new_channel, new_server
from loadgrpc.v1 import control_pb2, fleet_pb2, fleet_pb2_grpc

FIRST_BACKOFF_S: Final = 0.2
MAX_BACKOFF_S: Final = 2.0
SILENT_HEARTBEATS: Final = 4
"""A broker that answers none of so many heartbeats is taken to be out of reach."""
DEFAULT_LEASE_S: Final = 60.0
LEASE_MARGIN: Final = 0.1
"""The share of its lease by which an agent is earlier than the broker."""
LEAVE_TIMEOUT_S: Final = 8.0
"""How long an agent that leaves waits for its runners, and for the broker to hear of them."""
STOPPED: Final = "the agent was stopped"
KILLED: Final = "the agent was killed"
LEASE_OVER: Final = "the agent was out of reach of the broker for longer than its lease"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """What an agent is told when it starts."""

    broker: str
    """HOST:PORT, or unix:PATH."""
    state_dir: Path | None = None
    """Where its name lives. None: the first free slot under the user's state folder."""
    spool_bytes: int = DEFAULT_SPOOL_BYTES
    """What of its runners' events may be on disk, while the broker does not take them."""


@dataclass
class _Running:
    """A runner of ours."""

    expected: Expected
    process: RunnerProcess
    last_words: str = ""
    """Why the agent ended it; empty: it did not."""


@dataclass(frozen=True)
class _Ended:
    """How a runner ended, and its folder, if it came to that."""

    message: fleet_pb2.RunnerExit
    folder: RunnerFolder | None = None


class Agent:
    """See the module."""

    def __init__(
        self,
        held: identity.Identity,
        fleet: fleet_pb2_grpc.FleetServiceStub,
        relay: Relay,
        endpoint: str,
        room: Room,
    ) -> None:
        self.agent_id = held.agent_id
        self._state = held.folder
        self._room = room
        self._fleet = fleet
        self._relay = relay
        self._endpoint = endpoint
        self._starting: dict[str, fleet_pb2.StopAssignment | None] = {}
        """Runs whose runner is being started, with the order to stop it that came meanwhile."""
        self._runners: dict[str, _Running] = {}
        self._exits: dict[tuple[str, str], _Ended] = {}
        """Ends of runners that the broker has not noted, by run and runner."""
        self._run_ids: set[str] = set()
        """Runs of which there is anything here."""
        self._news = asyncio.Event()
        self._no_runner = asyncio.Event()
        """Set while no process of a runner lives or starts."""
        self._no_runner.set()
        self._living: set[asyncio.Task[None]] = set()
        """Each watches over one runner, from its start until its end can be told."""
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
        backoff = Backoff(FIRST_BACKOFF_S, MAX_BACKOFF_S)
        lease: asyncio.Task[None] | None = None
        while not self._gone.is_set():
            connected = False
            try:
                async for _ in self._connection():
                    connected = True
                    backoff.reset()
                    if lease is not None:
                        lease.cancel()
                        lease = None
                    on_connected(self.agent_id)
            except LoadgrpcError as error:
                if self._gone.is_set():
                    return
                if connected or backoff.fresh:
                    _log.warning("no connection to the broker (%s); trying again", error)
            if lease is None:
                lease = asyncio.create_task(self._end_load_with_lease())
            await asyncio.sleep(backoff.next_s())

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
                await (self._gone if self._connected else self._no_runner).wait()
        for runner in self._runners.values():
            runner.process.stop(StopMode.KILL, 0.0)
        for living in self._living:
            living.cancel()
        await asyncio.gather(*self._living, return_exceptions=True)

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
            exits = [each.message for each in self._exits.values()]
            for ended in [each for each in exits if each not in said]:
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
            # Noticed early enough to end the load within a short lease, too.
            patience = min(SILENT_HEARTBEATS, max(1.5, self._lease_s / 2 / self._heartbeat_s))
            if time.monotonic() - self._heard_at > patience * self._heartbeat_s:
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
            run_ids=sorted(self._run_ids),
        )

    # Runners

    def _start(self, assignment: Assignment) -> None:
        run_id = assignment.run_id
        self._run_ids.add(run_id)
        if self._leaving:
            self._tell(fleet_pb2.RunnerExit(run_id=run_id, start_error="the agent is leaving"))
            return
        self._starting[run_id] = None
        self._no_runner.clear()
        self._watch(self._live_or_say(assignment))

    async def _live_or_say(self, assignment: Assignment) -> None:
        """A runner's life; a defect of ours ends its part, and does not leave it open for ever."""
        run_id = assignment.run_id
        try:
            await self._live(assignment)
        except Exception as error:  # noqa: BLE001 - it is told
            _log.exception("run %s: a defect of the agent ends its runner", run_id)
            self._starting.pop(run_id, None)
            runner = self._runners.pop(run_id, None)
            if runner is not None:
                runner.process.stop(StopMode.KILL, 0.0)
            self._process_ended()
            words = f"a defect of the agent: {type(error).__name__}: {error}"
            self._tell(fleet_pb2.RunnerExit(run_id=run_id, exit_status=1, start_error=words))

    async def _live(self, assignment: Assignment) -> None:
        """A runner, from its start until its end can be told."""
        run_id = assignment.run_id
        source_id = SourceId(run_id, assignment.agent_id, secrets.token_hex(6))
        folder = RunnerFolder(self._state, source_id)
        spool = Spool(folder.spool, self._room)
        expected = self._relay.expect(assignment, source_id, spool)
        try:
            process = await self._start_process(expected, folder)
        except OSError as error:
            self._relay.refuse(expected)
            await asyncio.to_thread(folder.remove)
            await self._relay.forget(expected.source)
            del self._starting[run_id]
            self._process_ended()
            self._tell(fleet_pb2.RunnerExit(run_id=run_id, start_error=str(error)))
            return
        _log.info("run %s: the runner of %s started", run_id, assignment.test)
        runner = self._runners[run_id] = _Running(expected, process)
        stop = self._starting.pop(run_id)
        if stop is not None:
            self._stop(stop)
        ended = await process.wait()
        exit_status = ended.status
        if self._leaving:
            runner.last_words, exit_status = STOPPED, exit_status or 1
        _log.info("run %s: the runner ended with status %d", run_id, exit_status)
        words = ended.stderr_tail + runner.last_words
        told = await asyncio.to_thread(_ended, folder, exit_status, words)
        del self._runners[run_id]
        self._process_ended()
        await self._deliver(expected.source, told, folder)
        self._relay.refuse(expected)

    async def _start_process(self, expected: Expected, folder: RunnerFolder) -> RunnerProcess:
        """Starts the runner's process.

        Raises:
            OSError: it could not be started, or there is no place for its files.
        """
        await asyncio.to_thread(folder.create)
        alive = folder.alive()
        try:
            return await RunnerProcess.start(
                expected.source.source_id,
                endpoint=self._endpoint,
                token=expected.token,
                run_dir=folder.files,
                alive=alive,
            )
        finally:
            os.close(alive)

    async def resume(self) -> None:
        """Goes on with what an agent before this one has left."""
        for folder in await asyncio.to_thread(RunnerFolder.former, self._state):
            run_id = folder.source_id.run_id
            _log.info("run %s: an agent before this one has left a runner", run_id)
            self._run_ids.add(run_id)
            self._watch(self._live_on(folder))

    async def _live_on(self, folder: RunnerFolder) -> None:
        """A runner of a former life, until its end can be told."""
        spool = Spool(folder.spool, self._room)
        source = await self._relay.resume(folder.source_id, spool)
        await asyncio.to_thread(folder.wait_for_end)
        told = await asyncio.to_thread(folder.exit)
        if told is None:
            told = await asyncio.to_thread(_ended, folder, -signal.SIGKILL, KILLED)
        await self._deliver(source, told, folder)

    async def _deliver(
        self, source: Source, told: fleet_pb2.RunnerExit, folder: RunnerFolder
    ) -> None:
        """Tells how a runner ended, when the broker has all that it had said."""
        await source.settle()
        await self._relay.forget(source)
        self._tell(told, folder)

    def _tell(self, told: fleet_pb2.RunnerExit, folder: RunnerFolder | None = None) -> None:
        self._exits[told.run_id, told.runner_id] = _Ended(told, folder)
        self._news.set()

    def _noted(self, noted: fleet_pb2.RunnerExitNoted) -> None:
        ended = self._exits.pop((noted.run_id, noted.runner_id), None)
        if ended is None:
            return
        if not any(run_id == noted.run_id for run_id, _ in self._exits):
            self._run_ids.discard(noted.run_id)
        if ended.folder is not None:
            self._watch(asyncio.to_thread(ended.folder.remove))
        self._news.set()

    def _watch(self, life: Coroutine[None, None, None]) -> None:
        living = asyncio.get_running_loop().create_task(life)
        self._living.add(living)
        living.add_done_callback(self._living.discard)
        living.add_done_callback(log_defect)
        living.add_done_callback(lambda _: self._news.set())

    def _process_ended(self) -> None:
        if not self._starting and not self._runners:
            self._no_runner.set()

    def _stop(self, order: fleet_pb2.StopAssignment) -> None:
        if order.run_id in self._starting:
            self._starting[order.run_id] = order
        runner = self._runners.get(order.run_id)
        if runner is not None:
            kill = order.mode == control_pb2.STOP_MODE_KILL
            mode = StopMode.KILL if kill else StopMode.GRACEFUL
            runner.process.stop(mode, convert.seconds_from_proto(order.stop_timeout))

    async def _end_load_with_lease(self) -> None:
        """Ends the load before the broker may count it as lost, which counts from what it heard."""
        over_at = self._heard_at + (1 - LEASE_MARGIN) * self._lease_s
        await asyncio.sleep(max(0.0, over_at - time.monotonic()))
        for run_id, runner in self._runners.items():
            _log.warning("run %s: the lease is over, its load ends here", run_id)
            runner.last_words = LEASE_OVER
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
            room = Room(config.spool_bytes)
            server = await new_server(SERVICES)
            add_raw_runner_service(relay, server)
            endpoint = listen(server, "127.0.0.1:0")
            await server.start()
            fleet = fleet_pb2_grpc.FleetServiceStub(channel)
            agent = Agent(held, fleet, relay, endpoint, room)
            await agent.resume()
            connecting = asyncio.create_task(agent.run(on_connected))
            try:
                yield
            finally:
                await agent.leave()
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                await server.stop(None)
                await relay.close()
    finally:
        held.release()


def _ended(folder: RunnerFolder, status: int, words: str) -> fleet_pb2.RunnerExit:
    """How a runner ended, with what it had produced; kept in its folder."""
    source_id, produced = folder.source_id, folder.produced()
    told = fleet_pb2.RunnerExit(
        run_id=source_id.run_id,
        runner_id=source_id.runner_id,
        exit_status=status,
        stderr_tail=words,
        produced_events=produced.events if produced else None,
        produced_hits=produced.hits if produced else None,
    )
    try:
        folder.save_exit(told)
    except OSError as error:
        _log.warning("run %s: its end cannot be kept on disk: %s", source_id.run_id, error)
    return told


async def serve(
    config: AgentConfig, *, on_connected: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Works until `stop` is set; calls `on_connected` with the agent's id when it is."""
    async with running(config, on_connected=on_connected):
        await stop.wait()
