"""Users that come and go as the level of their load does."""

import unittest

import gevent

from loadgrpc.model import Cycle, LoadChange, LoadChangeKind
from loadgrpc.runner.greenlets import Greenlets
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.share import LoadShare
from loadgrpc.runner.staged_pool import StagedPool
from loadgrpc.stats.arrivals import Stripe
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import plan_of

from .test_pool import Hourglass, Notes

WHOLE = Stripe()


class Scene:
    """A load of users, each of whose iterations takes some time."""

    def __init__(self, text, *, takes=0.01, stripe=WHOLE, first=1, step=1, places=100):
        self.time = Hourglass()
        self.notes = Notes()
        self.in_flight = 0
        self.seen = {}
        scene = self

        class Case(unittest.TestCase):
            def test_it(self):
                scene.in_flight += 1
                scene.time.sleep(takes)
                scene.in_flight -= 1

        self.pool = StagedPool(
            LoadedTest(Case, "test_it"), self.notes, self.time.clock, Greenlets(self.time.wait)
        )
        self.load = stages(text)
        self.pool.follow(LoadShare(load=self.load, stripe=stripe))
        self.users = range(first, places + 1, step)

    def run(self, *, look_at=(), also=lambda: None, **plan):
        def look():
            for at in look_at:
                self.time.sleep(at - self.time.since())
                self.seen[at] = self.pool.active_users

        def work():
            gevent.spawn(look)
            gevent.spawn(also)
            self.pool.run_cycle(plan_of(load=self.load, **plan), Cycle(users=1), self.users)

        self.time.run(work)
        return self

    @property
    def numbers(self):
        """The users that iterations name, each once, in the order of their first."""
        return list(dict.fromkeys(user for user, *_ in self.notes.iterations))


def test_users_follow_the_level():
    """They rise to the highest level and fall from it, within a tenth of a second."""
    scene = Scene("ramp 0..50 users in 5s; hold 2s; ramp to 10 users in 4s; hold 1s")
    scene.run(look_at=[1.1, 2.6, 6, 9.1, 11.5])

    assert scene.seen[6] == 50
    assert scene.seen[11.5] == 10
    assert abs(scene.seen[1.1] - 11) <= 2
    assert abs(scene.seen[2.6] - 26) <= 2
    assert abs(scene.seen[9.1] - 29) <= 2
    assert scene.pool.active_users == 0
    assert sorted(scene.numbers) == list(range(1, 51))


def test_users_that_go_finish_their_iteration():
    """No iteration is cut off on the way down, or at the end."""
    scene = Scene("5 users for 1s; 2 users for 1s", takes=0.4)
    scene.run()

    assert {outcome for *_, outcome in scene.notes.iterations} == {"SUCCESS"}
    assert scene.time.since() <= 2.5


def test_numbers_are_never_those_of_another_user():
    """Who comes after others have gone is a new user, with a new number."""
    scene = Scene("4 users for 1s; 1 user for 1s; 4 users for 1s")
    scene.run()

    assert sorted(scene.numbers) == [1, 2, 3, 4, 5, 6, 7]
    iterations = [(user, number) for user, number, _ in scene.notes.iterations]
    assert len(iterations) == len(set(iterations))


def test_who_is_about_to_go_stays_when_the_level_rises_again():
    """Its place is taken: it goes on as the user that it is."""
    scene = Scene("2 users for 1s; 1 user for 200ms; 2 users for 1s", takes=0.7)
    scene.run()

    assert scene.numbers == [1, 2]


def test_processes_share_the_users():
    """Three processes together have those of the level, with numbers of their own each."""
    found = {}
    for process in range(3):
        stripe = Stripe().of(process, 3)
        scene = Scene("7 users for 1s; 2 users for 1s", stripe=stripe, first=process + 1, step=3)
        scene.run(look_at=[0.5, 1.5])
        found[process] = (scene.seen[0.5], scene.seen[1.5], scene.numbers)

    assert [sum(each[at] for each in found.values()) for at in (0, 1)] == [7, 2]
    assert sorted(user for *_, users in found.values() for user in users) == list(range(1, 8))


def test_a_live_change_holds_from_its_moment():
    """Users come or go then, beyond the highest level of the plan, too."""
    scene = Scene("3 users for 4s")

    def change():
        scene.pool.change([LoadChange(1.0, LoadChangeKind.LEVEL, 8.0)])
        scene.time.sleep(1.5)
        scene.pool.change(
            [LoadChange(1.0, LoadChangeKind.LEVEL, 8.0), LoadChange(2.0, LoadChangeKind.FACTOR, 2)]
        )

    scene.run(look_at=[0.9, 1.2, 2.3], also=change)

    assert scene.seen == {0.9: 3, 1.2: 8, 2.3: 6}


def test_a_change_that_comes_while_another_is_applied_counts():
    """Users may be threads, and changes come at any moment: none is lost."""
    scene = Scene("3 users for 3s")
    first, second = (LoadChange(at_s, LoadChangeKind.LEVEL, 4.0 * at_s) for at_s in (1.0, 2.0))

    class Restless(LoadShare):
        def line(self, changes):
            line = super().line(changes)
            if len(changes) < 2:
                scene.pool.change([first, second][: len(changes) + 1])
            return line

    scene.pool.follow(Restless(load=scene.load, stripe=WHOLE))
    scene.run(look_at=[0.9, 1.2, 2.3])

    assert scene.seen == {0.9: 3, 1.2: 4, 2.3: 8}


def test_a_stop_ends_it():
    """Users finish their iteration, and none comes."""
    scene = Scene("3 users for 1h", takes=0.3)

    def stop():
        scene.time.sleep(1.0)
        scene.pool.stop(1.0)

    scene.run(also=stop)

    assert scene.time.since() < 1.5
    assert scene.pool.active_users == 0
