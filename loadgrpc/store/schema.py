"""The tables, as they are in the newest version.

    meta          name → value: the schema version, and the last writer (see `database`)
    runs          one row a run; `sequence` orders them
    changes       the log of each run: one row a change, numbered from 1 in its run
    ends          one row a runner that has ended
    sources       one row a runner instance: its committed sequence is the duplicate check
    batches       what sources sent, in the order it was committed (`batch_id`)
    windows       the runs by time: windows of several lengths; rows of the same span add up
    bundles       files that tests need, one row a bundle; `chunks` has their bytes
    notifications one row for each change of a run that an observer is notified of
    types         sets of types that the sources of runs brought, each once a run
    drained       agents that get no further runs until somebody undoes it
    schedules     one row a schedule
    campaigns     one row a campaign: what was asked for, and how it stands
    holds         bundles that schedules and campaigns need, whatever runs there are
    lives         what runs are listed by and wait for: one row a run, and none for an attempt
    attempts      the attempts of runs that were followed by another one
    tokens        secrets by which callers are known, as hashes
    audit         what was done and by whom: one row an act

Rule: one schema for every database; only types that all of them have. A change of a table is
a new SCHEMA_VERSION and a step in `migration`. Large columns come after what lists of rows
are made of, so that a scan need not read past them; what a later version added comes last.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA_VERSION: Final = 13

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
    sa.Column("roster", sa.LargeBinary),
    sa.Column("verdict", sa.Integer),
    sa.Column("verdict_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("bundle", sa.Text),
    sqlite_autoincrement=True,  # the number of a deleted run is not given again
)

CHANGES: Final = sa.Table(
    "changes",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time_ns", sa.BigInteger),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sqlite_with_rowid=False,
)

ENDS: Final = sa.Table(
    "ends",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("scenario", sa.Text, primary_key=True),
    sa.Column("runner_id", sa.Text, primary_key=True),
    sa.Column("events", sa.BigInteger),
    sa.Column("hits", sa.BigInteger),
    sqlite_with_rowid=False,
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
    sa.Column("scenario", sa.Text, nullable=False, server_default=""),
    sa.Column("losses", sa.JSON, nullable=False, server_default="{}"),
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
    sa.Column("packing", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
    # With the size in it, how much a run holds is known without reading a row.
    sa.Index("batches_of_run", "run_id", "batch_id", "size"),
    sqlite_autoincrement=True,
)

WINDOWS: Final = sa.Table(
    "windows",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("length_s", sa.Integer, nullable=False),
    sa.Column("start_s", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

NOTIFICATIONS: Final = sa.Table(
    "notifications",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("observer", sa.Text, primary_key=True),
    sa.Column("event", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    # Of those that are over there are ever more; a broker that starts asks for the others.
    sa.Index("notifications_by_state", "state"),
    sqlite_with_rowid=False,
)

TYPES: Final = sa.Table(
    "types",
    METADATA,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("run_id", "digest"),
)

DRAINED: Final = sa.Table(
    "drained",
    METADATA,
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("hostname", sa.Text, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

LIVES: Final = sa.Table(
    "lives",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_time_ns", sa.BigInteger),
    sa.Column("queue_time_ns", sa.BigInteger),
    sa.Column("expire_time_ns", sa.BigInteger),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("labels", sa.Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

ATTEMPTS: Final = sa.Table(
    "attempts",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("verdict", sa.Integer),
    sa.Column("verdict_reason", sa.Text, nullable=False),
    sa.Column("start_time_ns", sa.BigInteger),
    sa.Column("end_time_ns", sa.BigInteger),
    sa.Column("agent_ids", sa.JSON, nullable=False),
    sa.Column("summary", sa.LargeBinary, nullable=False),
)

SCHEDULES: Final = sa.Table(
    "schedules",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

CAMPAIGNS: Final = sa.Table(
    "campaigns",
    METADATA,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("campaign_id", sa.Text, nullable=False, unique=True),
    sa.Column("request_id", sa.Text, unique=True),
    sa.Column("over", sa.Boolean, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    sa.Column("spec", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

HOLDS: Final = sa.Table(
    "holds",
    METADATA,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

TOKENS: Final = sa.Table(
    "tokens",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.SmallInteger, nullable=False),
    sa.Column("create_time_ns", sa.BigInteger, nullable=False),
    sa.Column("expire_time_ns", sa.BigInteger, nullable=False),
    sa.Column("revoke_time_ns", sa.BigInteger),
    sqlite_with_rowid=False,
)

AUDIT: Final = sa.Table(
    "audit",
    METADATA,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.SmallInteger),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("did", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

BUNDLES: Final = sa.Table(
    "bundles",
    METADATA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("touched_ns", sa.BigInteger, nullable=False),
)

CHUNKS: Final = sa.Table(
    "chunks",
    METADATA,
    sa.Column("sha256", sa.ForeignKey("bundles.sha256", ondelete="CASCADE"), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)


@sa.event.listens_for(METADATA, "after_create")
def _pack_once(_tables: sa.MetaData, connection: sa.Connection, **_: object) -> None:
    """PostgreSQL is not to compress again what is packed already (`packing`, `stats/sealed`)."""
    if connection.dialect.name == "postgresql":
        for table, column in (("batches", "payload"), ("windows", "sealed")):
            statement = f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL"
            connection.exec_driver_sql(statement)
