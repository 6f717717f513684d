"""The tables, and which version of them a database holds.

    meta      name → value: the schema version
    runs      one row a run; `sequence` orders them
    sources   one row a runner instance: its committed sequence is the duplicate check
    batches   what sources sent, in the order it was committed (`batch_id`)

Rule: one schema for every database; only types that all of them have. A change of a table is
a new SCHEMA_VERSION. Large columns come last, so that a scan need not read past them.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from loadgrpc.store.error import StoreError

SCHEMA_VERSION: Final = 1

_VERSION_NAME: Final = "schema_version"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit key that counts up by itself: SQLite does that for its INTEGER only."""

METADATA: Final = sa.MetaData()

META: Final = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

RUNS: Final = sa.Table(
    "runs",
    METADATA,
    sa.Column("sequence", _Number, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.Text, nullable=False, unique=True),
    sa.Column("request_id", sa.Text, unique=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("create_time_ns", sa.BigInteger, nullable=False),
    sa.Column("start_time_ns", sa.BigInteger),
    sa.Column("end_time_ns", sa.BigInteger),
    sa.Column("agent_ids", sa.JSON, nullable=False),
    sa.Column("plan", sa.LargeBinary, nullable=False),
    sa.Column("summary", sa.LargeBinary),
    sqlite_autoincrement=True,  # the number of a deleted run is not given again
)

SOURCES: Final = sa.Table(
    "sources",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("runner_id", sa.Text, primary_key=True),
    sa.Column("committed_sequence", sa.BigInteger, nullable=False),
    sa.Column("finished", sa.Boolean, nullable=False),
    sa.Column("committed", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

BATCHES: Final = sa.Table(
    "batches",
    METADATA,
    sa.Column("batch_id", _Number, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("runner_id", sa.Text, nullable=False),
    sa.Column("first_sequence", sa.BigInteger, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("arrival_ns", sa.BigInteger, nullable=False),
    sa.Index("batches_of_run", "run_id", "batch_id"),
    sqlite_autoincrement=True,
)


def prepare(connection: sa.Connection) -> None:
    """Create the tables in an empty database; refuse one that holds anything else than ours."""
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        METADATA.create_all(connection, checkfirst=False)
        version = {"name": _VERSION_NAME, "value": str(SCHEMA_VERSION)}
        connection.execute(META.insert(), version)
        return
    found = _version(connection) if META.name in tables else None
    if found is None:
        raise StoreError("it is a database, but not one of loadgrpc")
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"it was written by a newer loadgrpc: its schema version is {found}, "
            f"this loadgrpc knows {SCHEMA_VERSION}"
        )


def _version(connection: sa.Connection) -> int | None:
    """The schema version that the database says it has; None if it says none."""
    try:
        value = connection.scalar(sa.select(META.c.value).where(META.c.name == _VERSION_NAME))
    except sa.exc.DBAPIError:  # somebody else's table of that name
        return None
    return int(value) if isinstance(value, str) and value.isdecimal() else None
