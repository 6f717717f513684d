"""The fast lane: a plain request on a connection that stands idle.

Requests takes some 400 µs of Python for a request. Most of it finds out again what the
request before it found out: which headers, which cookies, which proxy, which certificate,
which connection. The lane remembers. A request whose meaning is plain, on a connection
that Requests itself has opened and has done with, is sent as the bytes that Requests sent
last time; an answer that is plain is handed over without urllib3 having read it.

Rule 1: the lane never decides what Requests would do. The bytes it sends are bytes that
Requests has sent (but for the target, the length of the body, and the value of a session's
header), and they are sent again only while everything that they came from is as it was:
`Circumstances` says what that is.
Rule 2: whatever is not plain goes Requests' own road, and so does an answer that turns out
not to be: what was read of it is given back (`Resumed`), and Requests reads it from there,
on the same connection, in the same exchange. No request is sent twice, no error is ours.

    Session.request ─ plain? ─ no ──────────────────────────────▶ Requests ─▶ urllib3
          │                                                           ▲
          └ yes: Template ─ send, receive ─ plain answer? ─ no ─ Resumed
                                                 └ yes ─▶ LaneResponse
"""

from __future__ import annotations

import os
import re
import time
import weakref
from collections import OrderedDict
from http.cookiejar import CookieJar, LWPCookieJar, MozillaCookieJar
from queue import Empty
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import requests
import requests.models
import requests.sessions
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, NETRC_FILES
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import SKIP_HEADER
from urllib3.util.retry import Retry

from loadgrpc.clock import Clock
from loadgrpc.model import HitError
from loadgrpc.runner.hit_error import classify
from loadgrpc.runner.lane_response import LaneResponse
from loadgrpc.runner.line import Line
from loadgrpc.runner.wire import Capture, HitSink, MeasuredConnection, MeasuredPool, Resumed

if TYPE_CHECKING:
    from loadgrpc.runner.session import Session

MAX_TEMPLATES: Final = 64
"""Templates that a session remembers; over that, all are forgotten."""
MAX_TARGETS: Final = 2_048
"""URLs that a process remembers; over that, all are forgotten."""
MAX_TARGET_CHARACTERS: Final = 512
"""How long a URL is at most that is remembered."""
MAX_HEADS: Final = 1_024
"""Heads of answers that a process remembers; over that, all are forgotten."""
MAX_HEAD_BYTES: Final = 8_192
MAX_TIMEOUT_S: Final = 1_000_000

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_TARGET: Final = re.compile(
    # What Requests leaves as it is: nothing to encode, no dot segment, no empty one.
    r"/(?:[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_.~!$&'()*+,;=:@-]*"
    r"(?:/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_.~!$&'()*+,;=:@-]*)*/?)?"
    r"(?:\?[A-Za-z0-9_.~!$&'()*+,;=:@/?-]+)?"
)
_QUERY: Final = re.compile(
    # What `urlencode` makes; no escape here is one that Requests would take back.
    r"(?:[A-Za-z0-9_.~*&=+-]++|%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|[46]0|5[B-E]|7[B-DF]))+"
)
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) ([\t -~]*)(?:\r\n[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t -~]*)*"
)
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|content-encoding|connection|set-cookie2?):"
    rb"[ \t]*([^\r]*?)[ \t]*(?=\r|$)",
    re.IGNORECASE,
)
_NOT_PLAIN: Final = frozenset({204, 205, 301, 302, 303, 304, 307, 308})
"""Statuses that mean more than their body: redirects, and those that have none."""
_SCALARS: Final = frozenset({str, int, float, bool, bytes, type(None)})
"""What may be encoded twice, once for the lane and once by Requests, to the same end."""
_JARS: Final = frozenset({RequestsCookieJar, CookieJar, LWPCookieJar, MozillaCookieJar})
_WRAPPERS: Final = frozenset(
    {"request", "get", "options", "head", "post", "put", "patch", "delete", "close"}
)
"""Methods that may be replaced on a session: the lane is below them."""
_NEVER_FOLLOWED: Final = frozenset({"host", "content-length", "transfer-encoding"})
"""Headers of which more depends than their own line."""
_NO_HOOKS: Final[dict[str, list[Any]]] = {"response": []}

_targets: dict[str, tuple[str, bytes, str]] = {}
"""Origin, target and URL as Requests has it, of URLs that it would leave alone."""
_heads: dict[bytes, tuple[int, int, bool] | None] = {}
"""What heads of answers mean: status, length of the body, whether the connection stays."""
_surroundings: list[tuple[dict[Any, Any], tuple[str, ...]]] = []
"""The environment as it was last seen, and where passwords would be; sessions share it."""

# What others replace to be asked instead of Requests, as it is now.
_REQUEST: Final = requests.Session.request
_SEND: Final = requests.Session.send
_GET_ADAPTER: Final = requests.Session.get_adapter
_ADAPTER_SEND: Final = HTTPAdapter.send
_GET_CONNECTION: Final = HTTPAdapter.get_connection_with_tls_context
_BUILD_RESPONSE: Final = HTTPAdapter.build_response
_URLOPEN: Final = HTTPConnectionPool.urlopen
_MAKE_REQUEST: Final = HTTPConnectionPool._make_request  # noqa: SLF001 - others replace it
_PREPARE: Final = PreparedRequest.prepare
_GENUINE: Final = all(
    # Something may have been replaced before this was imported.
    type(function) is FunctionType and function.__globals__["__name__"] == module
    for function, module in (
        (_REQUEST, "requests.sessions"),
        (_SEND, "requests.sessions"),
        (_GET_ADAPTER, "requests.sessions"),
        (_ADAPTER_SEND, "requests.adapters"),
        (_GET_CONNECTION, "requests.adapters"),
        (_BUILD_RESPONSE, "requests.adapters"),
        (_URLOPEN, "urllib3.connectionpool"),
        (_MAKE_REQUEST, "urllib3.connectionpool"),
        (_PREPARE, "requests.models"),
    )
)


def _as_written() -> bool:
    """Whether nobody has replaced what Requests and urllib3 say of a request's way.

    Identity, not equality: what stands in for a function may well be equal to it.
    """
    return (
        _GENUINE
        and requests.Session.request is _REQUEST
        and requests.Session.send is _SEND
        and requests.Session.get_adapter is _GET_ADAPTER
        and HTTPAdapter.send is _ADAPTER_SEND
        and HTTPAdapter.get_connection_with_tls_context is _GET_CONNECTION
        and HTTPAdapter.build_response is _BUILD_RESPONSE
        and HTTPConnectionPool.urlopen is _URLOPEN
        and HTTPConnectionPool._make_request is _MAKE_REQUEST  # noqa: SLF001 - as above
        and PreparedRequest.prepare is _PREPARE
    )


class Circumstances:
    """Everything beside a call's own arguments that Requests looks at to make its bytes.

    They are noted before Requests makes its bytes: its answer may change them.
    """

    __slots__ = (
        "absent",
        "adapter",
        "adapter_state",
        "cookies",
        "earliest_expiry",
        "environ",
        "header_store",
        "other_scheme",
        "policy",
        "present",
        "scheme",
        "version",
    )

    def __init__(self, session: Session, adapter: HTTPAdapter, scheme: str) -> None:
        self.version = session.lane_version
        self.scheme = scheme
        self.other_scheme = "http://" if scheme == "https://" else "https://"
        self.adapter = adapter
        self.adapter_state = dict(adapter.__dict__)
        self.header_store = OrderedDict(_store(session.headers))
        self.environ: dict[Any, Any] | None = None
        self.absent: tuple[str, ...] = ()
        if session.trust_env:
            self.environ, places = _look_around()
            if not session.auth:
                self.absent = places
        self.present = _certificates(session, scheme)
        jar = session.cookies
        self.policy = jar._policy  # type: ignore[attr-defined]  # noqa: SLF001 - not public anywhere
        self.cookies = [(cookie, dict(cookie.__dict__)) for cookie in jar]
        now = int(time.time())  # as http.cookiejar counts; what has expired stays so
        expiries = [c.expires for c in jar if c.expires is not None and c.expires > now]
        self.earliest_expiry = min(expiries, default=None)

    def hold(self, session: Session) -> bool:
        """Whether all is as it was, but for the values of the session's headers."""
        adapters = session.adapters
        retries = self.adapter.max_retries
        if not (
            self.version == session.lane_version
            and not session.params
            and not session.proxies
            and session.hooks == _NO_HOOKS
            and adapters.get(self.scheme) is self.adapter
            and len(adapters) == 2  # noqa: PLR2004 - this scheme and the other
            and self.other_scheme in adapters
            and self.adapter.__dict__ == self.adapter_state
            and not retries.total
            and not retries.status_forcelist
            and (self.environ is None or _environ() == self.environ)
            and _as_written()
            and self._same_cookies(session)
        ):
            return False
        for place in self.absent:
            if os.access(place, os.F_OK):
                return False
        for place in self.present:  # noqa: SIM110 - a generator costs more than all of the rest
            if not os.access(place, os.F_OK):
                return False
        return True

    def _same_cookies(self, session: Session) -> bool:
        jar: Any = session.cookies
        if not self.cookies:
            return not jar._cookies or not len(jar)  # noqa: SLF001 - far cheaper than iterating
        if jar._policy is not self.policy or (  # noqa: SLF001
            self.earliest_expiry is not None and self.earliest_expiry <= time.time()
        ):
            return False
        now = list(jar)
        return len(now) == len(self.cookies) and all(
            cookie is known and cookie.__dict__ == state
            for cookie, (known, state) in zip(now, self.cookies, strict=True)
        )


def _circumstances(session: Session, origin: str, path: bytes | None) -> Circumstances | None:
    """What they are now; None: they are such that Requests has to look at them each time."""
    scheme = origin.partition("//")[0] + "//"
    auth = session.auth
    adapter = session.adapters.get(scheme)
    if (
        type(adapter) is not HTTPAdapter
        or _is_overridden(adapter, frozenset())
        or _is_overridden(session, _WRAPPERS)
        or type(session.adapters) not in (dict, OrderedDict)
        or type(session.headers) not in (CaseInsensitiveDict, dict)
        or type(session.cookies) not in _JARS
        or type(adapter.max_retries) is not Retry
        or session.stream
        or not (
            auth is None
            or (type(auth) is tuple and all(type(word) in (str, bytes) for word in auth))
        )
        or (path is None and any(cookie.path != "/" for cookie in session.cookies))
    ):
        return None
    circumstances = Circumstances(session, adapter, scheme)
    return circumstances if circumstances.hold(session) else None


def _is_overridden(thing: object, allowed: frozenset[str]) -> bool:
    """Whether a method of this very object has been replaced."""
    kind = type(thing)
    return any(
        callable(getattr(kind, name, None)) and name not in allowed for name in thing.__dict__
    )


class Depot:
    """A pool of urllib3's, and those of its connections that the lane keeps."""

    __slots__ = ("__weakref__", "_pools", "lines", "pool", "where")

    def __init__(self, pool: MeasuredPool, adapter: HTTPAdapter) -> None:
        self.pool = pool
        self.where = pool.where
        self.lines: list[Line] = []
        weakref.finalize(self, _close, self.lines)  # as urllib3 does it for a pool
        self._pools = adapter.poolmanager.pools._container  # noqa: SLF001 - asking it by key costs 1 µs

    def is_open(self) -> bool:
        """Whether Requests would still use the pool; one that it let go is never closed."""
        return self.pool in self._pools.values()

    def line(self, clock: Clock) -> Line | None:
        """An idle connection; None: there is none."""
        lines = self.lines
        while lines:
            line = lines.pop()
            if line.idle():
                return line
            line.connection.close()
        return _take(self.pool, clock)

    def give_back(self) -> None:
        """Puts the connections where Requests finds them."""
        for line in self.lines:
            self.pool._put_conn(line.connection)  # noqa: SLF001 - closes it if it has to
        self.lines.clear()

    def close(self) -> None:
        """Closes what the lane keeps."""
        _close(self.lines)


def _close(lines: list[Line]) -> None:
    while lines:
        lines.pop().connection.close()


class Template:
    """A request as Requests has sent it, to be sent again for another target or body."""

    __slots__ = ("circumstances", "depot", "method", "own", "prepared", "start", "tail")

    def __init__(self, capture: Capture, depot: Depot, prepared: PreparedRequest) -> None:
        head, body = capture.sent[0], capture.body
        self.method: str = capture.key[0]
        self.own = frozenset(name.lower() for name, _ in capture.key[2] or ())
        self.prepared = prepared.copy()  # the test may change the one that it has
        self.prepared.hooks = {event: list(hooks) for event, hooks in prepared.hooks.items()}
        self.depot = depot
        self.circumstances: Circumstances = capture.circumstances
        self.start = self.method.encode() + b" "
        rest = head[len(self.start) + len(capture.target) :]
        if body is None:
            self.tail = (rest, b"")
        else:
            before, _, after = rest.partition(b"\r\nContent-Length: %d\r\n" % len(body))
            self.tail = (before + b"\r\nContent-Length: ", b"\r\n" + after)

    def head(self, target: bytes, body: bytes | None) -> bytes:
        """What is sent before the body."""
        before, after = self.tail
        if body is None:
            return b"%b%b%b" % (self.start, target, before)
        return b"%b%b%b%d%b" % (self.start, target, before, len(body), after)

    def follow_headers(self, session: Session) -> bool:
        """Takes over new values of the session's headers; False: more than values changed."""
        headers = session.headers
        known = self.circumstances.header_store
        if type(headers) is not CaseInsensitiveDict:
            return OrderedDict(headers) == known  # which is particular about the order
        store = _store(headers)
        return store == known or self._follow(session, store, known)

    def _follow(self, session: Session, store: Any, known: Any) -> bool:
        if list(store) != list(known):
            return False
        before, after = self.tail
        prepared = _twin(self.prepared)
        for key, (name, value) in store.items():
            old_name, old = known[key]
            if old is value and name == old_name:
                continue
            if (
                type(value) is not str
                or type(old) is not str
                or name != old_name
                or key in _NEVER_FOLLOWED
                or key in self.own
                or (key == "authorization" and session.auth)
                or value == SKIP_HEADER
                or not _HEADER_VALUE.fullmatch(value)
                or not _HEADER_VALUE.fullmatch(old)
            ):
                return False
            line = f"\r\n{name}: {old}\r\n".encode("latin-1")
            if (before + after).count(line) != 1:
                return False
            new = f"\r\n{name}: {value}\r\n".encode("latin-1")
            before, after = before.replace(line, new), after.replace(line, new)
            prepared.headers[name] = value
        self.tail = (before, after)
        self.prepared = prepared
        self.circumstances.header_store = OrderedDict(store)
        return True


class Lane:
    """The fast lane of one session, which it does not refer to: that would be a cycle."""

    def __init__(self, sink: HitSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._templates: dict[tuple[Any, ...], Template] = {}
        self._depots: dict[MeasuredPool, Depot] = {}

    def request(
        self,
        session: Session,
        method: str,
        url: str,
        *,
        params: Any,
        data: Any,
        headers: Any,
        json: Any,
        timeout: Any,
        name: str | None,
    ) -> tuple[LaneResponse | None, Capture | Resumed | None]:
        """The answer, or None: the request is Requests' own matter.

        With None comes what Requests is to go on with, or what is to be captured of it, so
        that the next may go by the lane.
        """
        wall_ns, start_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        try:
            split = _targets.get(url) if type(url) is str else None
            if split is None:
                split = _split(url)
            origin, target, plain_url = split
            if params:
                query = _query(params)
                separator = "&" if "?" in plain_url else "?"
                plain_url = f"{plain_url}{separator}{query}"
                target += f"{separator}{query}".encode()
            kind, body = ("", None) if data is None and json is None else _body(data, json)
            cookies = session.cookies._cookies  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            path = target.partition(b"?")[0] if cookies and _has_paths(cookies) else None
            key = (method, origin, _items(headers) if headers else None, kind, path)
            template = self._templates.get(key)
            timeouts = None if timeout is None else _timeouts(timeout)
            if template is not None and not (
                template.depot.is_open()
                and template.circumstances.hold(session)
                and template.follow_headers(session)
            ):
                del self._templates[key]
                template = None
            if template is None:
                circumstances = _circumstances(session, origin, path)
                if circumstances is None:
                    return None, None
        except Exception:  # noqa: BLE001 - whatever is wrong, Requests says so in its own words
            return None, None
        if template is None:
            return None, Capture(key, target, plain_url, body, circumstances)
        line = template.depot.line(self._clock)
        if line is None:  # Requests has to open one
            return None, None
        return self._exchange(
            template, line, target, body, plain_url, name, timeouts, wall_ns, start_ns
        )

    def learn(self, capture: Capture, response: requests.Response) -> None:
        """Makes a template of what Requests did, when it can be repeated."""
        pool, body = capture.pool, capture.body
        if capture.exchanges != 1 or pool is None or not isinstance(response, requests.Response):
            return
        prepared = response.request
        head, sent_body = capture.sent[:1], capture.sent[1:]
        if (
            response.history
            or prepared.url != capture.url
            or pool.proxy is not None
            or pool.block  # who waits for a connection waits for one that is put back
            or not head
            or not head[0].startswith(
                b"%b %b HTTP/1.1\r\n" % (capture.key[0].encode(), capture.target)
            )
            or not head[0].endswith(b"\r\n\r\n")
            or b"".join(sent_body) != (body or b"")
        ):
            return
        if body is not None and head[0].count(b"\r\nContent-Length: %d\r\n" % len(body)) != 1:
            return
        if len(self._templates) >= MAX_TEMPLATES:
            self._templates.clear()
        depot = self._depots.get(pool)
        if depot is None:
            depot = self._depots[pool] = Depot(pool, capture.circumstances.adapter)
        self._templates[capture.key] = Template(capture, depot, prepared)

    def give_back(self) -> None:
        """Puts the connections of the lane back where Requests finds them."""
        for depot in list(self._depots.values()):
            if depot.is_open():
                depot.give_back()
            else:
                depot.close()
                del self._depots[depot.pool]
                for key in [k for k, each in self._templates.items() if each.depot is depot]:
                    del self._templates[key]

    def _exchange(  # noqa: PLR0917 - all that one exchange is about
        self,
        template: Template,
        line: Line,
        target: bytes,
        body: bytes | None,
        url: str,
        name: str | None,
        timeouts: tuple[float | None, float | None] | None,
        wall_ns: int,
        start_ns: int,
    ) -> tuple[LaneResponse | None, Resumed | None]:
        """Sends and receives; no answer: Requests goes on from what was received."""
        send_timeout_s, timeout_s = timeouts or _NO_TIMEOUTS
        message = template.head(target, body)
        prepared = template.prepared  # another greenlet may change the template meanwhile
        status = first_ns = 0
        head = content = b""
        whole = stays = False
        sending: OSError | None = None
        trouble: OSError | None = None
        try:
            sending = line.send(message, body, send_timeout_s)
            if sending is None:
                head = line.receive(timeout_s)
                end, meaning = _read_head(head)
                while meaning is _MORE and (more := line.receive(timeout_s)):
                    head += more
                    end, meaning = _read_head(head)
                if meaning is not None and meaning is not _MORE:
                    first_ns = line.received_ns - start_ns
                    status, length, stays = meaning
                    if len(head) != end:
                        content = head[end:]
                        head = head[:end]
                    if len(content) < length:
                        content = line.receive_all(content, length, timeout_s)
                    whole = len(content) == length
        except OSError as error:
            content = line.received(content)
            trouble = error
        except BaseException as error:
            content = line.received(content)
            line.connection.close()
            kind, words = classify(error, connecting=False)
            words = f"{template.depot.where}: {words}"
            came = len(head) + len(content)
            times = wall_ns, self._clock.monotonic_ns() - start_ns, first_ns
            self._tell(template, url, name, status, times, line.sent, came, kind, words)
            raise
        if not whole:
            connection, sent, got = line.connection, line.sent, head + content
            return None, Resumed(connection, got, sent, sending, trouble, wall_ns, start_ns)
        times = wall_ns, line.received_ns - start_ns, first_ns
        if stays and template.depot.is_open():
            template.depot.lines.append(line)
        else:
            line.connection.close()
        self._tell(template, url, name, status, times, line.sent, len(head) + len(content))
        adapter = template.circumstances.adapter
        return LaneResponse(status, url, head, content, first_ns, prepared, adapter, body), None

    def _tell(  # noqa: PLR0917 - keywords cost time, once per request
        self,
        template: Template,
        url: str,
        name: str | None,
        status: int,
        times: tuple[int, int, int],
        sent: int,
        received: int,
        error: HitError = HitError.NONE,
        error_message: str = "",
    ) -> None:
        """Tells the sink of an exchange that ended."""
        start_ns, elapsed_ns, first_byte_ns = times
        self._sink.hit(
            name=name or url.partition("?")[0],
            url=url,
            method=template.method,
            status=status,
            error=error,
            error_message=error_message,
            start_ns=start_ns,
            elapsed_ns=elapsed_ns,
            first_byte_ns=first_byte_ns,
            connect_ns=0,
            bytes_sent=sent,
            bytes_received=received,
        )


class _NotPlainError(Exception):
    """An argument that Requests itself has to look at."""


_MORE: Final = (0, 0, False)
"""Instead of a meaning: the head is not whole yet."""
_NO_TIMEOUTS: Final = (None, None)


def _read_head(data: bytes) -> tuple[int, tuple[int, int, bool] | None]:
    """Where the body begins, and what the head means; None: it is not plain."""
    at = data.find(b"\r\n\r\n")
    if at < 0:
        return 0, _MORE if _may_become_plain(data) else None
    head = data[:at]
    try:
        return at + 4, _heads[head]
    except KeyError:
        if at > MAX_HEAD_BYTES:
            return 0, None
        if len(_heads) >= MAX_HEADS:
            _heads.clear()
        meaning = _heads[head] = _parse_head(head)
        return at + 4, meaning


def _may_become_plain(data: bytes) -> bool:
    """Whether to wait for the rest of a head: Requests may have seen enough of any other."""
    if not data or len(data) >= MAX_HEAD_BYTES:
        return False
    lines, _, rest = data.rpartition(b"\r\n")
    return b"\n" not in rest and (not lines or _HEAD.fullmatch(lines) is not None)


def _parse_head(head: bytes) -> tuple[int, int, bool] | None:
    match = _HEAD.fullmatch(head)
    if match is None or head.count(b"\r\n") > 90:  # noqa: PLR2004 - http.client takes 100
        return None
    status = int(match[1])
    if status in _NOT_PLAIN:
        return None
    length = stays = None
    for name, value in _FRAMING.findall(head):
        match name.lower():
            case b"content-length" if length is None and value.isdigit() and len(value) < 16:  # noqa: PLR2004
                length = int(value)
            case b"connection" if stays is None and value.lower() in (b"close", b"keep-alive"):
                stays = value.lower() == b"keep-alive"
            case _:
                return None
    return None if length is None else (status, length, stays is not False)


def _split(url: str) -> tuple[str, bytes, str]:
    """Origin, target and URL as Requests has it, of a URL that it would leave alone."""
    if type(url) is not str:
        raise _NotPlainError
    at = url.find("/", url.find("://") + 3) if "://" in url else -1
    origin, target = (url[:at], url[at:]) if at > 0 else (url, "/")
    if _TARGET.fullmatch(target) is None or "?" in origin or "@" in origin:
        raise _NotPlainError
    split = (origin, target.encode(), origin + target)
    if len(url) <= MAX_TARGET_CHARACTERS:
        if len(_targets) >= MAX_TARGETS:
            _targets.clear()
        _targets[url] = split
    return split


def _items(headers: Any) -> tuple[tuple[Any, Any], ...]:
    if type(headers) is not dict:
        raise _NotPlainError
    return tuple(headers.items())


def _has_paths(cookies: dict[str, dict[str, Any]]) -> bool:
    """Whether a cookie is for a path: then what is sent depends on it."""
    for paths in cookies.values():  # noqa: SIM110 - a generator costs twice that
        if len(paths) > ("/" in paths):
            return True
    return False


def _query(params: Any) -> str:
    if type(params) is not str:
        _check_repeatable(params)
    encoded = PreparedRequest._encode_params(params)  # type: ignore[attr-defined]  # noqa: SLF001 - what Requests calls
    if type(encoded) is not str or _QUERY.fullmatch(encoded) is None:
        raise _NotPlainError
    return encoded


def _check_repeatable(fields: Any) -> None:
    """Raises unless fields can be encoded twice: an iterator among them could not."""
    if type(fields) is dict:
        pairs = fields.items()
    elif type(fields) in (list, tuple) and all(
        type(pair) in (list, tuple) and len(pair) == 2  # noqa: PLR2004 - a pair
        for pair in fields
    ):
        pairs = fields
    else:
        raise _NotPlainError
    for key, value in pairs:
        if type(key) not in _SCALARS or not (
            type(value) in _SCALARS
            or (type(value) in (list, tuple) and all(type(one) in _SCALARS for one in value))
        ):
            raise _NotPlainError


def _body(data: Any, json: Any) -> tuple[str, bytes | None]:
    """What kind of body the arguments make, and the body."""
    if not data:
        if data is not None and type(data) not in (dict, str, bytes, list, tuple):
            raise _NotPlainError
        if json is None:
            return "", None
        return "json", requests.models.complexjson.dumps(json, allow_nan=False).encode()  # type: ignore[attr-defined]
    if type(data) is bytes:
        return "bytes", data
    if type(data) is str and data.isascii():
        return "text", data.encode()
    if type(data) is dict:
        _check_repeatable(data)
        encoded = PreparedRequest._encode_params(data)  # type: ignore[attr-defined]  # noqa: SLF001 - what Requests calls
        if type(encoded) is str and encoded:
            return "form", encoded.encode()
    raise _NotPlainError


def _timeouts(timeout: Any) -> tuple[float | None, float | None]:
    """How long sending and receiving may stand still; urllib3 sends within the first."""
    pair = timeout if type(timeout) is tuple else (timeout, timeout)
    if len(pair) != 2 or not all(  # noqa: PLR2004 - a pair
        one is None or (type(one) in (int, float) and 0 < one < MAX_TIMEOUT_S) for one in pair
    ):
        raise _NotPlainError
    return pair


def _store(headers: Any) -> Any:
    """The dictionary inside a CaseInsensitiveDict; a test may have put a plain one there."""
    return getattr(headers, "_store", headers)


def _twin(prepared: PreparedRequest) -> PreparedRequest:
    """A copy with headers of its own; nobody changes the rest of a template's request."""
    twin = PreparedRequest()
    twin.__dict__.update(prepared.__dict__)
    twin.headers = prepared.headers.copy()
    return twin


def _environ() -> dict[Any, Any]:
    # Comparing this costs 0.3 µs, comparing os.environ a hundred times that.
    environ: Any = os.environ
    data: dict[Any, Any] = getattr(environ, "_data", environ)
    return data


def _look_around() -> tuple[dict[Any, Any], tuple[str, ...]]:
    """The environment, and where Requests would look for passwords in it.

    A file that is there is Requests' own matter.
    """
    if not _surroundings or _surroundings[0][0] != _environ():
        named = os.environ.get("NETRC")
        places = (named,) if named is not None else tuple(f"~/{name}" for name in NETRC_FILES)
        expanded = tuple(os.path.expanduser(place) for place in places)  # noqa: PTH111 - as Requests
        _surroundings[:] = [(dict(_environ()), expanded)]
    return _surroundings[0]


def _certificates(session: Session, scheme: str) -> tuple[str, ...]:
    """The files that Requests wants to see before each request."""
    places = []
    verify = session.verify
    if session.trust_env:
        verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
    if scheme == "https://" and verify:
        places.append(DEFAULT_CA_BUNDLE_PATH if verify is True else verify)
    if session.cert:
        places += [session.cert] if isinstance(session.cert, str) else session.cert
    return tuple(str(place) for place in places if place)


def _take(pool: MeasuredPool, clock: Clock) -> Line | None:
    """The idle connection that Requests put into its pool last."""
    if pool.pool is None:
        return None
    try:
        connection = pool.pool.get(block=False)
    except Empty:
        return None
    if isinstance(connection, MeasuredConnection) and connection.sock is not None:
        line = Line(connection, clock)
        if line.idle():
            return line
    pool.pool.put(connection, block=False)
    return None
