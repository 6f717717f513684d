"""The files that a test names in its source, found without running it: `self.data("users.csv")`.

Rule: what can be read from the source is checked before any user starts, and is what a client can
ship; a name that the test puts together while it runs is found when it is used. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

_METHOD = "data"


class NamedUse(NamedTuple):
    """A call of `self.data` whose arguments can be read."""

    line: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def uses(source: str, class_name: str = "", test: str = "") -> list[NamedUse]:
    """The calls in a module, or in a class of it, given its qualified name.

    `test`: of the methods that are tests, only this one. What is no Python names nothing.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    constants = dict(_constants(tree.body))
    found: list[NamedUse] = []
    for path, node in _classes(tree.body, ""):
        if class_name in {"", path}:
            known = constants | {f".{name}": value for name, value in _constants(node.body)}
            found += _of_class(node, known, test)
    return found


def _classes(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield f"{prefix}{node.name}", node
            yield from _classes(node.body, f"{prefix}{node.name}.")


def _constants(body: list[ast.stmt]) -> Iterator[tuple[str, Any]]:
    """Names that are given a constant."""
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                yield target.id, value.value


def _of_class(node: ast.ClassDef, known: dict[str, Any], test: str) -> Iterator[NamedUse]:
    for function in node.body:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if test and function.name.startswith("test") and function.name != test:
            continue
        arguments = [*function.args.posonlyargs, *function.args.args]
        if not arguments:
            continue
        me = arguments[0].arg
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _is_attribute(call.func, me, _METHOD):
                yield from _use(call, me, known)


def _is_attribute(node: ast.expr, me: str, name: str = "") -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == me
        and name in {"", node.attr}
    )


def _use(call: ast.Call, me: str, known: dict[str, Any]) -> Iterator[NamedUse]:
    """The use, if all of its arguments can be read."""
    try:
        args = tuple(_value(each, me, known) for each in call.args)
        kwargs = {str(each.arg): _value(each.value, me, known) for each in call.keywords}
    except LookupError:
        return
    yield NamedUse(call.lineno, args, kwargs)


def _value(node: ast.expr, me: str, known: dict[str, Any]) -> Any:
    """The value of an argument.

    Raises:
        LookupError: it is not known before the test runs.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Attribute) and _is_attribute(node, me):
        return known[f".{node.attr}"]
    raise LookupError
