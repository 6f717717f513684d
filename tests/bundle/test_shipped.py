"""A test runs on agents that do not have it: all of the way, from its files to its counters."""

from __future__ import annotations

import asyncio
from pathlib import Path

from loadgrpc.bundle.pack import pack
from loadgrpc.client import Client
from loadgrpc.testing import plan_of, running_cluster

TEST = """
import os
from loadgrpc.case import TestCase
from own.helper import NAME

class TestIt(TestCase):
    def test_it(self):
        self.incr_counter(NAME + ":" + open("data.txt").read())
"""


def shop(folder):
    """A test with a helper and data, and the names that they have in a bundle."""
    (folder / "own").mkdir(parents=True)
    (folder / "shop.py").write_text(TEST)
    (folder / "own/helper.py").write_text("NAME = 'helper'\n")
    (folder / "data.txt").write_text("data")
    return {name: folder / name for name in ("shop.py", "own/helper.py", "data.txt")}


async def result(client, plan):
    """The summary of a run of a plan."""
    run = await client.start_run(plan)
    async for _ in client.watch_run(run.run_id):
        pass
    return await client.get_summary(run.run_id)


def test_agents_that_do_not_have_the_test(tmp_path, monkeypatch):
    """Two agents, in a folder without the test, fetch it, run it, and keep nothing of the run."""
    files = shop(tmp_path / "client")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    async def main():
        cluster = running_cluster(agents=2)
        async with cluster as endpoint, Client.connect(endpoint) as client:
            with pack(files) as bundle:
                await client.upload_bundle(bundle)
            plan = plan_of(test="shop.TestIt.test_it", users=(2,), agents=2, bundle=bundle.sha256)
            return await result(client, plan)

    summary = asyncio.run(main())

    assert summary.verdict.reason == "passed"
    assert summary.counters == {"helper:data": 4}
    assert list(Path().iterdir()) == []
