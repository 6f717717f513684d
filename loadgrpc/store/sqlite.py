"""The store in a file of SQLite, or in memory."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from loadgrpc import private
from loadgrpc.store.error import StoreError
from loadgrpc.store.lock import FileLock
from loadgrpc.store.target import MEMORY

BUSY_TIMEOUT_S: Final = 5.0
"""How long a statement waits for somebody who looks into the file with another tool."""

WAL_BYTES: Final = 64 * 2**20
"""To what size SQLite's log is cut back after it had to grow."""

SHRINK_PAGES: Final = 16_384
"""Pages given back to the disk at once: 64 MiB, so that nobody waits for long."""


class SqliteBackend:
    """A file, made if it is missing, with its lock; None: memory."""

    def __init__(self, path: Path | None) -> None:
        # Two names of a file have one lock.
        self._path = None if path is None else path.resolve()
        self._closing = contextlib.ExitStack()
        self._lock: FileLock | None = None

    @property
    def name(self) -> str:
        """See `Backend`."""
        return MEMORY if self._path is None else str(self._path)

    def connect(self) -> sa.Connection:
        """See `Backend`."""
        if self._path is not None:
            self._claim(self._path)
        engine = sa.create_engine("sqlite://", creator=self._open, poolclass=sa.pool.NullPool)
        self._closing.callback(engine.dispose)
        return engine.connect()

    def begin(self, connection: sa.Connection) -> None:
        """See `Backend`."""
        if self._lock is not None:
            self._lock.check()
        # Not SQLAlchemy's "begin" event: when that raises (the file is locked), the connection
        # never begins another transaction, and every later statement commits by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def settle(self, connection: sa.Connection) -> None:
        """See `Backend`."""
        # Not earlier: a file that turns out to be somebody else's stays as it is.
        driver = _driver(connection)
        driver.execute("PRAGMA journal_mode = WAL")
        driver.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")

    def shrink(self, connection: sa.Connection) -> None:
        """See `Backend`."""
        driver = _driver(connection)
        (free,) = driver.execute("PRAGMA freelist_count").fetchone()
        for _ in range(min(free, SHRINK_PAGES)):
            # One page each: of a statement without columns Python takes only the first step.
            driver.execute("PRAGMA incremental_vacuum(1)")

    def size(self, connection: sa.Connection) -> int | None:
        """See `Backend`: with the log, which becomes part of the file."""
        del connection
        if self._path is None:
            return None
        size = 0
        for path in (self._path, Path(f"{self._path}-wal")):
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        return size

    def close(self) -> None:
        """See `Backend`."""
        self._closing.close()

    def _open(self) -> sqlite3.Connection:
        # No implicit transactions of the driver, which would leave out tables and savepoints.
        connection = sqlite3.connect(self.name, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                # Can be said of a new file only: what is deleted may go back to the disk.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _claim(self, path: Path) -> None:
        """Make sure that a database file can be there, and that it is ours alone."""
        if path.exists() and not path.is_file():
            raise StoreError("it is not a file")
        try:
            private.folder(path.parent)
        except FileExistsError as error:
            raise StoreError(f"{path.parent} is not a folder") from error
        self._lock = FileLock(path)
        self._closing.callback(self._lock.release)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection
