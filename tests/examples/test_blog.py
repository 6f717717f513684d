"""The tests of the blog are functional tests, and load; each goes as its docstring says."""

import asyncio

import pytest

from loadgrpc.client import Client
from loadgrpc.testing import plan_of, running_cluster

pytestmark = pytest.mark.system

BLOG = "loadgrpc.examples.test_blog.TestWebSite"
USERS, ITERATIONS = 3, 4
ALL = USERS * ITERATIONS


@pytest.fixture
def results(demo_server):
    """`results("test_health", …)`: the summaries of a run of each, all at once, by name."""

    async def main(tests):
        cluster = running_cluster(agents=len(tests))
        async with cluster as endpoint, Client.connect(endpoint) as client:

            async def result(test):
                plan = plan_of(
                    test=f"{BLOG}.{test}",
                    users=(USERS,),
                    iterations=(ITERATIONS,),
                    server_url=demo_server.url,
                    processes=1,
                )
                run = await client.start_run(plan)
                async for _ in client.watch_run(run.run_id):
                    pass
                return await client.get_summary(run.run_id)

            return await asyncio.gather(*map(result, tests))

    return lambda *tests: asyncio.run(main(tests))


def test_those_that_pass(results, demo_server):
    """Health, volume, something, concurrency, slow and from_doc pass.

    Hits, sockets and messages are what the server counted.
    """
    passed = results(
        *("test_health", "test_volume", "test_something", "test_concurrency", "test_slow"),
        "test_from_doc",
    )
    health, volume, something, concurrency, slow, from_doc = passed

    for summary in passed:
        assert (summary.verdict.exit_code, summary.iterations.success) == (0, ALL), summary
    assert health.counters == {"health-check": ALL}
    assert len(volume.counters) == 11
    assert set(volume.counters.values()) == {ALL}
    assert concurrency.counters == {"asked": ALL, "recognised": ALL}
    assert (something.hits.count, concurrency.hits.count, slow.hits.count) == (
        3 * ALL,
        2 * ALL,
        ALL,
    )
    assert demo_server.stats()["paths"] == {
        "/": ALL,
        "/json": ALL,
        "/echo": ALL,
        "/auth": 2 * ALL,
        "/slow": ALL,
        "/ws": ALL,
    }
    seen, sockets = demo_server.stats()["websockets"], from_doc.sockets.total
    assert (seen["opened"], seen["open"], seen["messages"]) == (ALL, 0, 2 * ALL)
    assert seen["bytes"] == ALL * len("somethinghappened")
    assert (sockets.opened, sockets.closed, sockets.broken) == (ALL, ALL, 0)
    assert (sockets.messages_sent, sockets.messages_received) == (2 * ALL, 2 * ALL)
    assert (sockets.bytes_sent, sockets.bytes_received) == (seen["bytes"], seen["bytes"])


def test_those_that_do_not(results):
    """A third of the answers of one fails, and each iteration of the other ends with its error."""
    failing, erring = results("test_will_fail", "test_will_error")

    assert failing.verdict.exit_code == erring.verdict.exit_code == 1
    assert failing.hits.failed == ALL // 3
    assert failing.iterations.error == ALL // 3
    assert (erring.hits.count, erring.iterations.error) == (0, ALL)
    assert erring.errors[0].count == ALL
