"""A virtual user: one TestCase instance that lives through iterations.

Rule: fixtures, cleanups, subTest and decorators mean what they mean under unittest; here
an iteration is only judged (`judge.py`) and recorded. Where a test case changes nothing of how
unittest runs it, `_run_plainly` does the same steps at a fifth of the cost; otherwise unittest
does. The first thing that goes wrong in an iteration is its outcome.

    nothing went wrong                                    SUCCESS
    an assertion did not hold, in a subTest too           FAILURE
    an expectedFailure that fails / that passes           SUCCESS / FAILURE
    any other exception, SystemExit and the like too      ERROR
    SkipTest: a test that does nothing makes no load         ERROR
    a test that returns what has yet to be run,
        or whose `run` reports nothing                    ERROR
    CutOff: the user's time is over                       INTERRUPTED, and it propagates

An interrupted iteration runs no tearDown and no cleanups, as unittest has it for Ctrl-C: a user
that is cut off has no time for them. `finally` and `with` inside the test hold. Fixtures of the
class and its module run once for each user process (`fixtures.py`).
"""

# ruff: noqa: SLF001  # a case's _outcome, _cleanups and _asyncioRunner
from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from loadgrpc.clock import Clock
from loadgrpc.design.feed import feed_of, give, sentence
from loadgrpc.model import ExceptionInfo, Plan, Scenario, TestOutcome, UserFixture
from loadgrpc.runner.context import LoadStatus, UserContext
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.judge import Judge, check_that_it_ran, is_cut_off, skip_reason
from loadgrpc.runner.plain import is_plain
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.rests import Rests, paced, run_paced
from loadgrpc.runner.retry import USER
from loadgrpc.runner.supported import Feature, has
from loadgrpc.runner.testcase import TestCase
from loadgrpc.runner.user_reporter import (
    MUTE,
    FedReporter,
    NamedRecorder,
    PlannedReporter,
    UserReporter,
)
from loadgrpc.stats.pacing import Pace

_Outcome: Any = getattr(unittest.case, "_Outcome", None)
"""What subTest reports to; private to unittest, and where it is missing unittest runs all."""


SAYS_NOTHING: Final = Plan(scenarios=(Scenario(),))
"""A plan that leaves everything to the test."""


class VirtualUser:
    """One user of a cycle. `iteration` numbers count from 1."""

    def __init__(  # noqa: PLR0917  # in the order in which they come about
        self,
        case_class: type[unittest.TestCase],
        method: str,
        recorder: Recorder,
        clock: Clock,
        user: int,
        plan: Plan = SAYS_NOTHING,
        *,
        in_flight: memoryview | None = None,
        context: UserContext | None = None,
        pause: Callable[[float], bool] | None = None,
        named: str = "",
        beside: VirtualUser | None = None,
    ) -> None:
        """`in_flight` is the user's row of what is in flight: see in_flight.py.

        `pause` waits for some seconds, or until the run is stopped; whether it is. `named`: the
        test as its iterations are recorded, if it is one of several; `beside`: the same user with
        another test of the class, whose instance it shares.
        """
        self._in_flight = memoryview(bytearray(16)).cast("Q") if in_flight is None else in_flight
        self._recorder: Any = NamedRecorder(recorder, named) if named else recorder
        self._all_of_it = recorder
        self._clock = clock
        self._user = user
        self._context = context or UserContext(LoadStatus(user=user))
        feed = self._context.feed or feed_of(getattr(case_class, method, None))
        status = self._context.status
        self._cases = (
            feed.seat(status.user_index, status.all_users, self._context.iterations_before)
            if feed is not None
            else None
        )
        """Where its cases come from; None: its iterations are fed with none."""
        self.rests = Rests.of(case_class, plan.scenarios[0])
        self._waits = pause
        if beside is None:
            addresses = None if plan.no_dns_resolve else AddressBook(user)
            kind = UserReporter if self._cases is None else FedReporter
            planned = plan.scenarios[0].is_open or self.rests.pacing is not None or named
            reporter = PlannedReporter if planned else kind
            self._reporter = reporter(recorder, clock, user, addresses, self._context)
        else:
            self._reporter = beside._reporter
        self._reach()
        self._judge = Judge()
        self._method = method
        self.ended_ns = 0
        """When its last iteration ended (monotonic)."""
        if beside is None:
            server_url = plan.scenarios[0].server_url
            self._case: Any = _make(case_class, method, self._reporter, server_url)
        else:
            self._case = beside._case
            self._case._testMethodName = method
        if has(Feature.PLAIN_RUN) and is_plain(self._case, method):
            self._run = self._run_plainly
        else:
            self._run = self._run_by_unittest
            self._check_what_it_returns()
        self._outcome: Any = _Outcome(self._judge) if _Outcome is not None else None

    @property
    def began_ns(self) -> int:
        """When its last iteration began (monotonic)."""
        return self._in_flight[1] - self._clock.epoch_ns

    def paced(self, pace: Pace, end_ns: int | None) -> Pace:
        """A pace that leaves the user its rests, too; no iteration begins at `end_ns` or later."""
        return paced(pace, self, self._context, end_ns) if any(self.rests) else pace

    def take_turn(self) -> None:
        """Lets the instance know which of the tests that share it is called next."""
        self._case._testMethodName = self._method
        if self._cases is None:
            self._reporter.case = ""
        self._reach()

    def _reach(self) -> None:
        """Lets what a test calls find the user: `@retry` waits for it, and for nobody else."""
        if self._waits is not None:
            self._reporter.pause = self._pause
            USER.set(self._reporter)

    def _pause(self, seconds: float) -> bool:
        """See RetryingUser."""
        if self._waits is None or not self._waits(seconds):
            return False
        self.interrupt()
        return True

    def set_up(self) -> bool:
        """Runs what its class does once for each user before its iterations; whether it went well.

        Of a class that does nothing nothing is recorded.
        """
        return self._fixture(UserFixture.SET_UP, "setUpUser")

    def tear_down(self) -> None:
        """Runs what its class does once for each user after its iterations."""
        self._reporter.iteration = 0
        self._fixture(UserFixture.TEAR_DOWN, "tearDownUser")

    def _fixture(self, fixture: UserFixture, name: str) -> bool:
        call = getattr(self._case, name, None)
        if call is None or getattr(call, "__func__", None) is getattr(TestCase, name):
            return True
        judge, clock = self._judge, self._clock
        judge.begin()
        start_ns = clock.monotonic_ns()
        try:
            check_that_it_ran(call, call())
        except BaseException as error:
            if is_cut_off(error):
                judge.interrupt()
                raise
            judge.blame(self._case, error)
        finally:
            kind = type(self._case)
            self._all_of_it.fixture(
                fixture,
                test=f"{kind.__module__}.{kind.__qualname__}.{name}",
                outcome=judge.outcome,
                exception=judge.exception,
                start_ns=clock.epoch_ns + start_ns,
                elapsed_ns=clock.monotonic_ns() - start_ns,
                user=self._user,
            )
        return judge.outcome is TestOutcome.SUCCESS

    def interrupt(self) -> None:
        """The user's time is over: the iteration it is in is interrupted, whatever it makes of it.

        A test may swallow its CutOff, and so may a `__del__` of it.
        """
        if self._in_flight[0]:
            self._judge.interrupt()

    def abandon(self) -> None:
        """Nobody waits for it any more: its iteration is recorded as interrupted, and no other."""
        recorder, self._recorder = self._recorder, MUTE
        self._all_of_it = MUTE
        self._reporter.mute()
        iteration, start_ns = self._in_flight[0], self._in_flight[1]
        if iteration:
            recorder.iteration(
                outcome=TestOutcome.INTERRUPTED,
                exception=None,
                start_ns=start_ns,
                elapsed_ns=max(0, self._clock.wall_ns() - start_ns),
                user=self._user,
                iteration=iteration,
                case=self._reporter.case,
            )
            self._in_flight[0] = 0

    def run_planned(self, iteration: int, planned_ns: int) -> TestOutcome:
        """Run the test once, which was planned to start at that time (monotonic)."""
        delay_ns = max(0, self._clock.monotonic_ns() - planned_ns)
        self._reporter.delay_ns = delay_ns  # type: ignore[attr-defined]  # it is a PlannedReporter
        return self.run_iteration(iteration, delay_ns)

    def run_paced(self, iteration: int) -> TestOutcome:
        """Run the test once, after a rest: with pacing it has a planned start."""
        return run_paced(self, self._context, iteration)

    def run_iteration(self, iteration: int, delay_ns: int = 0) -> TestOutcome:
        """Run the test once, `delay_ns` after its planned start, and record how it went."""
        self._reporter.iteration = iteration
        judge = self._judge
        judge.begin()
        if self._cases is not None:
            case = self._cases.at(iteration - 1)
            self._reporter.case = case.rule
            give(self._case, case)
        clock = self._clock
        start_ns = clock.monotonic_ns()
        start_wall_ns = clock.epoch_ns + start_ns
        in_flight = self._in_flight
        in_flight[1] = start_wall_ns
        in_flight[0] = iteration
        try:
            self._run()
        except BaseException as error:
            if is_cut_off(error):
                judge.interrupt()
                raise
            judge.note(TestOutcome.ERROR, error)
            self._clean_up()  # unittest leaves that undone after a KeyboardInterrupt
        finally:
            self.ended_ns = ended_ns = clock.monotonic_ns()
            self._recorder.iteration(
                outcome=judge.outcome,
                exception=judge.exception if self._cases is None else self._named_exception(),
                start_ns=start_wall_ns,
                elapsed_ns=ended_ns - start_ns,
                user=self._user,
                iteration=iteration,
                case=self._reporter.case,
                delay_ns=delay_ns,
            )
            in_flight[0] = 0
        return judge.outcome

    def _named_exception(self) -> ExceptionInfo | None:
        """What went wrong, with the rule and the values that it went wrong with."""
        raised = self._judge.exception
        if raised is None:
            return None
        return replace(raised, message=f"[{sentence(self._case.case)}] {raised.message}")

    def _run_by_unittest(self) -> None:
        case = self._case
        try:
            case(self._judge)
        finally:
            if getattr(case, "_asyncioRunner", None) is not None:
                case._asyncioRunner = None  # closed; a case of unittest's is for one run only
        if not self._judge.reported:
            kind = type(case).__qualname__
            error = RuntimeError(f"{kind}.run reported nothing: the test may not have run")
            self._judge.note(TestOutcome.ERROR, error)

    def _run_plainly(self) -> None:
        """What unittest.TestCase.run does, for a case that is not skipped or expected to fail."""
        case: Any = self._case
        outcome = case._outcome = self._outcome  # subTest and doCleanups go by it
        outcome.success = True
        method = getattr(case, self._method)
        try:
            self._part(case.setUp)
            if outcome.success:
                self._part(method)
                self._part(case.tearDown)
            if case._cleanups:
                case.doCleanups()
        finally:
            case._outcome = None

    def _part(self, call: Callable[[], object]) -> None:
        try:
            returned = call()
            if returned is not None:
                check_that_it_ran(call, returned)
        except KeyboardInterrupt:
            raise
        except unittest.SkipTest as skipped:
            self._outcome.success = False
            self._judge.addSkip(self._case, skip_reason(skipped))
        except BaseException as error:  # noqa: BLE001 - judged; a cut-off is raised again
            self._outcome.success = False
            self._judge.blame(self._case, error)

    def _check_what_it_returns(self) -> None:
        """Lets unittest run the test method, and look at what it returns."""
        name = getattr(self._case, "_testMethodName", self._method)
        method = getattr(self._case, name)

        def check(returned: object) -> object:
            try:
                check_that_it_ran(method, returned)
            except TypeError as error:
                self._judge.note(TestOutcome.ERROR, error)  # expected to fail or not
                raise
            return returned

        @functools.wraps(method)
        def checked() -> object:
            return check(method())

        @functools.wraps(method)
        async def awaited() -> object:
            return check(await method())

        vars(self._case)[name] = awaited if inspect.iscoroutinefunction(method) else checked

    def _clean_up(self) -> None:
        try:
            self._case.doCleanups()
        except BaseException as error:
            if is_cut_off(error):
                raise
            self._judge.note(TestOutcome.ERROR, error)

    def close(self) -> None:
        """Close what the user holds open: its WebSockets and its session."""
        if isinstance(self._case, TestCase):
            try:
                self._case.close_sockets()
            finally:
                self._case.close_session()


def _make(
    case_class: type[unittest.TestCase], method: str, reporter: UserReporter, server_url: str
) -> Any:
    """The user's test case; its `__init__` may use the session and the server's URL already."""
    made_by: Any = case_class
    if type(case_class).__call__ is type.__call__:
        case: Any = made_by.__new__(made_by, method)
        if isinstance(case, case_class):
            _tell(case, reporter, server_url)
            made: Any = type(case)
            made.__init__(case, method)
    else:
        case = case_class(method)
    _tell(case, reporter, server_url)  # the run's word counts, also against `__init__`
    return case


def _tell(case: Any, reporter: UserReporter, server_url: str) -> None:
    if isinstance(case, TestCase):
        case.load_reporter = reporter
    if server_url:
        case.server_url = server_url  # a plain TestCase's, too
