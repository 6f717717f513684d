"""What the runner's tests share.

A clock that stands until moved, a sink, a scripted server, and sessions that are told the same
and compared.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import json
import os
import pickle
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from loadgrpc.runner.hit import FIELDS, Hit
from loadgrpc.runner.http import session as session_module
from loadgrpc.runner.http.lane.lane import Lane
from loadgrpc.runner.http.resumed import ResumedExchange
from loadgrpc.runner.http.session import Session
from loadgrpc.testing import ManualClock

PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent, json, threading, time
from loadgrpc.clock import SystemClock
began = time.monotonic()
"""


def patched_scene(code: str) -> object:
    """What code printed as JSON, in a process of its own that gevent has patched."""
    result = subprocess.run(
        [sys.executable, "-c", PATCHED + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


class RunningClock(ManualClock):
    """A clock that runs, as `elapsed` is to be compared with what a server took."""

    def __init__(self) -> None:
        super().__init__()
        self._began_ns = time.monotonic_ns()

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + time.monotonic_ns() - self._began_ns

    def wall_ns(self) -> int:
        return super().wall_ns() + time.monotonic_ns() - self._began_ns


class HitList(list):
    """A sink that keeps hits as dictionaries."""

    unmeasured_count = 0

    def hit(self, hit: Hit, /) -> None:
        self.append({name: getattr(hit, name) for name in FIELDS})

    def unmeasured(self) -> None:
        self.unmeasured_count += 1

    def column(self, field: str) -> list:
        return [hit[field] for hit in self]


class Noticed:
    """A connection of which is noticed when it is first used."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.began_s = time.monotonic()
        self.used_s: float | None = None

    def __getattr__(self, name: str) -> object:
        self.used_s = self.used_s or time.monotonic()
        return getattr(self._connection, name)


class ScriptedServer:
    """Answers requests on a raw socket, byte for byte as the script of a path says.

    A script is bytes, or a function of the connection and the request that returns bytes,
    or None to end the connection. A request is kept as the bytes that came.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, bytes | Callable[[socket.socket, bytes], bytes | None]] = {}
        self.early: dict[str, Callable[[socket.socket, bytes], bytes | None]] = {}
        """Functions like scripts, called when the head of a request is there, but no body."""
        self.requests: list[bytes] = []
        self.connections = 0
        self.thoughts_s: list[float] = []
        """How long it took to think of each answer."""
        self._open: list[socket.socket] = []
        self.wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, path: str = "/", scheme: str = "http", user: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            connection = self.wrap(plain)
            self._open.append(connection)
            while self._answer(connection):
                pass
        except OSError:
            pass
        finally:
            connection.close()
            plain.close()

    def _answer(self, connection: socket.socket) -> bool:
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                return False
            request += data
        head, _, body = request.partition(b"\r\n\r\n")
        target = head.split(b" ")[1].decode()
        path = target.partition("?")[0]
        if path in self.early:
            self.requests.append(head)
            return self._say(connection, self.early[path](connection, request))
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            data = connection.recv(65536)
            body += data
            request += data
        while b"\r\ntransfer-encoding: chunked\r\n" in head.lower() + b"\r\n" and not (
            request.endswith(b"0\r\n\r\n")
        ):
            request += connection.recv(65536)
        self.requests.append(request)
        script = self.scripts[path]
        noticed = Noticed(connection)
        answer = script if isinstance(script, bytes) else script(noticed, request)
        self.thoughts_s.append((noticed.used_s or time.monotonic()) - noticed.began_s)
        return self._say(connection, answer)

    def _say(self, connection: socket.socket, answer: bytes | None) -> bool:
        if answer is None:
            return False
        connection.sendall(answer)
        return b"connection: close" not in answer.lower()


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with a Content-Length; underscores in header names are hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="session", autouse=True)
def frozen_heap() -> Iterator[None]:
    """Tests that collect garbage need not look through all that was imported before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands until the test moves it."""
    return ManualClock()


@pytest.fixture
def hits() -> HitList:
    """A sink that keeps hits."""
    return HitList()


@pytest.fixture
def servers() -> Iterator[Callable[[], ScriptedServer]]:
    """Starts servers that send what they are told to, byte for byte."""
    everyone: list[ScriptedServer] = []

    def start() -> ScriptedServer:
        everyone.append(ScriptedServer())
        return everyone[-1]

    yield start
    for each in everyone:
        each.close()


@pytest.fixture
def server(servers: Callable[[], ScriptedServer]) -> ScriptedServer:
    """A server that sends what it is told to, byte for byte."""
    return servers()


@pytest.fixture
def closed_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(name="answer")
def answer_fixture() -> Callable[..., bytes]:
    """Makes the bytes of an answer."""
    return answer


def speak_tls(server: ScriptedServer, certificate) -> None:
    """Let a scripted server speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.wrap = lambda connection: context.wrap_socket(connection, server_side=True)


class Stage:
    """What a scenario is told to play on: a session, a server, and notes of what was seen."""

    def __init__(self, session, server, scheme, clock, patch) -> None:
        self.session = session
        self.server = server
        self.scheme = scheme
        self.clock = clock
        self.patch = patch
        self.seen: list[object] = []
        self.roads = ""

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server.port}{path}"

    def on(self, path: str, script) -> None:
        """What the server answers there: bytes, or a function as ScriptedServer has it."""
        self.server.scripts[path] = script

    def note(self, what: object) -> None:
        """Something more that has to be the same for all."""
        self.seen.append(what)

    def request(self, method: str, url: object = "/", **kwargs) -> requests.Response | None:
        """A call, noted with all that came of it; None when it raised."""
        if isinstance(url, str) and url.startswith("/"):
            url = self.url(url)
        before = Taken.count
        thoughts, began = len(self.server.thoughts_s), time.monotonic()
        try:
            response = self.session.request(method, url, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
            self.note((type(error), type(getattr(error, "request", None))))
            response = None
        else:
            took_s = time.monotonic() - began
            self.note(("elapsed", _is_true(response, self.server.thoughts_s[thoughts:], took_s)))
            self.note(portrait(response))
        self.note(jar_portrait(self.session.cookies))
        self.roads += "s" if Taken.count == before else Taken.how
        return response

    def get(self, url: object = "/", **kwargs) -> requests.Response | None:
        return self.request("GET", url, **kwargs)

    def post(self, url: object = "/", **kwargs) -> requests.Response | None:
        return self.request("POST", url, **kwargs)

    def thrice(self, url: object = "/", method: str = "GET", **kwargs) -> None:
        for _ in range(3):
            self.request(method, url, **kwargs)


def _is_true(response: requests.Response, thoughts_s: list[float], took_s: float) -> bool:
    """Whether `elapsed` of all steps is at least what the server thought, and no more than all."""
    steps = [*response.history, response]
    told_s = [step.elapsed.total_seconds() for step in steps]
    if len(thoughts_s) != len(steps):  # one was asked twice, or was not answered by a script
        thoughts_s = [0.0] * len(steps)
    at_least = all(told >= least for told, least in zip(told_s, thoughts_s, strict=True))
    return at_least and sum(told_s) <= took_s


class Taken:
    """How often the fast lane was taken, and what came of it last."""

    count = 0
    how = ""


@pytest.fixture
def watch_the_lane(monkeypatch) -> None:
    """Notes in `Taken` each exchange of the lane, and what became of its call.

    l done by the lane, r resumed by Requests, h handed over to it after whole answers, x raised.
    """
    monkeypatch.setattr(session_module, "Lane", WatchedLane)


class WatchedLane:
    """A lane, seen from outside."""

    def __init__(self, sink, clock) -> None:
        self._lane = Lane(sink, clock)

    def __getattr__(self, name):
        return getattr(self._lane, name)

    def request(self, *args, **kwargs):
        try:
            answer, handover = self._lane.request(*args, **kwargs)
        except BaseException:
            Taken.count += 1
            Taken.how = "x"
            raise
        if answer is not None:
            how = "l"
        elif handover is not None and isinstance(handover.then, ResumedExchange):
            how = "r"
        elif handover is not None and handover.came:
            how = "h"
        else:
            return answer, handover
        Taken.count += 1
        Taken.how = how
        return answer, handover


class Triplets:
    """Plays a scenario on Requests' own Session, on ours without the lane, and on ours."""

    def __init__(self, server, scheme, cafile, settle) -> None:
        self.server = server
        self.scheme = scheme
        self.cafile = cafile
        self.settle = settle

    def play(self, scenario, kind: str) -> tuple[Stage, list, list, int]:
        self.server.scripts.clear()
        self.server.early.clear()
        self.server.requests.clear()
        connections = self.server.connections
        hits, clock = HitList(), RunningClock()
        with pytest.MonkeyPatch.context() as patch:
            self.settle(patch)
            with requests.Session() if kind == "stock" else Session() as session:
                if self.cafile:
                    session.verify = self.cafile
                if kind != "stock":
                    session.bind(hits, clock)
                if kind == "slow":
                    session._lane = None
                stage = Stage(session, self.server, self.scheme, clock, patch)
                stage.on("/", answer(b"hello", Content_Type="text/plain; charset=utf-8"))
                scenario(stage)
        return stage, list(self.server.requests), hits, self.server.connections - connections

    def check(self, scenario, roads: str | None = None, *, connections: bool = True) -> str:
        """All see the same; `roads`, call by call: s slow, l lane, r resumed, h handed over."""
        stock, stock_requests, _, stock_connections = self.play(scenario, "stock")
        slow, slow_requests, slow_hits, _ = self.play(scenario, "slow")
        lane, lane_requests, lane_hits, lane_connections = self.play(scenario, "lane")
        assert slow.roads == "s" * len(slow.roads)
        for number, (ours, theirs) in enumerate(zip(lane.seen, stock.seen, strict=True)):
            assert ours == theirs, f"observation {number} of {lane.roads}"
        assert lane_requests == stock_requests == slow_requests
        assert slow.seen == stock.seen
        assert [_timeless(hit) for hit in lane_hits] == [_timeless(hit) for hit in slow_hits]
        if connections:
            assert lane_connections == stock_connections
        if roads is not None:
            assert lane.roads == roads
        return lane.roads


def _timeless(hit: dict[str, object]) -> dict[str, object]:
    """A hit without the values of its times, but with what must hold of them."""
    first_ns, elapsed_ns, connect_ns = hit["first_byte_ns"], hit["elapsed_ns"], hit["connect_ns"]
    assert 0 <= connect_ns <= elapsed_ns
    assert 0 <= first_ns <= elapsed_ns
    return {**hit, "start_ns": 0, "elapsed_ns": 0, "first_byte_ns": first_ns > 0, "connect_ns": 0}


def portrait(response: requests.Response, *, last: bool = True) -> dict[str, object]:
    """All that a test can see of a response, for comparison.

    Of the history of its history only the URLs: a portrait is not to grow with 2 to the nth.
    """
    raw = response.raw
    pickled: object
    try:
        thawed = pickle.loads(pickle.dumps(response))  # noqa: S301 - our own
    except (pickle.PicklingError, TypeError, AttributeError) as error:  # a hook, say
        pickled = type(error)
    else:
        assert type(thawed) is requests.Response
        pickled = _thawed_portrait(thawed)
    return {
        **_thawed_portrait(response),
        "pickled": pickled,
        "history": [portrait(step, last=False) if last else step.url for step in response.history],
        "next": None if response.next is None else request_portrait(response.next),
        "connection": type(response.connection),
        "class": response.__class__,
        "attributes": list(vars(response)),
        "public": [name for name in dir(response) if not name.startswith("_")],
        "lines": list(response.iter_lines()) if len(response.content) < 100_000 else None,
        "pieces": list(response.iter_content(3 + len(response.content) // 20)),
        "raw": {
            "status": raw.status,
            "reason": raw.reason,
            "version": (raw.version, raw.version_string),
            "headers": list(raw.headers.items()),
            "read": (raw.tell(), raw.read(), raw.data, raw.closed),
            "chunked": raw.chunked,
            "original": (raw._original_response.version, raw._original_response.msg.items()),
            "retries": raw.retries.total,
            "url": raw.url,
            "attributes": sorted(vars(raw)),
            "pool": type(raw._pool).__name__,
            "connection": raw._connection is None,
            "decoding": (raw.decode_content, raw.enforce_content_length, raw.length_remaining),
        },
    }


def _thawed_portrait(response: requests.Response) -> dict[str, object]:
    return {
        "status": response.status_code,
        "reason": response.reason,
        "url": response.url,
        "headers": list(response.headers.items()),
        "content": response.content,
        "encoding": response.encoding,
        "text": response.text,
        "cookies": jar_portrait(response.cookies),
        "elapsed": type(response.elapsed) is dt.timedelta,
        "ok": (response.ok, bool(response), repr(response)),
        "redirect": (response.is_redirect, response.is_permanent_redirect),
        "links": response.links,
        "history": len(response.history),
        "request": request_portrait(response.request),
    }


def request_portrait(request: requests.PreparedRequest) -> dict[str, object]:
    """All that a test can see of a prepared request."""
    plain = isinstance(request.body, (str, bytes, type(None)))
    return {
        "line": (request.method, request.url, request.path_url),
        "headers": list(request.headers.items()),
        "body": request.body if plain else type(request.body),
        "cookies": jar_portrait(request._cookies),
        "hooks": {event: len(hooks) for event, hooks in request.hooks.items()},
    }


def jar_portrait(jar) -> list[object]:
    """The cookies of a jar; of when they expire only whether, as each run has its own time."""
    return [
        {**vars(cookie), "expires": cookie.expires is not None} if vars(cookie) else cookie
        for cookie in (jar if jar is not None else ())
    ]


@pytest.fixture(params=["http", "https"])
def triplets(request, server, tmp_path, watch_the_lane):
    """Compares three sessions on a scripted server, which speaks HTTP, and then TLS."""
    cafile = None
    if request.param == "https":
        certificate = request.getfixturevalue("certificate")
        speak_tls(server, certificate)
        cafile = str(certificate[0])

    def settle(patch) -> None:
        """An environment of nothing: Requests looks through all of it for each request."""
        for name in set(os.environ) - {"PATH", "PYTEST_CURRENT_TEST"}:
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path))

    return Triplets(server, request.param, cafile, settle)
