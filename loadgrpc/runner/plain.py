"""Whether a test case is run the way unittest runs it, or has a way of its own.

Rule: code that overrides a part of how a case is run, or replaces it in unittest itself, gets
what it asked for; only what nobody has touched may be done in another way.
"""

from __future__ import annotations

import types
import unittest
from typing import Final

from loadgrpc.runner.testcase import TestCase

_OWN: Final = frozenset({"__init__", "setUp", "tearDown"})
"""What a test case is there to override; assertions, too."""
_MACHINERY: Final = {
    name: (method, vars(TestCase).get(name, method))
    for name, method in vars(unittest.TestCase).items()
    if isinstance(method, types.FunctionType) and name not in _OWN and not name.startswith("assert")
}
"""How unittest runs a case, as it was before any test could replace something of it."""


def is_run_plainly(case_class: type[unittest.TestCase]) -> bool:
    """Whether a class leaves everything of how unittest runs its cases as it is."""
    replaced = vars(unittest.TestCase)
    return all(
        getattr(case_class, name, None) in as_it_was and replaced.get(name) is as_it_was[0]
        for name, as_it_was in _MACHINERY.items()
    )


def is_run_by_the_library(case_class: type[unittest.TestCase]) -> bool:
    """Whether a class leaves it to unittest, or to its IsolatedAsyncioTestCase, at least."""
    ours = ("unittest.case", "unittest.async_case", TestCase.__module__)
    return all(
        getattr(getattr(case_class, name, None), "__module__", None) in ours for name in _MACHINERY
    )


def is_plain(case: unittest.TestCase, method: str) -> bool:
    """Whether a case does, too, and is neither skipped nor expected to fail."""
    marks = ("__unittest_skip__", "__unittest_expecting_failure__")
    return (
        is_run_plainly(type(case))
        and vars(case).keys().isdisjoint(_MACHINERY)
        and case._testMethodName == method  # noqa: SLF001 - what unittest goes by
        and not any(
            getattr(on, mark, False) for on in (case, getattr(case, method)) for mark in marks
        )
    )
