"""The thread that owns the database, and how the event loop talks to it.

    event loop ──commands, in order──▶ writer thread ──outcomes──▶ event loop

Rule: the event loop never waits for a disk, and the thread never polls: it sleeps in a queue.
It takes everything that is queued and makes one transaction of all neighbouring writes (group
commit): the slower the disk, the larger the groups. Transactions begin GATHER_S apart at least,
or a fast disk would have one for each of many small writes. A read sees every write that was
asked for before it.

An outage (the disk is full, the database is away) is waited out, and asked about every few
seconds at most. Meanwhile patient writes wait, for as long as it takes, those that are not
patient fail, and reads are served from what is committed. Two lines of log say when it began and
ended; `trouble` says that it lasts. After `hurry` nothing waits for the end of an outage.

Bound: payloads that are queued or being written take at most QUEUE_BYTES; whoever brings more
waits for room, first come, first served. Commands without a payload are not bounded here:
each has a caller who awaits it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, TypeVar

from loadgrpc.store.error import Outage, StoreError

if TYPE_CHECKING:
    from loadgrpc.store.database import Database  # loads SQLAlchemy: in the thread only
    from loadgrpc.store.tables import Tables

T = TypeVar("T")

_log = logging.getLogger(__name__)

QUEUE_BYTES: Final = 64 * 2**20

COMMAND_BYTES: Final = 1024
"""What a queued batch costs beside its payload, roughly."""

GATHER_S: Final = 0.02

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
"""In an outage the database is asked again after pauses that double, from one to the other."""


@dataclass(frozen=True, eq=False)
class _Command:
    """Something to do, and who waits for it."""

    work: Callable[[Tables], Any]
    writes: bool
    done: asyncio.Future[Any]
    patient: bool = False
    """Whether it waits for the end of an outage."""
    size: int = 0


class _Order(Enum):
    """What the thread gets besides commands."""

    HURRY = auto()
    END = auto()


Outcome = tuple[Any, Exception | None]
"""The result or the error of a command."""


class Writer:
    """The thread, from `start` to `close`; every method is called on the event loop."""

    def __init__(self, database: AbstractContextManager[Database]) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._commands: queue.SimpleQueue[_Command | _Order] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="loadgrpc-store", daemon=True)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[tuple[_Command, asyncio.Future[None]]] = deque()
        self._queued_bytes = 0
        self._closing = False
        self.trouble = ""
        """Why the database takes no writes for now; empty: it does."""
        # Of the thread:
        self._taken: list[_Command] = []
        self._hurried = False
        self._ending = False
        self._outage_began_s: float | None = None
        self._wrote_s = 0.0
        """When the last transaction began."""

    async def start(self) -> None:
        """Start the thread, and return when the database is open."""
        self._thread.start()
        try:
            await self._opened
        except BaseException:
            self._closing = True
            self._commands.put(_Order.END)
            raise

    def read(self, work: Callable[[Tables], T]) -> asyncio.Future[T]:
        """Ask for what only reads."""
        command = self._command(work)
        self._commands.put(command)
        return command.done

    def write(self, work: Callable[[Tables], T], *, patient: bool) -> asyncio.Future[T]:
        """Ask for a write; the future is done when it is committed."""
        command = self._command(work, writes=True, patient=patient)
        self._commands.put(command)
        return command.done

    async def write_payload(self, work: Callable[[Tables], T], size: int) -> asyncio.Future[T]:
        """As `write`, patiently, after waiting for room for a payload of `size` bytes."""
        command = self._command(work, writes=True, patient=True, size=size + COMMAND_BYTES)
        if not self._waiting and self._fits(command):
            self._enqueue(command)
        else:
            admitted: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append((command, admitted))
            try:
                await admitted
            finally:
                with contextlib.suppress(ValueError):  # it was admitted
                    self._waiting.remove((command, admitted))
        return command.done

    def hurry(self) -> None:
        """From now on nothing waits for the end of an outage: what would have to, fails."""
        self._commands.put(_Order.HURRY)

    async def close(self) -> None:
        """Do what is queued, if it can be done now, and end the thread. Again: nothing."""
        if not self._closing:
            self._closing = True
            self._commands.put(_Order.END)
            for _, admitted in self._waiting:
                if not admitted.done():
                    admitted.set_exception(StoreError("the store is closed"))
        await asyncio.shield(self._ended)
        self._thread.join()  # returns at once: the thread's last act was to say so

    def _command(
        self,
        work: Callable[[Tables], Any],
        *,
        writes: bool = False,
        patient: bool = False,
        size: int = 0,
    ) -> _Command:
        if self._closing:
            raise StoreError("the store is closed")
        return _Command(work, writes, self._loop.create_future(), patient, size)

    def _fits(self, command: _Command) -> bool:
        """Whether there is room; one payload always fits into an empty queue."""
        return not self._queued_bytes or self._queued_bytes + command.size <= QUEUE_BYTES

    def _enqueue(self, command: _Command) -> None:
        self._queued_bytes += command.size
        self._commands.put(command)

    def _deliver(self, commands: Sequence[_Command], outcomes: Sequence[Outcome]) -> None:
        """Tell those who asked, and let in those who wait for room."""
        for command, (result, error) in zip(commands, outcomes, strict=True):
            self._queued_bytes -= command.size
            if command.done.done():  # its caller has gone
                continue
            if error is None:
                command.done.set_result(result)
            else:
                command.done.set_exception(error)
        while not self._closing and self._waiting and self._fits(self._waiting[0][0]):
            command, admitted = self._waiting.popleft()
            if not admitted.done():
                self._enqueue(command)
                admitted.set_result(None)

    def _say(self, trouble: str) -> None:
        self.trouble = trouble

    # In the thread

    def _live(self) -> None:
        try:
            self._serve()
        finally:
            self._tell(_settle, self._ended, None)

    def _serve(self) -> None:
        """Open the database and serve commands until the end is asked for."""
        with contextlib.ExitStack() as stack:
            try:
                database = stack.enter_context(self._database)
            except Exception as error:  # noqa: BLE001 - handed to whoever awaits `start`
                self._tell(_settle, self._opened, error)
                return
            self._tell(_settle, self._opened, None)
            while self._taken or not self._ending:
                self._turn(database)

    def _turn(self, database: Database) -> None:
        """Do what is queued, waiting for the first. Nothing of it is held on to while idle."""
        while not self._taken and not self._ending:
            self._take(self._commands.get())
        early_s = self._wrote_s + GATHER_S - time.monotonic()
        if early_s > 0 and not self._ending and self._taken and self._taken[-1].writes:
            time.sleep(early_s)
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._commands.get_nowait())
        commands, self._taken = self._taken, []
        for writes, group in itertools.groupby(commands, key=lambda one: one.writes):
            if writes:
                self._write(database, list(group))
            else:
                self._read(database, list(group))

    def _take(self, order: _Command | _Order) -> None:
        if isinstance(order, _Command):
            self._taken.append(order)
            return
        self._hurried = True
        self._ending = self._ending or order is _Order.END

    def _read(self, database: Database, commands: list[_Command]) -> None:
        self._tell(self._deliver, commands, [_try(database, command) for command in commands])

    def _write(self, database: Database, commands: list[_Command]) -> None:
        """Write until it is done, serving reads between attempts."""
        self._wrote_s = time.monotonic()
        for pause_s in _pauses():
            try:
                outcomes = database.write([command.work for command in commands])
            except Outage as outage:
                self._begin_outage(outage)
                if not outage.unsettled or self._hurried:
                    commands = self._dismiss(commands, str(outage))
                if self._hurried:
                    return
                self._wait(database, pause_s, str(outage))
            except Exception as error:  # noqa: BLE001 - a defect must not leave callers waiting
                self._tell(self._deliver, commands, [(None, error)] * len(commands))
                return
            else:
                self._end_outage()
                self._tell(self._deliver, commands, outcomes)
                return

    def _dismiss(self, commands: list[_Command], message: str) -> list[_Command]:
        """Let those that do not wait for the end of an outage fail; the others."""
        patient = [command for command in commands if command.patient and not self._hurried]
        told = [command for command in commands if command not in patient]
        self._tell(self._deliver, told, [(None, StoreError(message)) for _ in told])
        return patient

    def _wait(self, database: Database, pause_s: float, message: str) -> None:
        """Take what comes during a pause; what cannot wait for its end is answered at once."""
        until_s = time.monotonic() + pause_s
        while not self._hurried and (left_s := until_s - time.monotonic()) > 0:
            try:
                order = self._commands.get(timeout=left_s)
            except queue.Empty:
                return
            if isinstance(order, _Command) and not order.writes:
                self._read(database, [order])
            elif isinstance(order, _Command) and not order.patient:
                self._dismiss([order], message)
            else:
                self._take(order)

    def _begin_outage(self, outage: Outage) -> None:
        if self._outage_began_s is None:
            self._outage_began_s = time.monotonic()
            _log.warning("events from agents wait: %s", outage)
            self._tell(self._say, str(outage))

    def _end_outage(self) -> None:
        if self._outage_began_s is not None:
            lasted_s = time.monotonic() - self._outage_began_s
            self._outage_began_s = None
            _log.warning("the store is available again, after %.1f s", lasted_s)
            self._tell(self._say, "")

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call back on the event loop."""
        with contextlib.suppress(RuntimeError):  # it is closed: there is nobody to report to
            self._loop.call_soon_threadsafe(callback, *arguments)


def _pauses() -> Iterator[float]:
    """How long to wait after each attempt that failed."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _try(database: Database, command: _Command) -> Outcome:
    try:
        return database.read(command.work), None
    except Exception as error:  # noqa: BLE001 - handed to whoever asked
        return None, error


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    """End a future, unless its caller has gone."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
