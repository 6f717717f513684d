"""The connection to the database: transactions, outages, and who may write.

Rule: only the writer thread comes here. A transaction is carried out once, whatever becomes of
the connection. For that every transaction replaces the writer's mark in `meta`, which is its
name and a count:

    the mark that was there is    then
    ours, of the one before       it is committed with what it brings
    ours, of this one             it was committed already, and only its answer was lost
    another's                     another broker has taken the store: this one writes no more

What fails by its own fault fails alone. What the database cannot do now (its disk is full, it
cannot be reached) is an Outage: nothing of it is kept, and it may be asked for again.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from loadgrpc.errors import LoadgrpcError
from loadgrpc.store.backend import Backend
from loadgrpc.store.error import Outage, StoreError
from loadgrpc.store.migration import prepare
from loadgrpc.store.schema import META
from loadgrpc.store.tables import Tables

T = TypeVar("T")

Work = Callable[[Tables], T]
Outcome = tuple[Any, Exception | None]
"""The result or the error of a work."""

RETRY_S: Final = 1.0
"""After a failed connection, none is tried for this long: reads fail at once."""

_MARK: Final = "writer"
_SELECT_MARK: Final = sa.select(META.c.value).where(META.c.name == _MARK)
_REPLACE_MARK: Final = (
    sa.update(META)
    .where(META.c.name == _MARK, META.c.value == sa.bindparam("old"))
    .values(value=sa.bindparam("new"))
)


class Database:
    """An open database; its tables are there and of the version of now."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._writer = secrets.token_hex(8)
        self._count = 0
        """Transactions that are committed."""
        self._unsettled: tuple[Sequence[Work[Any]], list[Outcome]] | None = None
        """A transaction, and what it came to, of which nobody knows whether it was committed."""
        self._retry_s = 0.0
        """When (monotonic) a connection may be tried again."""
        self._trouble: Exception | None = None
        """Why the last connection failed."""
        self._connection: sa.Connection | None = None
        try:
            self._connection = backend.connect()
            backend.begin(self._connection)
            prepare(self._connection)
            self._claim(self._connection)
            self._connection.commit()
            backend.settle(self._connection)
        except (StoreError, OSError, sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"cannot open the store {backend.name}: {_words(error)}") from error

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._backend.name

    def close(self) -> None:
        """Close the connection, and let the next broker in."""
        self._drop()
        self._backend.close()

    def read(self, work: Work[T]) -> T:
        """Do what only reads.

        Raises:
            StoreError: the database cannot be read.
        """
        try:
            return self._read(work)
        except sa.exc.DBAPIError as error:
            if self._connection is not None:
                raise self._failure("read", error) from error
        try:
            return self._read(work)  # over a new connection
        except sa.exc.DBAPIError as error:
            raise self._failure("read", error) from error

    def write(self, works: Sequence[Work[Any]]) -> list[Outcome]:
        """Do all `works` in one transaction; returns the outcome of each, in the same order.

        Raises:
            Outage: not now. If it is `unsettled`, the next call must bring the same works.
        """
        try:
            return self._write(works)
        except Outage:
            if self._connection is not None:
                raise
        return self._write(works)  # over a new connection

    def commit(self) -> None:
        """Make what was written durable."""
        self._reach().commit()

    # Transactions

    def _read(self, work: Work[T]) -> T:
        try:
            return work(self._tables())
        finally:
            self._roll_back()

    def _write(self, works: Sequence[Work[Any]]) -> list[Outcome]:
        if (unsettled := self._unsettled) is not None and self._settle() and works == unsettled[0]:
            return unsettled[1]
        try:
            outcomes = self._carry_out(works)
        except Exception as error:
            self._roll_back()
            if isinstance(error, Outage) or _passes(error):
                raise self._outage(error) from error
            return [(None, self._failure("write to", error)) for _ in works]
        try:
            self.commit()
        except Exception as error:
            self._roll_back()
            self._unsettled = works, outcomes
            if self._connection is None:
                raise self._outage(error, unsettled=True) from error
            if not self._settle():
                raise self._outage(error) from error
            return outcomes
        self._count += 1
        return outcomes

    def _settle(self) -> bool:
        """Find out whether the unsettled transaction was committed.

        Raises:
            Outage: that cannot be known yet.
        """
        try:
            mark = self._reach().scalar(_SELECT_MARK)
        except (Outage, sa.exc.DBAPIError) as error:
            raise self._outage(error, unsettled=True) from error
        finally:
            self._roll_back()
        self._unsettled = None
        committed = bool(mark == self._mark(self._count + 1))
        self._count += committed
        return committed

    def _carry_out(self, works: Sequence[Work[Any]]) -> list[Outcome]:
        """Do all that is in `works`, and undo what fails by its own fault."""
        self._begin()
        try:
            return [self._attempt(work, apart=False) for work in works]
        except Exception as error:
            if not _blames_one(error):
                raise
        self._reach().rollback()
        self._begin()
        return [self._attempt(work, apart=True) for work in works]

    def _begin(self) -> None:
        connection = self._reach()
        self._backend.begin(connection)
        marks = {"old": self._mark(self._count), "new": self._mark(self._count + 1)}
        if not connection.execute(_REPLACE_MARK, marks).rowcount:
            raise StoreError("another broker has taken it over")

    def _attempt(self, work: Work[Any], *, apart: bool) -> Outcome:
        """One write; `apart` gives it a savepoint of its own, which costs time."""
        connection = self._reach()
        try:
            with connection.begin_nested() if apart else contextlib.nullcontext():
                return work(self._tables()), None
        except LoadgrpcError as error:
            return None, error
        except Exception as error:
            if not (apart and _blames_one(error)):
                raise
            return None, self._failure("write to", error)

    def _claim(self, connection: sa.Connection) -> None:
        """Leave our mark in place of that of the broker before us."""
        connection.execute(sa.delete(META).where(META.c.name == _MARK))
        connection.execute(sa.insert(META), {"name": _MARK, "value": self._mark(0)})

    def _mark(self, count: int) -> str:
        return f"{self._writer} {count}"

    # The connection

    def _reach(self) -> sa.Connection:
        """The connection, made again if it was lost.

        Raises:
            Outage: there is none for now.
        """
        if self._connection is not None:
            return self._connection
        if self._trouble is not None and time.monotonic() < self._retry_s:
            raise self._outage(self._trouble) from self._trouble
        try:
            self._connection = self._backend.connect()
        except (StoreError, OSError, sa.exc.SQLAlchemyError) as error:
            self._trouble, self._retry_s = error, time.monotonic() + RETRY_S
            raise self._outage(error) from error
        self._trouble = None
        return self._connection

    def _tables(self) -> Tables:
        return Tables(self._reach(), self._backend)

    def _roll_back(self) -> None:
        """Undo what is not committed, and drop a connection that is lost."""
        if self._connection is None:
            return
        try:
            if not self._connection.invalidated:
                self._connection.rollback()
        except sa.exc.DBAPIError:
            self._drop()
            return
        if self._connection.invalidated:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):  # it is lost anyway
                self._connection.close()
            self._connection = None

    def _outage(self, error: Exception, *, unsettled: bool = False) -> Outage:
        if isinstance(error, Outage):
            return Outage(str(error), unsettled=unsettled)
        words = f"the store {self.name} is not available: {_words(error)}"
        return Outage(words, unsettled=unsettled)

    def _failure(self, verb: str, error: Exception) -> StoreError:
        """The error of one work; each gets its own, because a traceback belongs to one."""
        failure = StoreError(f"cannot {verb} the store {self.name}: {_words(error)}")
        failure.__cause__ = error
        return failure


def _passes(error: Exception) -> bool:
    """Whether an error is one of the circumstances, and the same write may go well later."""
    kinds = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
    return isinstance(error, kinds)


def _blames_one(error: Exception) -> bool:
    """Whether an error is the fault of one write, and not of the database."""
    own = (sa.exc.IntegrityError, sa.exc.DataError)
    return isinstance(error, own) or not isinstance(error, sa.exc.DBAPIError | Outage | StoreError)


def _words(error: Exception) -> str:
    """What the driver says, without the statement and its parameters: those may hold secrets."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return " ".join(str(cause).split())
