"""`python -m loadgrpc.runner.link`: the runner as the agent sees it.

Asks for its assignment, starts the user processes, forwards their events, and leads them through
the cycles. Rule: it is the only part of the runner that speaks gRPC; it is not patched, and no
test runs in it. A user process that dies takes only its own users with it: the others go on, and
its loss is declared. When the agent is gone (its end of our standard input closes), the users are
killed: there is nobody to report to.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from loadgrpc.clock import NS_PER_S, SystemClock
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import Assignment, ExceptionInfo, LoadChange, SourceId, TestOutcome
from loadgrpc.protocol import assignments, live_loads, produced, times
from loadgrpc.protocol.raw import RawRunnerServiceStub
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.protocol.transport import new_channel
from loadgrpc.runner.link.printing import Printing
from loadgrpc.runner.link.publisher import Publisher
from loadgrpc.runner.link.worker import Worker, WorkerLost
from loadgrpc.runner.messages import BeginCycle, CannotLoad, ChangeLoad, Leave, StopNow
from loadgrpc.runner.mix import Mix, Turn
from loadgrpc.runner.pipe import MAX_FRAME_BYTES
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.share import WorkerShare
from loadgrpc.secrets import conceal
from loadgrpc.stats.load_line import LoadLine
from loadgrpc.v1 import event_pb2, runner_pb2

ASSIGNMENT_TIMEOUT_S: Final = 10.0
TELL_USERS_S: Final = 0.25
SIGTERM_GRACE_S: Final = 1.0
"""How long users may take to finish their iteration when SIGTERM came; the agent waits longer."""
REACT_S: Final = 2.5
"""How long a user process may take, after the stop timeout, to cut off its users and report it."""
REACT_TO_SIGTERM_S: Final = 1.0
"""The same after SIGTERM: the agent kills 3.5 s after that."""

MOST_EARLY_NS: Final = 2 * NS_PER_S
MOST_LATE_NS: Final = 5 * NS_PER_S
"""How far from now a load may begin; a begin that is farther away is no begin."""

EXIT_LOST: Final = 1
EXIT_NOT_LOADED: Final = 107

LAST_WORDS_S: Final = 0.3
"""How long what user processes print is read for after their goodbye; who prints more is late."""

_log = logging.getLogger("loadgrpc.runner.link")


class Link:
    """Leads the user processes of one assignment through its cycles."""

    def __init__(self, assignment: Assignment, publisher: Publisher, folder: Path | None) -> None:
        self._assignment = assignment
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self._started: asyncio.Queue[runner_pb2.StartCycle] = asyncio.Queue()
        self._finished = asyncio.Event()
        self._users_changed = asyncio.Event()
        self._cycle = 1
        """The cycle that was started last, or will be."""
        count = user_processes(assignment, len(os.sched_getaffinity(0)))
        self._folder = _counting_folder(folder, 1 + count)
        self._counts = produced.row(self._folder, 0)
        self._lost: list[str] = []
        """How user processes were lost, as sentences."""
        self._uncounted = False
        """Whether one was lost, and nobody knows what it had produced."""
        self._cycle = 0
        """The cycle that its users are in, or were in last."""
        self._due_s = math.inf
        """When each user process must have done what it was ordered to, by the loop's clock."""
        self._stop_due_s = math.inf
        """The same, for a stop that was ordered."""
        self._due_changed = asyncio.Event()
        self._began_s: float | None = None
        """When the cycle began, by the loop's clock; None: none has."""
        self._changes = assignment.load_changes
        """How the load was changed live."""
        self._clock = SystemClock()
        self._printing = Printing(self._publish, lambda: publisher.is_busy, self._clock)
        self._echoes: list[asyncio.Task[None]] = []
        """What reads what user processes print."""
        places = assignment.places
        patched = not assignment.plan.no_patching
        self.workers = [Worker(at, count, places, patched=patched) for at in range(count)]

    async def run(self) -> int:
        """Lives the assignment to its end; the exit status."""
        for worker in self.workers:
            share = WorkerShare(self._assignment, worker.first_user, len(self.workers))
            worker.order(share.order(), "while it loaded the test")
        reading = [asyncio.create_task(self._read(worker)) for worker in self.workers]
        insisting = asyncio.create_task(self._insist())
        self._echoes = [
            asyncio.create_task(worker.echo(self._printing.heard)) for worker in self.workers
        ]
        printing = asyncio.create_task(self._printing.run())
        status = await _first_error(self._lead(), *reading, *self._echoes, insisting, printing)
        for task in (insisting, printing):
            task.cancel()
        if self._lost:
            others = f" (and {len(self._lost) - 1} more)" if len(self._lost) > 1 else ""
            print(self._lost[0] + others, file=sys.stderr)  # noqa: T201 - the agent reads it
        return status

    async def _read(self, worker: Worker) -> None:
        """Passes on what a user process did; declares lost what it took with it when it died."""
        try:
            await worker.read(self._publisher, self._users_changed.set)
        except WorkerLost as error:
            worker.active_users = 0
            self._users_changed.set()
            self._lost.append(str(error))
            print(error, file=sys.stderr)  # noqa: T201 - the agent reads it
            rows = produced.read(self._folder) if self._folder else None
            if rows is None:
                self._uncounted = True
            else:
                made, handed = rows[1 + worker.at], worker.handed
                events, hits = made.events - handed.events, made.hits - handed.hits
                if events:
                    await self._publisher.skip(events, hits, str(error))
            await self._cut_off(worker)
            worker.lost = True
            worker.busy_with = ""
            worker.answers.put_nowait(None)

    async def _cut_off(self, worker: Worker) -> None:
        """Reports the iterations that ended with a user process as interrupted."""
        cut_off = worker.cut_off()
        if not cut_off:
            return
        clock = self._clock
        scenario = self._assignment.scenario
        recorder = Recorder(clock, scenario.label)
        mix = Mix.of(self._assignment) if scenario.tests else None
        offset = self._assignment.place.user_offsets[self._cycle - 1]
        cycle = self._assignment.cycles[self._cycle - 1]
        recorder.begin_cycle(self._cycle, cycle.users, cycle.iterations)
        for row, iteration, start_ns, user in cut_off:
            slot = worker.first_user + row * len(self.workers)
            turn = Turn(self._cycle, offset + slot - 1, iteration)
            recorder.iteration(
                outcome=TestOutcome.INTERRUPTED,
                exception=None,
                start_ns=start_ns,
                elapsed_ns=max(0, clock.wall_ns() - start_ns),
                user=user or slot,
                iteration=iteration,
                test=scenario.tests[mix.at(turn)].test if mix is not None else "",
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
            for worker in self.workers:
                if worker.busy_with:
                    worker.kill(
                        f"did not react within the stop timeout and was killed, {worker.busy_with}"
                    )
            self._due_s = math.inf

    def _expect(self, due_s: float) -> None:
        """User processes must be done by then, or by an earlier deadline."""
        self._due_s = min(self._due_s, due_s)
        self._due_changed.set()

    async def obey(self) -> None:
        """Carries out the orders that come on the stream."""
        while True:
            order = await self._publisher.orders.get()
            kind = order.WhichOneof("message")
            if kind == "start_cycle":
                self._started.put_nowait(order.start_cycle)
            elif kind == "stop":
                self.stop(times.seconds_from_proto(order.stop.stop_timeout))
            elif kind == "load_changed":
                self._change_load(live_loads.changes_of(order.load_changed))
            elif kind == "run_closed":
                raise LoadgrpcError("the run is over")
            else:
                self._finished.set()

    def _change_load(self, changes: tuple[LoadChange, ...]) -> None:
        """The load was changed live: its end may be another one, too."""
        if changes == self._changes:
            return
        self._changes = changes
        rows = [[each.at_s, int(each.kind), each.value] for each in changes]
        for worker in self.workers:
            worker.order(ChangeLoad(rows))
        if self._began_s is not None:
            self._expect_the_end()

    def _expect_the_end(self) -> None:
        """User processes must be done when the cycle is over, and what users take to finish."""
        assert self._began_s is not None  # noqa: S101 - a cycle is going on
        duration_s = self._assignment.cycles[self._cycle - 1].duration_s
        if (load := self._assignment.scenario.load) is not None:
            duration_s = LoadLine(load, self._changes).duration_s
        self._due_s = self._stop_due_s
        if duration_s is not None:
            patience_s = duration_s + self._assignment.plan.stop_timeout_s + REACT_S
            self._due_s = min(self._due_s, self._began_s + patience_s)
        self._due_changed.set()

    async def _publish(self, events: list[event_pb2.Event]) -> None:
        """Publishes events that are the link's own, none of them a hit."""
        self._counts[0] += len(events)
        batch = runner_pb2.EventBatch(events=events)
        await self._publisher.batch(batch.SerializeToString(), len(events), 0)

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
            active_users=sum(worker.active_users for worker in self.workers),
            started_users=sum(worker.started_users for worker in self.workers),
        )
        status = event_pb2.LoadStatus(
            cycle=self._cycle, users=cycle.users, iterations=cycle.iterations
        )
        await self._publish([event_pb2.Event(status=status, state=state)])

    def stop(self, timeout_s: float, *, react_s: float = REACT_S) -> None:
        """Lets users finish their iteration; after `timeout_s` they are cut off.

        User processes that go on for `react_s` after that are killed.
        """
        for worker in self.workers:
            worker.order(StopNow(timeout_s))
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
            patience_s = self._assignment.plan.stop_timeout_s + REACT_S
            self._expect(asyncio.get_running_loop().time() + patience_s)
            for worker in self.workers:
                worker.order(Leave(), "in tearDownClass or tearDownModule")
            await self._all_answered()  # Farewell
            telling.cancel()
            (told,) = await asyncio.gather(telling, return_exceptions=True)
            if isinstance(told, Exception):
                raise told
        await asyncio.wait(self._echoes, timeout=LAST_WORDS_S)
        await self._printing.finish()
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
        for worker in self.workers:
            answer = await worker.answers.get()
            if isinstance(answer, CannotLoad):
                return ExceptionInfo(
                    type=answer.type, message=answer.message, traceback=answer.traceback
                )
        return None

    async def _cycles(self) -> None:
        for cycle in range(1, len(self._assignment.cycles) + 1):
            await self._publisher.ready(cycle)
            if (start := await self._released(cycle)) is None:
                return
            self._cycle = cycle
            in_ns = begins_in_ns(times.time_or_none(start, "begin_time"), self._clock.wall_ns())
            began_ns = self._clock.monotonic_ns() + in_ns
            with suppress(TimeoutError):
                async with asyncio.timeout(in_ns / NS_PER_S):
                    await self._stopping.wait()
                    return
            self._began_s = asyncio.get_running_loop().time()
            self._expect_the_end()
            for worker in self.workers:
                worker.started_users = 0
                worker.order(BeginCycle(cycle, began_ns), f"in cycle {cycle}")
            await self._all_answered()  # CycleDone
            await self._tell_users()
            if all(worker.lost for worker in self.workers):
                return

    async def _all_answered(self) -> None:
        """Waits for the next answer of every user process that lives."""
        for worker in self.workers:
            if not worker.lost:
                await worker.answers.get()

    async def _released(self, cycle: int) -> runner_pb2.StartCycle | None:
        """Waits for the others; None: the run is being stopped."""
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                started = asyncio.create_task(self._started.get())
                await asyncio.wait([started, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not started.done():
                    started.cancel()
                elif (start := started.result()).cycle >= cycle:
                    return start
            return None
        finally:
            stopping.cancel()


def begins_in_ns(begin_ns: int | None, now_ns: int) -> int:
    """In how many nanoseconds a load begins that is to begin at that time; negative: it is late.

    0 if no time was said, or one that only a clock can mean that was set since.
    """
    in_ns = 0 if begin_ns is None else begin_ns - now_ns
    return in_ns if -MOST_LATE_NS <= in_ns <= MOST_EARLY_NS else 0


def user_processes(assignment: Assignment, cores: int) -> int:
    """How many user processes: as asked or one a core, never more than users, at least one."""
    most_users = max(assignment.scenario.users)
    return max(1, min(assignment.scenario.processes or cores, most_users))


def _counting_folder(folder: Path | None, rows: int) -> Path | None:
    """Where its processes count what they produce; None: nowhere."""
    try:
        if folder is not None:
            produced.create(folder, rows)
    except OSError as error:
        _log.warning("losses of a killed process cannot be counted: %s", error)
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
        assignment = assignments.assignment_from_proto(answer.assignment)
        conceal(assignment.secret_values)
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
            for worker in link.workers:
                worker.kill()
            for task in (publishing, obeying, watching):
                task.cancel()


async def _die_with_the_agent(link: Link) -> NoReturn:
    """Waits for the end of standard input, which only the agent's end can bring."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    for worker in link.workers:
        worker.kill()
    os._exit(EXIT_LOST)


def main() -> NoReturn:
    """Runs the link; exits with 0, with 107 when the test could not be loaded, or with 1."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command line to handle
    status = asyncio.run(_main())
    sys.stderr.flush()
    # Everything is acked: tearing gRPC down in order would only cost time.
    os._exit(status)
