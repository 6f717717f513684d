"""A run ends, whatever its tests do; what is cut off is counted; children are nobody's users."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

LONG = [pytest.param(each, marks=pytest.mark.long) for each in ("Waits", "Stopped", "Swallows")]
pytestmark = pytest.mark.system

TESTS = """
import ctypes, multiprocessing, os, signal, sys, time
from loadgrpc import TestCase

class Base(TestCase):
    def hit(self):
        self.session.get(self.server_url + "/")

class Spins(Base):
    def test(self):
        self.hit()
        while True:
            pass

class Waits(Base):
    def test(self):
        self.hit()
        ctypes.CDLL(None).sleep(600)

class Stopped(Base):
    def test(self):
        self.hit()
        os.kill(os.getpid(), signal.SIGSTOP)

class RunnerStopped(Base):
    def test(self):
        self.hit()
        os.kill(os.getppid(), signal.SIGSTOP)
        time.sleep(600)

class Swallows(Base):
    def test(self):
        self.hit()
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass

class HangsUp(Base):
    @classmethod
    def setUpClass(cls):
        time.sleep(600)
    def test(self):
        pass

class HangsDown(Base):
    @classmethod
    def tearDownClass(cls):
        ctypes.CDLL(None).sleep(600)
    def test(self):
        self.hit()
        time.sleep(0.05)

class Forks(Base):
    def test(self):
        self.hit()
        if os.fork() == 0:
            time.sleep(600)

class Falls(Base):
    def test(self):
        self.hit()
        if os.fork() == 0:
            return

class InAChild(Base):
    def test(self):
        self.hit()
        child = os.fork()
        if child == 0:
            self.hit()
            os._exit(7)
        assert os.waitpid(child, 0)[1] == 7 << 8
        self.hit()

def double(number):
    return 2 * number

class Pools(Base):
    def test(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(double, [1, 2]) == [2, 4]

class Ends(Base):
    def test(self):
        child = multiprocessing.Process(target=time.sleep, args=(600,))
        child.start()
        child.terminate()
        child.join()
        assert child.exitcode == -15

class Prints(Base):
    def test(self):
        sys.stdout.write("a line of ")
        print("one user\\x1b[2J")
"""
STOP_TIMEOUT = ("--stop-timeout", "1s")
START_S = 30.0
"""For a command to start and a run to begin, where others work, too."""


@pytest.fixture
def tests(folder):
    """The tests above, in `tests.py`."""
    (folder / "wild.py").write_text(TESTS)


@pytest.mark.usefixtures("tests")
@pytest.mark.parametrize("name", ["Spins", "RunnerStopped", *LONG])
def test_b5_f02_a_process_that_does_not_react_is_ended_and_counted(loadgrpc, demo_server, name):
    """The run ends by the end of its stop timeout and 5 s, is no success, and says why.

    Hits that were delivered stay, iterations in flight are interrupted.
    """
    began_s = time.monotonic()
    ran = loadgrpc(
        "run", f"wild.{name}.test", "-u", "2", "--processes", "1", "-d", "1s", "-H",
        demo_server.url, "--json", *STOP_TIMEOUT,
    )  # fmt: skip

    assert time.monotonic() - began_s < START_S
    assert ran.code == 3, ran.stderr
    reason = ran.document["verdict"]["reason"]
    words = {
        "Swallows": "users cannot be cut off",
        "RunnerStopped": "it did not end with its cycle",
    }.get(name, "user process 1 of 1 did not react within the stop timeout and was killed")
    assert words in reason
    start, end = (datetime.fromisoformat(ran.document[at][:19]) for at in ("startTime", "endTime"))
    assert (end - start).total_seconds() <= 1 + 1 + 5 + 1  # whole seconds
    if name != "RunnerStopped":
        assert int(ran.document["iterations"]["interrupted"]) >= 1
        assert int(ran.document["iterations"]["success"]) == 0


@pytest.mark.usefixtures("tests")
@pytest.mark.long
def test_b5_f02_a_class_fixture_that_hangs_is_ended(loadgrpc, demo_server):
    """Who hangs in tearDownClass after the stop timeout is killed, and the hits stay."""
    ran = loadgrpc(
        "run", "wild.HangsDown.test", "-u", "1", "-d", "1s", "-H", demo_server.url, "--json",
        *STOP_TIMEOUT,
    )  # fmt: skip

    assert ran.code == 3
    assert "was killed, in tearDownClass" in ran.document["verdict"]["reason"]
    assert int(ran.document["hits"]["count"]) > 0


@pytest.mark.usefixtures("tests")
@pytest.mark.long
def test_b5_a_fixture_that_hangs_before_the_first_cycle_is_ended_by_a_stop(cluster, loadgrpc):
    """A stop ends a run whose setUpClass never comes back, on an agent."""
    at = cluster(1)
    where = ("-b", at.address)
    started = loadgrpc("run", "wild.HangsUp.test", *where, "--detach", "-q", *STOP_TIMEOUT)
    run_id = started.stdout.split()[-1]
    time.sleep(1.0)
    began_s = time.monotonic()
    loadgrpc("stop", run_id, *where)
    shown = loadgrpc("attach", run_id, *where, "-q")

    assert time.monotonic() - began_s < START_S
    assert shown.code == 105


@pytest.mark.usefixtures("tests")
@pytest.mark.parametrize(("name", "hits"), [("Forks", 6), ("Falls", 6), ("InAChild", 12)])
def test_f01_forked_children_neither_report_nor_hold_the_run(loadgrpc, demo_server, name, hits):
    """Hits are the parents' own, each once; a child that stays does not keep the run."""
    ran = loadgrpc(
        "run", f"wild.{name}.test", "-u", "2", "-i", "3", "-H", demo_server.url, "--json"
    )

    assert ran.code == 0, ran.stderr
    assert int(ran.document["hits"]["count"]) == hits
    assert int(ran.document["iterations"]["success"]) == 6


@pytest.mark.usefixtures("tests")
@pytest.mark.parametrize("name", ["Pools", "Ends"])
def test_f01_helper_processes_work(loadgrpc, name):
    """Pools of processes give their results, and a helper that is told to end does."""
    ran = loadgrpc("run", f"wild.{name}.test", "-u", "2", "-i", "2", "--processes", "1", "--json")

    assert ran.code == 0, ran.stderr
    assert int(ran.document["iterations"]["success"]) == 4


@pytest.mark.usefixtures("tests")
def test_c8_what_a_test_prints_is_shown_with_its_process(loadgrpc):
    """Lines are whole, name the run and the user process, and steer no terminal."""
    ran = loadgrpc("run", "wild.Prints.test", "-u", "2", "-i", "1", "--json")
    run_id = ran.document["runId"]

    for process in (1, 2)[: ran.stderr.count("user process 2:") + 1]:
        assert f"run {run_id}: user process {process}: a line of one user\\x1b[2J\n" in ran.stderr
    assert "\x1b[2J" not in ran.stderr
