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
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NoReturn

from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import Assignment, ExceptionInfo, SourceId
from loadgrpc.protocol import convert, plans, produced, times
from loadgrpc.protocol.produced import Produced
from loadgrpc.protocol.raw import RawRunnerServiceStub
from loadgrpc.protocol.transport import new_channel
from loadgrpc.runner import pipe
from loadgrpc.runner.publisher import Publisher
from loadgrpc.v1 import event_pb2, runner_pb2

ASSIGNMENT_TIMEOUT_S: Final = 10.0
READ_BYTES: Final = 1 << 20
TELL_USERS_S: Final = 0.25
SIGTERM_GRACE_S: Final = 2.0
"""How long users may take to finish their iteration when SIGTERM came; the agent waits longer."""

EXIT_LOST: Final = 1
EXIT_NOT_LOADED: Final = 107

_log = logging.getLogger("loadgrpc.runner.link")


class UserProcessLost(Exception):
    """A user process ended before its work did."""


class User:
    """The link's end of one user process."""

    def __init__(self, at: int, of: int) -> None:
        self.at = at
        self.active_users = 0
        self.started_users = 0
        """Users of this cycle that were started."""
        self.handed = Produced(0, 0)
        """What came of it, or was declared lost by it."""
        self.lost = False
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadgrpc.runner"],
            pass_fds=[theirs.fileno()],
            env={**os.environ, pipe.SOCKET_FD_ENV: str(theirs.fileno())},
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        ours.settimeout(0.0)
        self._socket = ours
        self._of = of

    async def read(self, publisher: Publisher, on_users: Callable[[], None]) -> None:
        """Passes on what the process did, until it says bye; tells when its users change.

        Raises:
            UserProcessLost: it ended without.
        """
        loop = asyncio.get_running_loop()
        reader = pipe.FrameReader()
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
                    self.active_users, self.started_users = message["active"], message["started"]
                    on_users()
                else:
                    self.told.put_nowait(message)
                if message["told"] in ("bye", "load_failed"):
                    return
        status = await asyncio.to_thread(self._process.wait)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise UserProcessLost(f"user process {self.at + 1} of {self._of} {how}")

    def _count(self, events: int, hits: int) -> None:
        self.handed = Produced(self.handed.events + events, self.handed.hits + hits)

    async def _received(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            return await loop.sock_recv(self._socket, READ_BYTES)
        except ConnectionResetError:
            return b""

    def order(self, **message: Any) -> None:
        """Tells the process something; orders are few and fit into the socket's buffer."""
        try:
            self._socket.sendall(pipe.control(message))
        except OSError:
            _log.info("user process %d is gone already", self.at + 1)

    def kill(self) -> None:
        """Ends the process at once."""
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
        self.users = [User(at, count) for at in range(count)]

    async def run(self) -> int:
        """Lives the assignment to its end; the exit status."""
        for user in self.users:
            user.order(**_share(self._assignment, user.at, len(self.users)))
        reading = [asyncio.create_task(self._read(user)) for user in self.users]
        status = await _first_error(self._lead(), *reading)
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
            user.lost = True
            user.told.put_nowait({"told": "lost"})

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

    def stop(self, timeout_s: float) -> None:
        """Lets users finish their iteration; after `timeout_s` they are cut off."""
        for user in self.users:
            user.order(do="stop", timeout_s=timeout_s)
        self._stopping.set()

    async def _lead(self) -> int:
        load_error = await self._loaded()
        if load_error is None:
            telling = asyncio.create_task(self._keep_telling_users())
            await self._cycles()
            for user in self.users:
                user.order(do="leave")
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
            for user in self.users:
                user.started_users = 0
                user.order(do="start", cycle=cycle)
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
            runner_pb2.GetAssignmentRequest(source=convert.source_to_proto(source)),
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
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, link.stop, SIGTERM_GRACE_S)
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
