"""Runs that nobody waits for, and brokers and agents that are told to end in the middle of one."""

from __future__ import annotations

import re
import signal
import time

import pytest

pytestmark = pytest.mark.system

ES = "example.TestWebSite.test_es"
HOLD = "example.TestWebSite.test_hold"


def detached(loadgrpc, begun, *arguments: str) -> str:
    """The id of a run that was started and left alone."""
    ran = loadgrpc("run", *arguments, "-b", begun.address, "--detach")
    assert (ran.code, ran.stderr) == (0, "")
    (run_id,) = ran.stdout.splitlines()
    return run_id


def hits_so_far(loadgrpc, begun, run_id: str) -> int:
    """The hits that the broker has counted of a run."""
    document = loadgrpc("show", run_id, "-b", begun.address, "--json").document
    return int(document["hits"]["count"])


def until_hits(loadgrpc, begun, run_id: str) -> None:
    """Waits until a run has hits."""
    deadline = time.monotonic() + 20
    while not hits_so_far(loadgrpc, begun, run_id):
        assert time.monotonic() < deadline, "no hits"
        time.sleep(0.1)


def test_detached_attached_and_deleted(start, loadgrpc, cluster, folder, demo_server):
    """A run is left alone, watched by others who leave it alone, stopped, and deleted."""
    begun = cluster(1)
    at = ("-b", begun.address)
    run_id = detached(loadgrpc, begun, HOLD, "-d", "60", "-H", demo_server.url)
    until_hits(loadgrpc, begun, run_id)

    one = start("loadgrpc", "attach", run_id, *at, cwd=folder, until=r"[1-9]\d* hits")
    one.signal(signal.SIGINT)
    assert one.wait() == 130
    assert f"loadgrpc stop {run_id} -b {begun.address} stops it" in one.output

    other = start("loadgrpc", "attach", run_id, *at, cwd=folder, until=r"[1-9]\d* hits")
    refused = loadgrpc("delete", run_id, *at)
    assert refused.code == 2
    assert refused.stderr == (f"loadgrpc delete: error: run {run_id} is RUNNING: stop it first\n")
    assert loadgrpc("stop", run_id, *at).code == 0
    assert other.wait() == 105
    assert loadgrpc("stop", run_id, *at).stdout == f"run {run_id} is over: stopped\n"
    again = loadgrpc("attach", run_id, *at)
    assert (again.code, again.last_line) == (105, other.output.splitlines()[-1])

    assert loadgrpc("purge", "--older-than", "1h", "--yes", *at).stdout == "0 runs deleted\n"
    assert loadgrpc("purge", "--all", *at).code == 2
    assert loadgrpc("delete", run_id, *at).stdout == f"run {run_id} is deleted\n"
    assert loadgrpc("delete", run_id, *at).code == 2
    assert loadgrpc("runs", *at).stdout == "no runs\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_broker_that_ends_hands_its_run_on(
    start, loadgrpc, cluster, folder, demo_server, number, code
):
    """SIGTERM ends a broker with 0; the next one finishes the run, and every hit is counted.

    So it is when it was killed.
    """
    begun = cluster(1)
    run_id = detached(loadgrpc, begun, HOLD, "-u", "2", "-i", "20", "-H", demo_server.url)
    watching = start(
        *("loadgrpc", "attach", run_id, "-b", begun.address), cwd=folder, until=r"[1-9]\d* hits"
    )

    begun.broker.signal(number)
    assert begun.broker.wait() == code
    refused = loadgrpc("run", ES, "-b", begun.address, "--detach")
    assert refused.code == 4
    start(
        *("loadgrpc", "broker", "--listen", begun.address, "--store", str(begun.store)),
        cwd=folder,
        until="listening on",
    )

    assert watching.wait() == 0, watching.output
    assert "the broker is back" in watching.output
    document = loadgrpc("show", run_id, "-b", begun.address, "--json").document
    assert int(document["hits"]["count"]) == demo_server.requests() == 40
    assert document["accounting"]["losses"] == []
    states = re.findall(rf"run {run_id}, (\w+),", watching.output)
    assert states[-2:] == ["running", "finished"]
    assert len(set(states)) == len(states), watching.output


@pytest.mark.long
def test_an_agent_that_ends_loses_users_only(start, loadgrpc, cluster, folder, nginx):
    """SIGTERM ends an agent with 0 when all it measured is delivered; the run says who is lost."""
    begun = cluster(2)
    run_id = detached(loadgrpc, begun, ES, "-u", "2", "-d", "8", "-a", "2", "-H", nginx.url)
    until_hits(loadgrpc, begun, run_id)

    assert begun.agents[0].stop() == 0

    attached = loadgrpc("attach", run_id, "-b", begun.address, "--json")
    document = attached.document
    lost, fine = sorted(document["agents"], key=lambda agent: agent["state"], reverse=True)
    assert (lost["state"], fine["state"]) == (
        "ASSIGNMENT_STATE_LOST",
        "ASSIGNMENT_STATE_FINISHED",
    )
    assert (attached.code, lost["users"], lost["endTime"] < fine["endTime"]) == (3, 2, True)
    assert document["verdict"]["reason"].startswith(
        f"agent {lost['agentId']} (2 users) was lost at"
    )
    assert (document["accounting"]["losses"], document["accounting"]["mismatches"]) == ([], [])
    assert int(document["hits"]["count"]) == nginx.requests()
    assert lost["agentId"] not in loadgrpc("status", "-b", begun.address).stdout


def test_ctrl_c_asks_and_the_run_goes_on(on_terminal, loadgrpc, cluster, folder, demo_server):
    """Continue, then detach; attached from elsewhere, with nothing but the broker's address."""
    begun = cluster(1)
    at = ("-b", begun.address)
    asked = ("run", HOLD, "-d", "60", "-H", demo_server.url, *at)
    first = on_terminal(*asked, cwd=folder)
    assert first.read_until(b"iterations")
    first.type(b"\x03")
    assert first.read_until(b"(s)top it, (d)etach from it, or (c)ontinue to watch? ")
    first.type(b"what\nc\n")
    assert first.read_until(b"iterations")
    first.type(b"\x03")
    assert first.read_until(b"(c)ontinue to watch? ")
    first.type(b"d\n")
    assert first.read_until(b"exit 3: detached: run r-")
    assert first.wait() == 3

    (run_id,) = re.findall(r"detached: run (r-\w+) goes on", first.output.decode())
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    second = on_terminal("attach", cwd=elsewhere, env={"LOADGRPC_BROKER": begun.address})
    assert second.read_until(b"iterations")
    assert loadgrpc("stop", run_id, *at).code == 0
    assert second.read_until(b"exit 105: ")
    assert second.wait() == 105
