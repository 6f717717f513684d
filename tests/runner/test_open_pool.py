"""Arrivals in one process: when they start, who runs them, and what is counted of them."""

import unittest

import gevent
import pytest

from loadgrpc.model import Cycle, LatePolicy, Load, LoadChange, LoadChangeKind, LoadUnit
from loadgrpc.runner.greenlets import Greenlets
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.open_pool import OpenPool
from loadgrpc.runner.share import LoadShare
from loadgrpc.stats.arrivals import Stripe
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import NS_PER_S, plan_of

from .test_pool import Hourglass


class Notes:
    """A recorder that keeps what it is given."""

    def __init__(self, began_ns):
        self.began_ns = began_ns
        self.iterations = []
        self.seconds = []

    def iteration(self, *, user, start_ns, delay_ns=0, **_):
        started = (start_ns - self.began_ns) / NS_PER_S
        self.iterations.append((user, round(started, 6), round(delay_ns / NS_PER_S, 6)))

    def arrivals(self, state, time_ns):
        self.seconds.append(state)


class Scene:
    """An open load on a server that takes some time for each answer."""

    def __init__(self, text, *, takes=lambda at: 0.001, most=100, **share):
        self.time = Hourglass()
        clock = self.time.clock
        self.notes = Notes(clock.wall_ns())
        scene = self

        class Case(unittest.TestCase):
            def test_it(self):
                scene.in_flight += 1
                scene.most = max(scene.most, scene.in_flight)
                scene.time.sleep(scene.takes(scene.time.since()))
                scene.in_flight -= 1

        self.takes = takes
        self.in_flight = self.most = 0
        self.pool = OpenPool(
            LoadedTest(Case, "test_it"), self.notes, clock, Greenlets(self.time.wait)
        )
        self.load = stages(text)
        self.pool.follow(LoadShare(load=self.load, **({"stripe": Stripe()} | share)))
        self.users = range(1, most + 1)

    def run(self, *, stop_timeout_s=30.0, also=lambda: None):
        plan = plan_of(load=self.load, users=(len(self.users),), stop_timeout_s=stop_timeout_s)

        def work():
            gevent.spawn(also)
            self.pool.run_cycle(plan, Cycle(users=len(self.users)), self.users)
            self.pool.report(all_of_it=True)

        self.time.run(work)
        return self

    @property
    def starts(self):
        return sorted(at for _, at, _ in self.notes.iterations)

    def counted(self):
        """Planned, started, dropped, and what waits at the end."""
        seconds = self.notes.seconds
        names = ("planned", "started", "dropped")
        sums = [sum(getattr(state, name) for state in seconds) for name in names]
        return (*sums, seconds[-1].waiting)

    def check_the_law(self):
        """What waits at the end of each second follows from its beginning."""
        waiting = 0
        for state in self.notes.seconds:
            waiting += state.planned - state.started - state.dropped
            assert state.waiting == waiting


def test_iterations_start_when_they_are_planned():
    """Whatever the answers take, the nth starts after n/10 s, and nobody is late."""
    scene = Scene("10/s for 2s", takes=lambda _: 0.35).run()

    assert scene.starts == pytest.approx([n / 10 for n in range(20)])
    assert {delay for *_, delay in scene.notes.iterations} == {0}
    assert scene.counted() == (20, 20, 0, 0)
    assert scene.most == 4
    scene.check_the_law()


def test_users_are_as_many_as_are_needed():
    """A free user runs the next iteration; numbers count from 1, and each is one user's."""
    scene = Scene("10/s for 2s", takes=lambda _: 0.35).run()

    assert {user for user, *_ in scene.notes.iterations} == {1, 2, 3, 4}
    assert scene.notes.seconds[-1].users == 4


def test_a_stall_is_seen_by_all_that_arrive_in_it():
    """Arrivals go on while the server stands still: users are added, up to their most."""

    def stall(at):
        return 0.01 if not 1 <= at < 2 else 2.01 - at

    scene = Scene("20/s for 3s", takes=stall).run()

    assert scene.starts == pytest.approx([n / 20 for n in range(60)])
    assert scene.most == 21  # those of the second, and the one at its end
    scene.check_the_law()


def test_who_is_late_starts_when_a_user_is_free():
    """With one user and answers twice as slow as arrivals, each is later than the one before."""
    scene = Scene("10/s for 1s", takes=lambda _: 0.2, most=1).run()

    assert scene.starts == pytest.approx([n / 5 for n in range(10)])
    assert [delay for *_, delay in scene.notes.iterations] == pytest.approx(
        [n / 10 for n in range(10)]
    )
    assert scene.counted() == (10, 10, 0, 0)
    assert scene.notes.seconds[0].waiting == 5
    scene.check_the_law()


def test_who_is_late_may_be_dropped():
    """What is dropped never starts, and is counted; what starts is on time."""
    scene = Scene("10/s for 1s", takes=lambda _: 0.2, most=1, late=LatePolicy.DROP).run()

    assert scene.counted() == (10, 5, 5, 0)
    assert {delay for *_, delay in scene.notes.iterations} == {0}
    scene.check_the_law()


def test_a_process_that_is_held_up_makes_no_more_users():
    """What comes late because a test computes for half a second waits for the users there are."""
    scene = Scene("20/s for 2s", takes=lambda _: 0.001)
    computed = []

    def compute(at):
        if not computed and at > 0.5:
            computed.append(at)
            scene.time.clock.advance(0.5)
        return 0.001

    scene.takes = compute
    scene.run()

    assert computed
    assert scene.counted() == (40, 40, 0, 0)
    assert len({user for user, *_ in scene.notes.iterations}) <= 2
    scene.check_the_law()


def test_after_a_stop_nothing_starts():
    """What waited is counted as waiting, and nothing of the rest of the plan as planned."""
    scene = Scene("10/s for 10s", takes=lambda _: 1.0, most=1)

    def stop():
        scene.time.sleep(2.05)
        scene.pool.stop(5.0)

    scene.run(also=stop)

    planned, started, dropped, waiting = scene.counted()
    assert (planned, started, dropped, waiting) == (21, 3, 0, 18)
    scene.check_the_law()


def test_what_waits_at_the_end_has_the_stop_timeout():
    """Users finish what waits for that long; what then has not started is counted as waiting."""
    scene = Scene("10/s for 1s", takes=lambda _: 1.0, most=1).run(stop_timeout_s=2.5)

    planned, started, _, waiting = scene.counted()
    assert planned == 10
    assert started + waiting == 10
    assert 3 <= started <= 5
    scene.check_the_law()


def test_each_process_has_its_stripe():
    """Three processes with two users each start what one would."""
    found = []
    for process in range(3):
        scene = Scene("30/s for 1s", stripe=Stripe().of(process, 3), process=process + 1).run()
        found += scene.starts

    assert sorted(found) == pytest.approx([n / 30 for n in range(30)], abs=1e-6)


def test_a_live_change_moves_what_is_left():
    """From its moment on arrivals are at the new rate; none is lost or repeated."""
    scene = Scene("10/s for 4s")

    def change():
        scene.time.sleep(0.5)
        scene.pool.change([LoadChange(1.0, LoadChangeKind.LEVEL, 2.0)])

    scene.run(also=change)

    assert scene.starts == pytest.approx([n / 10 for n in range(10)] + [1.0, 1.5, 2, 2.5, 3, 3.5])
    assert scene.counted() == (16, 16, 0, 0)


def test_a_change_that_comes_while_another_is_applied_counts():
    """Users may be threads, and changes come at any moment: none is lost."""
    scene = Scene("10/s for 3s")
    first, second = (LoadChange(at_s, LoadChangeKind.LEVEL, 2.0 * at_s) for at_s in (1.0, 2.0))

    class Restless(LoadShare):
        def line(self, changes):
            line = super().line(changes)
            if len(changes) < 2:
                scene.pool.change([first, second][: len(changes) + 1])
            return line

    scene.pool.follow(Restless(load=scene.load, stripe=Stripe()))
    scene.run()

    assert scene.starts == pytest.approx(
        [n / 10 for n in range(10)] + [1.0, 1.5, 2.0, 2.25, 2.5, 2.75]
    )


def test_a_paused_load_waits_for_its_end():
    """Nothing starts while it is paused; what is left starts when it goes on."""
    scene = Scene("10/s for 2s")

    def change():
        scene.time.sleep(0.5)
        pause = LoadChange(1.0, LoadChangeKind.PAUSE)
        scene.pool.change([pause])
        scene.time.sleep(5)
        scene.pool.change([pause, LoadChange(6.0, LoadChangeKind.RESUME)])

    scene.run(also=change)

    assert scene.starts == pytest.approx(
        [n / 10 for n in range(10)] + [6 + n / 10 for n in range(10)]
    )
    scene.check_the_law()


def test_an_error_outside_of_iterations_ends_one_user():
    """Another takes its place, with a number of its own."""
    scene = Scene("10/s for 1s")
    real = scene.pool._made
    made = []

    def faulty(plan, number, slot):
        made.append(number)
        if number == 1:
            raise RuntimeError("no session")
        return real(plan, number, slot)

    scene.pool._made = faulty
    scene.run()

    assert made[:2] == [1, 2]
    assert len(made) == len(set(made))


def test_units():
    """An open load is one of arrivals."""
    assert Load(LoadUnit.ARRIVALS, ()).is_open
