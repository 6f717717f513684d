"""The thread that owns the database, and how the event loop talks to it.

    event loop ──commands, in order──▶ writer thread ──outcomes──▶ event loop

Rule: the event loop never waits for a disk, and the thread never polls: it sleeps in a queue.
It takes everything that is queued and makes one transaction of all neighbouring writes (group
commit): the slower the disk, the larger the groups. A read sees every write that was asked for
before it.

Bound: payloads that are queued or being written take at most QUEUE_BYTES; whoever brings more
waits for room, first come, first served. Commands without a payload are not bounded here:
each has a caller who awaits it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from loadgrpc.store.error import StoreError

if TYPE_CHECKING:
    from loadgrpc.store.database import Database  # loads SQLAlchemy: in the thread only

T = TypeVar("T")

QUEUE_BYTES: Final = 64 * 2**20

COMMAND_BYTES: Final = 1024
"""What a queued batch costs beside its payload, roughly."""


@dataclass(frozen=True, eq=False)
class _Command:
    """Something to do, and who waits for it."""

    work: Callable[[Database], Any]
    writes: bool
    done: asyncio.Future[Any]
    size: int = 0


Outcome = tuple[Any, Exception | None]
"""The result or the error of a command."""


class Writer:
    """The thread, from `start` to `close`; every method is called on the event loop."""

    def __init__(self, database: AbstractContextManager[Database]) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._commands: queue.SimpleQueue[_Command | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="loadgrpc-store", daemon=True)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[tuple[_Command, asyncio.Future[None]]] = deque()
        self._queued_bytes = 0
        self._closing = False

    async def start(self) -> None:
        """Start the thread, and return when the database is open."""
        self._thread.start()
        try:
            await self._opened
        except BaseException:
            self._closing = True
            self._commands.put(None)
            raise

    def read(self, work: Callable[[Database], T]) -> asyncio.Future[T]:
        """Ask for what only reads."""
        command = self._command(work, writes=False)
        self._commands.put(command)
        return command.done

    def write(self, work: Callable[[Database], None]) -> asyncio.Future[None]:
        """Ask for a write; the future is done when it is committed."""
        command = self._command(work, writes=True)
        self._commands.put(command)
        return command.done

    async def write_payload(
        self, work: Callable[[Database], None], size: int
    ) -> asyncio.Future[None]:
        """As `write`, after waiting for room for a payload of `size` bytes."""
        command = self._command(work, writes=True, size=size + COMMAND_BYTES)
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

    async def close(self) -> None:
        """Do what is queued, close the database and end the thread. Again: nothing."""
        if not self._closing:
            self._closing = True
            self._commands.put(None)
            for _, admitted in self._waiting:
                if not admitted.done():
                    admitted.set_exception(StoreError("the store is closed"))
        await asyncio.shield(self._ended)
        self._thread.join()  # returns at once: the thread's last act was to say so

    def _command(self, work: Callable[[Database], Any], *, writes: bool, size: int = 0) -> _Command:
        if self._closing:
            raise StoreError("the store is closed")
        return _Command(work, writes, self._loop.create_future(), size)

    def _fits(self, command: _Command) -> bool:
        """Whether there is room; one payload always fits into an empty queue."""
        return not self._queued_bytes or self._queued_bytes + command.size <= QUEUE_BYTES

    def _enqueue(self, command: _Command) -> None:
        self._queued_bytes += command.size
        self._commands.put(command)

    def _deliver(self, commands: list[_Command], outcomes: list[Outcome]) -> None:
        """Tell who waits, and let in who waits for room."""
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

    # In the thread

    def _live(self) -> None:
        try:
            self._serve()
        finally:
            self._tell(_settle, self._ended, None)

    def _serve(self) -> None:
        """Open the database and serve commands until told to end."""
        with contextlib.ExitStack() as stack:
            try:
                database = stack.enter_context(self._database)
            except Exception as error:  # noqa: BLE001 - handed to whoever awaits `start`
                self._tell(_settle, self._opened, error)
                return
            self._tell(_settle, self._opened, None)
            while self._turn(database):
                pass

    def _turn(self, database: Database) -> bool:
        """Do what is queued; whether more may come. Nothing of it is held on to while idle."""
        commands, going = self._take()
        for writes, group in itertools.groupby(commands, key=lambda one: one.writes):
            self._do(database, list(group), writes=writes)
        return going

    def _take(self) -> tuple[list[_Command], bool]:
        """Everything that is queued, waiting for the first; and whether more may come."""
        commands = []
        command = self._commands.get()
        with contextlib.suppress(queue.Empty):
            while command is not None:
                commands.append(command)
                command = self._commands.get_nowait()
            return commands, False
        return commands, True

    def _do(self, database: Database, commands: list[_Command], *, writes: bool) -> None:
        outcomes: list[Outcome]
        if not writes:
            outcomes = [_try(database, command) for command in commands]
        else:
            try:
                errors = database.write([command.work for command in commands])
            except Exception as error:  # noqa: BLE001 - a defect must not leave callers waiting
                errors = [error] * len(commands)
            outcomes = [(None, error) for error in errors]
        self._tell(self._deliver, commands, outcomes)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call back on the event loop."""
        with contextlib.suppress(RuntimeError):  # it is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(callback, *arguments)


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
