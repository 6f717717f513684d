"""What only a store in a file can do, and what becomes of it on a full disk."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys

import pytest

from loadgrpc.store import Store, StoreError, sqlite, writer


def pragma(words):
    """What is asked of the connection of a store."""
    return lambda tables: tables.connection.exec_driver_sql(f"PRAGMA {words}").scalar()


async def stored(store):
    """First sequences of the stored batches."""
    return [batch.first_sequence async for batch in store.batches("run-1")]


def test_two_memory_stores_are_two(records):
    """Stores in memory share nothing."""

    async def main():
        one, two = await Store.open(":memory:"), await Store.open("sqlite:///:memory:")
        await one.save_run(records.run())
        assert await two.get_run("run-1") is None
        await one.close()
        await two.close()

    asyncio.run(main())


def test_names_of_a_file(using, path, records, monkeypatch):
    """A file is the same under any name of it, and keeps the one it was opened by."""
    monkeypatch.chdir(path.parent.parent)
    using(path, lambda store: store.save_run(records.run()))

    async def read(store):
        assert await store.get_run("run-1")
        return store.name

    for name in (f"sqlite:///{path}", "sqlite:///broker/store.db", "broker/store.db"):
        assert using(name, read) == name.removeprefix("sqlite:///")


def test_file_is_durable(using, path):
    """The log is written ahead and synced at every commit; rows that belong together stay so."""

    async def use(store):
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [await store._writer.read(pragma(name)) for name in names]

    assert using(path, use) == ["wal", 2, 1]


def test_importing_loads_no_sqlalchemy():
    """Who only imports the store pays for neither SQLAlchemy nor NumPy."""
    script = "import sys, loadgrpc.store; sys.exit(bool({'sqlalchemy', 'numpy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_file_shrinks(using, path, records):
    """What deleted detail took goes back to the disk."""

    async def fill(store):
        await store.save_run(records.run())
        noise = random.Random(4).randbytes(500_000)
        for first in range(1, 100, 10):
            await (await store.append(*records.batch(first, payload=noise)))

    using(path, fill)
    full = path.stat().st_size
    using(path, lambda store: store.delete_run("run-1"))
    assert full > 5_000_000
    assert path.stat().st_size < 200_000


# What cannot be opened


def refusal(path):
    """What is said when a path cannot be opened; it names the path."""
    with pytest.raises(StoreError) as caught:
        asyncio.run(Store.open(str(path)))
    assert f"cannot open the store {path}: " in str(caught.value)
    return str(caught.value)


def test_folder_that_cannot_be_made(tmp_path):
    """A path below a file is refused by name."""
    (tmp_path / "file").touch()
    assert f"{tmp_path / 'file'} is not a folder" in refusal(tmp_path / "file" / "store.db")
    assert "Not a directory" in refusal(tmp_path / "file" / "folder" / "store.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(tmp_path):
    """A folder without write permission is refused by name."""
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "Permission denied" in refusal(tmp_path / "locked" / "store.db")


def test_folder_is_no_store(tmp_path):
    """A folder in place of the file is refused, and no lock is left beside it."""
    (tmp_path / "folder").mkdir()
    assert "not a file" in refusal(tmp_path / "folder")
    assert not (tmp_path / "folder.lock").exists()


def test_link_is_the_same_file(path):
    """A file that a broker has open is locked under its other names too."""

    async def main():
        first = await Store.open(str(path))
        link = path.with_name("link.db")
        link.symlink_to(path)
        with pytest.raises(StoreError, match=f"process {os.getpid()} has it open"):
            await Store.open(str(link))
        await first.close()

    asyncio.run(main())


# Outages


async def fill_up(store, records):
    """Append until the store takes no more; what waits, and how many there are in all."""
    first, futures = 1, []
    while not store.trouble:
        payload = random.Random(first).randbytes(20_000)
        futures.append(await store.append(*records.batch(first, payload=payload)))
        first += 10
        await asyncio.wait(futures[-1:], timeout=0.05)
    return [future for future in futures if not future.done()], len(futures)


def test_full_database(using, path, records, caplog, monkeypatch):
    """With no page left to write to appends wait and reads go on; then all is stored, once."""
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.02)

    async def use(store):
        await store.save_run(records.run())
        await store._writer.read(pragma("max_page_count = 60"))
        waiting, count = await fill_up(store, records)
        assert "database or disk is full" in store.trouble
        before = await stored(store)
        assert before == list(range(1, 10 * len(before), 10))
        assert len(before) + len(waiting) == count
        await asyncio.sleep(0.1)
        assert not any(future.done() for future in waiting)
        await store._writer.read(pragma("max_page_count = 10000"))
        await asyncio.gather(*waiting)
        assert await stored(store) == list(range(1, 10 * count, 10))
        assert not store.trouble

    using(path, use)
    assert len(caplog.records) == 2


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, and a way to make it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("needs to mount a file system: root may")
    yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_full_disk(using, small_disk, records, monkeypatch):
    """On a disk that is full nothing is lost, nothing is stored twice, and reads go on."""
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.02)
    disk, enlarge = small_disk

    async def use(store):
        await store.save_run(records.run())
        waiting, count = await fill_up(store, records)
        assert waiting
        assert "full" in store.trouble or "disk I/O error" in store.trouble
        before = await stored(store)
        assert before == list(range(1, 10 * len(before), 10))
        with pytest.raises(StoreError):
            await store.save_run(records.run("run-2"))
        enlarge()
        await asyncio.gather(*waiting)
        assert await stored(store) == list(range(1, 10 * count, 10))
        await store.save_run(records.run("run-2"))

    using(disk / "store.db", use)
    using(disk / "store.db", stored)


def test_database_held_by_another_tool(using, path, records, monkeypatch, until):
    """While another tool locks the file appends wait and reads go on; then they are whole."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.02)

    async def use(store):
        await store.save_run(records.run())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = await store.append(*records.batch(1))
        await until(lambda: store.trouble)
        assert "locked" in store.trouble
        assert await store.get_run("run-1")
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
        await waiting
        statements = []
        await store._writer.read(
            lambda tables: tables.connection.connection.driver_connection.set_trace_callback(
                statements.append
            )
        )
        await (await store.append(*records.batch(11)))
        assert statements[0].startswith("BEGIN")
        assert statements[-1] == "COMMIT"
        assert await stored(store) == [1, 11]

    using(path, use)


def test_hostile_11_a_store_is_its_owners(path, records, using):
    """Whatever the umask: the file, its log and its lock are 0600, a folder that is made 0700."""
    before = os.umask(0)
    found = {}

    async def use(store):
        await store.save_run(records.run())
        for each in (path.parent, *path.parent.iterdir()):
            found[each.name] = each.stat().st_mode & 0o777

    try:
        using(path, use)
    finally:
        os.umask(before)
    assert found.pop(path.parent.name) == 0o700
    assert set(found) == {path.name + end for end in ("", "-wal", "-shm", ".lock")}
    assert set(found.values()) == {0o600}


def test_hostile_11_no_link_is_followed_to_a_lock(path, using):
    """A symbolic link in the place of the lock is refused, and its target stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.parent / "target"
    target.write_bytes(b"precious")
    path.with_name(path.name + ".lock").symlink_to(target)
    with pytest.raises(StoreError, match="is a symbolic link"):
        using(path, asyncio.sleep)
    assert target.read_bytes() == b"precious"


def test_hostile_24_a_hard_link_is_the_same_store(path, using):
    """Two names of a file have one lock, whatever kind of link they are."""

    async def use(_):
        another = path.with_name("another.db")
        another.hardlink_to(path)
        with pytest.raises(StoreError, match="a hard link"):
            await Store.open(str(another))

    using(path, use)


@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_hostile_24_a_file_that_is_gone_is_told(path, records, using, what):
    """Nothing is said to be stored when the file was deleted, or another took its name; when it
    is put back, all goes on.
    """

    async def use(store):
        await store.save_run(records.run())
        assert store.trouble == ""
        aside = path.with_name("aside")
        path.rename(aside)
        if what == "replaced":
            path.touch()
        assert ("is gone" if what == "deleted" else "was replaced") in store.trouble
        with pytest.raises(StoreError, match="what is in it ends with this broker"):
            await store.save_run(records.run(reason="more"))
        waiting = asyncio.create_task(store.save_run(records.run(reason="late"), patient=True))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        aside.replace(path)
        await waiting
        assert store.trouble == ""
        return (await store.get_run("run-1")).reason

    assert using(path, use) == "late"


def test_r9_saving_a_run_touches_no_other(path, using, records):
    """Loads' R9: each flush wrote the metadata of all runs again, so that many runs made it slow.

    Here the database itself refuses to touch any row but those of one run, which is saved.
    """
    names = [f"run-{number}" for number in range(1, 9)]

    async def fill(store):
        for name in names:
            await store.save_run(records.run(name))

    using(path, fill)
    with sqlite3.connect(path) as connection:
        for what, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            connection.execute(
                f"CREATE TRIGGER refuse_{what} AFTER {what} ON runs WHEN {row}.run_id <> 'run-7'"
                " BEGIN SELECT RAISE(ABORT, 'another run'); END"
            )

    async def save(store):
        await store.save_run(records.run("run-7", reason="changed"))
        with pytest.raises(StoreError, match="another run"):
            await store.save_run(records.run("run-8", reason="changed"))
        return [run.reason for run in await store.list_runs(len(names))]

    assert using(path, save) == ["", "changed", *[""] * 6]
