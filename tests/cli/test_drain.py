"""`loadgrpc drain AGENT`, also as `loadgrpc agent drain AGENT`."""

import json
from dataclasses import replace

import pytest

from loadgrpc.cli import drain
from loadgrpc.errors import NotFound
from loadgrpc.model import Agent, AgentState


@pytest.fixture
def agents(client, monkeypatch):
    """Two agents of the broker, the second one with a part in a run, that can be drained."""
    client.agents = [
        Agent(
            agent_id=name,
            hostname="host",
            pid=1,
            version="0.1.0",
            cores=2,
            state=AgentState.BUSY if run_id else AgentState.IDLE,
            run_id=run_id,
        )
        for name, run_id in (("a", ""), ("b", "r-1"))
    ]

    async def drain_agent(agent_id, *, undo=False):
        client._ask("drain_agent", agent_id, undo)
        for at, agent in enumerate(client.agents):
            if agent.agent_id == agent_id:
                client.agents[at] = replace(agent, drained=not undo)
                return client.agents[at]
        raise NotFound(f"no agent {agent_id!r}")

    monkeypatch.setattr(client, "drain_agent", drain_agent, raising=False)
    return client.agents


@pytest.mark.parametrize("command", ["drain", "agent drain"])
def test_agents_are_drained_and_put_back(invoke, client, agents, command):
    """Each is a line that says how it stands; both spellings do the same."""
    assert invoke(*command.split(), "a", "b") == (
        0,
        "agent a is drained\nagent b is draining: it still has a part in run r-1\n",
        "",
    )
    assert invoke(*command.split(), "a", "--undo") == (0, "agent a gets runs again\n", "")
    assert [what[1:] for what in client.asked if what[0] == "drain_agent"] == [
        ("a", False),
        ("b", False),
        ("a", True),
    ]


def test_wait_returns_between_two_runs(invoke, client, agents, monkeypatch):
    """It asks until the agent has no part any more."""
    monkeypatch.setattr(drain, "ASK_AGAIN_S", 0.0)
    listed = []

    async def list_agents():
        listed.append(1)
        if len(listed) == 3:
            agents[1] = replace(agents[1], run_id="", state=AgentState.DRAINED)
        return list(agents)

    monkeypatch.setattr(client, "list_agents", list_agents)
    code, out, err = invoke("drain", "b", "--wait")
    assert (code, len(listed)) == (0, 3)
    assert "still has a part in run r-1" in out
    assert err == "agent b is drained\n"


def test_wait_ends_when_somebody_undoes_it(invoke, client, agents, monkeypatch):
    """Not for ever, and not as if all were well."""
    monkeypatch.setattr(drain, "ASK_AGAIN_S", 0.0)

    async def list_agents():
        return [replace(agent, drained=False) for agent in agents]

    monkeypatch.setattr(client, "list_agents", list_agents)
    code, _, err = invoke("drain", "b", "--wait")
    assert code == 2
    assert "agent b is not drained any more: somebody undid it" in err


def test_drained_agents_as_json(invoke, agents):
    """The agents, as ListAgents has them."""
    code, out, _ = invoke("drain", "a", "--json")
    assert code == 0
    (agent,) = json.loads(out)["agents"]
    assert (agent["agentId"], agent["drained"]) == ("a", True)


def test_bad_input_is_a_sentence(invoke, agents):
    """An agent that is not there, none at all, and options that do not go together."""
    assert invoke("drain", "c")[::2] == (2, "loadgrpc drain: error: no agent 'c'\n")
    assert "missing AGENT" in invoke("drain")[2]
    assert "missing AGENT" in invoke("agent", "drain")[2]
    assert "--undo cannot be combined with --wait" in invoke("drain", "a", "--undo", "--wait")[2]
    assert "--max-age-delta needs --max-age" in invoke("agent", "--max-age-delta", "1m")[2]
