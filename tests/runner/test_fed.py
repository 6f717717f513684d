"""A plan's cases feed tests of the Python runner, whatever the test says itself."""

import pytest

from loadgrpc.case import TestCase, cases
from loadgrpc.clock import SystemClock
from loadgrpc.design import Case
from loadgrpc.model import FedCase, FedCases
from loadgrpc.protocol.batches import decode
from loadgrpc.runner.context import ProcessContext
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.user import VirtualUser
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import runner_pb2

FED = FedCases(
    cases=(
        FedCase(name="a#1", rule="a", values=(("n", 1),), expected=(("ok", True),)),
        FedCase(name="b#1", rule="b", values=(("n", 2),)),
    )
)


class Bare(TestCase):
    """Says nothing of cases itself."""

    __test__ = False  # users run it

    def test_it(self):
        self.met.append((self.case.rule, self.case["n"], self.expected["ok"]))


class Own(Bare):
    """Names other cases, for those who run it without a plan."""

    @cases([Case("own", "own", {"n": 9}, {"ok": None})])
    def test_it(self):
        super().test_it()


@pytest.mark.parametrize("case_class", [Bare, Own])
def test_a_user_gets_the_cases_of_the_plan(case_class):
    """Each iteration the next; its events name the rule; an action that is not expected is None."""
    case_class.met = []
    assignment = assignment_of(test="a.B.c", users=(1,), iterations=(3,), cases=FED)
    recorder = Recorder(SystemClock(), "t")
    recorder.begin_cycle(1, 1, 3)
    context = ProcessContext(assignment).of_user(1, 1)
    user = VirtualUser(case_class, "test_it", recorder, SystemClock(), 1, context=context)
    for iteration in (1, 2, 3):
        assert user.run_iteration(iteration).name == "SUCCESS"

    assert case_class.met == [("a", 1, True), ("b", 2, None), ("a", 1, True)]
    batch = runner_pb2.EventBatch()
    for piece in recorder.take(1 << 20):
        batch.MergeFromString(piece.payload)
    (block,) = decode(batch, arrival_ns=10**18).iterations
    assert [block.cases[at - 1] for at in block.case.tolist()] == ["a", "b", "a"]
