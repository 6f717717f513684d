"""Thresholds that a test has itself: read from its source, and added to the plan."""

import pytest

from loadgrpc.cli.failure import Failure
from loadgrpc.cli.own_thresholds import of_test, with_own
from loadgrpc.cli.plan_file import spelled
from loadgrpc.model import Plan, Scenario
from loadgrpc.testing import plan_of

SHOP = """
from base import Base

class TestShop(Base):
    thresholds = ["p95(response) < 300ms", "rate(failed) < 1%"]
    def test_buy(self): ...

class TestCafe(Base):
    def test_eat(self): ...

class TestBar(Base):
    thresholds = LIMITS
    def test_drink(self): ...

class TestBad(Base):
    thresholds = ("p95(response) < 300",)
    def test_it(self): ...
"""
BASE = """
class Base:
    thresholds: list[str] = ["errors < 3"]
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with tests, which is the current one."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "base.py").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("test", "texts"),
    [
        ("shop.TestShop.test_buy", ["p95(response) < 300ms", "rate(failed) < 1%"]),
        ("shop.py::TestShop.test_buy", ["p95(response) < 300ms", "rate(failed) < 1%"]),
        ("shop.py::TestShop::test_buy", ["p95(response) < 300ms", "rate(failed) < 1%"]),
        ("shop.TestCafe.test_eat", ["errors < 3"]),
        ("shop.TestNone.test_it", []),
        ("installed.somewhere.TestIt.test_it", []),
    ],
)
def test_they_are_read_without_running_the_test(shop, test, texts):
    """Those of its class, or of a class that it derives from, wherever that is."""
    assert list(of_test(test, shop)) == texts


def test_they_are_added_to_those_of_the_plan(shop):
    """Each once; of several scenarios, about their own, as far as that can be."""
    plan = plan_of(test="shop.TestShop.test_buy", thresholds=("hits > 1", "rate(failed) < 1%"))
    assert with_own(plan).thresholds == ("hits > 1", "rate(failed) < 1%", "p95(response) < 300ms")
    several = Plan(
        scenarios=tuple(
            Scenario(name=name, test=test, iterations=(1,))
            for name, test in (
                ("buy", "shop.TestShop.test_buy"),
                ("eat, drink", "shop.TestCafe.test_eat"),
            )
        )
    )
    assert with_own(several).thresholds == (
        "p95(response{scenario=buy}) < 300ms",
        "rate(failed{scenario=buy}) < 1%",
        'errors{scenario="eat, drink"} < 3',
    )


def test_what_cannot_be_read_is_refused(shop):
    """Before the run begins, with the class that has it."""
    with pytest.raises(Failure, match=r"TestBar.thresholds has to be a list of texts"):
        of_test("shop.TestBar.test_drink", shop)
    with pytest.raises(Failure, match=r"TestBad.thresholds: a time needs a unit"):
        with_own(plan_of(test="shop.TestBad.test_it"))


def test_a_plan_file_has_them_under_either_name(tmp_path):
    """One as a text, several as a list."""
    assert spelled({"threshold": "hits > 1"}, tmp_path) == {"thresholds": ["hits > 1"]}
    assert spelled({"thresholds": ["hits > 1", "loss == 0"]}, tmp_path) == {
        "thresholds": ["hits > 1", "loss == 0"]
    }
