"""The store in a database of PostgreSQL.

Rule: there is one connection, and the lock of the broker belongs to its session: a broker that
loses the connection loses the lock, and continues once it has it back (see `database` for the
fence). The lock is for one schema, so brokers can share a database that keeps them in schemas of
their own.
"""

from __future__ import annotations

import importlib.util
import os
import socket
from typing import Final

import sqlalchemy as sa

from loadgrpc.store.error import StoreError

CONNECT_TIMEOUT_S: Final = 5
LOCK_WAIT_S: Final = 2.0
"""How long a new connection waits for the lock: the server may not know yet that who held it
died."""

_DEFAULTS: Final = {
    "connect_timeout": str(CONNECT_TIMEOUT_S),
    # A server that vanished silently is noticed within about 20 s.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",
}
"""Of the connection, where the URL says nothing else."""

_LOCK_KEY: Final = int.from_bytes(b"load")
_LOCK: Final = sa.text("SELECT pg_advisory_lock(:key, hashtext(current_schema()))")
_HOLDER: Final = sa.text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND classid = :key"
    " AND objid = hashtext(current_schema())::bigint & 4294967295"
    " AND datname = current_database()"
)
_SIZE: Final = sa.text("SELECT pg_database_size(current_database())")
_NOT_AVAILABLE: Final = "55P03"
"""SQLSTATE of a lock that was waited for too long."""


class PostgresqlBackend:
    """A database, named by its URL; `name` is the URL without its password."""

    def __init__(self, url: str, name: str) -> None:
        if importlib.util.find_spec("psycopg") is None:
            raise StoreError(
                f"cannot open the store {name}: it needs psycopg: pip install 'loadgrpc[postgres]'"
            )
        self._name = name
        try:
            parsed = sa.make_url(url).set(drivername="postgresql+psycopg")
        except sa.exc.ArgumentError as error:
            raise StoreError(f"cannot open the store {name}: it is not a URL") from error
        application = f"loadgrpc broker, process {os.getpid()} on {socket.gethostname()}"
        defaults = {"application_name": application[:63], **_DEFAULTS}
        missing = {key: value for key, value in defaults.items() if key not in parsed.query}
        self._engine = sa.create_engine(
            parsed.update_query_dict(missing), poolclass=sa.pool.NullPool
        )

    @property
    def name(self) -> str:
        """See `Backend`."""
        return self._name

    def connect(self) -> sa.Connection:
        """See `Backend`."""
        connection = self._engine.connect()
        try:
            self._lock(connection)
            if connection.scalar(sa.text("SHOW synchronous_commit")) == "off":
                connection.execute(sa.text("SET synchronous_commit = on"))
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    def _lock(self, connection: sa.Connection) -> None:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_S} s'"))
        try:
            connection.execute(_LOCK, {"key": _LOCK_KEY})
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
                raise
            connection.rollback()
            holder = connection.scalar(_HOLDER, {"key": _LOCK_KEY}) or "another process"
            raise StoreError(f"{holder} has it open") from error

    def begin(self, connection: sa.Connection) -> None:
        """See `Backend`: the driver does it by itself."""

    def settle(self, connection: sa.Connection) -> None:
        """See `Backend`: nothing is left to do."""

    def shrink(self, connection: sa.Connection) -> None:
        """See `Backend`: autovacuum does it by itself."""

    def size(self, connection: sa.Connection) -> int | None:
        """See `Backend`."""
        size = connection.scalar(_SIZE)
        return None if size is None else int(size)

    def close(self) -> None:
        """See `Backend`."""
        self._engine.dispose()
