"""The thresholds that tests have themselves: the attribute `thresholds` of their classes.

Rule: nothing is run: they are read from the source, and so have to be written out in it. Those of
a test that is one of several scenarios are about its scenario.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadgrpc.bundle import imports
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.model import Plan, Scenario

ATTRIBUTE: Final = "thresholds"
MAX_DEPTH: Final = 20
"""Base classes of base classes that are looked at."""


def with_own(plan: Plan) -> Plan:
    """The plan with the thresholds of its tests, after those that it has.

    Raises:
        Failure: a test has some that cannot be read.
    """
    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415 - protobuf is heavy
    from loadgrpc.protocol.plans import plan_from_proto, plan_to_proto  # noqa: PLC0415

    found = list(plan.thresholds)
    for scenario in plan.scenarios:
        if not scenario.test_runner and not scenario.by_hand:
            found += _of_scenario(scenario)
    thresholds = tuple(dict.fromkeys(found))
    if thresholds == plan.thresholds:
        return plan
    try:
        return plan_from_proto(plan_to_proto(replace(plan, thresholds=thresholds)))
    except InvalidRequest as error:
        raise Failure(f"the tests have thresholds that are refused: {error}") from error


def _of_scenario(scenario: Scenario) -> Iterator[str]:
    from loadgrpc.judge.cursor import BadThreshold  # noqa: PLC0415 - reads windows
    from loadgrpc.judge.grammar import parse  # noqa: PLC0415 - reads windows
    from loadgrpc.judge.within import within  # noqa: PLC0415

    try:
        folder = Path.cwd()
    except FileNotFoundError:  # it is gone: what has to load the test says so
        return
    for text in of_test(scenario.test, folder):
        try:
            threshold = parse(text)
        except BadThreshold as error:
            message = f"{_class_of(scenario.test)}.{ATTRIBUTE}: {error}"
            raise Failure(message) from error
        yield within(threshold, scenario.name)


def of_test(test: str, folder: Path) -> Sequence[str]:
    """The thresholds that the class of a test has, or inherits, as its source says.

    Raises:
        Failure: they are not written out.
    """
    files = imports.files_of(test, folder)
    if files.own is None:
        return ()  # it is installed: nothing is known of it here
    order = [files.own, *(path for path in files.all if path != files.own)]
    classes: dict[str, ast.ClassDef] = {}
    for path in order:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, node)
    todo, seen = [_class_of(test)], 0
    while todo and seen < MAX_DEPTH:
        seen += 1
        found = classes.get(todo.pop(0))
        if found is None:
            continue
        if (value := _value(found)) is not None:
            return _texts(value, found.name)
        todo += [getattr(base, "attr", getattr(base, "id", "")) for base in found.bases]
    return ()


def _class_of(test: str) -> str:
    """The name of the class that a test is a method of."""
    inside = test.rpartition("::")[2] if test.count("::") == 1 else test
    return inside.replace("::", ".").split(".")[-2]


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])  # whoever runs it says what is wrong with it


def _value(node: ast.ClassDef) -> ast.expr | None:
    """What is assigned to the attribute in the body of a class."""
    found = None
    for each in node.body:
        if isinstance(each, ast.Assign):
            names = [getattr(target, "id", "") for target in each.targets]
            found = each.value if ATTRIBUTE in names else found
        elif isinstance(each, ast.AnnAssign) and getattr(each.target, "id", "") == ATTRIBUTE:
            found = each.value
    return found


def _texts(value: ast.expr, owner: str) -> Sequence[str]:
    try:
        texts = ast.literal_eval(value)
    except ValueError:
        texts = None
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list | tuple) or not all(isinstance(each, str) for each in texts):
        raise Failure(
            f"{owner}.{ATTRIBUTE} has to be a list of texts that are written out, such as"
            f" {ATTRIBUTE} = ['p95(response) < 300ms']: it is read without running the test"
        )
    return texts
