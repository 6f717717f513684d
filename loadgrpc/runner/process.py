"""A user process: loads the test, lives its share of the users, hands over what they did.

Rule: users never wait for reporting. What they did is taken from the recorder a few times
a second, a block at a time, and queued; while the link does not read, the queue grows to
OUTBOX_BYTES, and what comes then is dropped, counted, and reported as lost. When the link is
gone, so is this process.
"""

from __future__ import annotations

import gc
import os
import socket
import unittest
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from loadgrpc.clock import SystemClock
from loadgrpc.errors import TestNotLoaded
from loadgrpc.model import Cycle, TestOutcome
from loadgrpc.protocol import produced
from loadgrpc.runner import event_loops, fixtures, pipe
from loadgrpc.runner.exception_text import exception_info
from loadgrpc.runner.line import Look
from loadgrpc.runner.loader import LoadedTest, load
from loadgrpc.runner.pool import Pool
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.ticks import Ticks
from loadgrpc.runner.watch import TICK_NS, Watch

FLUSH_S: Final = 0.25
REST_S: Final = 0.001
"""Between two blocks users go on: after a sleep of 0 the hub would not have looked for answers."""
MAX_FRAME_BYTES: Final = 900_000
"""Below the limit of a batch on the wire, with room for its envelope."""
OUTBOX_BYTES: Final = 16 << 20
READ_BYTES: Final = 65_536


class UserProcess:
    """See the module."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._clock = SystemClock()
        self._outbox = Outbox(link)
        self._orders: deque[dict[str, Any]] = deque()
        self._ordered = Event()
        self._pool: Pool | None = None
        self._stop_s: float | None = None
        self._told_users = (0, 0)
        """How many users live, and how many of the cycle were started, as was told last."""
        self._flushing = Semaphore()

    def run(self) -> None:
        """Lives until the link says goodbye."""
        gevent.spawn(self._listen)
        share = self._next_order()
        try:
            test = load(share["test"], Path.cwd())
            event_loops.let_users_get_loops()
            fixtures.set_up(test.case_class)
        except TestNotLoaded as error:
            self._outbox.say(
                told="load_failed",
                type=error.cause,
                message=str(error),
                traceback=error.traceback,
            )
            self._outbox.drain()
            return
        self._live(share, test)
        self._outbox.drain()

    def _live(self, share: dict[str, Any], test: LoadedTest) -> None:
        folder = os.environ.get(produced.RUN_DIR_ENV)
        counts = produced.row(Path(folder) if folder else None, share["first_user"])
        recorder = Recorder(self._clock, share["test"], counts)
        pool = Pool(
            test,
            recorder,
            self._clock,
            server_url=share["server_url"],
            no_dns_resolve=share["no_dns_resolve"],
            on_standing=_freeze,
        )
        watch = Watch(
            self._clock,
            recorder.generator,
            process=share["first_user"],
            processes=share["processes"],
        )
        look = Look.of(self._clock, gevent.get_hub())
        self._pool = pool
        if self._stop_s is not None:  # the order came while the test was loading
            pool.stop(self._stop_s)
        flusher = gevent.spawn(self._flush_now_and_then, recorder, pool)
        _freeze()
        self._outbox.say(told="loaded")
        while (order := self._next_order())["do"] != "leave":
            number = order["cycle"]
            cycle = Cycle(**share["cycles"][number - 1])
            recorder.begin_cycle(number, cycle.users, cycle.iterations)
            self._told_users = (0, 0)
            users = range(share["first_user"], cycle.users + 1, share["processes"])
            with _watching(watch, look) if users else nullcontext():
                pool.run_cycle(
                    cycle,
                    users,
                    spawn_rate=share["spawn_rate"],
                    stop_timeout_s=share["stop_timeout_s"],
                )
            self._flush(recorder, pool)
            self._outbox.say(told="cycle_ended", cycle=number)
        with self._flushing:  # what it has taken it hands over
            flusher.kill()
        _tear_down(test.case_class, recorder, self._clock)
        self._flush(recorder, pool)
        self._outbox.say(told="bye", events=recorder.produced_events, hits=recorder.produced_hits)

    def _next_order(self) -> dict[str, Any]:
        while not self._orders:
            self._ordered.clear()
            self._ordered.wait()
        return self._orders.popleft()

    def _listen(self) -> None:
        """Reads orders; a stop is obeyed at once, the others in their turn."""
        reader = pipe.FrameReader()
        while data := self._link.recv(READ_BYTES):
            for frame in reader.feed(data):
                order = frame.control()
                if order["do"] == "stop":
                    self._stop_s = order["timeout_s"]
                    if self._pool is not None:
                        self._pool.stop(self._stop_s)
                else:
                    self._orders.append(order)
                    self._ordered.set()
        os._exit(1)  # the link is gone: nobody wants this load any more

    def _flush_now_and_then(self, recorder: Recorder, pool: Pool) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self._flush(recorder, pool)

    def _flush(self, recorder: Recorder, pool: Pool) -> None:
        users = pool.active_users, pool.started_users
        if users != self._told_users:
            self._told_users = users
            self._outbox.say(told="users", active=users[0], started=users[1])
        with self._flushing:
            for frame in recorder.take(MAX_FRAME_BYTES, rest=lambda: gevent.sleep(REST_S)):
                self._outbox.put(frame.payload, frame.events, frame.hits)


class Outbox:
    """Frames on their way to the link; a greenlet of its own writes them."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = [0, 0]
        self._filled = Event()
        self._emptied = Event()
        gevent.spawn(self._write)

    def put(self, body: bytes, events: int, hits: int) -> None:
        """Queues a batch, or drops and counts it when the queue is full."""
        if self._bytes + len(body) > OUTBOX_BYTES:
            self._dropped[0] += events
            self._dropped[1] += hits
            return
        self._report_dropped()
        self._append(pipe.batch(body, events, hits))

    def say(self, **message: Any) -> None:
        """Queues a message for the link, whatever the queue holds."""
        self._report_dropped()
        self._append(pipe.control(message))

    def drain(self) -> None:
        """Waits until everything is written."""
        self._emptied.wait()

    def _report_dropped(self) -> None:
        events, hits = self._dropped
        if events:
            self._dropped = [0, 0]
            self._append(pipe.control({"told": "dropped", "events": events, "hits": hits}))

    def _append(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._emptied.clear()
        self._filled.set()

    def _write(self) -> None:
        while True:
            self._filled.wait()
            while self._frames:
                frame = self._frames[0]
                self._link.sendall(frame)
                self._frames.popleft()
                self._bytes -= len(frame)
            self._filled.clear()
            self._emptied.set()


def _freeze() -> None:
    """What there is now stays for long: collections need not look at it again."""
    gc.collect()
    gc.freeze()


@contextmanager
def _watching(watch: Watch, look: Look) -> Iterator[None]:
    """Watches how this process keeps up with the users of a cycle."""
    watch.begin()
    gc.callbacks.append(watch.collected)
    try:
        with Ticks(watch.due_ns, TICK_NS, lambda: watch.wake(look.at_ns)):
            yield
    finally:
        gc.callbacks.remove(watch.collected)
        watch.end()


def _tear_down(case_class: type[unittest.TestCase], recorder: Recorder, clock: SystemClock) -> None:
    """What goes wrong here is an error of its own: an iteration of no user."""
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

    fixtures.tear_down(case_class, note)
