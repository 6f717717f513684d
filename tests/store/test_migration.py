"""Which databases are ours, and how those of older versions become those of now."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
import sqlalchemy as sa

from loadgrpc.model import RunState, SourceId
from loadgrpc.store import RunRecord, SourceProgress, Store, StoredBatch, StoreError
from loadgrpc.store.schema import METADATA, SCHEMA_VERSION

VERSION_1 = """
CREATE TABLE meta (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE runs (
    sequence {key},
    run_id TEXT NOT NULL,
    request_id TEXT,
    state SMALLINT NOT NULL,
    reason TEXT NOT NULL,
    create_time_ns BIGINT NOT NULL,
    start_time_ns BIGINT,
    end_time_ns BIGINT,
    agent_ids JSON NOT NULL,
    plan {bytes} NOT NULL,
    summary {bytes},
    UNIQUE (run_id),
    UNIQUE (request_id)
);
CREATE TABLE batches (
    batch_id {key},
    run_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    runner_id TEXT NOT NULL,
    first_sequence BIGINT NOT NULL,
    count BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    payload {bytes} NOT NULL,
    arrival_ns BIGINT NOT NULL,
    FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE
);
CREATE INDEX batches_of_run ON batches (run_id, batch_id);
CREATE TABLE sources (
    run_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    runner_id TEXT NOT NULL,
    committed_sequence BIGINT NOT NULL,
    finished BOOLEAN NOT NULL,
    committed BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    PRIMARY KEY (run_id, agent_id, runner_id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE
) {rowless};
INSERT INTO meta VALUES ('schema_version', '1');
INSERT INTO runs (run_id, request_id, state, reason, create_time_ns, agent_ids, plan, summary)
    VALUES ('run-1', 'request-1', {state}, 'why', 5, '["agent-1"]', 'the plan', 'the result');
INSERT INTO sources VALUES ('run-1', 'agent-1', 'runner-1', 20, {true}, 17, 1, 4, 2);
INSERT INTO batches (run_id, agent_id, runner_id, first_sequence, count, "offset", payload,
    arrival_ns) VALUES ('run-1', 'agent-1', 'runner-1', 1, 20, 3, 'the payload', 6);
"""
"""What version 1 made, and some rows of it. Frozen."""

WORDS = {
    "sqlite": {
        "key": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "bytes": "BLOB",
        "rowless": "WITHOUT ROWID",
        "true": "1",
    },
    "postgresql": {
        "key": "BIGSERIAL NOT NULL PRIMARY KEY",
        "bytes": "BYTEA",
        "rowless": "",
        "true": "true",
    },
}


def engine(target):
    """A way to a database past the store."""
    url = target.replace("postgresql://", "postgresql+psycopg://")
    return sa.create_engine(url if "://" in target else f"sqlite:///{target}")


def change(target, *statements):
    """Do something to a database behind the store's back."""
    behind = engine(target)
    with behind.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    behind.dispose()


def version_1(target):
    """Make a store as version 1 left it."""
    words = WORDS["postgresql" if "://" in target else "sqlite"]
    script = VERSION_1.format(**words, state=int(RunState.FINISHED))
    if words["bytes"] == "BLOB":  # text is no blob there
        for text in ("the plan", "the result", "the payload"):
            script = script.replace(f"'{text}'", f"x'{text.encode().hex()}'")
    change(target, *script.split(";\n"))


def shape(target):
    """What a database is made of: columns with type and default, keys, indices."""
    behind = engine(target)
    inspector = sa.inspect(behind)
    found = {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": [
                (key["constrained_columns"], key["referred_table"], key["options"])
                for key in inspector.get_foreign_keys(table)
            ],
            "indices": [
                (index["name"], index["column_names"]) for index in inspector.get_indexes(table)
            ],
        }
        for table in sorted(inspector.get_table_names())
    }
    behind.dispose()
    return found


@pytest.fixture
def folder(path):
    """The folder of the file is there: these tests write to it before a store does."""
    path.parent.mkdir()


def test_new_database_has_every_table_and_its_version(using, lasting):
    """A new store holds the tables of the schema and says which version they are."""

    async def nothing(_):
        pass

    using(lasting, nothing)
    assert set(shape(lasting)) == set(METADATA.tables)
    behind = engine(lasting)
    with behind.connect() as connection:
        version = "SELECT value FROM meta WHERE name = 'schema_version'"
        assert connection.exec_driver_sql(version).scalar() == str(SCHEMA_VERSION)
    behind.dispose()


@pytest.mark.usefixtures("folder")
def test_version_1_goes_on(using, lasting):
    """A store of version 1 opens with all that it held, and what is new has its defaults."""
    version_1(lasting)
    source = SourceId("run-1", "agent-1", "runner-1")
    payload = b"more" * 1_000

    async def use(store):
        assert await store.find_request("request-1") == RunRecord(
            run_id="run-1",
            request_id="request-1",
            state=RunState.FINISHED,
            reason="why",
            create_time_ns=5,
            agent_ids=("agent-1",),
            plan=b"the plan",
            summary=b"the result",
            sequence=1,
        )
        progress = SourceProgress(
            source=source,
            committed_sequence=20,
            finished=True,
            committed=17,
            rejected=1,
            duplicates=4,
            lost=2,
        )
        assert await store.sources("run-1") == [progress]
        batch = StoredBatch(
            source=source,
            first_sequence=1,
            count=20,
            offset=3,
            payload=b"the payload",
            arrival_ns=6,
        )
        more = StoredBatch(source=source, first_sequence=21, count=1, payload=payload)
        await (await store.append(more, SourceProgress(source=source, committed_sequence=21)))
        assert [found async for found in store.batches("run-1")] == [batch, more]
        sizes = await store._writer.read(lambda tables: tables.detail_bytes())
        assert len(b"the payload") < sizes < len(payload)

    using(lasting, use)
    using(lasting, lambda store: store.get_run("run-1"))  # the second time it is of now


@pytest.mark.usefixtures("folder")
def test_old_becomes_as_new(using, lasting, request):
    """After its migration an old database is made as a new one is."""

    async def nothing(_):
        pass

    version_1(lasting)
    using(lasting, nothing)
    new = lasting + "-new"
    if "://" in lasting:
        new = request.getfixturevalue("postgres_server").new_database()
    using(new, nothing)
    assert shape(lasting) == shape(new)


@pytest.mark.usefixtures("folder")
def test_failed_migration_changes_nothing(using, lasting):
    """A migration that cannot be done leaves the old version as it was."""
    version_1(lasting)
    change(lasting, "CREATE TABLE types (other BIGINT)")
    before = shape(lasting)

    async def nothing(_):
        pass

    with pytest.raises(StoreError, match="types"):
        using(lasting, nothing)
    assert shape(lasting) == before


def test_newer_schema_is_refused(using, lasting):
    """A store that a newer loadgrpc wrote is refused, both versions named, and what to do."""

    async def nothing(_):
        pass

    using(lasting, nothing)
    newer = SCHEMA_VERSION + 1
    change(lasting, f"UPDATE meta SET value = '{newer}' WHERE name = 'schema_version'")  # noqa: S608
    with pytest.raises(StoreError) as caught:
        using(lasting, nothing)
    words = str(caught.value)
    assert f"is {newer}, this loadgrpc knows {SCHEMA_VERSION};" in words
    assert "start the newer loadgrpc" in words


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE places (url TEXT)"],
        ["CREATE TABLE meta (other TEXT)"],
        ["CREATE TABLE meta (name TEXT, value TEXT)"],
        [
            "CREATE TABLE meta (name TEXT, value TEXT)",
            "INSERT INTO meta VALUES ('schema_version', 'x')",
        ],
    ],
)
def test_other_database_is_refused(using, lasting, statements):
    """A database of something else is refused and stays untouched."""
    change(lasting, *statements)
    before = shape(lasting)
    with pytest.raises(StoreError, match="not one of loadgrpc"):
        using(lasting, lambda store: store.list_runs(1))
    assert shape(lasting) == before


def test_refused_file_stays_byte_for_byte(path):
    """A file that is no database, or another's, is not written to; put right, it opens."""
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    with pytest.raises(StoreError, match="not a database"):
        asyncio.run(Store.open(str(path)))
    assert path.read_bytes() == b"garbage " * 1000
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE places (url)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(StoreError, match="not one of loadgrpc"):
        asyncio.run(Store.open(str(path)))
    assert path.read_bytes() == content
    path.write_bytes(b"")

    async def open_and_close():
        await (await Store.open(str(path))).close()

    asyncio.run(open_and_close())
