"""Runners that break a rule are found, by the rule; one that keeps them all is not."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from loadgrpc.conformance.examination import examine
from loadgrpc.conformance.rules import BY_NUMBER, RULES
from loadgrpc.conformance.stage import Setting

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("conformance_faults", HERE / "faults.py")
faults = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = faults
spec.loader.exec_module(faults)

RUNNER = [sys.executable, str(HERE / "runner.py")]
AT_ONCE = 8
pytestmark = pytest.mark.timeout(300)  # all faults are examined before the first is looked at

SETTING = Setting(timeout_s=20.0)


async def examine_faults():
    """A report of each fault, in the case in which it shows.

    What a busy machine holds up breaks rules about time: whoever broke another rule than expected
    is examined once more, with no other beside it.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(name, fault):
        async with turns:
            command = [*RUNNER, "--break", name, "{test}"]
            return name, await examine(command, SETTING, cases=[fault.case])

    found = dict(await asyncio.gather(*(one(*each) for each in faults.FAULTS.items())))
    for name, fault in faults.FAULTS.items():
        if found[name].broken != list(fault.rules):
            found |= [await one(name, fault)]
    return found


@pytest.fixture(scope="module")
def reports():
    """What the kit says of each fault; they are examined side by side."""
    return asyncio.run(examine_faults())


@pytest.mark.system
@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_fault_is_named(name, reports):
    """A runner with a fault breaks the rules that it breaks, and no other."""
    assert reports[name].broken == list(faults.FAULTS[name].rules), "\n".join(
        f"{result.rule.number} {result.finding.words}" for result in reports[name].results
    )


def test_every_rule_has_a_fault():
    """For each rule there is a runner that breaks it and, first of all, it."""
    assert {fault.rules[0] for fault in faults.FAULTS.values()} == BY_NUMBER.keys()


@pytest.mark.system
@pytest.mark.parametrize("one_user", [False, True])
def test_a_runner_that_is_right_breaks_nothing(one_user):
    """A runner without a fault keeps every rule there is in its mode."""
    setting = Setting(one_user=one_user, timeout_s=30.0)
    report = asyncio.run(examine([*RUNNER, "{test}"], setting, jobs=8))

    assert report.broken == []
    assert report.conforms
    assert len(report.results) == len(RULES)
