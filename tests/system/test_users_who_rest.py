"""Users who choose among several tests, and rest in between, on two agents; and are stopped."""

import asyncio
import time
from dataclasses import replace

import pytest

from loadgrpc.client import Client
from loadgrpc.model import Constant, RunState, WeightedTest
from loadgrpc.testing import plan_of, running_cluster

pytestmark = pytest.mark.system

TESTS = """
from loadgrpc.case import TestCase

class Shop(TestCase):
    def setUpUser(self):
        self.session.get(self.server_url + "/cookie", name="login")
        self.assertNotEqual(self.user_index, 9, "login refused")

    def tearDownUser(self):
        self.incr_counter("left")

    def test_browse(self):
        self.assertEqual(self.session.get(self.server_url + "/").status_code, 200)

    def test_buy(self):
        self.assertEqual(self.session.post(self.server_url + "/echo").status_code, 200)
        self.fail("sold out")

class Thinks(TestCase):
    think = 600

    def tearDownUser(self):
        self.incr_counter("left")

    def test_it(self):
        self.incr_counter("called")
"""
STOP_S = 20.0
"""Far less than anybody thinks here, and more than a busy machine takes to stop."""


def test_shares_hold_and_a_stop_waits_for_nobody(tmp_path, monkeypatch, demo_server):
    """Of 10 iterations 8 browse, on two agents; users who think are stopped at once."""
    (tmp_path / "resting.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)
    plan = plan_of(
        tests=(
            WeightedTest("resting.Shop.test_browse", 8),
            WeightedTest("resting.Shop.test_buy", 2),
        ),
        users=(10,),
        iterations=(3,),
        pacing=Constant(0.05),
        server_url=demo_server.url,
        processes=2,
        agents=2,
        split=True,
    )
    thinking = plan_of(test="resting.Thinks.test_it", users=(20,), iterations=(2,), processes=1)

    async def main():
        async with (
            running_cluster(agents=2) as endpoint,
            Client.connect(endpoint) as client,
        ):
            run = await client.start_run(plan)
            async for _ in client.watch_run(run.run_id):
                pass
            mixed = await client.get_summary(run.run_id)
            took = []
            for no_patching in (False, True):
                run = await client.start_run(replace(thinking, no_patching=no_patching))
                async for _ in client.watch_run(run.run_id):
                    summary = await client.get_summary(run.run_id)
                    if summary.counters.get("called") == 20:
                        break
                began_s = time.monotonic()
                await client.stop_run(run.run_id)
                async for _ in client.watch_run(run.run_id):
                    pass
                took.append((time.monotonic() - began_s, await client.get_summary(run.run_id)))
            return mixed, took

    mixed, took = asyncio.run(main())
    called = {each.test: each for each in mixed.tests if not each.fixture}
    of_users = {each.test: each for each in mixed.tests if each.fixture}
    browsed, bought = (each.iterations for each in called.values())
    assert list(called) == ["resting.Shop.test_browse", "resting.Shop.test_buy"]
    assert browsed.started + bought.started == 27  # of 24 and 6, without those of one user
    assert 3 <= bought.started <= 6
    assert (browsed.failure, bought.failure) == (0, bought.started)
    assert all(each.iteration_time.p50_ns > 0 for each in called.values())
    assert {test: each.iterations.success for test, each in of_users.items()} == {
        "resting.Shop.setUpUser": 9,
        "resting.Shop.tearDownUser": 9,
    }
    assert [len(each.errors) for each in of_users.values()] == [1, 0]
    assert (
        mixed.counters["left"],
        next(each for each in mixed.names if each.name == "login").hits.count,
    ) == (9, 10)
    assert mixed.verdict.exit_code == 3
    assert "1 user of 10 could not be set up" in mixed.verdict.reason
    assert (
        sum(group.count for group in mixed.failures) == mixed.iterations.failure == bought.failure
    )
    assert mixed.duration_ns > 0.1e9  # three iterations, 50 ms apart
    for took_s, summary in took:
        assert took_s < STOP_S
        assert summary.state is RunState.STOPPED
        assert summary.iterations.success == summary.counters["left"] == 20
        assert summary.iterations.interrupted == 0
