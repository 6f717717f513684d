"""The users of a process, cycle by cycle, with gevent, in a time that stands but for waiting.

gevent does not patch the process that runs the tests. What needs real threads under gevent is a
scene in a process of its own.
"""

import heapq
import itertools
import threading
import unittest

import gevent
import pytest
from gevent.event import Event

from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.case import between, constant
from loadgrpc.model import Cycle
from loadgrpc.runner import pool as module
from loadgrpc.runner.greenlets import Greenlets
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.pool import Pool, StubbornUserError
from loadgrpc.testing import NS_PER_S, ManualClock, plan_of

from .conftest import patched_scene

SETTLE_TURNS = 50
"""Turns of the hub after which all that can go on without time has done so."""


class Hourglass:
    """Time for greenlets: it stands while anybody has something to do, else leaps to who waits."""

    def __init__(self):
        self.clock = ManualClock()
        self._alarms = []
        self._numbers = itertools.count()
        self._began_ns = self.clock.monotonic_ns()

    def wait(self, ready, timeout_s):
        """See Wait."""
        alarm = Event()
        if timeout_s is not None:
            due_ns = self.clock.monotonic_ns() + round(timeout_s * NS_PER_S)
            heapq.heappush(self._alarms, (due_ns, next(self._numbers), alarm))
        try:
            gevent.wait([*ready, alarm], count=1)
        finally:
            self._alarms = [each for each in self._alarms if each[2] is not alarm]
            heapq.heapify(self._alarms)

    def sleep(self, seconds):
        """Waits for so long."""
        self.wait([], seconds)

    def since(self):
        """How long it has been going, in seconds."""
        return (self.clock.monotonic_ns() - self._began_ns) / NS_PER_S

    def run(self, work):
        """Runs a function, and the greenlets that it starts, to its end."""
        working = gevent.spawn(work)
        while True:
            for _ in range(SETTLE_TURNS):
                gevent.sleep(0)
            if working.ready():
                return working.get()
            assert self._alarms, "it waits for what will never be"
            left_ns = self._alarms[0][0] - self.clock.monotonic_ns()
            self.clock.advance(max(0, left_ns) / NS_PER_S)
            for due_ns, _, alarm in self._alarms:
                if due_ns <= self.clock.monotonic_ns():
                    alarm.set()


class Odd(BaseException):
    """Raised by nobody but a test."""


class Notes:
    """A recorder that keeps what it is given."""

    def __init__(self):
        self.iterations = []
        self.fixtures = []
        self.delays_s = []

    def fixture(self, fixture, *, test, outcome, **_):
        self.fixtures.append((fixture.name, test.rpartition(".")[2], outcome.name))

    def iteration(self, *, outcome, user, iteration, delay_ns=0, **_):
        self.iterations.append((user, iteration, outcome.name))
        self.delays_s.append(delay_ns / NS_PER_S)

    def outcomes(self):
        names = [name for _, _, name in self.iterations]
        return {name: names.count(name) for name in sorted(set(names))}


class Scene:
    """A pool of a test that does as it is set, and what became of it."""

    def __init__(self):
        self.time = Hourglass()
        self.notes = Notes()
        self.act = lambda: None
        self.made = self.alive = self.most = 0
        self.pool = self.pool_of(self._case())

    def pool_of(self, case_class, **options):
        """A pool of this test, in this scene's time."""
        test = LoadedTest(case_class, "test_it")
        strands = Greenlets(self.time.wait)
        return Pool(test, self.notes, self.time.clock, strands, **options)

    def _case(self):
        scene = self

        class Case(unittest.TestCase):
            def __init__(self, name):
                super().__init__(name)
                scene.made += 1

            def test_it(self):
                scene.alive += 1
                scene.most = max(scene.most, scene.alive)
                try:
                    scene.act()
                finally:
                    scene.alive -= 1

        self.case_class = Case
        return Case

    def later(self, seconds, work, *arguments):
        """Calls a function when that much time has passed."""

        def do():
            self.time.sleep(seconds)
            work(*arguments)

        gevent.spawn(do)

    def cycle(self, users=1, *, of=None, spawn_rate=0.0, stop_timeout_s=30.0, think=None, **bound):
        """Runs a cycle to its end."""
        numbers = of if of is not None else range(1, users + 1)
        cycle = Cycle(users=users, **bound)
        plan = plan_of(spawn_rate=spawn_rate, stop_timeout_s=stop_timeout_s, think=think)
        self.time.run(lambda: self.pool.run_cycle(plan, cycle, numbers))


@pytest.fixture
def scene():
    """A pool whose time is in the test's hand."""
    return Scene()


def test_every_user_makes_its_iterations(scene):
    """Each user is one instance and makes all iterations of each cycle, numbered from 1."""
    scene.act = lambda: scene.time.sleep(0.001)
    scene.cycle(3, iterations=4)
    scene.cycle(2, iterations=1)
    passed = [(user, iteration, "SUCCESS") for user in (1, 2, 3) for iteration in (1, 2, 3, 4)]

    assert sorted(scene.notes.iterations) == sorted([*passed, (1, 1, "SUCCESS"), (2, 1, "SUCCESS")])
    assert (scene.made, scene.most, scene.pool.active_users) == (5, 3, 0)


def test_a_process_runs_its_share(scene):
    """Of a cycle's users only those that are this process's run; none is no cycle."""
    scene.cycle(5, of=[2, 5], iterations=1)
    scene.cycle(5, of=[], iterations=1)
    scene.cycle(5, of=[], duration_s=0.1)

    assert sorted(scene.notes.iterations) == [(2, 1, "SUCCESS"), (5, 1, "SUCCESS")]
    assert scene.time.since() == 0


def test_users_start_at_a_rate(scene):
    """Users start one after another: the n-th (n - 1) / rate after the cycle, by its number."""
    starts = []
    scene.act = lambda: starts.append(scene.time.since())
    scene.cycle(7, of=[1, 4, 7], spawn_rate=10.0, iterations=1)

    assert starts == pytest.approx([0.0, 0.3, 0.6])


@pytest.mark.parametrize(("bound", "started"), [({"duration_s": 0.25}, 3), ({"iterations": 1}, 9)])
def test_f23_users_that_a_rate_leaves_no_time_for_are_not_started(scene, bound, started):
    """Started are those that began in the cycle, and none of the cycle before."""
    scene.act = lambda: scene.time.sleep(0.05)
    scene.cycle(4, iterations=1)
    scene.cycle(9, spawn_rate=10.0, **bound)

    assert (scene.pool.started_users, scene.pool.active_users) == (started, 0)


def test_it_is_told_when_all_users_stand(scene):
    """Once a cycle: when each user, the last to start too, begins a second iteration."""
    stood = []
    scene.pool = scene.pool_of(
        scene.case_class,
        on_warm=lambda: stood.append((len(scene.notes.iterations), scene.pool.active_users)),
    )
    scene.act = lambda: scene.time.sleep(0.001)
    scene.cycle(3, iterations=2)
    scene.cycle(3, iterations=4)
    scene.cycle(3, iterations=1)  # nobody goes on: there is nothing to stand for

    assert stood == [(3, 3), (9, 3)]


def test_a_duration_bounds_a_cycle(scene):
    """At the end of its time a cycle's users finish the iteration they are in, and none is cut."""
    scene.act = lambda: scene.time.sleep(0.04)
    scene.cycle(3, duration_s=0.5)

    assert scene.time.since() == pytest.approx(0.52)
    assert scene.notes.outcomes() == {"SUCCESS": 3 * 13}
    assert (scene.most, scene.alive) == (3, 0)


def test_users_that_would_start_too_late_do_not_hold_up_a_cycle(scene):
    """Users whose turn comes after the end of a timed cycle are not waited for."""
    scene.act = lambda: scene.time.sleep(0.02)
    scene.cycle(100, spawn_rate=10.0, duration_s=0.35, stop_timeout_s=20.0)

    assert scene.time.since() < 0.35 + 0.03
    assert sorted({user for user, _, _ in scene.notes.iterations}) == [1, 2, 3, 4]


def test_users_are_cut_off_at_the_stop_timeout(scene):
    """Who takes longer than the timeout after the end of a cycle is interrupted, and said so."""
    scene.act = lambda: scene.time.sleep(60)
    scene.cycle(2, duration_s=0.2, stop_timeout_s=0.3)

    assert scene.time.since() == pytest.approx(0.5)
    assert scene.notes.outcomes() == {"INTERRUPTED": 2}


def test_a_stop_lets_users_finish(scene):
    """A stop waits for the iterations under way and starts no other, now or in a later cycle."""
    scene.act = lambda: scene.time.sleep(0.4)
    scene.later(0.1, scene.pool.stop, 10.0)
    scene.cycle(3, iterations=100)
    took = scene.time.since()
    scene.cycle(3, iterations=100)
    scene.cycle(3, duration_s=60.0)

    assert took == pytest.approx(0.4)
    assert scene.notes.outcomes() == {"SUCCESS": 3}
    assert scene.time.since() == took


def test_a_stop_ends_the_waiting_for_a_turn(scene):
    """Users that have not started when the stop comes never do."""
    scene.later(0.1, scene.pool.stop, 10.0)
    scene.cycle(100, spawn_rate=1.0, iterations=1)

    assert scene.time.since() == pytest.approx(0.1)
    assert scene.notes.outcomes() == {"SUCCESS": 1}


def resting(scene, **says):
    """Lets the test of a scene say how its users rest."""
    scene.pool = scene.pool_of(type("Resting", (scene.case_class, LoadgrpcCase), says))


def test_users_pace_from_start_to_start(scene):
    """Every 3 s, whatever an iteration takes below that; one that takes longer delays the next."""
    took, starts = iter([1, 2.5, 5, 1]), []

    def act():
        starts.append(scene.time.since())
        scene.time.sleep(next(took))

    scene.act = act
    resting(scene, pacing=3)
    scene.cycle(1, iterations=4)

    assert starts == pytest.approx([0, 3, 6, 11])
    assert scene.time.since() == pytest.approx(12)  # nobody rests after the last
    assert scene.notes.delays_s == pytest.approx([0, 0, 0, 2])  # the last was planned for 9 s


def test_users_think_after_each_iteration(scene):
    """From the end of one to the start of the next; not after the last."""
    scene.act = lambda: scene.time.sleep(0.5)
    resting(scene, think=constant(2))
    scene.cycle(3, iterations=3)

    assert scene.time.since() == pytest.approx(5.5)
    assert scene.most == 3


def test_a_plan_says_how_users_rest(scene):
    """It goes before what the class says."""
    scene.act = lambda: scene.time.sleep(0.5)
    resting(scene, think=constant(2))
    scene.cycle(1, think=constant(1), iterations=3)

    assert scene.time.since() == pytest.approx(3.5)


def test_a_stop_does_not_wait_for_a_rest(scene):
    """Users that rest end at once; one in an iteration finishes it, and rests no more."""
    scene.act = lambda: scene.time.sleep(1)
    resting(scene, think=between(600, 700))
    scene.later(2.0, scene.pool.stop, 10.0)
    scene.cycle(50, iterations=5)

    assert scene.time.since() == pytest.approx(2.0)
    assert scene.notes.outcomes() == {"SUCCESS": 50}
    assert scene.pool.active_users == 0


def test_users_rest_until_the_end_of_a_cycle(scene):
    """A cycle lasts its time, also when nobody has anything left to do in it."""
    scene.act = lambda: scene.time.sleep(1)
    resting(scene, pacing=4)
    scene.cycle(2, duration_s=10)
    scene.cycle(1, iterations=2)

    assert scene.notes.outcomes() == {"SUCCESS": 2 * 3 + 2}
    assert scene.time.since() == pytest.approx(10 + 5)


def set_up(scene, log, *, refuse=(), **says):
    """Lets users of a scene be set up and torn down, in a log; some of them refuse."""

    def set_up_user(case):
        log.append(("up", case.load_status.user))
        scene.time.sleep(0.5)
        if case.load_status.user in refuse:
            raise ConnectionError("login refused")

    def tear_down_user(case):
        log.append(("down", case.load_status.user))

    methods = {"setUpUser": set_up_user, "tearDownUser": tear_down_user, **says}
    scene.pool = scene.pool_of(type("SetUp", (scene.case_class, LoadgrpcCase), methods))


def test_users_are_set_up_and_torn_down_once(scene):
    """Before the first and after the last iteration of each, and recorded as what they are."""
    log = []
    scene.act = lambda: log.append(("test", 0))
    set_up(scene, log)
    scene.cycle(2, iterations=2)

    assert [what for what, _ in log][:2] == ["up", "up"]
    assert sorted(log) == sorted(
        [("up", 1), ("up", 2), *[("test", 0)] * 4, ("down", 1), ("down", 2)]
    )
    assert sorted(scene.notes.fixtures) == [
        *[("SET_UP", "setUpUser", "SUCCESS")] * 2,
        *[("TEAR_DOWN", "tearDownUser", "SUCCESS")] * 2,
    ]
    assert scene.notes.outcomes() == {"SUCCESS": 4}


def test_a_user_that_cannot_be_set_up_makes_no_iterations(scene):
    """Nor is it torn down; the others go on."""
    log = []
    set_up(scene, log, refuse={2})
    scene.cycle(3, iterations=2)

    assert sorted(log) == [("down", 1), ("down", 3), ("up", 1), ("up", 2), ("up", 3)]
    assert scene.notes.fixtures.count(("SET_UP", "setUpUser", "ERROR")) == 1
    assert scene.notes.outcomes() == {"SUCCESS": 4}
    assert scene.pool.active_users == 0


def test_users_that_are_stopped_are_torn_down(scene):
    """Those that rest, and those that are still set up, who make no iterations."""
    log = []
    set_up(scene, log, think=constant(60))
    scene.later(1.7, scene.pool.stop, 10.0)
    scene.cycle(4, spawn_rate=2.0, iterations=5)

    assert scene.time.since() == pytest.approx(2.0)
    assert sorted(log) == [(what, user) for what in ("down", "up") for user in (1, 2, 3, 4)]
    assert scene.notes.outcomes() == {"SUCCESS": 3}


@pytest.mark.parametrize("first_stop_s", [0.1, None])
def test_a_stop_can_be_hurried(scene, first_stop_s):
    """A second stop with less time cuts users off then, not when the first would have."""
    scene.act = lambda: scene.time.sleep(60)
    if first_stop_s is not None:
        scene.later(first_stop_s, scene.pool.stop, 30.0)
    scene.later(0.3, scene.pool.stop, 0.0)
    scene.cycle(2, duration_s=0.2)

    assert scene.time.since() == pytest.approx(0.3)
    assert scene.notes.outcomes() == {"INTERRUPTED": 2}


def test_a_longer_stop_does_not_take_back_a_shorter(scene):
    """Time that was cut is not given back."""
    scene.act = lambda: scene.time.sleep(60)
    scene.later(0.1, scene.pool.stop, 0.3)
    scene.later(0.2, scene.pool.stop, 30.0)
    scene.cycle(1, iterations=1)

    assert scene.time.since() == pytest.approx(0.4)


def test_a_user_that_swallows_its_end_is_cut_off_again(scene):
    """Who survives one interruption does not survive all of them."""
    tries = []

    def act():
        while len(tries) < 3:
            try:
                scene.time.sleep(60)
            except BaseException:  # noqa: BLE001
                tries.append(scene.time.since())

    scene.act = act
    scene.cycle(1, duration_s=0.1, stop_timeout_s=0.0)

    wait_s = module.CUT_OFF_WAIT_S
    assert tries == pytest.approx([0.1, 0.1 + wait_s, 0.1 + 2 * wait_s])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("where", ["test", "tearDown", "del"])
def test_b2_an_iteration_that_swallows_its_end_is_interrupted(scene, where):
    """Whose time was over has not passed, whatever the test made of the exception."""
    swallowed = []

    def swallow():
        try:
            scene.time.sleep(60)
        except BaseException:  # noqa: BLE001
            swallowed.append(True)

    class Held:
        def __del__(self):
            scene.time.sleep(60)

    class Stays(unittest.TestCase):
        def test_it(self):
            if where == "test":
                swallow()
            elif where == "del":
                Held()

        def tearDown(self):
            if where == "tearDown":
                swallow()

    scene.pool = scene.pool_of(Stays)
    scene.cycle(2, duration_s=0.1, stop_timeout_s=0.0)

    assert scene.notes.outcomes() == {"INTERRUPTED": 2}
    assert len(swallowed) == (0 if where == "del" else 2)  # there the interpreter swallows it


def test_a_user_that_cannot_be_cut_off_is_an_error(scene):
    """A test that swallows every exception forever ends its process, and is not waited for."""
    ended, swallowed = [], []

    def act():
        while not ended:
            try:
                scene.time.sleep(60)
            except BaseException:  # noqa: BLE001
                swallowed.append(True)

    scene.act = act
    with pytest.raises(StubbornUserError, match="2 users cannot be cut off"):
        scene.cycle(2, duration_s=0.1, stop_timeout_s=0.0)
    ended.append(True)

    assert len(swallowed) == 2 * module.CUT_OFF_TRIES
    assert scene.time.since() == pytest.approx(0.1 + module.CUT_OFF_TRIES * module.CUT_OFF_WAIT_S)
    scene.time.run(lambda: scene.time.sleep(60))  # nothing of it is left to other tests


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit, KeyboardInterrupt, Odd])
def test_f06_a_user_that_cannot_be_made_is_an_error_and_the_others_go_on(scene, kind):
    """What one user raises when it is made is its error, with its reason; others do all they do."""
    made = []

    class Second(unittest.TestCase):
        def __init__(self, name):
            super().__init__(name)
            made.append(self)
            if len(made) == 2:
                raise kind("login refused")

        def test_it(self):
            pass

    scene.pool = scene.pool_of(Second)
    scene.cycle(3, iterations=2)

    assert sorted(scene.notes.iterations) == [
        (1, 1, "SUCCESS"),
        (1, 2, "SUCCESS"),
        (2, 1, "ERROR"),
        (3, 1, "SUCCESS"),
        (3, 2, "SUCCESS"),
    ]
    assert scene.pool.active_users == 0


def test_f06_what_a_user_raises_when_it_leaves_is_an_error(scene):
    """What closing a user's session raises is an error beside its iterations, which count."""

    class Leaving(LoadgrpcCase):
        def test_it(self):
            pass

        def close_session(self):
            raise SystemExit("no way out")

    scene.pool = scene.pool_of(Leaving)
    scene.cycle(2, iterations=1)

    assert scene.notes.outcomes() == {"ERROR": 2, "SUCCESS": 2}
    assert scene.pool.active_users == 0


@pytest.mark.system
def test_f15_a_request_of_a_thread_is_cut_off_when_its_user_has_ended(server, answer):
    """What the server has got is a hit, also when a thread waits for it that nobody waits for."""
    waited = threading.Event()
    server.scripts["/"] = lambda *_: waited.wait(30) and answer()
    hits = patched_scene(
        f"""
        import os
        from loadgrpc.model import Cycle, Plan, Scenario
        from loadgrpc.runner.loader import LoadedTest
        from loadgrpc.runner.greenlets import Greenlets
        from loadgrpc.runner.pool import Pool
        from loadgrpc.case import TestCase
        class Notes:
            hits = []
            def iteration(self, **_):
                pass
            def hit(self, hit, user, iteration):
                self.hits.append((hit.name, hit.error.name))
        class Leaves(TestCase):
            def test_it(self):
                get = lambda: self.session.get({server.url("/")!r}, name="left")
                threading.Thread(target=get).start()
                threading.Thread(target=gevent.sleep, args=(30,)).start()
                gevent.sleep(0.3)
        pool = Pool(LoadedTest(Leaves, "test_it"), Notes(), SystemClock(), Greenlets())
        pool.run_cycle(Plan(scenarios=(Scenario(),)), Cycle(users=1, iterations=1), [1])
        print(json.dumps(Notes.hits), flush=True)
        os._exit(0)
        """
    )

    waited.set()
    assert hits == [["left", "ABORTED"]]
    assert len(server.requests) == 1


def test_gevent_has_not_patched_this_process():
    """What is tested here leaves the process of the tests alone."""
    import socket
    import threading

    assert socket.socket.__module__ == "socket"
    assert "gevent" not in threading.Thread.start.__module__
