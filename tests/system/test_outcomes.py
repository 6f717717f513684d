"""What goes wrong is told: exit code, grouped reasons, one clear line."""

from __future__ import annotations

import re
import signal
import socket
import time

import pytest

pytestmark = pytest.mark.system


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_failed_assertion(loadgrpc, demo_server):
    """A failing assertion gives exit 1, and one group with its count and traceback."""
    test = "example.TestWebSite.test_fail"
    ran = loadgrpc("run", test, "-u", "3", "-i", "4", "-H", demo_server.url, "--json")

    assert ran.code == 1
    (group,) = ran.document["failures"]
    assert group["count"] == "12"
    assert group["exception"]["message"] == "500 != 200"
    assert "test_fail" in group["exception"]["traceback"]
    assert "loadgrpc/runner" not in group["exception"]["traceback"]
    assert ran.document["errors"] == []
    assert int(ran.document["hits"]["failed"]) == 12
    assert re.search(r"12 \S AssertionError: 500 != 200", ran.stderr)


def test_exception(loadgrpc):
    """An exception that is no failed assertion gives exit 1 and an error."""
    ran = loadgrpc("run", "example.TestWebSite.test_boom", "--json")

    assert ran.code == 1
    (group,) = ran.document["errors"]
    assert group["exception"]["type"] == "ValueError"
    assert ran.document["iterations"]["error"] == "1"


def test_module_that_is_not_there(loadgrpc, folder):
    """A test that cannot be imported gives exit 107, saying which module and from where."""
    ran = loadgrpc("run", "exampel.TestWebSite.test_es")

    assert ran.code == 107
    assert "'exampel'" in ran.last_line
    assert str(folder) in ran.last_line
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("example.TestWebSite.test_nope", "no test method test_nope"),
        ("example.TestWebSit.test_es", "no class TestWebSit"),
        ("missing.py::TestWebSite.test_es", "missing.py"),
        ("broken.TestX.test_x", "ZeroDivisionError"),
        ("needs.TestX.test_x", "not_installed_anywhere"),
    ],
)
def test_test_that_cannot_be_loaded(loadgrpc, folder, test, words):
    """Whatever cannot be loaded gives exit 107 and one line that says why."""
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "needs.py").write_text("import not_installed_anywhere\n")

    ran = loadgrpc("run", test)

    assert ran.code == 107
    assert words in ran.last_line
    assert "Traceback" not in ran.stdout + ran.stderr


def test_agent_without_the_module_is_named(loadgrpc, cluster, tmp_path):
    """An agent that cannot import the test is named, and the run ends with 107."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    begun = cluster(1)
    begun.start_agent(cwd=elsewhere).wait_for("connected to")

    ran = loadgrpc(
        *("run", "example.TestWebSite.test_boom", "-b", begun.address, "-a", "2", "--json"),
        "--no-ship",
    )

    assert ran.code == 107
    (bad,) = [agent for agent in ran.document["agents"] if agent["loadError"]]
    assert bad["agentId"] in ran.stderr
    assert str(elsewhere) in ran.stderr
    assert ran.document["iterations"]["started"] == "0"


def test_server_that_refuses_connections(loadgrpc):
    """A refused connection is a hit with an error, not silence."""
    url = f"http://127.0.0.1:{free_port()}"
    ran = loadgrpc("run", "example.TestWebSite.test_es", "-i", "3", "-H", url, "--json")

    assert ran.code == 1
    assert ran.document["hits"]["count"] == "3"
    assert ran.document["hits"]["failed"] == "3"
    (group,) = ran.document["hitErrors"]
    assert group["error"] == "HIT_ERROR_CONNECT"
    assert group["count"] == "3"
    assert ran.document["iterations"]["error"] == "3"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--userz", "3"], "did you mean --users"),
        (["-i", "3", "-d", "5"], "cannot be combined"),
        (["-u", "0"], "--users"),
        (["-u", "10:x"], "--users"),
        (["-d", "5parsecs"], "--duration"),
        (["-r", "-1"], "--spawn-rate"),
        (["-H", "localhost"], "--host"),
        (["--json-file", "/nowhere/at/all.json"], "/nowhere/at"),
    ],
)
def test_wrong_flags(loadgrpc, arguments, words):
    """A wrong flag is answered by one clear line on stderr, and exit 2."""
    ran = loadgrpc("run", "example.TestWebSite.test_es", *arguments)

    assert ran.code == 2
    assert words in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert ran.stdout == ""


def test_broker_that_is_not_there(loadgrpc):
    """An unreachable broker is told of within 3 seconds, with exit 4."""
    address = f"127.0.0.1:{free_port()}"
    begun = time.monotonic()

    for command in (["run", "example.TestWebSite.test_es"], ["status"], ["runs"]):
        ran = loadgrpc(*command, "-b", address)

        assert ran.code == 4
        assert address in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    assert time.monotonic() - begun < 3 * 8.0


def test_too_few_agents(loadgrpc, cluster):
    """More agents than there are gives exit 4 and says how many there are."""
    begun = cluster(1)

    ran = loadgrpc("run", "example.TestWebSite.test_es", "-b", begun.address, "-a", "3")

    assert ran.code == 4
    assert "3 agents" in ran.stderr
    assert "1 idle" in ran.stderr


def test_address_on_the_network_needs_insecure(loadgrpc, tmp_path):
    """A broker listens to the network only when it is told that this is not safe."""
    ran = loadgrpc("broker", "--listen", "0.0.0.0:0", "--store", str(tmp_path / "x.db"))

    assert ran.code == 2
    assert "--insecure" in ran.stderr


def test_port_that_is_taken(loadgrpc, cluster, tmp_path):
    """A second broker on the same port says so and ends."""
    begun = cluster(0)

    ran = loadgrpc("broker", "--listen", begun.address, "--store", str(tmp_path / "x.db"))

    assert ran.code != 0
    assert f"there is already a broker at {begun.address}: process " in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_lets_users_finish(start, folder, demo_server, number):
    """After the first signal users finish their iteration; summary, and exit 105."""
    run = start(
        *("loadgrpc", "run", "example.TestWebSite.test_hold", "-u", "3", "-d", "60"),
        *("-H", demo_server.url),
        until=r"[1-9]\d* hits",
        within_s=60.0,
        cwd=folder,
    )

    run.signal(number)

    assert run.wait(20.0) == 105
    assert "exit 105" in run.lines[-1]
    assert "0 interrupted" in run.output or "interrupted" not in run.output
    counted = run.wait_for(r"^hits +(\d+)")[1]
    assert int(counted) == demo_server.requests()


def test_second_signal_kills(start, folder):
    """The second signal does not wait for a user that takes ten minutes."""
    run = start(
        "loadgrpc",
        *("run", "example.TestWebSite.test_for_ever", "--stop-timeout", "10m"),
        until=r"1 users?",
        within_s=60.0,
        cwd=folder,
    )
    run.signal(signal.SIGINT)
    run.wait_for("again to kill")

    run.signal(signal.SIGINT)

    assert run.wait(10.0) == 105


def test_stop_timeout_cuts_users_off(loadgrpc):
    """A user that does not finish in time is cut off; its iteration is interrupted."""
    test = "example.TestWebSite.test_for_ever"
    ran = loadgrpc("run", test, "-d", "1", "--stop-timeout", "1s", "-u", "2", "--json")

    assert ran.document["iterations"]["interrupted"] == "2"
    assert float(ran.document["duration"].rstrip("s")) < 4
