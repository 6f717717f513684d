"""The examples do what their docstrings say."""

import signal
import sys

import pytest

pytestmark = pytest.mark.system

RUN_UNITTEST = """
import sys, unittest
from importlib import import_module
module = import_module(sys.argv[2])
for case in vars(module).values():
    if isinstance(case, type) and "server_url" in vars(case):
        case.server_url = sys.argv[1]
unittest.main(module=module, argv=["unittest", "-v"])
"""
"""Runs a module's tests once, as `python -m unittest MODULE` does, on another server."""

WITH_SERVER = """
import sys
from loadgrpc.examples.__main__ import with_server
sys.exit(with_server([sys.executable, "-u", "-c", sys.argv[1], "{url}"]))
"""


def test_the_demo_is_a_functional_test(start, demo_server):
    """TestDemo passes under plain unittest, and its visit is the requests it says it is."""
    tests = start("python", "-c", RUN_UNITTEST, demo_server.url, "loadgrpc.examples.demo")

    assert tests.wait() == 0, tests.output
    assert "Ran 2 tests" in tests.output
    assert demo_server.stats()["paths"] == {
        "/": 2,
        "/cookie": 2,
        "/echo": 1,
        "/delay/20": 1,
        "/redirect/1": 1,
        "/redirect/0": 1,
    }


def test_the_trouble_is_as_told(start, demo_server):
    """TestTrouble has two failures and two errors under plain unittest."""
    tests = start("python", "-c", RUN_UNITTEST, demo_server.url, "loadgrpc.examples.trouble")

    assert tests.wait() == 1, tests.output
    assert "FAILED (failures=2, errors=2)" in tests.output


def test_the_demonstration_ends_with_the_exit_code_of_its_command(start):
    """The command gets the server's address, and its exit code is the demonstration's."""
    ask = "import requests, sys; print(requests.get(sys.argv[1]).text); sys.exit(7)"
    demonstration = start("python", "-c", WITH_SERVER, ask)

    assert demonstration.wait() == 7
    assert "Hello from the demo server" in demonstration.output


def test_the_demonstration_passes_sigterm_on(start):
    """SIGTERM reaches the command, which may take its time, and the server ends after it."""
    wait = (
        "import requests, signal, sys\n"
        "def end(*_):\n"
        "    print(requests.get(sys.argv[1]).status_code)\n"
        "    sys.exit(105)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('waiting')\n"
        "signal.pause()"
    )
    demonstration = start("python", "-c", WITH_SERVER, wait, until="^waiting")

    demonstration.signal(signal.SIGTERM)

    assert demonstration.wait() == 105
    assert demonstration.lines[-1] == "200"


def test_the_server_ends_when_the_demonstration_is_killed(start):
    """Killed, the demonstration leaves no server behind (the test's end looks)."""
    follow = (
        "import os, time\n"
        "starter = os.getppid()\n"
        "print('there')\n"
        "while os.getppid() == starter: time.sleep(0.02)"
    )
    demonstration = start("python", "-c", WITH_SERVER, follow, until="^there")

    demonstration.signal(signal.SIGKILL)

    assert demonstration.wait() == -signal.SIGKILL


def test_the_demonstration_runs(start):
    """`python -m loadgrpc.examples` runs the load it is asked for, and passes."""
    demonstration = start(sys.executable, "-m", "loadgrpc.examples", "-u", "2", "-i", "2")

    assert demonstration.wait(60) == 0, demonstration.output
