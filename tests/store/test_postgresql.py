"""What only a database of its own can do: go away, break off, be taken over."""

from __future__ import annotations

import asyncio
import signal

import psycopg
import pytest

from loadgrpc.model import SourceId
from loadgrpc.store import Store, StoreError, database, postgresql, writer
from loadgrpc.store.database import Database


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Outages are short here."""
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(database, "RETRY_S", 0.01)
    monkeypatch.setattr(postgresql, "LOCK_WAIT_S", 0.2)


@pytest.fixture
def url(postgres_server):
    """A database on a server that stays."""
    return postgres_server.new_database()


async def stored(store, run_id="run-1"):
    """First sequences of the stored batches."""
    return [batch.first_sequence async for batch in store.batches(run_id)]


def break_off(url):
    """End the session of whoever uses the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_server_that_goes_away(postgres, using, records, caplog, how, until):
    """While the server is away, or has crashed, what is reported waits; it is stored once."""

    async def report(store, runner_id, going):
        first, source = 1, SourceId("run-1", "agent-1", runner_id)
        while going.is_set():
            await (await store.append(*records.batch(first, source=source)))
            first += 10
        return first

    async def use(store):
        await store.save_run(records.run())
        going = asyncio.Event()
        going.set()
        sources = [asyncio.create_task(report(store, f"runner-{n}", going)) for n in range(5)]
        for _ in range(3):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(postgres.stop, how)
            await until(lambda: store.trouble)
            with pytest.raises(StoreError, match="not available"):
                await store.list_runs(1)
            await asyncio.to_thread(postgres.start)
            await until(lambda: not store.trouble)
        going.clear()
        ends = await asyncio.gather(*sources)
        numbers = await stored(store)
        for first in range(1, max(ends), 10):
            assert numbers.count(first) == sum(end > first for end in ends)
        assert [s.committed_sequence + 1 for s in await store.sources("run-1")] == ends

    using(postgres.new_database(), use)
    assert len(caplog.records) == 6  # each outage has a beginning and an end


def test_idle_broker_notices_nothing(using, url, records):
    """A connection that broke off while nobody needed it is made again without a word."""

    async def use(store):
        await store.save_run(records.run())
        await asyncio.to_thread(break_off, url)
        assert await store.get_run("run-1")
        await asyncio.to_thread(break_off, url)
        await store.save_run(records.run("run-2"))
        assert not store.trouble

    using(url, use)


@pytest.mark.parametrize("committed", [True, False])
def test_answer_to_a_commit_that_never_came(using, url, records, monkeypatch, committed):
    """A commit whose answer was lost is looked after, and repeated only if it did not happen."""
    commit = Database.commit
    broken = []

    def breaking(db):
        if not broken and db._count:
            broken.append(1)
            if committed:
                commit(db)
            break_off(url)
            db._connection.exec_driver_sql("SELECT 1")
        commit(db)

    monkeypatch.setattr(Database, "commit", breaking)

    async def use(store):
        await store.save_run(records.run())
        future = await store.append(*records.batch(1))
        number = await future
        assert broken
        assert [batch.number async for batch in store.batches("run-1")] == [number]
        await (await store.append(*records.batch(11)))
        assert await stored(store) == [1, 11]

    using(url, use)


def test_unsettled_commit_waits_for_its_answer(using, url, records, monkeypatch, until):
    """While nobody can know whether a commit happened, even the impatient wait."""
    commit, connect = Database.commit, postgresql.PostgresqlBackend.connect
    away = []

    def breaking(db):
        commit(db)
        if db._count == 1:
            away.append(1)
            break_off(url)
            db._connection.exec_driver_sql("SELECT 1")

    def connecting(backend):
        if away:
            raise OSError(0, "no way there")
        return connect(backend)

    monkeypatch.setattr(Database, "commit", breaking)
    monkeypatch.setattr(postgresql.PostgresqlBackend, "connect", connecting)

    async def use(store):
        await store.save_run(records.run())
        saving = asyncio.create_task(store.save_run(records.run("run-2")))
        await until(lambda: store.trouble)
        assert "no way there" in store.trouble
        assert not saving.done()
        away.clear()
        await saving
        assert [run.run_id for run in await store.list_runs(9)] == ["run-2", "run-1"]

    using(url, use)


def test_broker_that_was_replaced_writes_no_more(url, records, until):
    """A broker whose lock went to another with its connection changes nothing ever after."""

    async def main():
        old = await Store.open(url)
        await old.save_run(records.run())
        await asyncio.to_thread(break_off, url)
        new = await Store.open(url)
        waiting = await old.append(*records.batch(1))
        await until(lambda: old.trouble)
        assert "has it open" in old.trouble
        await (await new.append(*records.batch(1)))
        await new.close()
        with pytest.raises(StoreError, match="another broker has taken it over"):
            await waiting
        with pytest.raises(StoreError, match="another broker has taken it over"):
            await old.save_run(records.run("run-2"))
        await old.close()
        again = await Store.open(url)
        assert await stored(again) == [1]
        assert [run.run_id for run in await again.list_runs(9)] == ["run-1"]
        await again.close()

    asyncio.run(main())


def test_schemas_are_stores_of_their_own(url, records):
    """Two brokers share a database when each has a schema."""

    async def main():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA other")
        one = await Store.open(url)
        two = await Store.open(f"{url}?options=-csearch_path%3Dother")
        await one.save_run(records.run())
        assert await two.list_runs(9) == []
        with pytest.raises(StoreError, match="has it open"):
            await Store.open(f"{url}?options=-csearch_path%3Dother")
        await one.close()
        await two.close()

    asyncio.run(main())


def test_commits_are_durable(using, url):
    """A server whose default is not to wait for its disk waits for it here."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER ROLE loadgrpc SET synchronous_commit = off")

    def settings(tables):
        show = tables.connection.exec_driver_sql
        return show("SHOW synchronous_commit").scalar(), show("SHOW application_name").scalar()

    try:
        durable, name = using(url, lambda store: store._writer.read(settings))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER ROLE loadgrpc RESET synchronous_commit")
    assert durable == "on"
    assert name.startswith("loadgrpc broker, process ")


def test_payload_is_not_packed_again(using, url):
    """The server is told not to compress what is compressed."""
    using(url, lambda store: store.list_runs(1))
    with psycopg.connect(url) as connection:
        query = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'batches'::regclass"
        assert connection.execute(f"{query} AND attname = 'payload'").fetchone() == ("e",)


def test_server_that_is_not_there(postgres_server):
    """What cannot be reached is refused in words that name it, and hold no password."""
    url = postgres_server.new_database().replace("loadgrpc@", "loadgrpc:secret@")
    for wrong, words in (
        (url.replace(str(postgres_server.port), "1"), "refused"),
        (url + "-missing", "does not exist"),
    ):
        with pytest.raises(StoreError, match=words) as caught:
            asyncio.run(Store.open(wrong))
        assert "cannot open the store postgresql://loadgrpc@127.0.0.1" in str(caught.value)
        assert "secret" not in str(caught.value)


def test_without_its_driver(monkeypatch):
    """Without psycopg the words say what to install."""
    monkeypatch.setattr(postgresql.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"pip install 'loadgrpc\[postgres\]'"):
        asyncio.run(Store.open("postgresql://localhost/db"))
