"""What a signature of a plan is of: everything that decides what code an agent runs for it.

    loadgrpc signature 1<NUL>
    bundle=SHA256<NUL>             RunSpec.bundle
    test_dir=TEXT<NUL>             RunSpec.test_dir
    python_dep=TEXT<NUL>           RunSpec.python_deps, each, in their order
    env=NAME=VALUE<NUL>            RunSpec.env, each, by name
    test_runner=TEXT<NUL>          of the scenario
    test=TEXT<NUL>                 of the scenario: `test`, or each of `tests`, in their order

Rule: each scenario is signed by itself, because an agent gets each by itself. What is empty is left
out; values are in UTF-8, and have no NUL in them, which `protocol/bounds.py` sees to. Load,
parameters, cases and the server's URL are data, and not signed: the same code may be run with
others. What signs, and whom an agent trusts, is in `certs/signing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from loadgrpc.certs.signing import SigningKey
from loadgrpc.model import Plan, Scenario

HEAD: Final = "loadgrpc signature 1"
"""Nothing else that is signed with the same key begins like this."""
_NUL: Final = "\0"


def statement(plan: Plan, scenario: Scenario) -> bytes:
    """What is signed of a scenario of a plan."""
    return "".join(f"{each}{_NUL}" for each in _items(plan, scenario)).encode()


def signed(plan: Plan, key: SigningKey) -> Plan:
    """A plan with a signature of each of its scenarios that agents start; others' are dropped.

    A plan that is changed afterwards, in what is signed, has to be signed again.
    """
    statements = {
        statement(plan, scenario): None for scenario in plan.scenarios if not scenario.by_hand
    }
    return replace(plan, signatures=tuple(key.sign(each) for each in statements))


def _items(plan: Plan, scenario: Scenario) -> Iterator[str]:
    yield HEAD
    tests = [scenario.test] if not scenario.tests else [each.test for each in scenario.tests]
    values = (
        ("bundle", [plan.bundle]),
        ("test_dir", [plan.test_dir]),
        ("python_dep", plan.python_deps),
        ("env", [f"{name}={value}" for name, value in sorted(plan.env)]),
        ("test_runner", [scenario.test_runner]),
        ("test", tests),
    )
    for name, texts in values:
        yield from (f"{name}={text}" for text in texts if text)
