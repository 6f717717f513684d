"""The extras of a test case, imported before its users begin.

Rule: to import one takes a fifth of a second, in which no user of the process runs. What a test
uses is found by the names in its code; that it has a name does not mean that it needs the extra,
so one that is missing is an error only where it is used.
"""

from __future__ import annotations

import importlib
import inspect
import unittest
from collections.abc import Iterator
from contextlib import suppress
from types import CodeType
from typing import Final

from loadgrpc.runner.testcase import TestCase

_MODULES: Final = {
    "app": "loadgrpc.runner.http.webtest_app",
    "create_ws": "loadgrpc.runner.websocket.user_sockets",
}
"""What is imported when an attribute of a test case is first used."""


def import_used(case_class: type[unittest.TestCase]) -> None:
    """Imports the extras that a test seems to use."""
    if not issubclass(case_class, TestCase):
        return
    names = set[str]()
    for kind in case_class.__mro__:
        if kind is TestCase:
            break
        for member in vars(kind).values():
            function = inspect.unwrap(member) if callable(member) else member
            code = getattr(function, "__code__", None)
            if isinstance(code, CodeType):
                names.update(_names(code))
    for name, module in _MODULES.items():
        if name in names:
            with suppress(ImportError):  # raised again where it is used
                importlib.import_module(module)


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function uses, and those in it."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
