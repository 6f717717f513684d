"""`status`, `runs`, `show`, `stop`: asking a broker."""

import json
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.cli import DEFAULT_BROKER
from loadgrpc.cli.runs import table
from loadgrpc.cli.status import lines
from loadgrpc.model import Agent, AgentState, BrokerInfo, RunState, StopMode

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS


@pytest.fixture
def agents():
    """An idle agent, a busy one, and one that is not heard from."""
    return [
        Agent(
            agent_id=f"web-{number}",
            hostname="one.example.com",
            pid=100 + number,
            version="0.1.0",
            cores=2,
            state=state,
            run_id="r-f3a9f3a9f3" if state is AgentState.BUSY else "",
            last_seen_time_ns=START_NS + (60 - number) * NS,
        )
        for number, state in enumerate(AgentState, 1)
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_status_looks_as_it_did(agents, run, snapshot, width):
    """The broker, its agents and the runs that go on."""
    info = BrokerInfo(
        version="0.1.0",
        pid=123,
        hostname="one.example.com",
        store="/var/lib/loadgrpc/runs.db",
        start_time_ns=START_NS,
        agents=3,
        active_runs=1,
    )
    found = lines("h:1", info, agents, [run], now_ns=START_NS + 61 * NS, width=width)
    snapshot(f"status_{width}", "".join(f"{line.text}\n" for line in found))


def test_runs_look_as_they_did(run, snapshot):
    """One row a run: how it stands, when, and what."""
    over = replace(run, run_id="other", state=RunState.FAILED, end_time_ns=START_NS + 5 * NS)
    found = table([run, over], now_ns=START_NS + 61 * NS, width=120)
    snapshot("runs", "".join(f"{line.text}\n" for line in found))


def test_status_of_an_empty_broker(invoke, client):
    """A broker without agents and runs says so."""
    code, out, err = invoke("status")
    assert (code, err, client.endpoint) == (0, "", DEFAULT_BROKER)
    assert "agents      0" in out
    assert "0 runs going on" in out


def test_runs_are_taken_page_by_page(invoke, client, run):
    """More runs than a page are fetched in pages, and what is left out is told."""
    client.runs = [replace(run, run_id=f"run-{number}") for number in range(1200)]
    code, out, _ = invoke("runs", "-n", "1100", "-b", "h:1")
    assert code == 0
    assert [asked[1] for asked in client.asked] == [500, 500, 100]
    assert "run-1099" in out
    assert "run-1100" not in out
    assert "and more" in out


def test_no_runs_is_said(invoke, client):
    """An empty list is a sentence."""
    assert invoke("runs") == (0, "no runs\n", "")


def test_show_prints_the_report(invoke, client, summaries):
    """The same summary as at the end of the run, whatever its exit code was."""
    client.summary = summaries["troubled"]
    code, out, _ = invoke("show", "some-run", "-b", "h:1")
    assert code == 0
    assert client.asked == [("get_summary", "some-run")]
    assert out.splitlines()[-1].startswith("exit 3: ")


def test_show_prints_the_document(invoke, client):
    """--json prints what `run --json` prints."""
    code, out, _ = invoke("show", "some-run", "--json")
    assert code == 0
    assert json.loads(out)["iterations"]["success"] == "1200"


@pytest.mark.parametrize(("options", "mode"), [("", StopMode.GRACEFUL), ("--kill", StopMode.KILL)])
def test_stop_asks_for_the_mode(invoke, client, options, mode):
    """Users finish their iteration unless --kill is given."""
    code, out, _ = invoke("stop", "some-run", *options.split())
    assert (code, out) == (0, "run r-f3a9f3a9f3 is stopping\n")
    assert client.asked == [("stop_run", mode)]


def test_stopping_what_is_over_says_so(invoke, client, run):
    """A run that was over already is no error."""

    async def stop_run(run_id, mode):
        return replace(run, state=RunState.FINISHED)

    client.stop_run = stop_run
    assert invoke("stop", "some-run") == (0, f"run {run.run_id} is over: finished\n", "")


@pytest.mark.parametrize("line", ["status", "runs", "show x", "stop x"])
def test_no_broker_is_exit_code_4(invoke, client, unavailable, line):
    """Every question to a broker that is not there ends alike."""
    client.fails["connect"] = unavailable
    name = line.split()[0]
    assert invoke(*line.split()) == (
        4,
        "",
        f"loadgrpc {name}: error: cannot reach the broker at 127.0.0.1:7979: connection refused\n",
    )


@pytest.mark.parametrize("name", ["show", "stop"])
def test_no_such_run_is_exit_code_2(invoke, client, name):
    """A name that the broker does not know is the caller's mistake."""
    client.fails = dict.fromkeys(("get_summary", "stop_run"), errors.NotFound("no run 'x'"))
    assert invoke(name, "x") == (2, "", f"loadgrpc {name}: error: no run 'x'\n")
