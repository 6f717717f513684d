"""A decision table feeds users on two agents: every rule evenly, and a defect where it is."""

import asyncio
import threading

import pytest

from loadgrpc.client import Client
from loadgrpc.examples.nextdate import NextDateService
from loadgrpc.testing import plan_of, running_cluster

pytestmark = pytest.mark.system

TEST = "loadgrpc.examples.nextdate.TestNextDate.test_next_date"
CASES = 30
SEVERAL = {"1": 3, "6": 3, "11": 3, "16": 3}
"""Rules with a range that has two ends, each a case of its own."""


@pytest.fixture
def service():
    """The service, without and with its defect."""
    services = [NextDateService(defect=defect) for defect in (False, True)]
    for each in services:
        threading.Thread(target=each.serve_forever, daemon=True).start()
    yield services
    for each in services:
        each.shutdown()
        each.server_close()


def test_the_next_date_under_load(service):
    """Two agents with ten users: full coverage, even shares, and failures of two rules only."""
    right, wrong = service

    async def main():
        async with running_cluster(agents=2) as endpoint, Client.connect(endpoint) as client:

            async def summary(server, iterations, **options):
                plan = plan_of(
                    test=TEST,
                    agents=2,
                    processes=2,
                    users=(10,),
                    iterations=(iterations,),
                    server_url=server.url,
                    require_coverage=100,
                    **options,
                )
                run = await client.start_run(plan)
                async for _ in client.watch_run(run.run_id):
                    pass
                return await client.get_summary(run.run_id)

            good = await summary(right, 13)
            assert good.verdict.exit_code == 0, good.verdict
            assert (good.coverage.rules, good.coverage.exercised) == (22, 22)
            started = {each.case: each.iterations.started for each in good.cases}
            assert sum(started.values()) == 2 * 10 * 13
            least, left = divmod(2 * 10 * 13, CASES)
            assert left
            for rule, count in started.items():
                cases = SEVERAL.get(rule, 1)
                assert least * cases <= count <= (least + 1) * cases
            assert all(each.hits.count == each.iterations.started for each in good.cases)
            assert all(each.hits.elapsed.p50_ns > 0 for each in good.cases)

            bad = await summary(wrong, 13, split=True)
            assert bad.verdict.exit_code == 1
            failed = {each.case for each in bad.cases if each.iterations.failure}
            assert failed == {"18", "20"}
            said = sorted(each.exception.message.partition(":")[0] for each in bad.failures)
            assert said == ["[rule 18", "[rule 20"]
            assert "month=2, day=28, year=" in str(bad.failures)

            few = await summary(right, 1, split=True)
            assert few.verdict.exit_code == 99
            assert few.verdict.reason.endswith("and 100% are required")

    asyncio.run(main())
