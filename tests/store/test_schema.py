"""Which databases are ours."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from loadgrpc.store import Store, StoreError
from loadgrpc.store.schema import METADATA, SCHEMA_VERSION


async def open_and_close(path):
    """Open a store and close it."""
    store = await Store.open(str(path))
    await store.close()


def refusal(path):
    """What is said when a file is refused; it names the file, and leaves it as it was."""
    content = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        asyncio.run(open_and_close(path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content
    return str(caught.value)


def change(path, *statements):
    """Do something to a database behind the store's back."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_new_file_has_every_table_and_its_version(path):
    """A new store holds the tables of the schema and says which version they are."""
    asyncio.run(open_and_close(path))
    connection = sqlite3.connect(path)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert set(METADATA.tables) <= tables
    assert connection.execute("SELECT * FROM meta").fetchall() == [
        ("schema_version", str(SCHEMA_VERSION))
    ]
    connection.close()


def test_file_is_durable(path):
    """The log is written ahead and synced at every commit; rows that belong together stay so."""

    async def main():
        store = await Store.open(str(path))
        settings = {}
        for name in ("journal_mode", "synchronous", "foreign_keys"):
            sql = f"PRAGMA {name}"
            settings[name] = await store._writer.read(
                lambda database, sql=sql: database._connection.exec_driver_sql(sql).scalar()
            )
        await store.close()
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}

    asyncio.run(main())


def test_newer_schema_is_refused(path):
    """A store that a newer loadgrpc wrote is refused, both versions named."""
    asyncio.run(open_and_close(path))
    change(path, "UPDATE meta SET value = value + 1")
    words = refusal(path)
    assert "newer loadgrpc" in words
    assert f"is {SCHEMA_VERSION + 1}," in words
    assert f"knows {SCHEMA_VERSION}" in words


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE places (url)"],
        ["CREATE TABLE meta (other)"],
        ["CREATE TABLE meta (name, value)"],
        ["CREATE TABLE meta (name, value)", "INSERT INTO meta VALUES ('schema_version', 'x')"],
    ],
)
def test_other_database_is_refused(path, statements):
    """A database of something else is refused and stays untouched."""
    change(path, *statements)
    assert "not one of loadgrpc" in refusal(path)


def test_garbage_is_refused(path):
    """A file that is no database is refused and stays untouched."""
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    assert "not a database" in refusal(path)


def test_refused_file_is_not_locked(path):
    """After a refusal nothing holds the file: put right, it opens."""
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    refusal(path)
    path.write_bytes(b"")
    asyncio.run(open_and_close(path))
