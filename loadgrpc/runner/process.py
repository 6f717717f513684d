"""A user process: loads the test, runs its share of the users, hands over what they did.

Rule: users never wait for reporting. Events are taken from the recorder a few times per second, a
block at a time, and queued; while the link does not read, the queue grows to OUTBOX_BYTES, and
later events are dropped, counted, and reported as lost. When the link is gone, so is this
process. If something ends it early, it first hands over what was measured, if it can, and the
reason.
"""

from __future__ import annotations

import gc
import inspect
import mmap
import os
import signal
import socket
import traceback
import unittest
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from loadgrpc.clock import SystemClock
from loadgrpc.design.feed import feed_of
from loadgrpc.errors import TestNotLoaded
from loadgrpc.model import Assignment, LoadChange, LoadChangeKind, TestOutcome
from loadgrpc.protocol import produced
from loadgrpc.runner import fixtures, in_flight, parameters, pipe
from loadgrpc.runner.context import ProcessContext
from loadgrpc.runner.data.feeds import Feeds
from loadgrpc.runner.data.prepared import prepared
from loadgrpc.runner.exception_text import exception_info, message, traceback_text, type_name
from loadgrpc.runner.extras import import_used
from loadgrpc.runner.forked import EXIT_DEFECT, Forked
from loadgrpc.runner.load_pool import LoadPool
from loadgrpc.runner.loader import LoadedTest, load
from loadgrpc.runner.messages import (
    BatchesDropped,
    BeginCycle,
    CannotLoad,
    ChangeLoad,
    CycleDone,
    Farewell,
    Loaded,
    LoadTest,
    Message,
    Report,
    StopNow,
    UsersNow,
    WorkerFailed,
)
from loadgrpc.runner.mix import Mix
from loadgrpc.runner.mixed_user import LoadedMix
from loadgrpc.runner.open_pool import OpenPool
from loadgrpc.runner.pool import Pool
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.rests import Rests
from loadgrpc.runner.share import LoadShare, WorkerShare
from loadgrpc.runner.staged_pool import StagedPool
from loadgrpc.runner.strands import Strands
from loadgrpc.runner.testcase import TestCase
from loadgrpc.runner.watch import Watch
from loadgrpc.secrets import conceal

FLUSH_S: Final = 0.25
REST_S: Final = 0.001
"""Between two blocks users go on: after a sleep of 0 the hub would not have looked for answers."""
OUTBOX_BYTES: Final = 16 << 20
READ_BYTES: Final = 65_536


class UserProcess:
    """See the module."""

    def __init__(self, link: socket.socket, slots: int, strands: Strands) -> None:
        """`link` is this end of the socket; `slots`, a descriptor: see in_flight.py."""
        self._link = link
        self._strands = strands
        self._clock = SystemClock()
        self._orders: SimpleQueue[Message] = SimpleQueue()
        self._pool: Pool | None = None
        self._feeds: Feeds | None = None
        self._stop_s: float | None = None
        self._changes: tuple[LoadChange, ...] = ()
        """How the load was changed live, as the link last said."""
        self._changing = strands.lock()
        """Held while a pool learns of changes: orders may be read by another thread."""
        self._told_users = (0, 0)
        """How many users run, and how many of the cycle were started, as last reported."""
        self._flushing = strands.lock()
        self._retired = strands.event()
        """Set when nothing more is to be flushed now and then."""
        self._forked = Forked()
        self._forked.closes(link.fileno())
        self._in_flight = in_flight.mapped(slots)
        self._forked.unmaps(self._in_flight)
        os.close(slots)
        self._outbox = LinkOutbox(link, strands)

    def run(self) -> None:
        """Lives until the link says goodbye."""
        self._strands.prepare(self._clock, self._forked)
        self._strands.vital(self._listen)
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - reported; nothing of ours may stop this
            self._forked.leave_if_child(1)
            traceback.print_exception(error)
            self._outbox.say(WorkerFailed(f"{type_name(error)}: {message(error)}"))
        finally:
            self._forked.leave_if_child()
        self._outbox.drain()

    def _run(self) -> None:
        order = self._next_order()
        assert isinstance(order, LoadTest)  # noqa: S101 - the link's first
        share = WorkerShare.of(order)
        try:
            tests, feeds = self._load(share.assignment)
        except TestNotLoaded as error:
            self._outbox.say(CannotLoad(error.cause, str(error), error.traceback))
        else:
            self._live(share, tests, feeds)

    def _load(self, assignment: Assignment) -> tuple[tuple[LoadedTest, ...], Feeds]:
        """The tests, with their classes set up, and their files of rows.

        Raises: TestNotLoaded: one cannot be loaded, whatever was raised.
        """
        scenario = assignment.scenario
        known = assignment.secret_values
        conceal(known)
        tests = tuple(_loaded(name, assignment) for name in scenario.all_tests)
        for test in tests:
            known += parameters.secrets_of(test.case_class, scenario.parameters).values()
        conceal(known)
        _give_parameters(tests, assignment)
        for test in tests:
            import_used(test.case_class)
            Rests.of(test.case_class, scenario)
        feeds = prepared(tests, assignment)
        self._strands.loaded()
        fixtures.set_up(*(test.case_class for test in tests))
        self._forked.leave_if_child()
        return tests, feeds

    def _live(self, share: WorkerShare, tests: tuple[LoadedTest, ...], feeds: Feeds) -> None:
        plan, scenario = share.assignment.plan, share.assignment.scenario
        folder = os.environ.get(produced.RUN_DIR_ENV)
        counts = produced.row(Path(folder) if folder else None, share.first_user)
        if isinstance(counts.obj, mmap.mmap):
            self._forked.unmaps(counts.obj)
        recorder = self._strands.recorder(self._clock, scenario.label, counts)
        self._forked.calls(recorder.mute)
        context = ProcessContext(share.assignment, feeds)
        for test in tests:
            feed = context.feed or feed_of(getattr(test.case_class, test.method, None))
            if feed is not None:
                recorder.rules(feed.rules)
        load = share.load
        kind = Pool if load is None else OpenPool if load.load.is_open else StagedPool
        pool = kind(
            LoadedMix(tests, Mix.of(share.assignment)) if scenario.tests else tests[0],
            recorder,
            self._clock,
            self._strands,
            on_warm=_freeze,
            in_flight=lambda user: in_flight.row(
                self._in_flight, (user - share.first_user) // share.processes
            ),
            context=context.of_user,
            forked=self._forked,
        )
        watch = Watch(
            self._clock,
            recorder.generator,
            process=share.first_user,
            processes=share.processes,
        )
        with self._changing:
            self._follow(pool, load)
            self._pool = pool
        self._feeds = feeds
        if self._stop_s is not None:  # the order came while the test was loading
            pool.stop(self._stop_s)
        flusher = self._strands.vital(partial(self._flush_now_and_then, recorder, pool))
        _freeze()
        self._outbox.say(Loaded())
        while isinstance(order := self._next_order(), BeginCycle):
            number = order.cycle
            cycle = share.assignment.cycles[number - 1]
            recorder.begin_cycle(number, cycle.users, cycle.iterations)
            self._told_users = (0, 0)
            users = share.users(cycle.users if load is None else share.assignment.places)
            try:
                with self._watching(watch) if users else nullcontext():
                    if isinstance(pool, LoadPool):
                        pool.run_cycle(plan, cycle, users, number, order.began_ns)
                    else:
                        pool.run_cycle(plan, cycle, users, number)
            finally:
                self._forked.leave_if_child()
                if isinstance(pool, OpenPool):
                    pool.report(all_of_it=True)
                self._flush(recorder, pool)
            self._outbox.say(CycleDone(number))
        _tear_down(tests, recorder, self._clock)
        self._forked.leave_if_child()
        self._retired.set()
        flusher.join()  # what it has taken it hands over
        self._flush(recorder, pool)
        self._outbox.say(Farewell(recorder.produced_events, recorder.produced_hits))

    @contextmanager
    def _watching(self, watch: Watch) -> Iterator[None]:
        """Watches how this process keeps up with the users of a cycle."""
        watch.begin()
        gc.callbacks.append(watch.collected)
        try:
            with self._strands.watching(watch, self._clock):
                yield
        finally:
            gc.callbacks.remove(watch.collected)
            watch.end()

    def _next_order(self) -> Message:
        return self._orders.get()

    def _listen(self) -> None:
        """Reads orders; a stop is obeyed at once, the others in their turn."""
        reader = pipe.FrameReader()
        while data := self._link.recv(READ_BYTES):
            for frame in reader.feed(data):
                order = frame.control()
                if isinstance(order, ChangeLoad):
                    self._change_load(order)
                elif isinstance(order, StopNow):
                    self._stop_s = order.timeout_s
                    if self._pool is not None:
                        self._pool.stop(self._stop_s)
                else:
                    self._orders.put(order)
        os._exit(EXIT_DEFECT)  # the link is gone: nobody wants this load any more

    def _follow(self, pool: Pool, load: LoadShare | None) -> None:
        """Lets a pool follow a load that changes over time, if it is one for that."""
        if load is not None and isinstance(pool, LoadPool):
            pool.follow(load)
            if self._changes:
                pool.change(self._changes)

    def _change_load(self, order: ChangeLoad) -> None:
        changes = tuple(
            LoadChange(at_s, LoadChangeKind(int(kind)), value)
            for at_s, kind, value in order.changes
        )
        with self._changing:
            self._changes = changes
            if isinstance(self._pool, LoadPool):
                self._pool.change(changes)

    def _flush_now_and_then(self, recorder: Recorder, pool: Pool) -> None:
        while not self._retired.wait(FLUSH_S):
            self._flush(recorder, pool)

    def _flush(self, recorder: Recorder, pool: Pool) -> None:
        users = pool.active_users, pool.started_users
        if users != self._told_users:
            self._told_users = users
            self._outbox.say(UsersNow(*users))
        with self._flushing:
            if self._feeds is not None:
                self._feeds.report(recorder.data)
            if isinstance(pool, OpenPool):
                pool.report()
            for frame in recorder.take(
                pipe.MAX_FRAME_BYTES, rest=lambda: self._strands.sleep(REST_S)
            ):
                self._outbox.put(frame.payload, frame.events, frame.hits)


class LinkOutbox:
    """Frames on their way to the link, in their order; a strand of its own writes them."""

    def __init__(self, link: socket.socket, strands: Strands) -> None:
        self._link = link
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = [0, 0]
        self._changing = strands.lock()
        self._filled = strands.event()
        self._emptied = strands.event()
        strands.vital(self._write)

    def put(self, body: bytes, events: int, hits: int) -> None:
        """Queues a batch, or drops and counts it when the queue is full."""
        with self._changing:
            if self._bytes + len(body) > OUTBOX_BYTES:
                self._dropped[0] += events
                self._dropped[1] += hits
                return
            self._report_dropped()
            self._append(pipe.batch(body, events, hits))

    def say(self, report: Report) -> None:
        """Queues a message for the link, whatever the queue holds."""
        with self._changing:
            self._report_dropped()
            self._append(pipe.control(report))

    def drain(self) -> None:
        """Waits until everything is written."""
        self._emptied.wait()

    def _report_dropped(self) -> None:
        events, hits = self._dropped
        if events:
            self._dropped = [0, 0]
            self._append(pipe.control(BatchesDropped(events, hits)))

    def _append(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._emptied.clear()
        self._filled.set()

    def _write(self) -> None:
        while True:
            self._filled.wait()
            while frame := self._next():
                self._link.sendall(frame)
                with self._changing:
                    self._frames.popleft()
                    self._bytes -= len(frame)

    def _next(self) -> bytes:
        """The frame to be written now; empty: there is none."""
        with self._changing:
            if self._frames:
                return self._frames[0]
            self._filled.clear()
            self._emptied.set()
            return b""


def _freeze() -> None:
    """What there is now stays for long: collections need not look at it again."""
    gc.collect()
    gc.freeze()


def _loaded(name: str, assignment: Assignment) -> LoadedTest:
    """A test, with the URL of its server.

    Raises: TestNotLoaded: it cannot be loaded, whatever was raised.
    """
    scenario = assignment.scenario
    try:
        test = load(name, Path.cwd(), assignment.python_path)
    except TestNotLoaded:
        raise
    except BaseException as error:
        raise _not_loaded(f"loading {name!r}", error) from error
    if scenario.server_url:
        _set_server_url(test.case_class, scenario.server_url)
    return test._replace(name=name) if scenario.tests else test


def _give_parameters(tests: Iterable[LoadedTest], assignment: Assignment) -> None:
    """Sets the parameters of a scenario: of several classes, on those that declare them.

    Raises: TestNotLoaded: a value is wrong, or no class declares it.
    """
    given, checked = assignment.scenario.parameters, not assignment.plan.unchecked
    classes = {test.case_class: parameters.declared(test.case_class) for test in tests}
    known = set().union(*classes.values())
    for case_class, declared in classes.items():
        own = [each for each in given if each.name in declared or each.name not in known]
        parameters.give(case_class, own, checked=checked)
        if issubclass(case_class, TestCase):
            case_class.loadgrpc_secrets = parameters.secrets_of(case_class, given)


def _not_loaded(what: str, error: BaseException) -> TestNotLoaded:
    text = " ".join(message(error).split())
    return TestNotLoaded(
        f"{what} raised {type_name(error)}{text and ': '}{text}",
        cause=type_name(error),
        traceback=traceback_text(error),
    )


def _set_server_url(case_class: type[unittest.TestCase], server_url: str) -> None:
    """Sets the run's server URL on the class, so that its fixtures see it, too.

    Raises:
        TestNotLoaded: nothing can be written to the attribute.
    """
    says = inspect.getattr_static(case_class, "server_url", None)
    if isinstance(says, property) and says.fset is None:
        raise TestNotLoaded(
            f"{case_class.__qualname__}.server_url is a property without a setter, so that the"
            " run's server URL (-H) cannot be set; write it as a class attribute, or leave -H out",
            cause="AttributeError",
        )
    if not hasattr(says, "__set__"):
        case_class.server_url = server_url  # type: ignore[attr-defined]  # a plain TestCase's, too


def _tear_down(tests: Iterable[LoadedTest], recorder: Recorder, clock: SystemClock) -> None:
    """Whatever goes wrong here is an error of its own: an iteration of no user."""
    start_wall_ns, start_ns = clock.wall_ns(), clock.monotonic_ns()

    def note(error: BaseException) -> None:
        recorder.iteration(
            outcome=TestOutcome.ERROR,
            exception=exception_info(error),
            start_ns=start_wall_ns,
            elapsed_ns=clock.monotonic_ns() - start_ns,
            user=0,
            iteration=0,
        )

    fixtures.tear_down((test.case_class for test in tests), note)


def run_user_process(strands: Strands) -> None:
    """A user process, from its start by the link to its end."""
    # These go to the whole process group; the link hears them and decides. Not SIG_IGN,
    # which programs that a test starts would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    link = socket.socket(fileno=int(os.environ.pop(pipe.SOCKET_FD_ENV)))
    link.set_inheritable(False)
    UserProcess(link, int(os.environ.pop(in_flight.FD_ENV)), strands).run()
