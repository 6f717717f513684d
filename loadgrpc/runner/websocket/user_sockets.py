"""The WebSockets of a user: made by `create_ws`, closed when the user ends.

Rule: what goes wrong with a socket while nobody waits for it is raised at the end of the iteration
in which it happens, or of the next, as a cleanup would; what is left when the user ends, then.
"""

from __future__ import annotations

import inspect
import unittest
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import requests

from loadgrpc.clock import SystemClock
from loadgrpc.runner.websocket.client import MeasuredSocket, WebSocketClient
from loadgrpc.runner.websocket.of_ws4py import measured_class
from loadgrpc.runner.websocket.opening import PROTOCOL, SocketUrl, Trust
from loadgrpc.runner.websocket.owner import SocketOwner

END_S: Final = 1.0
"""How long the sockets of a user that ends have for their closing handshakes."""
MAX_ERRORS: Final = 20
"""Errors that wait to be raised; of more only the first are kept."""


class UserSockets:
    """See the module. `case` is the user's test case, `reporter` that of its load run, if any."""

    def __init__(self, case: unittest.TestCase, reporter: Any) -> None:
        self._case = case
        self._reporter = reporter
        self._clock = reporter.clock if reporter is not None else SystemClock()
        self._sockets: dict[Any, None] = {}
        self._errors: deque[BaseException] = deque()
        self._ending = False

    def create(  # noqa: PLR0917 - in the order of create_ws
        self,
        url: str,
        callback: Callable[[Any], object] | None,
        protocols: Iterable[str] | None,
        extensions: Iterable[str] | None,
        klass: type | None,
        name: str | None,
        headers: Iterable[tuple[str, str]] | None,
    ) -> Any:
        """A socket of the user's, open unless it is of a class of the test's own.

        Raises: see `MeasuredSocket.connect`.
        """
        given = {
            "url": url,
            "protocols": protocols,
            "extensions": extensions,
            "callback": callback,
            "test_case": self._case,
            "test_result": None,  # what classes written for Loads were given to count with
            "headers": headers,
        }
        target = SocketUrl.of(url)
        kind = WebSocketClient if klass is None else measured_class(klass) or klass
        socket = kind(**_accepted(kind, given))
        if not isinstance(socket, MeasuredSocket):
            raise TypeError(
                f"{kind.__qualname__} is not a subclass of WebSocketClient, or of ws4py's"
            )
        socket.owner = self._owner(target, name)
        self._sockets[socket] = None
        if klass is None:
            try:
                socket.connect()
            except BaseException:
                self._sockets.pop(socket, None)
                raise
        return socket

    def _owner(self, target: SocketUrl, name: str | None) -> SocketOwner:
        session = vars(self._case).get("session")
        trust = Trust()
        if isinstance(session, requests.Session):
            trust = Trust(True if session.verify is None else session.verify, session.cert)
        own: dict[str, Any] = {
            "forget": self._forget,
            "failed": self._failed,
            "raised": self._raised,
        }
        reporter = self._reporter
        if reporter is None:
            return SocketOwner(self._clock, trust, name=name or "", **own)
        named = name or target.url.partition("?")[0]
        return SocketOwner(
            self._clock,
            trust,
            name=named,
            sink=reporter,
            addresses=reporter.addresses,
            tally=reporter.socket(named, PROTOCOL),
            **own,
        )

    def _forget(self, socket: Any) -> None:
        self._sockets.pop(socket, None)

    def _failed(self, error: BaseException) -> None:
        if len(self._errors) < MAX_ERRORS and not self._ending:
            self._errors.append(error)
            self._case.addCleanup(self._raise)

    def _raised(self, error: BaseException) -> None:
        """The test gets it at once, so it is not raised again."""
        with suppress(ValueError):
            self._errors.remove(error)

    def _raise(self) -> None:
        """Raises the first error that was not raised yet."""
        if self._errors:
            raise self._errors.popleft()

    def end(self) -> None:
        """Closes them all.

        Raises: what went wrong since the last iteration.
        """
        self._ending = True
        sockets = list(self._sockets)
        for socket in sockets:
            socket.close()
        deadline_ns = self._clock.monotonic_ns() + round(END_S * 1e9)
        for socket in sockets:
            left_ns = deadline_ns - self._clock.monotonic_ns()
            if not socket.wait_closed(max(0, left_ns) / 1e9):
                socket.close_connection()
                socket.wait_closed(END_S)
        self._raise()


def _accepted(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """What a class takes of what it is given; what is not given (None) it need not take."""
    parameters = inspect.signature(kind).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return {
        name: value
        for name, value in given.items()
        if name in parameters or (takes_all and value is not None)
    }
