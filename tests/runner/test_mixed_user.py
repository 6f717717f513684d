"""A user of several tests: one instance of each class, and each iteration under its own name."""

import unittest
from collections import Counter
from typing import ClassVar

import pytest

from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.case import cases, constant
from loadgrpc.clock import SystemClock
from loadgrpc.design.case import Case
from loadgrpc.model import Cycle
from loadgrpc.model import TestOrder as Order
from loadgrpc.protocol.batches import decode
from loadgrpc.runner.greenlets import Greenlets
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.mix import Mix
from loadgrpc.runner.mixed_user import LoadedMix, MixedUser
from loadgrpc.runner.pool import Pool
from loadgrpc.runner.recorder import Recorder
from loadgrpc.testing import plan_of
from loadgrpc.v1 import runner_pb2


class Shop(LoadgrpcCase):
    """Tests that have something in common."""

    __test__ = False  # for pytest
    think = constant(0)
    log: ClassVar[list] = []

    def setUp(self):
        """Notes who runs."""
        self.log.append((id(self), self._testMethodName, id(self.session)))

    def test_browse(self):
        """Passes."""

    def test_buy(self):
        """Fails."""
        self.fail("sold out")

    def returns(self):
        """Runs nothing."""
        return (each for each in ())

    @cases([Case(name="r1", rule="r1", values={"n": 1}, expected={}, weight=1)])
    def test_fed(self):
        """Has a case."""
        assert self.case["n"] == 1


class Plain(unittest.TestCase):
    """A test of a class that knows nothing of loads."""

    __test__ = False  # for pytest

    def test_it(self):
        """Passes."""

    @unittest.expectedFailure
    def test_fails(self):
        """Fails, as it should."""
        raise AssertionError


def mix(*tests, weights=None, order=Order.SEQUENTIAL):
    """Tests of a scenario."""
    loaded = tuple(
        LoadedTest(kind, method, f"shop.{kind.__name__}.{method}") for kind, method in tests
    )
    return LoadedMix(loaded, Mix(weights or [1] * len(tests), order, 1))


@pytest.fixture
def recorder():
    """A recorder of a scenario."""
    return Recorder(SystemClock(), "all")


@pytest.fixture
def user_of(recorder):
    """Makes a user."""
    Shop.log.clear()
    return lambda *tests: MixedUser(*mix(*tests), recorder, SystemClock(), 1, plan_of())


def recorded(recorder):
    """What was recorded of iterations, as a broker reads it."""
    found = []
    for frame in recorder.take(1 << 20):
        for block in decode(
            runner_pb2.EventBatch.FromString(frame.payload), arrival_ns=1
        ).iterations:
            case = block.case if block.case is not None else [0] * len(block.label)
            for label, of in zip(block.label, case, strict=True):
                name = block.labels[label]
                found.append((name.test, name.outcome.name, block.cases[of - 1] if of else ""))
    return found


def test_iterations_are_recorded_under_the_name_of_their_test(user_of, recorder):
    """With what came of each of them."""
    user = user_of((Shop, "test_browse"), (Shop, "test_buy"), (Plain, "test_it"))
    for at in range(1, 5):
        user.run_iteration(at)

    assert recorded(recorder) == [
        ("shop.Shop.test_browse", "SUCCESS", ""),
        ("shop.Shop.test_buy", "FAILURE", ""),
        ("shop.Plain.test_it", "SUCCESS", ""),
        ("shop.Shop.test_browse", "SUCCESS", ""),
    ]


def test_tests_of_a_class_share_an_instance_and_its_session(user_of):
    """Unittest's name of the method is that of the test which is called."""
    user = user_of((Shop, "test_browse"), (Shop, "test_buy"))
    for at in (1, 2, 3):
        user.run_iteration(at)

    assert [name for _, name, _ in Shop.log] == ["test_browse", "test_buy", "test_browse"]
    assert len({(instance, session) for instance, _, session in Shop.log}) == 1


def test_each_test_is_run_in_its_way(user_of, recorder):
    """One that unittest runs, one that returns what has not run, one with cases: as if alone."""
    user = user_of(
        (Plain, "test_fails"), (Shop, "returns"), (Shop, "test_fed"), (Shop, "test_browse")
    )
    for at in range(1, 5):
        user.run_iteration(at)

    assert [(outcome, case) for _, outcome, case in recorded(recorder)] == [
        ("SUCCESS", ""),
        ("ERROR", ""),
        ("SUCCESS", "r1"),
        ("SUCCESS", ""),
    ]


def test_users_of_a_pool_have_the_shares(recorder):
    """Ten users with one iteration each, as a run has them."""
    test = mix((Shop, "test_browse"), (Shop, "test_buy"), weights=[8, 2], order=Order.WEIGHTED)
    contexts = {}

    def context(_, user):
        from loadgrpc.runner.context import LoadStatus, UserContext

        return contexts.setdefault(user, UserContext(LoadStatus(user=user, user_index=user - 1)))

    pool = Pool(test, recorder, SystemClock(), Greenlets(), context=context)
    pool.run_cycle(plan_of(), Cycle(users=10, iterations=1), range(1, 11))

    assert Counter(name for name, _, _ in recorded(recorder)) == {
        "shop.Shop.test_browse": 8,
        "shop.Shop.test_buy": 2,
    }


def test_the_test_that_is_interrupted_is_the_one_that_ran(user_of, recorder):
    """A user that is abandoned records its iteration under its name, once."""

    class Stays(LoadgrpcCase):
        def test_stays(self):
            user.abandon()
            raise CutOff

    user = user_of((Shop, "test_browse"), (Stays, "test_stays"))
    user.run_iteration(1)
    with pytest.raises(CutOff):
        user.run_iteration(2)

    assert recorded(recorder)[-1] == ("shop.Stays.test_stays", "INTERRUPTED", "")
    assert len(Shop.log) == 1


def test_what_one_instance_raises_when_it_closes_keeps_no_other_open(user_of):
    """All are closed, and then it is raised."""
    closed = []

    class Broken(LoadgrpcCase):
        def test_it(self):
            pass

        def close_session(self):
            closed.append("broken")
            raise ValueError("no way out")

    class Fine(LoadgrpcCase):
        def test_it(self):
            pass

        def close_session(self):
            closed.append("fine")

    user = user_of((Broken, "test_it"), (Fine, "test_it"))
    with pytest.raises(ValueError, match="no way out"):
        user.close()
    assert closed == ["broken", "fine"]


def test_each_class_sets_up_its_instance(recorder):
    """In order; the last goes down first. One that fails keeps those after it from it."""
    log = []

    def kind(name, *, fails=False):
        def up(_):
            log.append(f"up {name}")
            if fails:
                raise AssertionError("refused")

        methods = {"setUpUser": up, "tearDownUser": lambda _: log.append(f"down {name}")}
        return type(name, (LoadgrpcCase,), {**methods, "test_it": lambda _: None})

    def user(*kinds):
        tests = mix(*((each, "test_it") for each in kinds))
        return MixedUser(*tests, recorder, SystemClock(), 1, plan_of())

    whole = user(kind("A"), kind("B"))
    assert whole.set_up()
    whole.tear_down()
    assert log == ["up A", "up B", "down B", "down A"]
    assert not user(kind("C", fails=True), kind("D")).set_up()
    assert log[4:] == ["up C"]
