"""The agent: registers, sends heartbeats, accepts work, starts runners, reports how they ended.

Rule: the agent dials out, to one broker, and reconnects forever when the connection breaks. It
keeps its runners going meanwhile, until its lease expires: then nobody counts them any more, and
it ends them. How a runner ended is reported once the broker has everything it sent; what an
earlier agent process has left on disk is delivered in the same way.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Final

import grpc.aio
from google.protobuf import timestamp_pb2

from loadgrpc import __version__
from loadgrpc.agent import identity
from loadgrpc.agent.code_trust import EVERYBODY, CodeTrust
from loadgrpc.agent.defects import log_defect
from loadgrpc.agent.doors import Doors
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.agent.part import AssignedPart
from loadgrpc.agent.places import Places
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.reports import PartKey, Reports
from loadgrpc.agent.runner import AgentServices, finish_former
from loadgrpc.agent.spool import SpoolRoom
from loadgrpc.agent.supplies import Supplies
from loadgrpc.agent.workplace import Workplace
from loadgrpc.errors import LoadgrpcError, Unavailable
from loadgrpc.model import Assignment, Confinement, StopMode
from loadgrpc.protocol import status, times
from loadgrpc.protocol.backoff import Backoff
from loadgrpc.protocol.fleet import (
    DEFAULT_LEASE_S,
    HEARTBEAT_S,
    ChangeLevel,
    Dismissed,
    ExitNoted,
    Registration,
    StartProcesses,
    StartRunners,
    StopRunners,
    order_from_proto,
    registration_to_proto,
    until_heartbeat_s,
)
from loadgrpc.protocol.version import other_version
from loadgrpc.v1 import fleet_pb2, fleet_pb2_grpc

FIRST_REDIAL_S: Final = 0.2
MAX_REDIAL_S: Final = 2.0
SILENT_HEARTBEATS: Final = 4
"""A broker that answers none of this many heartbeats counts as out of reach."""
LEASE_MARGIN: Final = 0.1
"""The share of its lease by which an agent is earlier than the broker."""
LEAVE_TIMEOUT_S: Final = 8.0
"""How long an agent that leaves waits for its runners, and for the broker to hear of them."""
LEASE_OVER: Final = "the agent was out of reach of the broker for longer than its lease"

_log = logging.getLogger(__name__)


class AgentProcess:
    """See the module."""

    def __init__(
        self,
        held: identity.Identity,
        fleet: fleet_pb2_grpc.FleetServiceStub,
        relay: Relay,
        doors: Doors,
        *,
        room: SpoolRoom,
        places: Places,
        packages: Path | None = None,
        why_away: Callable[[], str] = str,
        start_process: Callable[..., RunnerProcess] = RunnerProcess.of,
        workplace: Workplace | None = None,
        trust: CodeTrust = EVERYBODY,
        no_python: str = "",
    ) -> None:
        self.agent_id = held.agent_id
        self.labels: tuple[str, ...] = ()
        self.confinement = Confinement(signed_only=trust.demands_signatures)
        """What it says of how it confines what it runs."""
        self._why_away = why_away
        """Asked, in a thread, why the broker cannot be reached. Empty: nobody knows."""
        self._fleet = fleet
        self._news = asyncio.Event()
        self._reports = Reports(self._news.set)
        self._services = AgentServices(
            state=held.folder,
            room=room,
            relay=relay,
            doors=doors,
            reports=self._reports,
            places=places,
            supplies=Supplies(
                *(held, fleet, start_process, self._reports.preparing, packages),
                workplace=workplace,
                offers_own=not trust.demands_signatures,
            ),
            start_process=start_process,
            trust=trust,
            workplace=workplace,
            no_python=no_python,
        )
        self._parts: dict[PartKey, AssignedPart] = {}
        self._held: set[PartKey] = set()
        """Parts of which there is anything here."""
        self._living: set[asyncio.Task[None]] = set()
        """Tasks of parts, until everything is reported; and folders that are being removed."""
        self._offline = asyncio.Event()
        """Set while there is no stream to the broker."""
        self._offline.set()
        self._lease_s, self._heartbeat_s = DEFAULT_LEASE_S, HEARTBEAT_S
        self._heard_at = asyncio.get_running_loop().time()
        """When the broker was last heard from."""
        self._silent, self._broker_version = False, ""
        self._leaving = self._said_goodbye = False
        self._aged = False
        """Whether it is too old to be given more work."""
        self.dismissed = asyncio.Event()
        """Set when it has asked to leave, and may."""
        self._gone = asyncio.Event()
        """Set when the broker has heard the goodbye, and ended the stream."""

    async def run(self, on_connected: Callable[[str], None]) -> None:
        """Stays connected, until it leaves; calls `on_connected` with its id each time it is."""
        backoff = Backoff(FIRST_REDIAL_S, MAX_REDIAL_S)
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
                    why = ""
                    if isinstance(error, Unavailable) and not connected:
                        why = await asyncio.to_thread(self._why_away)
                    _log.warning("cannot connect to the broker (%s); trying again", why or error)
            except Exception:  # noqa: BLE001 - logged
                _log.exception("a defect: please report it; connecting again")
            if lease is None:
                lease = asyncio.create_task(self._end_load_with_lease())
                lease.add_done_callback(log_defect)
            await asyncio.sleep(backoff.next_s())

    def age(self) -> None:
        """From now on it wants to leave, as soon as it has no part in a run."""
        _log.info("agent %s has reached its age, and leaves after its run", self.agent_id)
        self._aged = True
        self._news.set()

    async def leave(self) -> None:
        """Ends the runners, reports how they ended, and says goodbye."""
        self._leaving = True
        self._news.set()
        parts = list(self._parts.values())
        for part in parts:
            part.leave()
        loop = asyncio.get_running_loop()
        heard = [loop.create_task(event.wait()) for event in (self._gone, self._offline)]
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await asyncio.wait(heard, return_when=asyncio.FIRST_COMPLETED)
                for part in parts:  # nobody is left to report to
                    await part.processes_ended.wait()
        for waiting in heard:
            waiting.cancel()
        for part in parts:
            part.stop(StopMode.KILL, 0.0)
        for living in self._living:
            living.cancel()
        await asyncio.gather(*heard, *self._living, return_exceptions=True)

    def parts(self) -> list[AssignedPart]:
        """Its parts of runs."""
        return list(self._parts.values())

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
            register = registration_to_proto(self._registration())
            await call.write(fleet_pb2.ConnectRequest(register=register))
            async for response in call:
                self._heard_at = asyncio.get_running_loop().time()
                if response.HasField("registered"):
                    self._heartbeat_s = times.seconds_from_proto(
                        response.registered.heartbeat_interval
                    )
                    self._lease_s = times.seconds_from_proto(response.registered.lease)
                    self._meet(response.registered.version)
                    speaking = asyncio.create_task(self._speak(call))
                    speaking.add_done_callback(functools.partial(self._check_speaking, call))
                    self._offline.clear()
                    yield
                else:
                    self._obey(response)
            raise Unavailable("the broker closed the stream")
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        except asyncio.CancelledError:
            if not self._silent:
                raise
            raise Unavailable("the broker has stopped answering") from None
        finally:
            self._offline.set()
            if self._said_goodbye:
                self._gone.set()
            if speaking is not None:
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)  # its stream broke too
            call.cancel()

    def _meet(self, version: str) -> None:
        """Tells once of a broker of another version."""
        if version != self._broker_version and (message := other_version(version)):
            _log.warning("the broker: %s", message)
        self._broker_version = version

    def _obey(self, response: fleet_pb2.ConnectResponse) -> None:
        match order_from_proto(response):
            case StartRunners(assignment):
                self._start(assignment)
            case StartProcesses(run_id, scenario, cycle):
                if part := self._parts.get((run_id, scenario)):
                    part.enter(cycle)
            case ChangeLevel(run_id, scenario, changes):
                if part := self._parts.get((run_id, scenario)):
                    part.change_load(changes)
            case StopRunners() as stop:
                self._stop(stop)
            case ExitNoted() as noted:
                self._noted(noted)
            case Dismissed() if not self._parts:  # else it asks again
                self.dismissed.set()
        # Answers to heartbeats are heard by coming; anything else is of a newer broker.

    async def _speak(self, call: grpc.aio.StreamStreamCall) -> None:
        """Sends heartbeats, and reports when there are any."""
        reports = self._reports
        reports.connected()
        beats = 0
        while True:
            self._news.clear()
            for report in reports.unsent():
                await call.write(report)
            if self._aged:
                await call.write(fleet_pb2.ConnectRequest(retiring=fleet_pb2.Retiring()))
            if self._leaving and not self._living and not reports:
                await call.write(fleet_pb2.ConnectRequest(goodbye=fleet_pb2.Goodbye()))
                self._said_goodbye = True
                await call.done_writing()  # the broker ends the stream, and so this task
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(until_heartbeat_s(self._heartbeat_s, beats)):
                    await self._news.wait()
                continue
            # Noticed early enough to end the load within a short lease, too.
            patience = min(SILENT_HEARTBEATS, max(1.5, self._lease_s / 2 / self._heartbeat_s))
            if asyncio.get_running_loop().time() - self._heard_at > patience * self._heartbeat_s:
                self._silent = True
                call.cancel()
                return
            await call.write(fleet_pb2.ConnectRequest(heartbeat=fleet_pb2.Heartbeat(time=_now())))
            beats += 1
            reports.beat()

    def _check_speaking(
        self, call: grpc.aio.StreamStreamCall, speaking: asyncio.Task[None]
    ) -> None:
        """Reopens the stream if its sending side has failed."""
        if speaking.cancelled() or speaking.exception() is None or call.done():
            return  # it broke, which its reader notices
        log_defect(speaking)
        self._silent = True
        call.cancel()

    def _registration(self) -> Registration:
        return Registration(
            agent_id=self.agent_id,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            cores=len(os.sched_getaffinity(0)),
            run_ids=tuple(sorted({run_id for run_id, _ in self._held})),
            held=frozenset(self._held),
            sent_ns=time.time_ns(),
            prepares=True,
            labels=self.labels,
            confinement=self.confinement,
        )

    # Parts

    def _start(self, assignment: Assignment) -> None:
        part = AssignedPart(assignment, self._services)
        key = part.key
        self._held.add(key)
        if self._leaving:
            left = fleet_pb2.RunnerExit(run_id=part.run_id, scenario=part.scenario, last=True)
            left.start_error = "the agent is leaving"
            self._reports.ended(left)
            return
        self._parts[key] = part
        self._watch(self._live(part, key))

    async def _live(self, part: AssignedPart, key: PartKey) -> None:
        await part.run()
        del self._parts[key]
        self._forget_if_over(key)

    async def resume(self) -> None:
        """Goes on with what an agent before this one has left."""
        parts: dict[PartKey, list[RunnerFolder]] = {}
        services = self._services
        for folder in await asyncio.to_thread(
            RunnerFolder.former, services.state, services.workplace
        ):
            run_id = folder.source_id.run_id
            _log.info("run %s: found a runner left by an earlier agent process", run_id)
            self._held.add((run_id, folder.scenario))
            parts.setdefault((run_id, folder.scenario), []).append(folder)
        for folders in parts.values():
            self._watch(finish_former(self._services, folders))
        runners = [folder for folders in parts.values() for folder in folders]
        self._watch(await self._services.supplies.clear(runners))

    def _noted(self, noted: ExitNoted) -> None:
        ended = self._reports.noted(noted)
        if ended is None:
            return
        if ended.folder is not None:
            self._watch(asyncio.to_thread(ended.folder.remove))
        self._forget_if_over((noted.run_id, noted.scenario))
        self._news.set()

    def _forget_if_over(self, key: PartKey) -> None:
        """When nothing of a part is here any more, it is not named to the broker."""
        if key not in self._parts and not self._reports.has(key):
            self._held.discard(key)
            self._reports.over(key)

    def _watch(self, life: Coroutine[None, None, None]) -> None:
        living = asyncio.get_running_loop().create_task(life)
        self._living.add(living)
        living.add_done_callback(self._living.discard)
        living.add_done_callback(log_defect)
        living.add_done_callback(lambda _: self._news.set())

    def _stop(self, order: StopRunners) -> None:
        for part in self._parts.values():
            if part.run_id == order.run_id and order.scenario in ("", part.scenario):
                part.stop(order.mode, order.stop_timeout_s)

    async def _end_load_with_lease(self) -> None:
        """Ends the load before the broker may count it as lost, which counts from what it heard."""
        over_at = self._heard_at + (1 - LEASE_MARGIN) * self._lease_s
        await asyncio.sleep(max(0.0, over_at - asyncio.get_running_loop().time()))
        for part in self._parts.values():
            part.end_load(LEASE_OVER)


def _now() -> timestamp_pb2.Timestamp:
    """Now, by this machine's clock, however it is set meanwhile."""
    return times.timestamp_to_proto(time.time_ns())
