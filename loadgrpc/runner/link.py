"""`python -m loadgrpc.runner.link`: the runner as the agent sees it.

Asks for its assignment, starts the user processes, passes on what they did, and leads them
through the cycles. Rule: the only part of the runner that speaks gRPC; it is not patched,
and no test runs in it. When the agent is gone (its end of our standard input closes), the
users are killed: nobody is left to report to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, Final, NoReturn

from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import Assignment, ExceptionInfo, SourceId
from loadgrpc.protocol import convert
from loadgrpc.protocol.raw import RawRunnerServiceStub
from loadgrpc.protocol.transport import new_channel
from loadgrpc.runner import pipe
from loadgrpc.runner.publisher import Publisher
from loadgrpc.v1 import event_pb2, runner_pb2

ASSIGNMENT_TIMEOUT_S: Final = 10.0
SETTLE_TIMEOUT_S: Final = 10.0
"""How long what a dead user process left behind may take to be delivered."""
READ_BYTES: Final = 1 << 20
TELL_USERS_S: Final = 0.25

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
                    await publisher.batch(frame.body, frame.events, frame.hits)
                    continue
                message = frame.control()
                if message["told"] == "dropped":
                    reason = "the runner made events faster than they could be reported"
                    await publisher.skip(message["events"], message["hits"], reason)
                elif message["told"] == "users":
                    self.active_users = message["active"]
                    on_users()
                else:
                    self.told.put_nowait(message)
                if message["told"] in ("bye", "load_failed"):
                    return
        status = await asyncio.to_thread(self._process.wait)
        how = f"signal {-status}" if status < 0 else f"status {status}"
        raise UserProcessLost(f"user process {self.at + 1} of {self._of} ended with {how}")

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

    def __init__(self, assignment: Assignment, publisher: Publisher) -> None:
        self._assignment = assignment
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._finished = asyncio.Event()
        self._users_changed = asyncio.Event()
        count = user_processes(assignment, len(os.sched_getaffinity(0)))
        self.users = [User(at, count) for at in range(count)]

    async def run(self) -> int:
        """Lives the assignment to its end; the exit status."""
        for user in self.users:
            user.order(**_share(self._assignment, user.at, len(self.users)))
        reading = [
            asyncio.create_task(user.read(self._publisher, self._users_changed.set))
            for user in self.users
        ]
        try:
            status = await _first_error(self._lead(), *reading)
        except UserProcessLost as error:
            for user in self.users:
                user.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_TIMEOUT_S):
                    await asyncio.gather(*reading, return_exceptions=True)
                    await self._publisher.settled()
            print(error, file=sys.stderr)  # noqa: T201 - the agent reads it
            status = EXIT_LOST
        return status

    async def obey(self) -> None:
        """Carries out the orders that come on the stream."""
        while True:
            order = await self._publisher.orders.get()
            kind = order.WhichOneof("message")
            if kind == "start_cycle":
                self._started.put_nowait(order.start_cycle.cycle)
            elif kind == "stop":
                self.stop(convert.seconds_from_proto(order.stop.stop_timeout))
            elif kind == "run_closed":
                raise LoadgrpcError("the run is over")
            else:
                self._finished.set()

    async def _tell_users(self) -> None:
        """Says how many users are alive in all processes, at most a few times a second."""
        while True:
            await self._users_changed.wait()
            self._users_changed.clear()
            state = event_pb2.RunnerState(active_users=sum(u.active_users for u in self.users))
            batch = runner_pb2.EventBatch(events=[event_pb2.Event(state=state)])
            await self._publisher.batch(batch.SerializeToString(), 1, 0)
            await asyncio.sleep(TELL_USERS_S)

    def stop(self, timeout_s: float) -> None:
        """Lets users finish their iteration; after `timeout_s` they are cut off."""
        for user in self.users:
            user.order(do="stop", timeout_s=timeout_s)
        self._stopping.set()

    async def _lead(self) -> int:
        load_error = await self._loaded()
        if load_error is None:
            telling = asyncio.create_task(self._tell_users())
            await self._cycles()
            for user in self.users:
                user.order(do="leave")
            for user in self.users:
                await user.told.get()  # bye
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        await self._publisher.finish(load_error)
        await self._finished.wait()
        return EXIT_NOT_LOADED if load_error else 0

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
            for user in self.users:
                user.order(do="start", cycle=cycle)
            for user in self.users:
                await user.told.get()  # cycle_ended

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
        link = Link(convert.assignment_from_proto(answer.assignment), publisher)
        watching = asyncio.create_task(_die_with_the_agent(link))
        publishing = asyncio.create_task(publisher.run())
        obeying = asyncio.create_task(link.obey())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, link.stop, 0.0)
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
