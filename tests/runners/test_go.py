"""The runner in Go: built, by its own tests, by the conformance kit, and in real runs."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadgrpc.cli.case_options import fed
from loadgrpc.client import Client
from loadgrpc.design import Case, load_cases, load_table
from loadgrpc.design.case_file import write_cases
from loadgrpc.examples.nextdate import NextDateService
from loadgrpc.model import (
    CaseOrder,
    LoadChangeKind,
    LoadOrder,
    LoadUnit,
    Plan,
    Run,
    RunnerMode,
    RunState,
    Scenario,
    Summary,
    users_of,
)
from loadgrpc.stats import load_text
from loadgrpc.testing import plan_of, running_cluster

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tools/runners/go"
BUILD_S = 600
"""What a build takes where nothing is cached, at most."""

pytestmark = [pytest.mark.system, pytest.mark.timeout(BUILD_S)]


def done(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the folder of the runner, to its end."""
    return subprocess.run(command, cwd=RUNNER, capture_output=True, text=True, check=False)


def succeeds(*command: str) -> str:
    """Runs a command that must exit with 0; what it wrote to its standard output."""
    ended = done(*command)
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def test_its_own_tests_pass(go, tool):
    """It is formatted, passes vet, and its units do what they should."""
    assert succeeds(tool("gofmt"), "-l", *map(str, RUNNER.glob("*.go"))) == ""
    succeeds(go, "vet", ".")
    succeeds(go, "test", ".")


def test_what_is_generated_is_fresh(go):
    """The committed code is what `protos/` generates."""
    succeeds(sys.executable, "go_protos.py", "--check")


@pytest.mark.parametrize("mode", [pytest.param("one-user", marks=pytest.mark.long), "all-users"])
def test_it_conforms(go_runner, conforms, mode):
    """The conformance kit finds nothing."""
    conforms(go_runner, "{test}", options=("--mode", mode))


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
def test_a_run_counts_what_the_server_has_counted(go_runner, summary_of, counting_server, mode):
    """Three users, then two, with four iterations each: every hit is counted, and verified."""
    load = ("-u", "3:2", "-i", "4", "--runner-mode", mode)

    summary = summary_of(f"'{go_runner}' {{test}}", f"{counting_server.url}/", *load)

    assert counting_server.requests() == 20
    assert summary["hits"]["count"] == "20"
    assert summary["iterations"]["success"] == "20"
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]


def test_a_run_as_fast_as_it_can_counts_every_hit(go_runner, summary_of, counting_server):
    """For a second users do nothing but ask: the server has counted as many as the summary."""
    load = ("-u", "20", "-d", "1", "--runner-mode", "all-users")

    summary = summary_of(f"'{go_runner}' {{test}}", f"{counting_server.url}/", *load)

    counted = counting_server.requests()
    assert counted > 20
    assert summary["hits"]["count"] == summary["iterations"]["success"] == str(counted)
    assert summary["accounting"]["lost"] == "0"


def test_stages_and_live_changes_on_two_agents(go_runner, counting_server):
    """Arrivals in one process, users in one each: counts are the server's, and the plan is kept.

    Both loads are doubled live.
    """

    def scenario(name: str, text: str, mode: RunnerMode, **more: Any) -> Scenario:
        load = load_text.stages(text)
        return Scenario(
            name=name,
            test=f"{counting_server.url}/",
            test_runner=f"'{go_runner}' {{test}}",
            runner_mode=mode,
            load=load,
            duration_s=load.duration_s,
            users=(users_of(load, 0),),
            **more,
        )

    plan = Plan(
        scenarios=(
            scenario("arrivals", "60/s for 2500ms", RunnerMode.ALL_USERS),
            scenario("levels", "2 users for 2s", RunnerMode.ONE_USER),
        ),
        agents=2,
    )

    async def main() -> Summary:
        async with running_cluster(agents=2) as endpoint, Client.connect(endpoint) as client:
            run = await client.start_run(plan)
            async for news in client.watch_run(run.run_id):
                if isinstance(news.update, Run) and news.update.state is RunState.RUNNING:
                    break
            level = LoadOrder(LoadChangeKind.LEVEL, 120, LoadUnit.ARRIVALS, "arrivals")
            await client.set_load(run.run_id, level)
            level = LoadOrder(LoadChangeKind.LEVEL, 4, LoadUnit.USERS, "levels")
            await client.set_load(run.run_id, level)
            async for _ in client.watch_run(run.run_id):
                pass
            return await client.get_summary(run.run_id)

    summary = asyncio.run(main())
    of = {each.name: each for each in summary.scenarios}
    arrivals = of["arrivals"].iterations

    assert summary.verdict.exit_code == 0, summary.verdict
    assert summary.hits.count == counting_server.requests()
    assert arrivals.planned == arrivals.started == of["arrivals"].hits.count > 200
    assert (arrivals.dropped, arrivals.not_yet) == (0, 0)
    assert of["levels"].iterations.started == of["levels"].hits.count > 0
    assert [agent.state.name for agent in summary.agents] == ["FINISHED", "FINISHED"]


@pytest.fixture
def dates(root, tmp_path) -> Path:
    """A file of the cases of NextDate, each with the answer that its rule expects."""
    cases = load_table(root / "loadgrpc/examples/design/nextdate.toml").cases(boundaries=True)

    def answer(case: Case) -> str:
        if case.expected["impossible"]:
            return "impossible"
        day, month, year = (int(case[name]) for name in ("day", "month", "year"))
        day = 1 if case.expected["reset day"] else day + bool(case.expected["day + 1"])
        month = 1 if case.expected["reset month"] else month + bool(case.expected["month + 1"])
        return f"{day}/{month}/{year + bool(case.expected['year + 1'])}"

    path = tmp_path / "dates.json"
    path.write_text(write_cases([replace(each, expected={"body": answer(each)}) for each in cases]))
    return path


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
def test_a_decision_table_feeds_it(go_runner, dates, mode):
    """Two agents with ten users: full coverage, even shares, and failures of two rules only."""

    async def summary(
        client: Client, server: NextDateService, iterations: int, order: CaseOrder, **options: Any
    ) -> Summary:
        plan = plan_of(
            test=f"{server.url}/next?month={{month}}&day={{day}}&year={{year}}",
            test_runner=f"'{go_runner}' {{test}}",
            runner_mode=RunnerMode[mode.upper().replace("-", "_")],
            agents=2,
            users=(10,),
            iterations=(iterations,),
            require_coverage=100,
            cases=replace(fed(dates), order=order),
            **options,
        )
        run = await client.start_run(plan)
        async for _ in client.watch_run(run.run_id):
            pass
        return await client.get_summary(run.run_id)

    async def main() -> None:
        async with running_cluster(agents=2) as endpoint, Client.connect(endpoint) as client:
            good = await summary(client, right, 4, CaseOrder.IN_TURN)
            assert good.verdict.exit_code == 0, good.verdict
            assert (good.coverage.rules, good.coverage.exercised) == (22, 22)
            cases = Counter(each.rule for each in load_cases(dates))
            least = 2 * 10 * 4 // cases.total()
            for each in good.cases:
                count = each.iterations.started
                assert least * cases[each.case] <= count <= (least + 1) * cases[each.case]
                assert each.hits.count == count
            bad = await summary(client, wrong, 7, CaseOrder.IN_TURN, split=True)
            assert bad.verdict.exit_code == 1
            assert {each.case for each in bad.cases if each.iterations.failure} == {"18", "20"}
            assert "[rule 18: month=2, day=28, year=" in str(bad.failures)

            drawn = await summary(client, right, 60, CaseOrder.WEIGHT)
            total = 2 * 10 * 60
            for each in drawn.cases:
                deviation = math.sqrt(total / 22 * 21 / 22)
                assert abs(each.iterations.started - total / 22) <= 4 * deviation

    right, wrong = services = [NextDateService(defect=defect) for defect in (False, True)]
    for each in services:
        threading.Thread(target=each.serve_forever, daemon=True).start()
    try:
        asyncio.run(main())
    finally:
        for each in services:
            each.shutdown()
            each.server_close()


def test_a_user_that_is_ended_says_so(go_runner, summary_when_ended):
    """SIGTERM cuts a request off after a moment, and this is reported."""
    summary = summary_when_ended(f"'{go_runner}' {{test}}")

    assert summary["iterations"]["interrupted"] == "1"
    assert [group["error"] for group in summary["hitErrors"]] == ["HIT_ERROR_ABORTED"]
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]
