"""The base class of tests.

Rule: a test is a functional test first. Under `python -m unittest` and pytest it behaves
as any other, records nothing and leaves nothing open; in a load run a virtual user gives
it a reporter, and the same lines are load.
"""

from __future__ import annotations

import inspect
import operator
import unittest
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import requests

from loadgrpc.clock import Clock
from loadgrpc.runner.context import DEFAULTS, LoadStatus
from loadgrpc.runner.hit import HitSink
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.http.session import Session

if TYPE_CHECKING:
    from loadgrpc.runner.http.webtest_app import WebTestApp

NOT_MEASURED: Final = "requests not measured"
"""The counter of requests that no hit stands for: a mock answered, or an adapter of its own."""

SESSIONS_NOT_MEASURED: Final = "sessions not measured"
"""The counter of users whose `session` was one that a test had made by itself."""


def missing_extra(
    what: str, library: str, extra: str, error: ModuleNotFoundError
) -> ModuleNotFoundError:
    """The error that says how to install what a part of ours needs."""
    return ModuleNotFoundError(
        f"{what} needs {library} ({error}): pip install 'loadgrpc[{extra}]', on each machine with"
        " an agent",
        name=error.name,
    )


class Reporter(HitSink, Protocol):
    """What a virtual user gives its test case."""

    @property
    def clock(self) -> Clock:
        """The clock that hits are measured by."""

    @property
    def addresses(self) -> AddressBook | None:
        """The addresses that the user knows; None: names are resolved for each connection."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The options of the run."""

    def load_status(self) -> LoadStatus:
        """Who the user is, and where in the load it is now."""

    def counter(self, name: str, increment: int) -> None:
        """Add to a counter."""


class TestCase(unittest.TestCase):
    """A unittest.TestCase with a `session` whose requests are hits in a load run."""

    server_url: str | None = None
    """Where the server under test is; a run that names another overrides it."""
    load_reporter: Reporter | None = None
    """Set in a load run only."""

    @cached_property
    def session(self) -> Session:
        """The user's own session: own connections, own cookies.

        In a load run it lasts as long as its user; elsewhere until the end of the test.
        """
        session = Session()
        if self.load_reporter is not None:
            reporter = self.load_reporter
            session.bind(reporter, reporter.clock, reporter.addresses)
        return session

    @cached_property
    def app(self) -> WebTestApp:
        """WebTest's TestApp over `session`; `app.server_url` is that of the class until it is set.

        Raises:
            ModuleNotFoundError: WebTest is not installed.
        """
        try:
            from loadgrpc.runner.http.webtest_app import WebTestApp  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise missing_extra("self.app", "WebTest", "webtest", error) from error
        return WebTestApp(self)

    @property
    def load_status(self) -> LoadStatus:
        """Which user this is of how many, in which iteration and cycle, as of now.

        Outside a load run it is the only user, in its first iteration.
        """
        return self.load_reporter.load_status() if self.load_reporter else LoadStatus()

    @cached_property
    def user_index(self) -> int:
        """The user among those of its cycle and scenario on all agents, from 0, without gaps."""
        return self.load_status.user_index

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The options that the test runs with, by their names in a plan file; times in seconds.

        With `--split`, users and the rate are the share of this agent. Outside a load run, the
        defaults.
        """
        return self.load_reporter.config if self.load_reporter else DEFAULTS

    def close_session(self) -> None:
        """Close the session, if there is one; the next use makes another."""
        session = self.__dict__.pop("session", None)
        if self.load_reporter is not None:
            self._tell_of_others(session)
        if isinstance(session, Session):
            session.end()
        elif session is not None:
            session.close()

    def _tell_of_others(self, session: object) -> None:
        """Tells, when the user ends, that its session was another than the one that measures."""
        if session is None:
            session = inspect.getattr_static(type(self), "session", None)
        if isinstance(session, requests.Session) and not (
            isinstance(session, Session) and session.is_bound
        ):
            assert self.load_reporter is not None  # noqa: S101 - asked by the caller
            self.load_reporter.counter(SESSIONS_NOT_MEASURED, 1)

    def incr_counter(self, name: object, increment: int = 1) -> None:
        """Add to a counter that the run's summary shows; outside a load run, to nothing.

        Raises:
            ValueError: there is no name, or more to add than 64 bits hold.
            TypeError: the increment is no whole number.
        """
        if name is None or not (name := str(name)):
            raise ValueError("a counter needs a name")
        increment = operator.index(increment)
        if not -(1 << 63) <= increment < 1 << 63:
            raise ValueError(f"{increment} is more than a counter can take at once")
        if self.load_reporter is not None:
            self.load_reporter.counter(name, increment)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """See unittest.TestCase.run."""
        try:
            return super().run(result)
        finally:
            if self.load_reporter is None:
                self.close_session()

    def debug(self) -> None:
        """See unittest.TestCase.debug."""
        try:
            super().debug()
        finally:
            if self.load_reporter is None:
                self.close_session()
