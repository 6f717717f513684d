"""From the schema that a database has to the current one.

Rule: a step goes from one version to the next and has SQL of its own, so that it stays what it
was when `schema` changes. All steps share one transaction: a database has the old version or the
new one, and never anything between. There is no way back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from loadgrpc.store.error import StoreError
from loadgrpc.store.schema import META, METADATA, SCHEMA_VERSION

_VERSION_NAME: Final = "schema_version"
_MAX_DIGITS: Final = 9


def prepare(connection: sa.Connection) -> None:
    """Create the tables in an empty database, or bring them to the version of now.

    Raises:
        StoreError: it holds something else, or was written by a newer loadgrpc.
    """
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        METADATA.create_all(connection, checkfirst=False)
        version = {"name": _VERSION_NAME, "value": str(SCHEMA_VERSION)}
        connection.execute(META.insert(), version)
        return
    found = _version(connection) if META.name in tables else None
    if found is None:
        raise StoreError("it is a database, but not one of loadgrpc: give loadgrpc one of its own")
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"it was written by a newer loadgrpc: its schema version is {found}, "
            f"this loadgrpc knows {SCHEMA_VERSION}; start the newer loadgrpc, or give another store"
        )
    _migrate(connection, found)


def _migrate(connection: sa.Connection, version: int) -> None:
    """Take the steps from `version` on."""
    if version == SCHEMA_VERSION:
        return
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
    changed = sa.update(META).where(META.c.name == _VERSION_NAME)
    connection.execute(changed.values(value=str(SCHEMA_VERSION)))


def _version(connection: sa.Connection) -> int | None:
    """The schema version that the database says it has; None if it says none that can be."""
    query = sa.select(META.c.value).where(META.c.name == _VERSION_NAME)
    try:
        with connection.begin_nested():  # a failed statement must not spoil the transaction
            value = connection.scalar(query)
    except sa.exc.DBAPIError:  # somebody else's table of that name
        return None
    if not isinstance(value, str) or not value.isdecimal() or len(value) > _MAX_DIGITS:
        return None
    return int(value) or None


def _to_2(connection: sa.Connection) -> None:
    """What a restart continues from (rosters, scenarios), packed batches, types."""
    binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    number = "BIGSERIAL" if connection.dialect.name == "postgresql" else "INTEGER"
    types = (
        "CREATE TABLE types ("
        f"number {number} NOT NULL, "
        f"run_id TEXT NOT NULL, digest TEXT NOT NULL, payload {binary} NOT NULL, "
        "PRIMARY KEY (number), UNIQUE (run_id, digest), "
        "FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE)"
    )
    for statement in (
        f"ALTER TABLE runs ADD COLUMN roster {binary}",
        "ALTER TABLE sources ADD COLUMN scenario TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE sources ADD COLUMN losses JSON DEFAULT '{}' NOT NULL",
        "ALTER TABLE batches ADD COLUMN packing SMALLINT DEFAULT '0' NOT NULL",
        "ALTER TABLE batches ADD COLUMN size BIGINT DEFAULT '0' NOT NULL",
        "UPDATE batches SET size = length(payload)",
        "DROP INDEX batches_of_run",
        "CREATE INDEX batches_of_run ON batches (run_id, batch_id, size)",
        types,
    ):
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE batches ALTER COLUMN payload SET STORAGE EXTERNAL")


def _to_3(connection: sa.Connection) -> None:
    """How runs were judged; of those that were over before it stays unknown here."""
    for statement in (
        "ALTER TABLE runs ADD COLUMN verdict INTEGER",
        "ALTER TABLE runs ADD COLUMN verdict_reason TEXT DEFAULT '' NOT NULL",
    ):
        connection.exec_driver_sql(statement)


def _to_4(connection: sa.Connection) -> None:
    """The log of each run; that of runs which are there already stays empty."""
    rowless = "" if connection.dialect.name == "postgresql" else " WITHOUT ROWID"
    connection.exec_driver_sql(
        "CREATE TABLE changes ("
        "run_id TEXT NOT NULL, sequence BIGINT NOT NULL, time_ns BIGINT, "
        "kind SMALLINT NOT NULL, attempt INTEGER NOT NULL, state SMALLINT NOT NULL, "
        "reason TEXT NOT NULL, detail JSON NOT NULL, "
        "PRIMARY KEY (run_id, sequence), "
        f"FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE){rowless}"
    )


def _to_5(connection: sa.Connection) -> None:
    """Runs by time; those which are over already have none."""
    binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    connection.exec_driver_sql(
        "CREATE TABLE windows ("
        "run_id TEXT NOT NULL, number BIGINT NOT NULL, "
        f"length_s INTEGER NOT NULL, start_s BIGINT NOT NULL, sealed {binary} NOT NULL, "
        "PRIMARY KEY (run_id, number), "
        "FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE)"
    )
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE windows ALTER COLUMN sealed SET STORAGE EXTERNAL")


def _to_6(connection: sa.Connection) -> None:
    """Ends of runners; those that are known by now stay in the roster of their run."""
    rowless = "" if connection.dialect.name == "postgresql" else " WITHOUT ROWID"
    connection.exec_driver_sql(
        "CREATE TABLE ends ("
        "run_id TEXT NOT NULL, agent_id TEXT NOT NULL, scenario TEXT NOT NULL, "
        "runner_id TEXT NOT NULL, events BIGINT, hits BIGINT, "
        "PRIMARY KEY (run_id, agent_id, scenario, runner_id), "
        f"FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE){rowless}"
    )


def _to_7(connection: sa.Connection) -> None:
    """Agents that are drained: none is yet."""
    rowless = "" if connection.dialect.name == "postgresql" else " WITHOUT ROWID"
    connection.exec_driver_sql(
        "CREATE TABLE drained ("
        "agent_id TEXT NOT NULL, hostname TEXT NOT NULL, time_ns BIGINT NOT NULL, "
        f"PRIMARY KEY (agent_id)){rowless}"
    )


def _to_8(connection: sa.Connection) -> None:
    """Bundles of files that tests need."""
    binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    bundles = (
        "CREATE TABLE bundles ("
        "sha256 TEXT NOT NULL, size BIGINT NOT NULL, received BIGINT NOT NULL, "
        "complete BOOLEAN NOT NULL, touched_ns BIGINT NOT NULL, PRIMARY KEY (sha256))"
    )
    chunks = (
        "CREATE TABLE chunks ("
        f'sha256 TEXT NOT NULL, "offset" BIGINT NOT NULL, data {binary} NOT NULL, '
        'PRIMARY KEY (sha256, "offset"), '
        "FOREIGN KEY(sha256) REFERENCES bundles (sha256) ON DELETE CASCADE)"
    )
    for statement in ("ALTER TABLE runs ADD COLUMN bundle TEXT", bundles, chunks):
        connection.exec_driver_sql(statement)


def _to_9(connection: sa.Connection) -> None:
    """Notifications of observers; nobody is notified of what happened before."""
    rowless = "" if connection.dialect.name == "postgresql" else " WITHOUT ROWID"
    connection.exec_driver_sql(
        "CREATE TABLE notifications ("
        "run_id TEXT NOT NULL, change BIGINT NOT NULL, observer TEXT NOT NULL, "
        "event SMALLINT NOT NULL, state SMALLINT NOT NULL, tries INTEGER NOT NULL, "
        "reason TEXT NOT NULL, time_ns BIGINT NOT NULL, "
        "PRIMARY KEY (run_id, change, observer), "
        f"FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE){rowless}"
    )
    connection.exec_driver_sql("CREATE INDEX notifications_by_state ON notifications (state)")


def _to_10(connection: sa.Connection) -> None:
    """Schedules and campaigns: there are none yet."""
    postgresql = connection.dialect.name == "postgresql"
    binary = "BYTEA" if postgresql else "BLOB"
    key = "BIGSERIAL NOT NULL" if postgresql else "INTEGER NOT NULL"
    primary = ", PRIMARY KEY (number)" if postgresql else ""
    counts_up = "" if postgresql else " PRIMARY KEY AUTOINCREMENT"
    rowless = "" if postgresql else " WITHOUT ROWID"
    schedules = (
        f"CREATE TABLE schedules (name TEXT NOT NULL, body {binary} NOT NULL, PRIMARY KEY (name))"
    )
    campaigns = (
        "CREATE TABLE campaigns ("
        f"number {key}{counts_up}, campaign_id TEXT NOT NULL, request_id TEXT, "
        f"over BOOLEAN NOT NULL, head {binary} NOT NULL, spec {binary} NOT NULL{primary}, "
        "UNIQUE (campaign_id), UNIQUE (request_id))"
    )
    holds = (
        "CREATE TABLE holds (owner TEXT NOT NULL, sha256 TEXT NOT NULL, "
        f"PRIMARY KEY (owner, sha256)){rowless}"
    )
    for statement in (schedules, campaigns, holds):
        connection.exec_driver_sql(statement)


def _to_11(connection: sa.Connection) -> None:
    """What runs are listed by and wait for, and attempts; of older runs that is little."""
    rowless = "" if connection.dialect.name == "postgresql" else " WITHOUT ROWID"
    binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    lives = (
        "CREATE TABLE lives ("
        "run_id TEXT NOT NULL, attempt INTEGER DEFAULT '1' NOT NULL, "
        "priority INTEGER DEFAULT '0' NOT NULL, "
        "due_time_ns BIGINT, queue_time_ns BIGINT, expire_time_ns BIGINT, "
        "owner TEXT DEFAULT '' NOT NULL, title TEXT DEFAULT '' NOT NULL, "
        "labels TEXT DEFAULT '' NOT NULL, PRIMARY KEY (run_id), "
        f"FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE){rowless}"
    )
    attempts = (
        "CREATE TABLE attempts ("
        "run_id TEXT NOT NULL, attempt INTEGER NOT NULL, "
        "state SMALLINT NOT NULL, reason TEXT NOT NULL, "
        "verdict INTEGER, verdict_reason TEXT NOT NULL, "
        "start_time_ns BIGINT, end_time_ns BIGINT, agent_ids JSON NOT NULL, "
        f"summary {binary} NOT NULL, PRIMARY KEY (run_id, attempt), "
        "FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE)"
    )
    for statement in (lives, attempts, "INSERT INTO lives (run_id) SELECT run_id FROM runs"):
        connection.exec_driver_sql(statement)


def _to_12(connection: sa.Connection) -> None:
    """Tokens: there are none yet."""
    rowless = "" if connection.dialect.name == "postgresql" else " WITHOUT ROWID"
    connection.exec_driver_sql(
        "CREATE TABLE tokens ("
        "name TEXT NOT NULL, digest TEXT NOT NULL, role SMALLINT NOT NULL, "
        "create_time_ns BIGINT NOT NULL, expire_time_ns BIGINT NOT NULL, revoke_time_ns BIGINT, "
        f"PRIMARY KEY (name), UNIQUE (digest)){rowless}"
    )


def _to_13(connection: sa.Connection) -> None:
    """What was done: nothing is known of what was done before."""
    postgresql = connection.dialect.name == "postgresql"
    key = "BIGSERIAL NOT NULL" if postgresql else "INTEGER NOT NULL"
    primary = ", PRIMARY KEY (number)" if postgresql else ""
    counts_up = "" if postgresql else " PRIMARY KEY AUTOINCREMENT"
    connection.exec_driver_sql(
        "CREATE TABLE audit ("
        f"number {key}{counts_up}, time_ns BIGINT NOT NULL, name TEXT NOT NULL, role SMALLINT, "
        "address TEXT NOT NULL, did TEXT NOT NULL, what TEXT NOT NULL, "
        f"detail TEXT NOT NULL{primary})"
    )


_STEPS: Final[dict[int, Callable[[sa.Connection], None]]] = {
    1: _to_2,
    2: _to_3,
    3: _to_4,
    4: _to_5,
    5: _to_6,
    6: _to_7,
    7: _to_8,
    8: _to_9,
    9: _to_10,
    10: _to_11,
    11: _to_12,
    12: _to_13,
}
"""From a version to the one after it."""
