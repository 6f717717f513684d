"""What tests measure themselves, from the test to the summary, the timeline and the events."""

import asyncio

import pytest

from loadgrpc.client import Client
from loadgrpc.model import TimelineQuery
from loadgrpc.testing import plan_of, running_cluster

pytestmark = pytest.mark.system

TESTS = """
from loadgrpc.case import TestCase

class Shop(TestCase):
    def test_buy(self):
        with self.group("checkout"):
            self.session.get(self.server_url + "/")
            gone = self.session.get(self.server_url + "/status/404", expect=404)
        self.check(gone.status_code == 404, "it is gone")
        self.check(self.load_status.iteration > 1, "not the first")
        self.record("queue depth", self.load_status.iteration)
        self.gauge("pool", -self.user_index)
        with self.expect(status=200) as expected:
            page = self.session.get(self.server_url + "/")
            if "basket" not in page.text:
                expected.fail("no basket in the page")
        with self.tag(region="eu" if self.user_index % 2 else "us"):
            self.session.get(self.server_url + "/status/500")
"""


@pytest.mark.parametrize("no_patching", [False, True])
def test_what_a_test_measures(tmp_path, monkeypatch, demo_server, no_patching):
    """On two agents with two processes each: every one of them is counted once."""
    (tmp_path / "shop.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)

    async def main():
        async with running_cluster(agents=2) as endpoint, Client.connect(endpoint) as client:
            plan = plan_of(
                test="shop.Shop.test_buy",
                users=(4,),
                iterations=(5,),
                server_url=demo_server.url,
                agents=2,
                processes=2,
                no_patching=no_patching,
            )
            run = await client.start_run(plan)
            async for _ in client.watch_run(run.run_id):
                pass
            query = TimelineQuery(run_id=run.run_id)
            windows = [each async for each in client.list_windows(query)]
            kinds = ("check", "transaction", "measurement", "gauge")
            events = [each async for each in client.list_events(run.run_id, kinds=kinds)]
            return await client.get_summary(run.run_id), windows, events

    summary, windows, events = asyncio.run(main())
    assert summary.verdict.reason == "passed", summary.errors
    measures = summary.measures
    assert {each.name: (each.passed, each.failed) for each in measures.checks} == {
        "it is gone": (40, 0),
        "not the first": (32, 8),
    }
    (checkout,), (depth,), (pool,) = measures.transactions, measures.measurements, measures.gauges
    assert (checkout.name, checkout.count, checkout.failed) == ("checkout", 40, 0)
    assert checkout.elapsed.max_ns > 0
    assert (depth.count, depth.avg, depth.min, depth.max, depth.p50) == (40, 3.0, 1.0, 5.0, 3.0)
    assert (pool.min, pool.max) == (-7.0, 0.0)
    assert (summary.hits.count, summary.hits.failed) == (160, 80)
    assert demo_server.requests() == 160
    (judged,) = summary.hit_errors
    assert (judged.count, judged.sentence) == (40, "no basket in the page")
    assert {status for each in summary.names for status in each.failed_statuses} == {500}
    for what, count in (("checks", 80), ("transactions", 40), ("measurements", 40)):
        found = [each for window in windows for each in getattr(window.measures, what)]
        parts = (getattr(each, "count", 0) or each.passed + each.failed for each in found)
        assert sum(parts) == count
    assert len(events) <= summary.accounting.committed
    assert {each.event.WhichOneof("event") for each in events} == set(kinds_of(measures))
    assert summary.accounting.losses == ()
    assert {(each.name, each.value): each.hits.failed for each in summary.tags} == {
        ("region", "eu"): 20,
        ("region", "us"): 20,
    }
    tagged = [each for window in windows for each in window.series if each.tags]
    assert sum(each.hits.count for each in tagged) == 40
    assert {each.tags for each in tagged} == {(("region", "eu"),), (("region", "us"),)}


def kinds_of(measures):
    """The kinds of events that these come from."""
    names = {"checks": "check", "transactions": "transaction", "measurements": "measurement"}
    names["gauges"] = "gauge"
    return [kind for name, kind in names.items() if getattr(measures, name)]
