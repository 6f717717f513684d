"""A virtual user: one TestCase instance that lives through iterations.

Rule: fixtures, cleanups, subTest and decorators mean what they mean under unittest; here
an iteration is only judged and recorded. Where a test case changes nothing of how unittest
runs it, `_run_plainly` does the same steps at a fifth of the cost; otherwise unittest does.
The first thing that goes wrong in an iteration is its outcome; what follows, in tearDown
say, follows from it.

    nothing went wrong                                    SUCCESS
    an assertion did not hold, in a subTest too           FAILURE
    an expectedFailure that fails / that passes           SUCCESS / FAILURE
    any other exception                                   ERROR
    SkipTest: a test that does nothing is no load         ERROR
    SystemExit, KeyboardInterrupt, gevent.Timeout and
        pytest.fail, which are no Exceptions but the
        test's own                                        ERROR
    any other BaseException, such as GreenletExit         INTERRUPTED, and it propagates

An interrupted iteration runs no tearDown and no cleanups, as unittest has it for Ctrl-C:
who is cut off has no time for them. `finally` and `with` inside the test hold. `setUpClass`
runs once for each user process (`process.py`); `setUpModule` belongs to suites, and is not run.
"""

# ruff: noqa: N802, SLF001  # the names of a TestResult are unittest's, and so is _outcome
from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

from loadgrpc.clock import Clock
from loadgrpc.model import ExceptionInfo, HitError, TestOutcome
from loadgrpc.runner.addresses import AddressBook
from loadgrpc.runner.exception_text import exception_info, is_a
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.testcase import TestCase

_Outcome: Any = getattr(unittest.case, "_Outcome", None)
"""What subTest reports to; private to unittest, and where it is missing unittest runs all."""


class UserReporter:
    """Records on behalf of a user: adds who it is, and the iteration it is in."""

    def __init__(
        self, recorder: Recorder, clock: Clock, user: int, addresses: AddressBook | None
    ) -> None:
        self.clock = clock
        self.addresses = addresses
        self.iteration = 0
        self._recorder = recorder
        self._user = user

    def hit(
        self,
        *,
        name: str,
        url: str,
        method: str,
        status: int,
        error: HitError,
        error_message: str,
        start_ns: int,
        elapsed_ns: int,
        first_byte_ns: int,
        connect_ns: int,
        bytes_sent: int,
        bytes_received: int,
    ) -> None:
        """See HitSink."""
        self._recorder.hit(
            name=name,
            url=url,
            method=method,
            status=status,
            error=error,
            error_message=error_message,
            start_ns=start_ns,
            elapsed_ns=elapsed_ns,
            first_byte_ns=first_byte_ns,
            connect_ns=connect_ns,
            bytes_sent=bytes_sent,
            bytes_received=bytes_received,
            user=self._user,
            iteration=self.iteration,
        )

    def counter(self, name: str, increment: int) -> None:
        """See Reporter."""
        self._recorder.counter(name, increment, self._user, self.iteration)


class VirtualUser:
    """One user of a cycle. `iteration` numbers count from 1."""

    def __init__(  # noqa: PLR0917  # in the order in which they come about
        self,
        case_class: type[unittest.TestCase],
        method: str,
        recorder: Recorder,
        clock: Clock,
        user: int,
        server_url: str,
        *,
        no_dns_resolve: bool = False,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._user = user
        addresses = None if no_dns_resolve else AddressBook(user)
        self._reporter = UserReporter(recorder, clock, user, addresses)
        self._judge = _Judge()
        self._case = case_class(method)
        self._run = self._run_plainly if _is_plain(self._case, method) else self._run_by_unittest
        self._method = getattr(self._case, method)
        self._outcome: Any = _Outcome(self._judge) if _Outcome is not None else None
        if isinstance(self._case, TestCase):
            self._case.load_reporter = self._reporter
        if server_url:
            self._case.server_url = server_url  # type: ignore[attr-defined]  # a plain TestCase's, too

    def run_iteration(self, iteration: int) -> TestOutcome:
        """Run the test once, with its fixtures, and record how it went."""
        self._reporter.iteration = iteration
        judge = self._judge
        judge.begin()
        start_wall_ns = self._clock.wall_ns()
        start_ns = self._clock.monotonic_ns()
        try:
            self._run()
        except BaseException as error:
            if not _is_outcome(error):
                judge.outcome, judge.exception = TestOutcome.INTERRUPTED, None
                raise
            judge.note(TestOutcome.ERROR, error)
            self._case.doCleanups()  # unittest leaves them undone after a KeyboardInterrupt
        finally:
            self._recorder.iteration(
                outcome=judge.outcome,
                exception=judge.exception,
                start_ns=start_wall_ns,
                elapsed_ns=self._clock.monotonic_ns() - start_ns,
                user=self._user,
                iteration=iteration,
            )
        return judge.outcome

    def _run_by_unittest(self) -> None:
        self._case.run(self._judge)

    def _run_plainly(self) -> None:
        """What unittest.TestCase.run does, for a case that is not skipped or expected to fail."""
        case: Any = self._case
        outcome = case._outcome = self._outcome  # subTest and doCleanups go by it
        outcome.success = True
        try:
            self._part(case.setUp)
            if outcome.success:
                self._part(self._method)
                self._part(case.tearDown)
            if case._cleanups:
                case.doCleanups()
        finally:
            case._outcome = None

    def _part(self, call: Callable[[], object]) -> None:
        try:
            call()
        except KeyboardInterrupt:
            raise
        except unittest.SkipTest as skipped:
            self._outcome.success = False
            self._judge.addSkip(self._case, str(skipped))
        except BaseException as error:  # noqa: BLE001 - judged; what is no outcome is raised again
            self._outcome.success = False
            self._judge.blame(self._case, error)

    def close(self) -> None:
        """Close what the user holds open: its session."""
        if isinstance(self._case, TestCase):
            self._case.close_session()


def _is_plain(case: unittest.TestCase, method: str) -> bool:
    """Whether nothing about a test case asks for more than `_run_plainly` does."""
    kind = type(case)
    marks = ("__unittest_skip__", "__unittest_expecting_failure__")
    return (
        _Outcome is not None
        and kind.run in (TestCase.run, unittest.TestCase.run)
        and not any(
            getattr(on, mark, False) for on in (case, getattr(case, method)) for mark in marks
        )
        and all(
            getattr(kind, name, None) is getattr(unittest.TestCase, name, None)
            for name in ("_callSetUp", "_callTestMethod", "_callTearDown", "doCleanups", "subTest")
        )
    )


class _Judge(unittest.TestResult):
    """Keeps the outcome of one iteration, and nothing of the iterations before.

    Mirrors no output, keeps no list: an instance is used for all iterations of a user.
    """

    def __init__(self) -> None:
        super().__init__()
        vars(self).update(_NO_LISTS)
        self.outcome = TestOutcome.SUCCESS
        self.exception: ExceptionInfo | None = None

    def begin(self) -> None:
        """Forget the iteration before."""
        self.outcome = TestOutcome.SUCCESS
        self.exception = None

    def note(self, outcome: TestOutcome, error: BaseException) -> None:
        """Something went wrong; counts unless something did before."""
        if self.outcome is TestOutcome.SUCCESS:
            self.outcome = outcome
            self.exception = exception_info(error)

    def blame(self, test: unittest.TestCase, error: BaseException) -> None:
        """A part of the iteration raised something."""
        if not _is_outcome(error):
            raise error  # unittest would swallow a GreenletExit
        failed = isinstance(error, test.failureException)
        self.note(TestOutcome.FAILURE if failed else TestOutcome.ERROR, error)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.blame(test, err[1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.blame(test, err[1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        del subtest
        if err is not None:
            self.blame(test, err[1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        del test
        self.note(TestOutcome.ERROR, unittest.SkipTest(reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        del test
        if not _is_outcome(err[1]):
            raise err[1]

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        del test
        self.note(TestOutcome.FAILURE, AssertionError("expected to fail, but passed"))

    def addSuccess(self, test: unittest.TestCase) -> None:
        pass

    def startTest(self, test: unittest.TestCase) -> None:
        pass

    def stopTest(self, test: unittest.TestCase) -> None:
        pass

    def addDuration(self, test: unittest.TestCase, elapsed: float) -> None:
        pass


_NO_LISTS = {name: each for name, each in vars(unittest.TestResult()).items() if each == []}
"""What a result would collect, and judges, who do not, have in common."""


def _is_outcome(error: BaseException) -> bool:
    """Whether an exception is how a test went, and not the end of its user."""
    return isinstance(error, (Exception, SystemExit, KeyboardInterrupt)) or is_a(
        error, "gevent.timeout.Timeout", "_pytest.outcomes.OutcomeException"
    )
