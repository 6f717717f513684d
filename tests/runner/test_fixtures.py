"""Fixtures of classes and modules: as unittest runs them."""

import sys
import types
import unittest

import pytest

from loadgrpc.errors import TestNotLoaded
from loadgrpc.runner import fixtures

BODY = """
import unittest

def setUpModule():
    unittest.addModuleCleanup(log.append, "module cleanup")
    if broken.get("module cleanup"):
        unittest.addModuleCleanup(raise_, broken["module cleanup"])
    log.append("module up")
    if broken.get("module up"):
        raise broken["module up"]

def raise_(error):
    raise error

def tearDownModule():
    log.append("module down")
    if broken.get("module down"):
        raise broken["module down"]

class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(log.append, "class cleanup")
        log.append("class up")
        if broken.get("class up"):
            raise broken["class up"]
        return broken.get("returned")

    @classmethod
    def tearDownClass(cls):
        log.append("class down")

    def test_it(self):
        log.append("test")
"""

UP = ["module up", "class up"]
DOWN = ["class down", "class cleanup", "module down", "module cleanup"]


@pytest.fixture
def module(monkeypatch):
    """A module with a test case, what is to break in it, and a log of what ran."""
    module = types.ModuleType("exfixtures")
    module.log, module.broken = [], {}
    monkeypatch.setitem(sys.modules, "exfixtures", module)
    exec(compile(BODY, "exfixtures.py", "exec"), vars(module))  # noqa: S102 - ours
    return module


def by_unittest(module):
    """What unittest runs, in its order, and what it finds wrong."""
    result = unittest.TestResult()
    unittest.TestSuite([module.Case("test_it")]).run(result)
    log = list(module.log)
    module.log.clear()
    return [each for each in log if each != "test"], len(result.errors)


def by_us(module):
    """The same, here."""
    errors = []
    try:
        fixtures.set_up(module.Case)
    except TestNotLoaded as error:
        errors.append(error)
    else:
        fixtures.tear_down([module.Case], errors.append)
    return list(module.log), len(errors)


@pytest.mark.parametrize(
    "places",
    [
        [],
        ["module up"],
        ["class up"],
        ["module down"],
        ["module cleanup"],
        ["module down", "module cleanup"],
    ],
    ids=" and ".join,
)
def test_f10_fixtures_run_as_under_unittest(module, places):
    """The same fixtures in the same order, whichever of them raises, and as many errors."""
    module.broken.update({place: ValueError(place) for place in places})
    theirs = by_unittest(module)
    assert by_us(module) == theirs
    assert theirs[1] == len(places)
    if not places:
        assert theirs[0] == UP + DOWN


def test_f10_what_is_raised_before_the_users_start_is_told(module):
    """The sentence names the fixture and what it raised; no matter of which type."""
    module.broken["module up"] = SystemExit("no key")
    with pytest.raises(TestNotLoaded) as caught:
        fixtures.set_up(module.Case)
    assert str(caught.value) == "exfixtures.setUpModule raised SystemExit: no key"
    assert caught.value.cause == "SystemExit"


def test_f17_a_fixture_that_has_not_run_is_told(module):
    """SetUpClass that hands back a coroutine or the like has set up nothing."""
    module.broken["returned"] = iter(())
    with pytest.raises(TestNotLoaded, match="returned a generator that nobody iterates"):
        fixtures.set_up(module.Case)
