"""`python -m loadgrpc.runner.link`: the runner as the agent sees it.

Asks for its assignment, starts the user processes, passes on what they did, and leads them
through the cycles. Rule: the only part of the runner that speaks gRPC; it is not patched,
and no test runs in it. A user process that dies costs its own users only: the others go on,
and what it takes with it is declared lost. When the agent is gone (its end of our standard
input closes), the users are killed: nobody is left to report to.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NoReturn

from loadgrpc.clock import SystemClock
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import Assignment, ExceptionInfo, SourceId, TestOutcome
from loadgrpc.protocol import plans, produced, times
from loadgrpc.protocol.ends import ended
from loadgrpc.protocol.produced import Produced
from loadgrpc.protocol.raw import RawRunnerServiceStub
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.protocol.transport import new_channel
from loadgrpc.runner import in_flight, pipe
from loadgrpc.runner.echo import Echo
from loadgrpc.runner.pipe import MAX_FRAME_BYTES
from loadgrpc.runner.publisher import Publisher
from loadgrpc.runner.recorder import Recorder
from loadgrpc.v1 import event_pb2, runner_pb2

ASSIGNMENT_TIMEOUT_S: Final = 10.0
READ_BYTES: Final = 1 << 20
TELL_USERS_S: Final = 0.25
SIGTERM_GRACE_S: Final = 1.0
"""How long users may take to finish their iteration when SIGTERM came; the agent waits longer."""
REACT_S: Final = 2.5
"""How long a user process may take, after the stop time-out, to cut off its users and say so."""
REACT_TO_SIGTERM_S: Final = 1.0
"""The same after SIGTERM: the agent kills 3.5 s after that."""
CLOSED_S: Final = 1.0
"""How long a user process may live that has closed its socket to the link."""

EXIT_LOST: Final = 1
EXIT_NOT_LOADED: Final = 107

LAST_WORDS_S: Final = 0.3
"""How long what user processes print is read for after their goodbye; who prints more is late."""

_log = logging.getLogger("loadgrpc.runner.link")


class UserProcessLost(Exception):
    """A user process ended before its work did."""


class User:
    """The link's end of one user process."""

    def __init__(self, at: int, of: int, most_users: int) -> None:
        """The process `at` of `of`, from 0; `most_users` are those of all processes."""
        self.at = at
        self.active_users = 0
        self.started_users = 0
        """Users of this cycle that were started."""
        self.handed = Produced(0, 0)
        """What came of it, or was declared lost by it."""
        self.lost = False
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.busy_with = ""
        """What it was ordered to do and has not answered, in words; empty: nothing."""
        self.first_user = at + 1
        self._of = of
        self._why = ""
        """Why the link killed it; empty: it did not."""
        self._in_flight = in_flight.create(max(1, -(-(most_users - at) // of)))
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "loadgrpc.runner"],
            pass_fds=[theirs.fileno(), self._in_flight],
            env={
                **os.environ,
                pipe.SOCKET_FD_ENV: str(theirs.fileno()),
                in_flight.FD_ENV: str(self._in_flight),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        ours.settimeout(0.0)
        self._socket = ours

    async def read(self, publisher: Publisher, on_users: Callable[[], None]) -> None:
        """Passes on what the process did, until it says bye; tells when its users change.

        Raises:
            UserProcessLost: it ended without.
        """
        loop = asyncio.get_running_loop()
        reader = pipe.FrameReader()
        watching = loop.create_task(self._close_when_ended())
        try:
            while data := await self._received(loop):
                for frame in reader.feed(data):
                    if frame.kind is pipe.Kind.BATCH:
                        self._count(frame.events, frame.hits)
                        await publisher.batch(frame.body, frame.events, frame.hits)
                        continue
                    message = frame.control()
                    if message["told"] == "dropped":
                        reason = "the runner made events faster than they could be reported"
                        self._count(message["events"], message["hits"])
                        await publisher.skip(message["events"], message["hits"], reason)
                    elif message["told"] == "users":
                        self.active_users = message["active"]
                        self.started_users = message["started"]
                        on_users()
                    elif message["told"] == "failed":
                        self.kill(f"failed: {' '.join(message['why'].split())}")
                    else:
                        self.busy_with = ""
                        self.told.put_nowait(message)
                    if message["told"] in ("bye", "load_failed"):
                        return
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(watching), CLOSED_S)
            if not watching.done():
                self.kill("closed its connection to the runner, and was killed")
                await watching
        finally:
            watching.cancel()
        status = self._process.wait()  # at once
        how = f"ended with status {status}"
        if status < 0:
            name = signal.strsignal(-status) or "unknown"
            how = f"was killed by signal {-status} ({name})"
        raise UserProcessLost(f"user process {self.at + 1} of {self._of} {self._why or how}")

    async def _close_when_ended(self) -> None:
        """Ends the reading with the process, whoever else has its end of the socket."""
        await ended(self._process.pid)
        with suppress(OSError):  # who has read all of it may have closed it
            self._socket.shutdown(socket.SHUT_RD)

    async def echo(self) -> None:
        """Passes on what the process prints."""
        name = f"user process {self.at + 1}"
        streams = (self._process.stdout, self._process.stderr)
        await asyncio.gather(
            *(
                Echo(name, to).pass_on(stream)
                for to, stream in zip((1, 2), streams, strict=True)
                if stream is not None
            )
        )

    def _count(self, events: int, hits: int) -> None:
        self.handed = Produced(self.handed.events + events, self.handed.hits + hits)

    async def _received(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            return await loop.sock_recv(self._socket, READ_BYTES)
        except ConnectionResetError:
            return b""

    def order(self, words: str = "", **message: Any) -> None:
        """Tells the process something; orders are few and fit into the socket's buffer.

        `words` say what it is to do, if it has to answer.
        """
        self.busy_with = words or self.busy_with
        try:
            self._socket.sendall(pipe.control(message))
        except OSError:
            _log.info("user process %d is gone already", self.at + 1)

    def cut_off(self) -> list[in_flight.Iteration]:
        """The iterations that ended with the process."""
        return in_flight.read(self._in_flight)

    def kill(self, why: str = "") -> None:
        """Ends the process at once; `why` is told, after its name, if it says so first."""
        self._why = self._why or why
        self._process.kill()


class Link:
    """Leads the user processes of one assignment through its cycles."""

    def __init__(self, assignment: Assignment, publisher: Publisher, folder: Path | None) -> None:
        self._assignment = assignment
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._finished = asyncio.Event()
        self._users_changed = asyncio.Event()
        self._cycle = 1
        """The cycle that was started last, or will be."""
        count = user_processes(assignment, len(os.sched_getaffinity(0)))
        self._folder = _counting_folder(folder, 1 + count)
        self._counts = produced.row(self._folder, 0)
        self._lost: list[str] = []
        """How user processes were lost, in words."""
        self._uncounted = False
        """Whether one was lost, and nobody knows what it had produced."""
        self._cycle = 0
        """The cycle that its users are in, or were in last."""
        self._due_s = math.inf
        """When each user process must have done what it was ordered to, by the loop's clock."""
        self._stop_due_s = math.inf
        """The same, for a stop that was ordered."""
        self._due_changed = asyncio.Event()
        most_users = max(cycle.users for cycle in assignment.cycles)
        self.users = [User(at, count, most_users) for at in range(count)]

    async def run(self) -> int:
        """Lives the assignment to its end; the exit status."""
        for user in self.users:
            share = _share(self._assignment, user.at, len(self.users))
            user.order("while it loaded the test", **share)
        reading = [asyncio.create_task(self._read(user)) for user in self.users]
        insisting = asyncio.create_task(self._insist())
        echoes = [asyncio.create_task(user.echo()) for user in self.users]
        status = await _first_error(self._lead(), *reading, insisting)
        insisting.cancel()
        await asyncio.wait(echoes, timeout=LAST_WORDS_S)
        if self._lost:
            others = f" (and {len(self._lost) - 1} more)" if len(self._lost) > 1 else ""
            print(self._lost[0] + others, file=sys.stderr)  # noqa: T201 - the agent reads it
        return status

    async def _read(self, user: User) -> None:
        """Passes on what a user process did; declares lost what it took with it when it died."""
        try:
            await user.read(self._publisher, self._users_changed.set)
        except UserProcessLost as error:
            user.active_users = 0
            self._users_changed.set()
            self._lost.append(str(error))
            print(error, file=sys.stderr)  # noqa: T201 - the agent reads it
            rows = produced.read(self._folder) if self._folder else None
            if rows is None:
                self._uncounted = True
            else:
                made, handed = rows[1 + user.at], user.handed
                events, hits = made.events - handed.events, made.hits - handed.hits
                if events:
                    await self._publisher.skip(events, hits, str(error))
            await self._cut_off(user)
            user.lost = True
            user.busy_with = ""
            user.told.put_nowait({"told": "lost"})

    async def _cut_off(self, user: User) -> None:
        """Reports the iterations that ended with a user process as interrupted."""
        cut_off = user.cut_off()
        if not cut_off:
            return
        clock = SystemClock()
        recorder = Recorder(clock, self._assignment.test)
        cycle = self._assignment.cycles[self._cycle - 1]
        recorder.begin_cycle(self._cycle, cycle.users, cycle.iterations)
        for row, iteration, start_ns in cut_off:
            recorder.iteration(
                outcome=TestOutcome.INTERRUPTED,
                exception=None,
                start_ns=start_ns,
                elapsed_ns=max(0, clock.wall_ns() - start_ns),
                user=user.first_user + row * len(self.users),
                iteration=iteration,
            )
        for frame in recorder.take(MAX_FRAME_BYTES):
            self._counts[0] += frame.events
            await self._publisher.batch(frame.payload, frame.events, frame.hits)

    async def _insist(self) -> NoReturn:
        """Kills the user processes that are not done when they have to be."""
        loop = asyncio.get_running_loop()
        while True:
            self._due_changed.clear()
            left_s = self._due_s - loop.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if left_s == math.inf else max(0.0, left_s)):
                    await self._due_changed.wait()
            if loop.time() < self._due_s:
                continue
            for user in self.users:
                if user.busy_with:
                    user.kill(
                        f"did not react within the stop timeout and was killed, {user.busy_with}"
                    )
            self._due_s = math.inf

    def _expect(self, due_s: float) -> None:
        """User processes must be done then, or before if that was said already."""
        self._due_s = min(self._due_s, due_s)
        self._due_changed.set()

    async def obey(self) -> None:
        """Carries out the orders that come on the stream."""
        while True:
            order = await self._publisher.orders.get()
            kind = order.WhichOneof("message")
            if kind == "start_cycle":
                self._started.put_nowait(order.start_cycle.cycle)
            elif kind == "stop":
                self.stop(times.seconds_from_proto(order.stop.stop_timeout))
            elif kind == "run_closed":
                raise LoadgrpcError("the run is over")
            else:
                self._finished.set()

    async def _keep_telling_users(self) -> None:
        """Says how many users there are whenever that changes, at most a few times a second."""
        while True:
            await self._users_changed.wait()
            await self._tell_users()
            await asyncio.sleep(TELL_USERS_S)

    async def _tell_users(self) -> None:
        """Says how many users are alive in all processes, and how many the cycle has had."""
        self._users_changed.clear()
        cycle = self._assignment.cycles[self._cycle - 1]
        state = event_pb2.RunnerState(
            active_users=sum(user.active_users for user in self.users),
            started_users=sum(user.started_users for user in self.users),
        )
        status = event_pb2.LoadStatus(
            cycle=self._cycle, users=cycle.users, iterations=cycle.iterations
        )
        event = event_pb2.Event(status=status, state=state)
        self._counts[0] += 1
        batch = runner_pb2.EventBatch(events=[event])
        await self._publisher.batch(batch.SerializeToString(), 1, 0)

    def stop(self, timeout_s: float, *, react_s: float = REACT_S) -> None:
        """Lets users finish their iteration; after `timeout_s` they are cut off.

        User processes that go on for `react_s` after that are killed.
        """
        for user in self.users:
            user.order(do="stop", timeout_s=timeout_s)
        self._stopping.set()
        self._stop_due_s = asyncio.get_running_loop().time() + timeout_s + react_s
        self._expect(self._stop_due_s)

    def terminate(self) -> None:
        """SIGTERM came."""
        self.stop(SIGTERM_GRACE_S, react_s=REACT_TO_SIGTERM_S)

    async def _lead(self) -> int:
        load_error = await self._loaded()
        if load_error is None:
            telling = asyncio.create_task(self._keep_telling_users())
            await self._cycles()
            patience_s = self._assignment.stop_timeout_s + REACT_S
            self._expect(asyncio.get_running_loop().time() + patience_s)
            for user in self.users:
                user.order("in tearDownClass or tearDownModule", do="leave")
            await self._all_told()  # bye
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        if self._uncounted:
            await self._publisher.settled()
            return EXIT_LOST
        await self._publisher.finish(load_error)
        await self._finished.wait()
        if load_error:
            return EXIT_NOT_LOADED
        return EXIT_LOST if self._lost else 0

    async def _loaded(self) -> ExceptionInfo | None:
        """Waits for every user process to load the test; what went wrong, if something did."""
        for user in self.users:
            message = await user.told.get()
            if message["told"] == "load_failed":
                return ExceptionInfo(
                    type=message["type"],
                    message=message["message"],
                    traceback=message["traceback"],
                )
        return None

    async def _cycles(self) -> None:
        for cycle in range(1, len(self._assignment.cycles) + 1):
            await self._publisher.ready(cycle)
            if not await self._released(cycle):
                return
            self._cycle = cycle
            self._due_s = math.inf
            duration_s = self._assignment.cycles[cycle - 1].duration_s
            if duration_s is not None:
                patience_s = duration_s + self._assignment.stop_timeout_s + REACT_S
                self._expect(asyncio.get_running_loop().time() + patience_s)
            self._expect(self._stop_due_s)
            for user in self.users:
                user.started_users = 0
                user.order(f"in cycle {cycle}", do="start", cycle=cycle)
            await self._all_told()  # cycle_ended
            await self._tell_users()
            if all(user.lost for user in self.users):
                return

    async def _all_told(self) -> list[dict[str, Any]]:
        """The next word of every user process that lives."""
        return [await user.told.get() for user in self.users if not user.lost]

    async def _released(self, cycle: int) -> bool:
        """Waits for the others; False: the run is being stopped."""
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                started = asyncio.create_task(self._started.get())
                await asyncio.wait([started, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not started.done():
                    started.cancel()
                elif started.result() >= cycle:
                    return True
            return False
        finally:
            stopping.cancel()


def user_processes(assignment: Assignment, cores: int) -> int:
    """How many user processes: as asked or one a core, never more than users, at least one."""
    most_users = max(cycle.users for cycle in assignment.cycles)
    return max(1, min(assignment.processes or cores, most_users))


def _share(assignment: Assignment, at: int, of: int) -> dict[str, Any]:
    """The order that makes a user process load the test: its share of the assignment."""
    return {
        "do": "load",
        "test": assignment.test,
        "server_url": assignment.server_url,
        "cycles": [asdict(cycle) for cycle in assignment.cycles],
        "spawn_rate": assignment.spawn_rate,
        "stop_timeout_s": assignment.stop_timeout_s,
        "no_dns_resolve": assignment.no_dns_resolve,
        "first_user": at + 1,
        "processes": of,
    }


def _counting_folder(folder: Path | None, rows: int) -> Path | None:
    """Where so many processes count what they produce; None: nowhere."""
    try:
        if folder is not None:
            produced.create(folder, rows)
    except OSError as error:
        _log.warning("what is lost with a process that is killed cannot be counted: %s", error)
        return None
    return folder


async def _first_error(lead: Coroutine[Any, Any, int], *others: asyncio.Task[None]) -> int:
    """The result of `lead`, or the first error of `lead` or of `others`."""
    leading = asyncio.create_task(lead)
    waiting: set[asyncio.Task[Any]] = {leading, *others}
    while not leading.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    return leading.result()


async def _main() -> int:
    environ = os.environ
    source = SourceId(
        environ["LOADGRPC_RUN_ID"], environ["LOADGRPC_AGENT_ID"], environ["LOADGRPC_RUNNER_ID"]
    )
    metadata = (("authorization", f"Bearer {environ['LOADGRPC_TOKEN']}"),)
    async with new_channel(environ["LOADGRPC_ENDPOINT"]) as channel:
        stub = RawRunnerServiceStub(channel)
        answer = await stub.GetAssignment(
            runner_pb2.GetAssignmentRequest(source=source_to_proto(source)),
            metadata=metadata,
            timeout=ASSIGNMENT_TIMEOUT_S,
        )
        publisher = Publisher(stub, source, metadata=metadata)
        folder = environ.get(produced.RUN_DIR_ENV)
        assignment = plans.assignment_from_proto(answer.assignment)
        link = Link(assignment, publisher, Path(folder) if folder else None)
        watching = asyncio.create_task(_die_with_the_agent(link))
        publishing = asyncio.create_task(publisher.run())
        obeying = asyncio.create_task(link.obey())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, link.terminate)
        try:
            return await _first_error(link.run(), publishing, obeying, watching)
        except LoadgrpcError as error:
            print(f"the agent will not take any more: {error}", file=sys.stderr)  # noqa: T201
            return EXIT_LOST
        finally:
            for user in link.users:
                user.kill()
            for task in (publishing, obeying, watching):
                task.cancel()


async def _die_with_the_agent(link: Link) -> NoReturn:
    """Waits for the end of standard input, which only the agent's end can bring."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    for user in link.users:
        user.kill()
    os._exit(EXIT_LOST)


def main() -> NoReturn:
    """Runs the link; exits with 0, with 107 when the test could not be loaded, or with 1."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command line to handle
    status = asyncio.run(_main())
    sys.stderr.flush()
    # Everything is acked: tearing gRPC down in order would only cost time.
    os._exit(status)


if __name__ == "__main__":
    main()
