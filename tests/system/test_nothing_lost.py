"""What is lost is counted, to the hit: brokers, agents and runners are killed under load."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

DELAY = "example.TestWebSite.test_delay"
USERS = 4


def begin(loadgrpc, begun, server, seconds: float, *more: str) -> str:
    """The id of a run that has made some requests."""
    load = ("-u", str(USERS), "-d", f"{seconds}s", "-H", server.url, *more)
    ran = loadgrpc("run", DELAY, *load, "-b", begun.address, "--detach")
    (run_id,) = ran.stdout.splitlines()
    deadline = time.monotonic() + 20
    while server.requests() < 10 * USERS:
        assert time.monotonic() < deadline, "no load"
        time.sleep(0.05)
    return run_id


def end(loadgrpc, begun, run_id: str, *, code: int) -> dict:
    """The summary of a run, when it is over."""
    assert loadgrpc("attach", run_id, "-b", begun.address).code == code
    return loadgrpc("show", run_id, "-b", begun.address, "--json").document


def broker_again(start, begun, folder):
    """Another broker, in the place of one that was killed."""
    place = ("--listen", begun.address, "--store", str(begun.store))
    return start("loadgrpc", "broker", *place, cwd=folder, until="listening on")


def spooled(state: Path) -> int:
    """Bytes of events on the disk of an agent."""
    return sum(path.stat().st_size for path in state.glob("runners/*/spool/*.events"))


def until(holds) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.05)


def runner_of(agent) -> dict[str, list[int]]:
    """The processes of an agent's runner: its link, and its user processes."""
    found: dict[str, list[int]] = {"link": [], "user": []}
    todo = [agent.pid]
    while todo:
        pid = todo.pop()
        for thread in Path(f"/proc/{pid}/task").glob("*/children"):
            todo += map(int, thread.read_text().split())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"keeper.py" not in b"".join(words):
            found["link"] += [pid] * (b"loadgrpc.runner.link" in words)
            found["user"] += [pid] * (b"loadgrpc.runner" in words)
    return found


def check_loss(document: dict, server, in_flight: int) -> None:
    """Every request of the server is counted or lost, but for those that were under way."""
    (agent,) = document["agents"]
    losses = document["accounting"]["losses"]
    assert not any(loss["atLeast"] for loss in losses), losses
    known = int(agent["hits"]) + sum(int(loss["hits"]) for loss in losses)
    assert known <= server.requests() <= known + in_flight
    assert agent["state"] == "ASSIGNMENT_STATE_LOST"
    assert document["verdict"]["exitCode"] == 3


@pytest.fixture
def one(start, cluster, folder, tmp_path):
    """A broker and an agent whose state is in a folder that the test knows."""
    begun = cluster(0)

    def start_agent():
        place = ("-b", begun.address, "--state-dir", str(tmp_path / "agent"))
        return start("loadgrpc", "agent", *place, "-v", cwd=folder)

    begun.agents = [start_agent()]
    begun.agents[0].wait_for("connected to", within_s=60.0)
    begun.start_agent = start_agent
    begun.state = tmp_path / "agent"
    return begun


def test_a_broker_that_is_away_costs_nothing(start, loadgrpc, one, folder, demo_server):
    """Runners go on without it, their events wait on the agent's disk, and none is lost."""
    run_id = begin(loadgrpc, one, demo_server, 8)
    one.broker.signal(signal.SIGKILL)
    one.broker.wait()
    until(lambda: spooled(one.state))
    time.sleep(1.0)
    broker_again(start, one, folder)

    document = end(loadgrpc, one, run_id, code=0)
    assert int(document["hits"]["count"]) == demo_server.requests()
    assert document["accounting"]["losses"] == []
    shown = loadgrpc("show", run_id, "--timeline", "--json", "-b", one.address).document
    in_windows = [int(each["hits"]["count"]) for each in shown["windows"]]
    assert sum(in_windows) == demo_server.requests()
    assert "the stream broke" not in one.agents[0].output
    until(lambda: not list(one.state.glob("runners/*")))


def test_an_agent_that_was_killed_delivers_what_it_had(start, loadgrpc, one, folder, demo_server):
    """Killed while the broker is away, and started again: what was on disk is counted."""
    run_id = begin(loadgrpc, one, demo_server, 60)
    one.broker.signal(signal.SIGKILL)
    one.broker.wait()
    seen = demo_server.requests()
    until(lambda: demo_server.requests() > seen + 40 * USERS)
    until(lambda: spooled(one.state))
    (agent,) = one.agents
    agent.signal(signal.SIGKILL)
    agent.wait()
    broker_again(start, one, folder)
    again = one.start_agent()
    again.wait_for("connected to", within_s=60.0)

    document = end(loadgrpc, one, run_id, code=3)
    check_loss(document, demo_server, USERS)
    assert int(document["hits"]["count"]) > seen + USERS
    assert "the agent was killed" in document["agents"][0]["reason"]
    until(lambda: not list(one.state.glob("runners/*")))


@pytest.mark.parametrize("struck", ["link", "user"])
def test_the_loss_of_a_killed_process_is_exact(loadgrpc, one, demo_server, struck):
    """With the link all of the runner dies; with a user process its users do, and no others."""
    run_id = begin(loadgrpc, one, demo_server, 4, "--processes", "2")
    runner = runner_of(one.agents[0])
    assert (len(runner["link"]), len(runner["user"])) == (1, 2)
    os.kill(runner[struck][0], signal.SIGKILL)

    document = end(loadgrpc, one, run_id, code=3)
    check_loss(document, demo_server, USERS if struck == "link" else USERS // 2)
    if struck == "user":
        assert re.search(
            "user process . of 2 was killed by signal 9", document["verdict"]["reason"]
        )
