"""A request as Requests has sent it, to be sent again for another target or body.

Rule: what is not known to be sent as it was, is not sent: a template that does not fit any more
is thrown away, and Requests makes the next.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any, Final

from requests.cookies import RequestsCookieJar
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from urllib3.util import SKIP_HEADER

from loadgrpc.runner.http.exchange import Recording
from loadgrpc.runner.http.lane.connections import Connections
from loadgrpc.runner.http.lane.preconditions import Preconditions
from loadgrpc.runner.http.versioned import VersionedSession

_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_NEVER_FOLLOWED: Final = frozenset({"host", "content-length", "transfer-encoding", "cookie"})
"""Headers of which more depends than their own line."""

_NO_COOKIES: Final = RequestsCookieJar()
_NO_HOOKS: Final[dict[str, list[Any]]] = {"response": []}

Headers = OrderedDict[str, Any]
"""A session's headers: names and values by names in small letters."""
Place = dict[tuple[Any, ...], "Template"]
"""Where templates are kept, by what they are for."""


def headers_of(session_headers: Any) -> Headers:
    """What is inside a CaseInsensitiveDict; a test may have put a plain dictionary there."""
    if type(session_headers) is CaseInsensitiveDict:
        store: Headers = session_headers._store  # type: ignore[attr-defined]  # noqa: SLF001 - copying costs more than all else
        return store
    return OrderedDict(session_headers)


def _kept(prepared: PreparedRequest) -> PreparedRequest:
    """A copy, as the test may change the one that it has.

    Nobody changes this one, and there is one for each user: it shares what it can.
    """
    kept: Any = prepared.copy()
    headers: Any = kept.headers
    if type(prepared.headers) is CaseInsensitiveDict:
        headers._store = headers_of(prepared.headers).copy()  # noqa: SLF001 - of the same pairs
    if type(kept._cookies) is RequestsCookieJar and not len(kept._cookies):  # noqa: SLF001
        kept._cookies = _NO_COOKIES  # noqa: SLF001
    kept.hooks = {event: list(hooks) for event, hooks in prepared.hooks.items()}
    if kept.hooks == _NO_HOOKS:
        kept.hooks = _NO_HOOKS
    copied: PreparedRequest = kept
    return copied


class LaneRecording(Recording):
    """A request that Requests is to make, and what a template of it will be for."""

    __slots__ = ("headers", "own", "place")

    def __init__(  # noqa: PLR0917 - made in two places only
        self,
        place: Place,
        key: tuple[Any, ...],
        target: bytes,
        url: str,
        body: bytes | None,
        preconditions: Preconditions,
        own: frozenset[str],
        headers: Headers,
    ) -> None:
        super().__init__(key, target, url, body, preconditions)
        self.place = place
        self.own = own
        """Headers that are the call's own, and hide the session's."""
        self.headers = headers
        """Those of the session, when the call began."""


class Template:
    """See the module."""

    __slots__ = (
        "_after",
        "_before",
        "_start",
        "changed",
        "connections",
        "headers",
        "method",
        "own",
        "preconditions",
        "prepared",
        "sends_body",
        "steps",
    )

    def __init__(
        self,
        recording: LaneRecording,
        connections: Connections,
        prepared: PreparedRequest,
        sent: bytes | None,
    ) -> None:
        self.method = str(prepared.method)
        self.prepared = _kept(prepared)
        self.changed: dict[str, str] = {}
        """Values of the session's headers that are others now than in `prepared`."""
        self.connections = connections
        self.preconditions: Preconditions = recording.preconditions
        self.headers = recording.headers
        self.sends_body = sent is not None
        self.steps: Place = {}
        """What Requests made of redirects."""
        self.own = recording.own
        self._start = self.method.encode() + b" "
        rest = recording.sent[0][len(self._start) + len(recording.target) :]
        if sent is None:
            self._before, self._after = rest, b""
        else:
            before, _, after = rest.partition(b"\r\nContent-Length: %d\r\n" % len(sent))
            self._before, self._after = before + b"\r\nContent-Length: ", b"\r\n" + after

    def head(self, target: bytes, body: bytes | None) -> bytes:
        """What is sent before the body."""
        if body is None:
            return b"%b%b%b" % (self._start, target, self._before)
        return b"%b%b%b%d%b" % (self._start, target, self._before, len(body), self._after)

    def fits(self, session: VersionedSession, headers: Headers, now_ns: int) -> bool:
        """Whether it can be sent as the first request of a call."""
        return (
            self.connections.is_genuine()
            and self.preconditions.hold(session, now_ns)
            and self.follow(headers)
        )

    def forget(self, connections: Connections) -> None:
        """Keeps no step that goes there."""
        for key, step in list(self.steps.items()):
            if step.connections is connections:
                self.steps.pop(key, None)
            else:
                step.forget(connections)

    def follow(self, headers: Headers) -> bool:
        """Takes over new values of the session's headers; False: more than values changed."""
        known = self.headers
        if headers == known:
            return True
        if list(headers) != list(known):
            return False
        before, after = self._before, self._after
        changed = dict(self.changed)
        for key, pair in headers.items():
            if pair is known[key]:
                continue
            if type(pair) is not tuple or key in _NEVER_FOLLOWED or key in self.own:
                return False
            (name, value), (old_name, old) = pair, known[key]
            if (
                name != old_name
                or type(value) is not str
                or type(old) is not str
                or value == SKIP_HEADER
                or not _HEADER_VALUE.fullmatch(value)
                or not _HEADER_VALUE.fullmatch(old)
            ):
                return False
            line = f"\r\n{name}: {old}\r\n".encode("latin-1")
            if before.count(line) + after.count(line) != 1:
                return False
            new = f"\r\n{name}: {value}\r\n".encode("latin-1")
            before, after = before.replace(line, new), after.replace(line, new)
            changed[name] = value
        self._before, self._after, self.changed = before, after, changed
        self.headers = headers.copy()
        return True
