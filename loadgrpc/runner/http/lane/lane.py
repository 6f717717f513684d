"""The fast lane: a plain request on a connection that stands idle.

Requests takes some 400 µs of Python for a request. Most of it finds out again what the
request before it found out: which headers, which cookies, which proxy, which certificate,
which connection. The lane remembers. A request whose meaning is plain, on a connection
that Requests itself has opened and has done with, is sent as the bytes that Requests sent
last time; an answer that is plain is handed over without urllib3 having read it.

Rule 1: the lane never decides what Requests would do. The bytes it sends are bytes that
Requests has sent (except for the target, the length of the body, and the value of a session's
header), and they are sent again only while everything that they came from is as it was:
`Preconditions` says what that is. So is the step after a redirect: it is what Requests made of
such a redirect after this very request.
Rule 2: whatever is not plain goes Requests' own road, and so does an answer that turns out not
to be: what was read of it is given back (`ResumedExchange`), and Requests reads it from there,
on the same connection, in the same exchange. Answers that came before it in a chain of
redirects are handed to Requests as they are (`Handover`). No request is sent twice, no error is
ours.

    Session.request ─ plain? ─ no ────────────────────────▶ Handover ─▶ Requests ─▶ urllib3
          │                                                      ▲
          └ yes: Template ─ send, receive ─ plain answer? ─ no ─ ResumedExchange
                     ▲                        │
                     └── step ─ redirect? ─ yes
                                     └ no ─▶ LaneResponse
"""

from __future__ import annotations

from typing import Any, Final

import requests

from loadgrpc.clock import Clock
from loadgrpc.model import HitError
from loadgrpc.runner.hit import Hit, HitSink
from loadgrpc.runner.http.hit_error import classify
from loadgrpc.runner.http.lane import arguments, unpatched
from loadgrpc.runner.http.lane.answer import Incoming
from loadgrpc.runner.http.lane.connection import LaneConnection
from loadgrpc.runner.http.lane.connections import Connections
from loadgrpc.runner.http.lane.handover import Handover
from loadgrpc.runner.http.lane.preconditions import depend_on_path, note
from loadgrpc.runner.http.lane.response import LaneResponse, Sent, lead_to, request_like
from loadgrpc.runner.http.lane.template import Headers, LaneRecording, Place, Template, headers_of
from loadgrpc.runner.http.resumed import ResumedExchange
from loadgrpc.runner.http.versioned import VersionedSession
from loadgrpc.runner.http.wire import MeasuredPool

MAX_TEMPLATES: Final = 64
"""Templates that a session remembers; over that, all are forgotten."""
MAX_STEPS: Final = 16
"""Steps that a template remembers of redirects; over that, all are forgotten."""
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_NO_TIMEOUTS: Final = (None, None)
_NO_BODY: Final = ("", None)

Timeouts = tuple[float | None, float | None]


class Lane:
    """The fast lane of one session, which it does not refer to: that would be a cycle."""

    def __init__(self, sink: HitSink, clock: Clock) -> None:
        unpatched.watch_modules()
        self._sink = sink
        self._clock = clock
        self._monotonic_ns = clock.monotonic_ns  # to find it takes as long as to ask it
        self._epoch_ns = clock.epoch_ns
        self._templates: Place = {}
        self._connections: dict[MeasuredPool, Connections] = {}
        self._used: dict[Connections, None] = {}
        """Those used since Requests was asked last, in the order of their last use."""
        self._last: Connections | None = None

    def request(  # noqa: PLR0911 - where it leaves the lane
        self,
        session: VersionedSession,
        method: str,
        url: Any,
        name: str | None,
        /,
        *,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        cookies: Any = None,
        files: Any = None,
        auth: Any = None,
        timeout: Any = None,
        allow_redirects: Any = True,
        proxies: Any = None,
        hooks: Any = None,
        stream: Any = None,
        verify: Any = None,
        cert: Any = None,
        json: Any = None,
        **unknown: Any,
    ) -> tuple[LaneResponse | None, Handover | None]:
        """The answer, or None: the request is left to Requests.

        With None comes what Requests is to go on with, or what is to be captured of it, so
        that the next may go by the lane.
        """
        if (
            cookies
            or files
            or proxies
            or hooks
            or stream
            or auth is not None
            or cert is not None
            or unknown
        ):
            return None, None
        start_ns = self._monotonic_ns()
        try:
            origin, target, full_url = arguments.split(url, params)
            kind, body = _NO_BODY if data is None and json is None else arguments.body(data, json)
            timeouts = _NO_TIMEOUTS if timeout is None else arguments.timeouts(timeout)
            own = arguments.items(headers) if headers else ()
            path = _path_for_cookies(session, target)
            verify = None if verify is None else arguments.verify(verify)
            key = (method, origin, own, kind, path, verify)
            common = headers_of(session.headers)
            template = self._templates.get(key)
            if template is not None and not template.fits(session, common, start_ns):
                self._templates.pop(key, None)
                template = None
            if template is None:
                recording = self._recording(session, key, target, full_url, body, common, start_ns)
                return None, Handover([], recording, None)
        except Exception:  # noqa: BLE001 - whatever is wrong, Requests raises it
            return None, None
        line = template.connections.line(self._clock)
        if line is None:  # Requests has to open one
            return None, None
        common = template.headers
        sent = template.prepared, template.changed, body
        answer, resumed = self._exchange(
            template, line, target, sent, full_url, name, timeouts, start_ns
        )
        if answer is None:
            return None, Handover([], resumed, request_like(full_url, sent))
        if answer._location is None:  # noqa: SLF001 - not for tests to see
            return answer, None
        came, then = [answer], None
        if allow_redirects:
            then = self._follow(session, template, common, came, origin, body, name, timeouts)
        last = came[-1]
        if last._location is None:  # noqa: SLF001
            return last, None
        return None, Handover(came, then, answer.request)

    def _recording(  # noqa: PLR0917 - all that a request is about
        self,
        session: VersionedSession,
        key: tuple[Any, ...],
        target: bytes,
        url: str,
        body: bytes | None,
        common: Headers,
        now_ns: int,
    ) -> LaneRecording | None:
        """The request, to be learned from; None: of no use, as it will be another each time."""
        _, origin, own, _, path, verify = key
        preconditions = note(session, origin, path, verify, now_ns)
        if preconditions is None:
            return None
        hidden = arguments.names(own) | ({"authorization"} if session.auth else set())
        return LaneRecording(
            self._templates, key, target, url, body, preconditions, hidden, common.copy()
        )

    def _follow(  # noqa: PLR0917 - all that a step may depend on
        self,
        session: VersionedSession,
        template: Template,
        common: Headers,
        came: list[LaneResponse],
        origin: str,
        body: bytes | None,
        name: str | None,
        timeouts: Timeouts,
    ) -> LaneRecording | ResumedExchange | None:
        """Follows redirects, collecting the answers, as long as they are plain.

        `common` are the session's headers as they went with the first request. When the last
        answer redirects, Requests has to go on, with what is returned. There are no more steps
        here than Requests allowed itself when they were learned.
        """
        preconditions = template.preconditions
        while (location := came[-1]._location) is not None:  # noqa: SLF001
            start_ns = self._monotonic_ns()
            try:
                origin, target, url = arguments.split_location(location, origin)
                key = (came[-1].status_code, origin, _path_for_cookies(session, target))
                if not preconditions.hold_for_a_redirect(session, origin, start_ns):
                    return None
                step = template.steps.get(key)
            except Exception:  # noqa: BLE001 - as in `request`
                return None
            if step is None or not (step.connections.is_genuine() and step.follow(common)):
                return LaneRecording(
                    template.steps, key, target, url, body, preconditions, template.own, common
                )
            line = step.connections.line(self._clock)
            if line is None:
                return None
            template, body = step, body if step.sends_body else None
            sent = template.prepared, template.changed, body
            answer, resumed = self._exchange(
                template, line, target, sent, url, name, timeouts, start_ns
            )
            if answer is None:
                return resumed
            answer.history = came.copy()
            if len(came) > 1:  # of the first, Requests does not say what came of it
                lead_to(came[-1], answer)
            came.append(answer)
        return None

    def learn(self, handover: Handover, answer: requests.Response) -> None:
        """Makes a template of what Requests did, when it can be repeated."""
        try:
            self._learn(handover, answer)
        except Exception:  # noqa: BLE001 - the test has its answer, and the next request teaches
            return

    def _learn(self, handover: Handover, answer: requests.Response) -> None:
        recording = handover.then
        if (
            not isinstance(recording, LaneRecording)
            or recording.exchanges != 1
            or recording.pool is None
            or not isinstance(answer, requests.Response)
        ):
            return
        pool, body = recording.pool, recording.body
        number = len(handover.came)
        steps = [*answer.history, answer]
        if number >= len(steps):
            return
        prepared: Any = steps[number].request
        head, sent = b"".join(recording.sent[:1]), b"".join(recording.sent[1:])
        if number and prepared.body is None:  # a redirect may do without
            body = None
        if (
            prepared.url != recording.url
            or pool.proxy is not None
            or pool.block  # who waits for a connection waits for one that is put back
            or not head.startswith(
                b"%b %b HTTP/1.1\r\n" % (prepared.method.encode(), recording.target)
            )
            or not head.endswith(b"\r\n\r\n")
            or sent != (body or b"")
            or (body is not None and head.count(b"\r\nContent-Length: %d\r\n" % len(body)) != 1)
        ):
            return
        if len(recording.place) >= (MAX_STEPS if number else MAX_TEMPLATES):
            recording.place.clear()
        connections = self._connections.get(pool)
        if connections is None:
            connections = self._connections[pool] = Connections(
                pool, recording.preconditions.adapter
            )
        recording.place[recording.key] = Template(recording, connections, prepared, body)

    def give_back(self, session: VersionedSession | None = None) -> None:
        """Puts the connections of the lane back where Requests finds them.

        What is not `session`'s any more is let go, as Requests lets it go.
        """
        used, self._used, self._last = self._used, {}, None
        for connections in used:
            connections.touch()
        for connections in list(self._connections.values()):
            is_open = connections.is_open()
            if is_open:
                connections.give_back()
            else:
                connections.close()
            if not is_open or (session is not None and not connections.is_of(session)):
                self._forget(connections)

    def _forget(self, connections: Connections) -> None:
        """Keeps nothing that keeps its pool."""
        self._connections.pop(connections.pool, None)
        for key, template in list(self._templates.items()):
            if template.connections is connections:
                self._templates.pop(key, None)
            else:
                template.forget(connections)

    def _exchange(  # noqa: PLR0917 - all that one exchange is about
        self,
        template: Template,
        line: LaneConnection,
        target: bytes,
        sent: Sent,
        url: str,
        name: str | None,
        timeouts: Timeouts,
        start_ns: int,
    ) -> tuple[LaneResponse | None, ResumedExchange | None]:
        """Sends and receives; no answer: Requests continues from what was received."""
        send_timeout_s, timeout_s = timeouts
        body = sent[2]
        message = template.head(target, body)
        answer = Incoming()
        sending: OSError | None = None
        trouble: OSError | None = None
        line.asked_ns = start_ns
        try:
            if not line.verified:  # urllib3 warns of it each time
                template.connections.pool._validate_conn(line.connection)  # noqa: SLF001
            sending = line.send(message, body, send_timeout_s)
            if sending is None:
                answer.receive(line, timeout_s)
        except OSError as error:
            answer.came = line.received(bytes(answer.came))
            trouble = error
        except BaseException as error:
            answer.came = line.received(bytes(answer.came))
            line.connection.close()
            kind, words = classify(error, connecting=False)
            words = f"{template.connections.where}: {words}"
            end_ns = self._monotonic_ns()
            self._tell(template, url, name, answer, start_ns, end_ns, line.sent, kind, words)
            raise
        if answer.content is None:
            received = answer.head + answer.came
            return None, ResumedExchange(
                line.connection,
                received,
                line.sent,
                sending,
                trouble,
                self._epoch_ns + start_ns,
                start_ns,
                answer.first_ns,
            )
        connections = template.connections
        if answer.meaning.stays:
            connections.keep(line)
            if connections is not self._last:
                self._use(connections)
        else:
            line.connection.close()
        self._tell(template, url, name, answer, start_ns, line.received_ns, line.sent)
        return LaneResponse(answer, url, answer.first_ns - start_ns, sent, connections), None

    def _use(self, connections: Connections) -> None:
        self._used.pop(connections, None)
        self._used[connections] = None
        self._last = connections

    def _tell(  # noqa: PLR0917 - keywords cost time, once per request
        self,
        template: Template,
        url: str,
        name: str | None,
        answer: Incoming,
        start_ns: int,
        end_ns: int,
        sent: int,
        error: HitError = HitError.NONE,
        error_message: str = "",
    ) -> None:
        """Tells the sink of an exchange that ended."""
        hit = Hit(
            name or url.partition("?")[0],
            url,
            template.method,
            answer.meaning.status,
            error,
            error_message,
            self._epoch_ns + start_ns,
            end_ns - start_ns,
            answer.first_ns - start_ns if answer.first_ns else 0,
            0,
            sent,
            len(answer.head) + len(answer.came),
        )
        self._sink.hit(hit)


def _path_for_cookies(session: VersionedSession, target: bytes) -> bytes | None:
    """The path, when it says which cookies are sent."""
    cookies = session.cookies._cookies  # type: ignore[attr-defined]  # noqa: SLF001 - far cheaper than iterating
    return target.partition(b"?")[0] if cookies and depend_on_path(cookies) else None
