"""The users of a process, cycle by cycle, with gevent, each time in a process of its own.

A scene is code that runs in a patched process, and prints what it saw as JSON; gevent must
not patch the process that runs the tests.
"""

import json
import subprocess
import sys
import textwrap
import threading

import pytest

PRELUDE = """
from gevent import monkey
monkey.patch_all()
import gevent, json, threading, time, unittest
from loadgrpc.clock import SystemClock
from loadgrpc.model import Cycle
from loadgrpc.runner import pool as module
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.pool import Pool, StubbornUserError

class Notes:
    # A recorder that keeps what it is told.
    def __init__(self):
        self.iterations = []

    def iteration(self, *, outcome, user, iteration, **_):
        self.iterations.append((user, iteration, outcome.name))

    def outcomes(self):
        names = [name for _, _, name in self.iterations]
        return {name: names.count(name) for name in sorted(set(names))}

class Case(unittest.TestCase):
    act = staticmethod(lambda: None)
    made = 0
    alive = most = 0

    def __init__(self, name):
        super().__init__(name)
        Case.made += 1

    def test_it(self):
        Case.alive += 1
        Case.most = max(Case.most, Case.alive)
        try:
            Case.act()
        finally:
            Case.alive -= 1

notes = Notes()
pool = Pool(LoadedTest(Case, "test_it"), notes, SystemClock(), server_url="")
gevent.sleep(0.001)  # timers count from the last turn of the loop: it shall be now
began = time.monotonic()

def since():
    return time.monotonic() - began

def cycle(users=1, *, of=None, spawn_rate=0.0, stop_timeout_s=30.0, **bound):
    numbers = of if of is not None else range(1, users + 1)
    pool.run_cycle(
        Cycle(users=users, **bound), numbers, spawn_rate=spawn_rate, stop_timeout_s=stop_timeout_s
    )
"""


def scene(code):
    """What a scene printed."""
    result = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.system
def test_every_user_makes_its_iterations():
    """Each user is one instance and makes all iterations of each cycle, numbered from 1."""
    seen = scene(
        """
        Case.act = lambda: gevent.sleep(0.001)
        cycle(3, iterations=4)
        cycle(2, iterations=1)
        print(json.dumps([sorted(notes.iterations), Case.made, Case.most, pool.active_users]))
        """
    )
    passed = [[user, iteration, "SUCCESS"] for user in (1, 2, 3) for iteration in (1, 2, 3, 4)]

    assert seen == [sorted([*passed, [1, 1, "SUCCESS"], [2, 1, "SUCCESS"]]), 5, 3, 0]


@pytest.mark.system
def test_a_process_lives_its_share():
    """Of a cycle's users only those that are this process's are lived; none is no cycle."""
    seen = scene(
        """
        cycle(5, of=[2, 5], iterations=1)
        cycle(5, of=[], iterations=1)
        cycle(5, of=[], duration_s=0.1)
        print(json.dumps([sorted(notes.iterations), since() < 5]))
        """
    )

    assert seen == [[[2, 1, "SUCCESS"], [5, 1, "SUCCESS"]], True]


@pytest.mark.system
def test_users_start_at_a_rate():
    """Users start one after another: the n-th (n - 1) / rate after the cycle, by its number."""
    starts = scene(
        """
        starts = []
        Case.act = lambda: starts.append(since())
        cycle(7, of=[1, 4, 7], spawn_rate=10.0, iterations=1)
        print(json.dumps(starts))
        """
    )

    for start, planned in zip(starts, (0.0, 0.3, 0.6), strict=True):
        assert planned - 0.001 <= start < planned + 0.25


@pytest.mark.system
def test_f23_users_that_a_rate_leaves_no_time_for_are_not_started():
    """Started are those that began to live in the cycle, and none of the cycle before."""
    seen = scene(
        """
        seen = []
        Case.act = lambda: gevent.sleep(0.05)
        for bound in ({"duration_s": 0.25}, {"iterations": 1}):
            cycle(9, spawn_rate=10.0, **bound)
            seen.append([pool.started_users, pool.active_users])
        print(json.dumps(seen))
        """
    )

    assert seen == [[3, 0], [9, 0]]


@pytest.mark.system
def test_it_is_told_when_all_users_stand():
    """Once a cycle: when each user, the last to start too, begins a second iteration."""
    seen = scene(
        """
        stood = []
        pool = Pool(
            LoadedTest(Case, "test_it"), notes, SystemClock(), server_url="",
            on_standing=lambda: stood.append([len(notes.iterations), pool.active_users]),
        )
        Case.act = lambda: gevent.sleep(0.001)
        cycle(3, iterations=2)
        cycle(3, iterations=4)
        cycle(3, iterations=1)  # nobody goes on: there is nothing to stand for
        print(json.dumps(stood))
        """
    )
    assert seen == [[3, 3], [9, 3]]


@pytest.mark.system
def test_a_duration_bounds_a_cycle():
    """At the end of its time a cycle's users finish the iteration they are in, and none is cut."""
    took, outcomes, most, alive = scene(
        """
        Case.act = lambda: gevent.sleep(0.04)
        cycle(3, duration_s=0.5)
        print(json.dumps([since(), notes.outcomes(), Case.most, Case.alive]))
        """
    )

    assert 0.5 <= took < 0.9
    assert list(outcomes) == ["SUCCESS"]
    assert 3 * 5 <= outcomes["SUCCESS"] <= 3 * 13
    assert (most, alive) == (3, 0)


@pytest.mark.system
def test_users_that_would_start_too_late_do_not_hold_up_a_cycle():
    """Users whose turn comes after the end of a timed cycle are not waited for."""
    took, users = scene(
        """
        Case.act = lambda: gevent.sleep(0.02)
        cycle(100, spawn_rate=10.0, duration_s=0.35, stop_timeout_s=20.0)
        print(json.dumps([since(), sorted({user for user, _, _ in notes.iterations})]))
        """
    )

    assert took < 2
    assert users == [1, 2, 3, 4]


@pytest.mark.system
def test_users_are_cut_off_at_the_stop_time_out():
    """Who takes longer than the time-out after the end of a cycle is interrupted, and said so."""
    took, outcomes = scene(
        """
        Case.act = lambda: gevent.sleep(60)
        cycle(2, duration_s=0.2, stop_timeout_s=0.3)
        print(json.dumps([since(), notes.outcomes()]))
        """
    )

    assert 0.5 <= took < 1.5
    assert outcomes == {"INTERRUPTED": 2}


@pytest.mark.system
def test_a_stop_lets_users_finish():
    """A stop waits for the iterations under way and starts no other, now or in a later cycle."""
    took, outcomes, later = scene(
        """
        Case.act = lambda: gevent.sleep(0.4)
        gevent.spawn_later(0.1, pool.stop, 10.0)
        cycle(3, iterations=100)
        took = since()
        cycle(3, iterations=100)
        cycle(3, duration_s=60.0)
        print(json.dumps([took, notes.outcomes(), since() - took]))
        """
    )

    assert 0.4 <= took < 1.2
    assert outcomes == {"SUCCESS": 3}
    assert later < 0.5


@pytest.mark.system
def test_a_stop_ends_the_waiting_for_a_turn():
    """Users that have not started when the stop comes never do."""
    took, outcomes = scene(
        """
        gevent.spawn_later(0.1, pool.stop, 10.0)
        cycle(100, spawn_rate=1.0, iterations=1)
        print(json.dumps([since(), notes.outcomes()]))
        """
    )

    assert took < 1
    assert outcomes == {"SUCCESS": 1}


@pytest.mark.system
@pytest.mark.parametrize("when", ["before", "after the end of its time"])
def test_a_stop_can_be_hurried(when):
    """A second stop with less time cuts users off then, not when the first would have."""
    took, outcomes = scene(
        f"""
        Case.act = lambda: gevent.sleep(60)
        if {when!r} == "before":
            gevent.spawn_later(0.1, pool.stop, 30.0)
        gevent.spawn_later(0.3, pool.stop, 0.0)
        cycle(2, duration_s=0.2)
        print(json.dumps([since(), notes.outcomes()]))
        """
    )

    assert 0.3 <= took < 1.2
    assert outcomes == {"INTERRUPTED": 2}


@pytest.mark.system
def test_a_longer_stop_does_not_take_back_a_shorter():
    """Time that was cut is not given back."""
    took = scene(
        """
        Case.act = lambda: gevent.sleep(60)
        gevent.spawn_later(0.1, pool.stop, 0.3)
        gevent.spawn_later(0.2, pool.stop, 30.0)
        cycle(1, iterations=1)
        print(json.dumps(since()))
        """
    )

    assert took < 2


@pytest.mark.system
def test_a_user_that_swallows_its_end_is_cut_off_again():
    """Who survives one interruption does not survive all of them."""
    took, tries = scene(
        """
        module.CUT_OFF_WAIT_S = 0.05
        tries = []
        def act():
            while len(tries) < 3:
                try:
                    gevent.sleep(60)
                except BaseException:
                    tries.append(since())
        Case.act = act
        cycle(1, duration_s=0.1, stop_timeout_s=0.0)
        print(json.dumps([since(), len(tries)]))
        """
    )

    assert (took < 2, tries) == (True, 3)


@pytest.mark.system
@pytest.mark.parametrize("where", ["test", "tearDown", "del"])
def test_b2_an_iteration_that_swallows_its_end_is_interrupted(where):
    """Whose time was over has not passed, whatever the test made of the exception."""
    outcomes = scene(
        f"""
        where = {where!r}
        def swallow():
            try:
                gevent.sleep(60)
            except BaseException:
                pass
        class Held:
            def __del__(self):
                gevent.sleep(60)
        class Stays(unittest.TestCase):
            def test_it(self):
                if where == "test":
                    swallow()
                elif where == "del":
                    Held()
            def tearDown(self):
                if where == "tearDown":
                    swallow()
        pool._test = LoadedTest(Stays, "test_it")
        cycle(2, duration_s=0.1, stop_timeout_s=0.0)
        print(json.dumps(notes.outcomes()))
        """
    )

    assert outcomes == {"INTERRUPTED": 2}


@pytest.mark.system
def test_f15_a_request_of_a_thread_is_cut_off_when_its_user_has_ended(server, answer):
    """What the server has got is a hit, also when a thread waits for it that nobody waits for."""
    waited = threading.Event()
    server.scripts["/"] = lambda *_: waited.wait(30) and answer()
    hits = scene(
        f"""
        from loadgrpc.case import TestCase
        notes.hits = []
        notes.hit = lambda *, name, error, **_: notes.hits.append((name, error.name))
        class Leaves(TestCase):
            def test_it(self):
                get = lambda: self.session.get({server.url("/")!r}, name="left")
                threading.Thread(target=get).start()
                threading.Thread(target=gevent.sleep, args=(30,)).start()
                gevent.sleep(0.3)
        pool._test = LoadedTest(Leaves, "test_it")
        cycle(1, iterations=1)
        print(json.dumps(notes.hits), flush=True)
        import os
        os._exit(0)
        """
    )

    waited.set()
    assert hits == [["left", "ABORTED"]]
    assert len(server.requests) == 1


@pytest.mark.system
def test_a_user_that_cannot_be_cut_off_is_an_error():
    """A test that swallows every exception for ever ends its process, and is not waited for."""
    took, words = scene(
        """
        module.CUT_OFF_WAIT_S = 0.02
        def act():
            while True:
                try:
                    gevent.sleep(60)
                except BaseException:
                    pass
        Case.act = act
        try:
            cycle(2, duration_s=0.1, stop_timeout_s=0.0)
        except StubbornUserError as error:
            print(json.dumps([since(), str(error)]), flush=True)
        import os
        os._exit(0)
        """
    )

    assert took < 3
    assert words == "2 users cannot be cut off"


@pytest.mark.system
@pytest.mark.parametrize("kind", ["ZeroDivisionError", "SystemExit", "KeyboardInterrupt", "Odd"])
def test_f06_a_user_that_cannot_be_made_is_an_error_and_the_others_go_on(kind):
    """What one user raises when it is made is its error, with its reason; others do all they do."""
    iterations, alive = scene(
        f"""
        class Odd(BaseException):
            pass
        class Second(Case):
            def __init__(self, name):
                super().__init__(name)
                if Case.made == 2:
                    raise {kind}("login refused")
        pool._test = LoadedTest(Second, "test_it")
        cycle(3, iterations=2)
        print(json.dumps([sorted(notes.iterations), pool.active_users]))
        """
    )

    assert iterations == [
        [1, 1, "SUCCESS"],
        [1, 2, "SUCCESS"],
        [2, 1, "ERROR"],
        [3, 1, "SUCCESS"],
        [3, 2, "SUCCESS"],
    ]
    assert alive == 0


@pytest.mark.system
def test_f06_what_a_user_raises_when_it_leaves_is_an_error():
    """What closing a user's session raises is an error beside its iterations, which count."""
    seen = scene(
        """
        from loadgrpc.case import TestCase
        class Leaving(TestCase):
            def test_it(self):
                pass
            def close_session(self):
                raise SystemExit("no way out")
        pool._test = LoadedTest(Leaving, "test_it")
        cycle(2, iterations=1)
        print(json.dumps([notes.outcomes(), pool.active_users]))
        """
    )

    assert seen == [{"ERROR": 2, "SUCCESS": 2}, 0]


def test_gevent_has_not_patched_this_process():
    """What is tested here leaves the process of the tests alone."""
    import socket
    import threading

    assert socket.socket.__module__ == "socket"
    assert "gevent" not in threading.Thread.start.__module__
