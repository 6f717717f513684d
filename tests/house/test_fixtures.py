"""The fixtures of conftest.py: a check that checks nothing would go unnoticed."""

import os
import signal
import subprocess
import sys

import pytest
import requests

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_child_left_behind_is_found(processes_left):
    """A running child of the test process is found by its command line, until it ends."""
    before = set(processes_left("nobody", set()))
    child = subprocess.Popen(SLEEP)
    try:
        assert "time.sleep(60)" in processes_left("nobody", before)[child.pid]
    finally:
        child.kill()
        child.wait()

    assert child.pid not in processes_left("nobody", before)


def test_an_orphan_is_found_by_its_environment(processes_left):
    """A process whose parent has ended is found by the test's id in its environment."""
    parent = (
        "import subprocess, sys;"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " stdout=subprocess.DEVNULL, start_new_session=True).pid)"
    )
    environment = {**os.environ, "LOADGRPC_TEST_ID": "an-orphan"}
    made = subprocess.run(
        [sys.executable, "-c", parent], env=environment, stdout=subprocess.PIPE, check=True
    )
    orphan = int(made.stdout)
    try:
        assert orphan in processes_left("an-orphan", set())
        assert orphan not in processes_left("another", set())
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_missing_tool_skips_and_says_why(tool, monkeypatch):
    """A tool that is not installed skips the test that needs it, naming the tool."""
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="needs no-such-tool"):
        tool("no-such-tool")


def test_a_missing_tool_fails_on_ci(tool, monkeypatch):
    """With CI=true a missing tool is a failure: nothing is skipped there unseen."""
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="needs no-such-tool"):
        tool("no-such-tool")


@pytest.mark.system
def test_start_waits_for_a_line(start):
    """`start` returns once the line is there, collects both streams, and knows the exit code."""
    talk = "import sys; print('one'); print('two', file=sys.stderr, flush=True); sys.exit(3)"

    process = start("python", "-u", "-c", talk, until="two")

    assert process.wait() == 3
    assert process.lines == ["one", "two"]


@pytest.mark.system
def test_start_fails_when_the_line_does_not_come(start):
    """A process that ends without its line fails the test at once, and shows what it said."""
    with pytest.raises(pytest.fail.Exception, match=r"(?s)ended without 'ready'.*sorry"):
        start("python", "-c", "print('sorry')", until="ready")


@pytest.mark.system
def test_nginx_counts_every_request(nginx):
    """The log of nginx has a line for each request, and can start over."""
    for _ in range(3):
        requests.get(nginx.url + "/page?x=1", timeout=10)
    assert nginx.lines() == ["GET /page?x=1 200"] * 3

    nginx.start_over()
    requests.get(nginx.url + "/", timeout=10)

    assert nginx.requests() == 1


@pytest.mark.system
def test_the_counting_server_counts(counting_server):
    """Whichever server counts, its count is the number of requests made."""
    for _ in range(5):
        requests.get(counting_server.url + "/", timeout=10)

    assert counting_server.requests() == 5
