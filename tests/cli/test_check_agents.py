"""`loadgrpc check-agents`: Loads' --check-cluster, of which one learns something."""

import asyncio
import json
from dataclasses import replace

import pytest

from loadgrpc.cli import check_agents
from loadgrpc.cli.check_agents import Checked, check, judged, lines
from loadgrpc.client import Client
from loadgrpc.errors import TooFewAgents
from loadgrpc.model import (
    Agent,
    AgentFigures,
    AgentState,
    AssignmentState,
    IterationFigures,
    RunState,
)
from loadgrpc.testing import plan_of, running_cluster

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS


def agent(name, state=AgentState.IDLE, **rest):
    """An agent of the broker."""
    return Agent(
        agent_id=name,
        hostname="one.example.com",
        pid=1,
        version="0.1.0",
        cores=2,
        state=state,
        last_seen_time_ns=START_NS,
        **rest,
    )


@pytest.fixture
def fleet(client, run, summaries):
    """`fleet(STATE, …)`: agents a-1, … that are idle, and what becomes of their parts."""

    def make(*states, others=()):
        names = [f"a-{number}" for number in range(1, len(states) + 1)]
        client.agents = [*map(agent, names), *others]
        client.run = replace(run, agent_ids=tuple(names))
        final = RunState.FINISHED if all(state.final for state in states) else RunState.STARTING
        client.summary = replace(
            summaries["passed"],
            state=final,
            iterations=IterationFigures(started=len(states), success=len(states)),
            agents=tuple(
                AgentFigures(agent_id=name, hostname="one.example.com", state=state)
                for name, state in zip(names, states, strict=True)
            ),
        )
        client.updates = [replace(client.run, state=RunState.FINISHED)]
        return client

    return make


def test_all_is_well(invoke, fleet):
    """Each agent with its time, its host and its version; the run is deleted; exit code 0."""
    client = fleet(AssignmentState.FINISHED, AssignmentState.FINISHED)
    code, out, err = invoke("check-agents")

    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["Agents", "result", "after", "host", "version"]
    for row, name in zip(rows[1:3], ("a-1", "a-2"), strict=True):
        assert row[:2] == [name, "answered"]
        assert row[-2:] == ["one.example.com", "0.1.0"]
    assert out.splitlines()[-1] == "2 of 2 answered"
    assert client.asked[-1] == ("delete_run", client.run.run_id)
    plan = next(what[0] for name, *what in client.asked if name == "start_run")
    assert (plan.agents, plan.title) == (2, "check-agents")


def test_d6_an_agent_that_does_not_answer_is_named_and_holds_nobody_up(invoke, fleet):
    """Loads' D6: with a dead agent its check hung. Here it ends, and the others have answered.

    The run stays, to be looked at; exit code 3.
    """
    client = fleet(AssignmentState.STARTING, AssignmentState.RUNNING)
    code, out, _ = invoke("check-agents", "--timeout", "100ms")

    assert code == 3
    rows = [line.split() for line in out.splitlines()]
    assert rows[1][:4] == ["a-1", "no", "answer", "-"]
    assert rows[2][:2] == ["a-2", "answered"]
    assert "  a-1: not ready within 0.1 s" in out
    assert "\n1 of 2 answered\n" in out
    assert f"loadgrpc show {client.run.run_id} -b " in out
    asked = [name for name, *_ in client.asked]
    assert "stop_run" in asked
    assert "delete_run" not in asked


def test_busy_agents_are_said_to_be_busy(invoke, fleet):
    """They are not asked, and nothing is wrong with them; one out of reach is wrong."""
    busy = agent("b", AgentState.BUSY, run_id="r-1")
    fleet(AssignmentState.FINISHED, others=[busy])
    code, out, _ = invoke("check-agents")
    assert code == 0
    assert "  b: it has a part in run r-1" in out
    assert out.splitlines()[-1] == "1 of 1 answered, 1 busy"

    fleet(AssignmentState.FINISHED, others=[busy, agent("c", AgentState.UNREACHABLE)])
    code, out, _ = invoke("check-agents")
    assert code == 3
    assert "  c: last heard from at 2023-11-14 22:13:20\n" in out
    assert out.splitlines()[-1] == "1 of 1 answered, 1 busy, 1 unreachable"


def test_nothing_is_green_that_was_not_checked(invoke, client):
    """Without an agent, and with busy ones only, there is a sentence and exit code 4."""
    code, _, err = invoke("check-agents")
    assert code == 4
    assert "no agent is connected: start some with `loadgrpc agent -b HOST:PORT`" in err

    client.agents = [agent("b", AgentState.BUSY, run_id="r-1")]
    code, out, err = invoke("check-agents")
    assert code == 4
    assert "no agent is idle: nothing was checked" in err
    assert "it has a part in run r-1" in out


def test_all_of_it_as_json(invoke, fleet):
    """The document has each agent, its result in one word, and its seconds."""
    fleet(AssignmentState.FINISHED, others=[agent("b", AgentState.BUSY, run_id="r-1")])
    code, out, _ = invoke("check-agents", "--json")

    document = json.loads(out)
    assert code == 0
    assert [each["result"] for each in document["agents"]] == ["answered", "busy"]
    assert document["agents"][0]["seconds"] >= 0
    assert document["agents"][1]["seconds"] is None
    assert document["runId"] == ""


def test_agents_that_go_meanwhile_are_no_trouble(fleet, monkeypatch):
    """When an agent left between list and start, the check begins again; three times at most."""
    client = fleet(AssignmentState.FINISHED)
    start, refused = client.start_run, []

    async def refuse_once(plan, *, request_id):
        if not refused:
            refused.append(plan)
            raise TooFewAgents("2 agents asked for, but 1 idle")
        return await start(plan, request_id=request_id)

    monkeypatch.setattr(client, "start_run", refuse_once)
    _, found, _ = asyncio.run(check(client, 5.0))
    assert [each.word for each in found] == ["answered"]

    client.fails["start_run"] = TooFewAgents("no")
    with pytest.raises(TooFewAgents):
        asyncio.run(check(client, 5.0))


@pytest.mark.parametrize("state", [AssignmentState.LOST, AssignmentState.LOAD_FAILED])
def test_an_agent_whose_part_failed_has_not_answered(summaries, state):
    """Its reason is shown, even if it was ready once."""
    figures = AgentFigures(agent_id="a", hostname="h", state=state, reason="it broke")
    summary = replace(summaries["passed"], agents=(figures,))

    found = judged(agent("a"), 1, summary, 30.0, asked=["a"])

    assert (found.word, found.reason, found.fails) == ("no answer", "it broke", True)


def test_an_agent_of_another_version_is_marked():
    """It may answer and still have what is wrong with it said."""
    words = "it runs loadgrpc 0.9.0, and this is 0.1.0: install one version on both sides"
    other = replace(agent("a"), version="0.9.0", troubles=(words,))
    found = lines([Checked(agent=other, answered_ns=1)], "0.1.0", run_id="", broker="b", width=120)

    text = "\n".join(line.text for line in found)
    assert "0.9.0 !" in text
    assert f"  a: {words}" in text


@pytest.mark.system
def test_the_check_is_a_run_of_the_ordinary_kind(tmp_path, monkeypatch):
    """On real agents, in a folder without any test: all answer; a busy one is left alone."""
    monkeypatch.chdir(tmp_path)

    async def main():
        async with running_cluster(agents=3) as endpoint, Client.connect(endpoint) as client:
            run_id, found, _ = await check(client, 60.0)
            assert [each.word for each in found] == ["answered"] * 3
            assert all(0 < each.answered_ns < 60 * NS for each in found)
            assert (run_id, await client.list_runs()) == ("", ([], ""))

            volume = check_agents.HEALTH.replace("test_health", "test_volume")
            load = await client.start_run(plan_of(test=volume, duration_s=60.0))
            _, found, _ = await check(client, 60.0)
            assert sorted(each.word for each in found) == ["answered", "answered", "busy"]
            runs, _ = await client.list_runs()
            assert [run.run_id for run in runs] == [load.run_id]

    asyncio.run(main())
