"""Records to store, and the stores to keep them in."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from loadgrpc.model import RunState, SourceId
from loadgrpc.store import RunRecord, SourceProgress, Store, StoredBatch


class Records:
    """Small valid records; what matters to a test is said by the test."""

    source = SourceId("run-1", "agent-1", "runner-1")

    @staticmethod
    def run(run_id="run-1", **values):
        """A run."""
        values = {"state": RunState.RUNNING, "plan": b"plan", "create_time_ns": 1, **values}
        return RunRecord(run_id=run_id, **values)

    @staticmethod
    def batch(first, count=10, *, source=source, offset=0, payload=b"payload"):
        """A batch and what it makes of its source."""
        batch = StoredBatch(
            source=source, first_sequence=first, count=count, offset=offset, payload=payload
        )
        last = first + count - 1
        return batch, SourceProgress(source=source, committed_sequence=last, committed=last)


@pytest.fixture
def records():
    """Builders of records."""
    return Records


@pytest.fixture
def using():
    """`using(target, use)` opens a store, uses it, closes it; what `use` returned."""

    def run(target, use):
        async def main():
            store = await Store.open(str(target))
            try:
                return await use(store)
            finally:
                await store.close()

        return asyncio.run(main())

    return run


@pytest.fixture
def until():
    """A coroutine that ends when a condition holds; the test's time-out ends it otherwise."""

    async def wait(condition):
        for _ in itertools.count():
            if condition():
                return
            await asyncio.sleep(0.001)

    return wait


@pytest.fixture
def path(tmp_path):
    """Where a database may be."""
    return tmp_path / "broker" / "store.db"


@pytest.fixture(params=["file", "memory", "postgresql"])
def target(request, path):
    """Every kind of store: the contract suite runs on each."""
    return _target(request, path)


@pytest.fixture(params=["file", "postgresql"])
def lasting(request, path):
    """Every kind of store that outlives its broker."""
    return _target(request, path)


def _target(request, path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_server").new_database()
    return str(path) if request.param == "file" else ":memory:"
