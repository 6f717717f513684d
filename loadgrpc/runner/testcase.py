"""The base class of tests.

Rule: a test is a functional test first. Under `python -m unittest` and pytest it behaves
as any other, records nothing and leaves nothing open; in a load run a virtual user gives
it a reporter, and the same lines are load.
"""

from __future__ import annotations

import inspect
import operator
import os
import sys
import unittest
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import requests

from loadgrpc import secrets
from loadgrpc.design.case import Case
from loadgrpc.model import CustomState, Wait
from loadgrpc.runner.context import DEFAULTS, LoadStatus
from loadgrpc.runner.custom_state import custom_state
from loadgrpc.runner.data.feeds import Feeds, UserData, feed_of
from loadgrpc.runner.data.turns import Seat
from loadgrpc.runner.hit import HitSink
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.http.session import Session
from loadgrpc.runner.own_measures import MeasureSink, OwnMeasures

if TYPE_CHECKING:
    import httpx

    from loadgrpc.runner.http.webtest_app import WebTestApp
    from loadgrpc.runner.socket_tally import SocketTally
    from loadgrpc.runner.websocket.user_sockets import UserSockets

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


class Reporter(HitSink, MeasureSink, Protocol):
    """What a virtual user gives its test case."""

    @property
    def addresses(self) -> AddressBook | None:
        """The addresses that the user knows; None: names are resolved for each connection."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The options of the run."""

    @property
    def data(self) -> UserData | None:
        """The rows of the user; None: it is a load run without files."""

    def load_status(self) -> LoadStatus:
        """Who the user is, and where in the load it is now."""

    def counter(self, name: str, increment: int) -> None:
        """Add to a counter."""

    def state(self, state: CustomState) -> None:
        """What the test says it is doing."""

    def socket(self, name: str, protocol: str) -> SocketTally:
        """What counts the sockets of a name."""


class TestCase(OwnMeasures, unittest.TestCase):
    """A unittest.TestCase with a `session` whose requests are hits in a load run."""

    server_url: str | None = None
    """Where the server under test is; a run that names another overrides it."""
    thresholds: Sequence[str] = ()
    """What the results of a run have to meet: `thresholds = ["p95(response) < 300ms"]`, written
    out, because `loadgrpc run` reads it from the source."""
    load_reporter: Reporter | None = None
    """Set in a load run only."""
    loadgrpc_secrets: Mapping[str, str] | None = None
    """What `secret` finds; set in a load run only."""

    pacing: Wait | float | None = None
    """How far apart the starts of a user's iterations are at least, in seconds: `pacing = 3`, or
    a distribution of loadgrpc.case. A run may say otherwise: `--pacing`."""
    think: Wait | float | None = None
    """How long a user waits after an iteration, in seconds: `think = between(1, 3)`. A run may say
    otherwise: `--think`."""

    case: Case
    """What the iteration is fed with, of a test with `@cases`: `self.case["month"]`."""
    expected: Mapping[str, Any]
    """What its rule expects, by action: None, it is not taken; True, it is; or its value."""

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
    def async_session(self) -> httpx.AsyncClient:
        """Of an asynchronous test: an httpx.AsyncClient whose requests are hits in a load run.

        It is closed at the end of the iteration, as its event loop is. The name of a hit is in
        `extensions={"name": …}` of a request.

        Raises:
            ModuleNotFoundError: httpx is not installed.
            TypeError: the test is no unittest.IsolatedAsyncioTestCase.
        """
        client: httpx.AsyncClient | None = self.__dict__.get("_async_session")
        if client is not None and not client.is_closed:
            return client
        try:
            from loadgrpc.runner.http.async_session import async_session  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise missing_extra("self.async_session", "httpx", "httpx", error) from error
        clean_up = getattr(self, "addAsyncCleanup", None)
        if clean_up is None:
            raise TypeError(
                "self.async_session is for asynchronous tests: derive the class from"
                " unittest.IsolatedAsyncioTestCase, too, or use self.session"
            )
        reporter = self.load_reporter
        client = async_session(reporter, reporter.clock if reporter is not None else None)
        clean_up(client.aclose)
        self.__dict__["_async_session"] = client
        return client

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

    @classmethod
    def secret(cls, name: str) -> str:
        """A secret that the run was given: `loadgrpc run --secret NAME=@FILE`, or `=env:VARIABLE`.

        It is hidden in all that the run reports. Outside a load run, it is the value of the
        environment variable LOADGRPC_SECRET_NAME, its name in capitals.

        Raises:
            LookupError: it was not given; the sentence says how to.
        """
        if cls.loadgrpc_secrets is None:
            variable = f"{secrets.VARIABLE}{name.upper()}"
            if value := os.environ.get(variable):
                return value
            raise LookupError(
                f"there is no secret {name!r}: outside a load run it is the value of {variable}"
                f" in the environment; a run has it by --secret {name}=@FILE"
            )
        if name in cls.loadgrpc_secrets:
            return cls.loadgrpc_secrets[name]
        raise LookupError(
            f"the run was given no secret {name!r}: start it with --secret {name}=@FILE or"
            f" --secret {name}=env:VARIABLE"
        )

    def data(
        self,
        file: str,
        mode: str = "unique",
        at_end: str | None = None,
        *,
        seed: object = None,
        delimiter: str = "",
    ) -> dict[str, Any]:
        """The user's next row of a file that is beside the test: of CSV, or of JSON lines.

        Args:
            file: its name, ending in .csv, .tsv, .jsonl or .ndjson, from the folder of the test's
                file. CSV begins with a line that names the fields.
            mode: "unique": the user's own row, the same at each call; "in-turn": all users go
                through the file together, and each call takes a row; "once": the same, but no row
                is used twice in the run; "random": each call draws a row.
            at_end: what happens when there is no row left: "error": the iteration is an error,
                which is the default of "unique"; "stop": the user ends, and the run is incomplete,
                which is the default of "once"; "repeat": it goes on with the first row, which is
                the default of "in-turn".
            seed: of "random"; by default each run draws other rows.
            delimiter: between the fields of CSV; by default a comma, of .tsv a tab.

        Returns:
            A row by the names of its fields; of CSV all values are strings. Outside a load run
            there is one user, who begins with the first row.

        Raises:
            NoMoreRows: see `at_end`.
            BadDataFile: the file cannot be read. What can be found in the source of the class,
                `self.data("users.csv")`, is checked before the run begins.
            ValueError: an argument is wrong.
        """
        feed = feed_of(file, mode, at_end, seed=seed, delimiter=delimiter)
        own = self.load_reporter.data if self.load_reporter is not None else None
        return (own or self._own_data).take(feed)

    @cached_property
    def _own_data(self) -> UserData:
        """Its rows outside a load run, or of a process that has none."""
        module = sys.modules.get(type(self).__module__)
        file = getattr(module, "__file__", None)
        return UserData(Feeds(Path(file).resolve().parent if file else Path.cwd()), Seat())

    def create_ws(
        self,
        url: str,
        callback: Callable[[Any], object] | None = None,
        protocols: Iterable[str] | None = None,
        extensions: Iterable[str] | None = None,
        klass: type | None = None,
        *,
        name: str | None = None,
        headers: Iterable[tuple[str, str]] | None = None,
    ) -> Any:
        """An open WebSocket of the user's, which is closed when the user ends.

        Args:
            url: Where to, ws:// or wss://; http:// and https:// stand for these.
            callback: Called with each message that comes, beside the test.
            protocols: Subprotocols to offer.
            extensions: Extensions to offer: "permessage-deflate" is known.
            klass: A subclass of `loadgrpc.case.WebSocketClient`, or of a client of ws4py. It is
                not connected: call its `connect()`.
            name: What it is counted under. None: the URL without its query.
            headers: Sent with the handshake.

        Raises:
            HandshakeError: the server did not open it; a ConnectionError.
            OSError: the server could not be reached.
            ModuleNotFoundError: wsproto is not installed.
        """
        return self._sockets.create(url, callback, protocols, extensions, klass, name, headers)

    @cached_property
    def _sockets(self) -> UserSockets:
        try:
            from loadgrpc.runner.websocket.user_sockets import UserSockets  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise missing_extra("self.create_ws", "wsproto", "websocket", error) from error
        return UserSockets(self, self.load_reporter)

    def close_sockets(self) -> None:
        """Close the WebSockets of `create_ws`.

        Raises: what went wrong with one of them since the last iteration.
        """
        sockets = self.__dict__.pop("_sockets", None)
        if sockets is not None:
            sockets.end()

    def close_session(self) -> None:
        """Close the session, if there is one; the next use makes another."""
        session = self.__dict__.pop("session", None)
        if (data := self.__dict__.pop("_own_data", None)) is not None:
            data.close()
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

    def update_state(self, name: str, details: Mapping[str, object] | None = None) -> None:
        """Say what the test is doing, as `loadgrpc show` and those who watch the run see it.

        Of each scenario on an agent the last state counts, whichever user has set it; a process
        reports it four times a second at most. Outside a load run, nothing happens.

        Args:
            name: a word or two, such as "warming", at most 64 characters.
            details: more about it, at most 16 entries; a name has at most 64 characters, and of a
                value, as text, 256 are kept. Secret parameters in it are masked.

        Raises:
            ValueError: there is no name, or too much of something.
        """
        state = custom_state(name, details or {})
        if self.load_reporter is not None:
            self.load_reporter.state(state)

    def setUpUser(self) -> None:  # noqa: N802 - beside unittest's
        """What is done once for each user, before its first iteration, such as a login.

        If it raises, the user makes no iterations. Outside a load run it is done before each test.
        """

    def tearDownUser(self) -> None:  # noqa: N802 - beside unittest's
        """What is done once for each user that was set up, after its last iteration."""

    def _callSetUp(self) -> None:  # noqa: N802 - unittest's
        """Outside a load run each test is a user of its own."""
        if self.load_reporter is None:
            self.setUpUser()
            self.addCleanup(self.tearDownUser)
        super()._callSetUp()  # type: ignore[misc]  # it is private

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """See unittest.TestCase.run."""
        try:
            return super().run(result)
        finally:
            if self.load_reporter is None:
                self.close_sockets()
                self.close_session()

    def debug(self) -> None:
        """See unittest.TestCase.debug."""
        try:
            super().debug()
        finally:
            if self.load_reporter is None:
                self.close_sockets()
                self.close_session()
