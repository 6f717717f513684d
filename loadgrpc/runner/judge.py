"""Judges an iteration: its outcome, and what counts towards it.

Rule: the first thing that goes wrong is the outcome; anything later, such as in tearDown, follows
from it. An exception of the test is its outcome, whatever its type, with one exception: CutOff,
by which users are cut off, propagates to its sender. If a test returns something that still has
to be run, it has not run.
"""

# ruff: noqa: N802, D102  # the names of a TestResult are unittest's, and what they mean
from __future__ import annotations

import functools
import types
import unittest
from collections.abc import Callable
from typing import Any, Final

from greenlet import GreenletExit

from loadgrpc.model import ExceptionInfo, TestOutcome
from loadgrpc.runner.data.feeds import UserIsDone
from loadgrpc.runner.exception_text import exception_info, message

_FUNCTIONS: Final = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    functools.partial,
)


class CutOff(GreenletExit):  # type: ignore[misc]  # it has no types
    """Thrown into a user whose time is over."""


class Judge(unittest.TestResult):
    """Keeps the outcome of one iteration, and nothing of the iterations before.

    Mirrors no output. Its lists (`errors`, `failures`), which a tearDown may look at, are of
    this iteration.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outcome = TestOutcome.SUCCESS
        self.exception: ExceptionInfo | None = None
        self.reported = False
        """Whether the test case has reported anything: unittest's own `run` always does."""

    def begin(self) -> None:
        """Forget the iteration before."""
        self.reported = False
        if self.outcome is not TestOutcome.SUCCESS:
            self.outcome = TestOutcome.SUCCESS
            self.exception = None
            for kept in (self.errors, self.failures, self.skipped):
                kept.clear()

    def note(self, outcome: TestOutcome, error: BaseException) -> None:
        """Something went wrong; counts unless something did before."""
        if self.outcome is TestOutcome.SUCCESS:
            self.outcome = outcome
            self.exception = exception_info(error)

    def interrupt(self) -> None:
        """The user was cut off, whatever went wrong before."""
        self.outcome, self.exception = TestOutcome.INTERRUPTED, None

    def blame(
        self, test: unittest.TestCase, error: BaseException, *, failed: bool | None = None
    ) -> None:
        """A part of the iteration raised something; `failed` is known, or seen by its type."""
        self.reported = True
        if is_cut_off(error):
            raise error  # unittest would swallow it
        if isinstance(error, UserIsDone):
            if self.outcome is TestOutcome.SUCCESS:
                self.interrupt()
            return
        if failed is None:
            failed = _is_failure(test, error)
        self.note(TestOutcome.FAILURE if failed else TestOutcome.ERROR, error)
        text = "" if self.exception is None else self.exception.traceback
        (self.failures if failed else self.errors).append((test, text))

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.blame(test, err[1], failed=False)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.blame(test, err[1], failed=True)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        del subtest
        if err is not None:
            self.blame(test, err[1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.reported = True
        self.note(TestOutcome.ERROR, unittest.SkipTest(reason))
        self.skipped.append((test, reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        del test
        self.reported = True
        if is_cut_off(err[1]):
            raise err[1]

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        del test
        self.reported = True
        self.note(TestOutcome.FAILURE, AssertionError("expected to fail, but passed"))

    def addSuccess(self, test: unittest.TestCase) -> None:
        del test
        self.reported = True

    def startTest(self, test: unittest.TestCase) -> None:
        pass

    def stopTest(self, test: unittest.TestCase) -> None:
        pass

    def addDuration(self, test: unittest.TestCase, elapsed: float) -> None:
        pass


def is_cut_off(error: BaseException) -> bool:
    """Whether an exception is the end of its user, and not how a test went."""
    return isinstance(error, CutOff)


def is_end_of_user(error: BaseException) -> bool:
    """The same, or that its user stops by itself because there is no row left for it."""
    return isinstance(error, CutOff | UserIsDone)


def skip_reason(skipped: BaseException) -> str:
    """Why a test says that it is to be skipped."""
    return message(skipped)


def check_that_it_ran(call: Callable[[], object], returned: object) -> None:
    """Raises a TypeError when `call` has returned something that has yet to be run.

    Other values are let pass, as unittest does.
    """
    left = _left_to_run(returned)
    if left is None:
        return
    if isinstance(returned, types.CoroutineType):
        returned.close()  # or Python would complain of it later, and elsewhere
    name = getattr(call, "__qualname__", None) or getattr(call, "__name__", "the test")
    hint = "; was a decorator used without its parentheses?" if "function" in left else ""
    raise TypeError(f"{name} returned {left}, and so has not run{hint}")


def _left_to_run(returned: object) -> str | None:
    """What a test returned without running it, such as a coroutine."""
    kind = type(returned)
    if hasattr(kind, "__await__"):
        return "a coroutine that nobody awaits"
    if hasattr(kind, "__anext__"):
        return "an asynchronous generator that nobody iterates"
    if hasattr(kind, "__next__"):
        return "a generator that nobody iterates"
    if isinstance(returned, _FUNCTIONS):
        return "a function that nobody calls"
    if any(hasattr(kind, name) for name in ("rawlink", "add_done_callback", "addCallback")):
        return "a task that nobody waits for"  # of gevent, concurrent.futures, Twisted
    return None


def _is_failure(test: unittest.TestCase, error: BaseException) -> bool:
    try:
        return isinstance(error, test.failureException)
    except TypeError:  # failureException is no class
        return False
