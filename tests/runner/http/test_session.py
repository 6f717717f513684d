"""Hits as a session records them, on real sockets."""
# the arguments of a test are its fixtures

import copy
import gc
import gzip
import pickle
import socket
import ssl
import struct
import subprocess
import sys
import threading

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.retry import Retry

from loadgrpc.model import HitError
from loadgrpc.runner.http.session import Session
from loadgrpc.runner.http.wire import MeasuredPool, measure_manager

MS = 1_000_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def session(hits, clock, monkeypatch):
    """A session that is bound to `hits` and `clock`, away from the proxies of the machine."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Session() as bound:
        bound.bind(hits, clock)
        yield bound


def test_times_are_those_worked_out_by_hand(session, server, hits, clock, answer, monkeypatch):
    """Connecting takes 3 ms, the head comes after 5 more, the body 7 after that: 15 in all."""
    from urllib3.util import connection

    connect = connection.create_connection

    def slow_connect(*args, **kwargs):
        clock.advance(0.003)
        return connect(*args, **kwargs)

    def slow_answer(*_):
        clock.advance(0.005)
        return answer(b"x" * 100_000)

    monkeypatch.setattr(connection, "create_connection", slow_connect)
    server.scripts["/"] = slow_answer
    start_ns = clock.wall_ns()
    response = session.get(server.url(), stream=True)
    assert hits == []
    clock.advance(0.007)
    assert len(response.content) == 100_000
    clock.advance(0.1)
    [hit] = hits
    assert hit["start_ns"] == start_ns
    assert hit["connect_ns"] == 3 * MS
    assert hit["first_byte_ns"] == 8 * MS
    assert hit["elapsed_ns"] == 15 * MS


def test_a_hit_has_every_figure(session, server, hits, answer):
    """Name, url, method, status and the very bytes of both directions are recorded."""
    server.scripts["/a"] = reply = answer(b"hello", Server="x")
    assert session.post(server.url("/a?b=1"), data=b"body").text == "hello"
    [hit] = hits
    assert hit["name"] == server.url("/a")
    assert hit["url"] == server.url("/a?b=1")
    assert (hit["method"], hit["status"]) == ("POST", 200)
    assert (hit["error"], hit["error_message"]) == (HitError.NONE, "")
    assert hit["bytes_sent"] == len(server.requests[0])
    assert hit["bytes_received"] == len(reply)


def _gzipped(body):
    packed = gzip.compress(body)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    return head.encode() + packed


BODIES = {
    "content-length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "large": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
        b"x" * 300_000,
    ),
    "chunked": (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
    "chunked with a trailer": (CHUNKED + b"2;x=y\r\nhi\r\n0\r\nA: b\r\n\r\n", b"hi"),
    "chunked and empty": (CHUNKED + b"0\r\n\r\n", b""),
    "gzip": (_gzipped(b"z" * 10_000), b"z" * 10_000),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "until the end": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", b"hello"),
    "continue first": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("how", ["content", "iter_content", "iter_lines", "raw"])
def test_every_kind_of_body_is_one_whole_hit(session, server, hits, kind, how):
    """However a body is framed and read, it ends one hit, without error, all bytes counted."""
    raw, body = BODIES[kind]
    server.scripts["/"] = raw
    response = session.get(server.url(), stream=how != "content")
    if how == "iter_content":
        assert b"".join(response.iter_content(7)) == body
    elif how == "iter_lines":
        assert b"\n".join(response.iter_lines()) == body
    elif how == "raw":
        assert response.raw.read(decode_content=True) == body
    else:
        assert response.content == body
    [hit] = hits
    assert (hit["error"], hit["error_message"]) == (HitError.NONE, "")
    assert hit["bytes_received"] == len(raw)
    response.close()
    assert len(hits) == 1


def test_head_has_no_body_to_wait_for(session, server, hits):
    """The hit of a HEAD, whatever length it announces, ends with its headers."""
    server.scripts["/"] = raw = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    response = session.head(server.url(), stream=True)
    [hit] = hits
    assert (hit["method"], hit["bytes_received"]) == ("HEAD", len(raw))
    response.close()
    assert len(hits) == 1


def test_a_stream_closed_early_is_a_hit_without_error(session, server, hits, clock, answer):
    """Who closes a stream has what it wanted: its hit lasts until then."""
    server.scripts["/"] = answer(b"x" * 1_000_000)
    response = session.get(server.url(), stream=True)
    next(response.iter_content(10))
    clock.advance(0.009)
    assert hits == []
    response.close()
    [hit] = hits
    assert (hit["status"], hit["error"], hit["elapsed_ns"]) == (200, HitError.NONE, 9 * MS)
    assert 10 <= hit["bytes_received"] < 1_000_000


def test_a_reused_connection_costs_no_connecting(session, server, hits, clock, answer, monkeypatch):
    """Only the first of two requests on a connection has connect time."""
    from urllib3.util import connection

    connect = connection.create_connection

    def slow_connect(*args, **kwargs):
        clock.advance(0.002)
        return connect(*args, **kwargs)

    monkeypatch.setattr(connection, "create_connection", slow_connect)
    server.scripts["/"] = answer(b"x")
    session.get(server.url())
    session.get(server.url())
    assert hits.column("connect_ns") == [2 * MS, 0]
    assert server.connections == 1


def test_redirect_steps_are_hits_with_names_and_times_of_their_own(
    session, server, hits, clock, answer
):
    """Each step of a redirect is a hit that starts when it is asked for."""

    def first(*_):
        clock.advance(0.004)
        return answer(status="302 Found", Location="/b?x=1")

    def second(*_):
        clock.advance(0.006)
        return answer(b"ok")

    server.scripts.update({"/a": first, "/b": second})
    response = session.post(server.url("/a"), data={"k": "v"})
    assert [step.status_code for step in response.history] == [302]
    assert hits.column("name") == [server.url("/a"), server.url("/b")]
    assert hits.column("method") == ["POST", "GET"]
    assert hits.column("status") == [302, 200]
    assert hits.column("elapsed_ns") == [4 * MS, 6 * MS]
    assert hits[1]["start_ns"] - hits[0]["start_ns"] == 4 * MS


def test_a_name_goes_for_every_hit_of_its_call_and_no_other(session, server, hits, answer):
    """`name=` reaches redirect steps, not requests made by hooks nor the next call."""

    def hook(response, **_):
        if response.url.endswith("/a"):
            session.get(server.url("/hook"))

    server.scripts.update(
        {
            "/a": answer(status="302 Found", Location="/b"),
            "/b": answer(),
            "/hook": answer(),
        }
    )
    session.get(server.url("/a"), name="step", hooks={"response": hook})
    session.get(server.url("/b"))
    assert hits.column("name") == ["step", server.url("/hook"), "step", server.url("/b")]
    assert hits[0]["url"] == server.url("/a")


@pytest.mark.parametrize("verb", ["get", "options", "head", "post", "put", "patch", "delete"])
def test_every_verb_takes_a_name(session, server, hits, answer, verb):
    """All helpers of requests have the extra word, and are otherwise those of requests."""
    server.scripts["/"] = answer()
    getattr(session, verb)(server.url(), name="n", headers={"X-A": "b"})
    session.request(verb, server.url(), name="m")
    assert hits.column("name") == ["n", "m"]
    assert hits.column("method") == [verb.upper()] * 2
    assert b"X-A: b" in server.requests[0]


def test_names_and_urls_hold_no_password(session, server, hits, answer):
    """User and password go from both, the fragment too; the query stays in the url only."""
    server.scripts["/p"] = answer()
    session.get(server.url("/p?q=a@b#frag", user="me:secret@"))
    [hit] = hits
    assert hit["name"] == server.url("/p")
    assert hit["url"] == server.url("/p?q=a@b")
    assert b"Authorization: Basic" in server.requests[0]


def test_digest_rounds_are_hits_of_their_own(session, server, hits, clock, answer):
    """A digest authentication is a 401 and a 200, each from its own start."""

    def guarded(_, request):
        clock.advance(0.005)
        if b"Authorization: Digest" in request:
            return answer(b"in")
        challenge = 'Digest realm="r", nonce="n", qop="auth"'
        return answer(b"no", "401 Unauthorized", WWW_Authenticate=challenge)

    server.scripts["/"] = guarded
    assert session.get(server.url(), auth=HTTPDigestAuth("u", "p"), name="login").text == "in"
    assert hits.column("status") == [401, 200]
    assert hits.column("name") == ["login", "login"]
    assert hits.column("elapsed_ns") == [5 * MS, 5 * MS]


def test_retries_of_a_mounted_adapter_are_hits_of_their_own(session, server, hits, clock, answer):
    """A stock adapter that retries twice makes three hits, each from its own start."""
    answers = [
        answer(b"busy", "503 Service Unavailable"),
        answer(b"busy", "503 Service Unavailable"),
        answer(b"ok"),
    ]

    def busy(*_):
        clock.advance(0.002)
        return answers.pop(0)

    server.scripts["/"] = busy
    retry = Retry(total=3, status_forcelist=[503], backoff_factor=0)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    assert session.get(server.url()).text == "ok"
    assert hits.column("status") == [503, 503, 200]
    assert hits.column("elapsed_ns") == [2 * MS] * 3


def test_an_adapter_that_was_used_before_is_measured_from_now_on(server, hits, clock, answer):
    """Pools that an adapter made while nothing was bound are replaced."""
    server.scripts["/"] = answer(b"x")
    with Session() as session:
        session.trust_env = False
        session.get(server.url())
        session.bind(hits, clock)
        session.get(server.url())
    assert len(hits) == 1


def test_pool_classes_of_the_tests_own_are_kept(session, server, hits, answer):
    """An adapter with its own pool class is measured, and keeps what it added."""
    seen = []

    class OwnPool(HTTPConnectionPool):
        def urlopen(self, *args, **kwargs):
            seen.append(args)
            return super().urlopen(*args, **kwargs)

    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"http": OwnPool}
    session.mount("http://", adapter)
    server.scripts["/"] = answer()
    session.get(server.url())
    assert len(seen) == len(hits) == 1


def test_pool_classes_are_shared_where_urllib3_shares_them():
    """Managers have one dictionary in common, and who gave one another has that for itself."""
    usual, another, own = (HTTPAdapter().poolmanager for _ in range(3))
    own.pool_classes_by_scheme = dict(own.pool_classes_by_scheme)
    for manager in (usual, another, own):
        measure_manager(manager)
    assert usual.pool_classes_by_scheme is another.pool_classes_by_scheme
    assert own.pool_classes_by_scheme == usual.pool_classes_by_scheme
    assert own.pool_classes_by_scheme is not usual.pool_classes_by_scheme


def test_an_adapter_without_a_wire_makes_no_hits(session, hits):
    """What never reaches urllib3, a mock say, is answered and not recorded."""

    class Mock(requests.adapters.BaseAdapter):
        def send(self, request, **kwargs):
            response = requests.Response()
            response.status_code, response.request, response.url = 200, request, request.url
            response._content = b"mock"
            response.raw = type("Raw", (), {"_original_response": None})()
            return response

        def close(self):
            pass

    session.mount("mock://", Mock())
    assert session.get("mock://x").text == "mock"
    assert hits == []


def test_another_request_through_the_same_adapter_has_its_own_url(session, server, hits, answer):
    """What an auth hook sends by the adapter itself is a hit under the url it asked for."""

    def fetch_token(response, **kwargs):
        prepared = requests.Request("POST", server.url("/token")).prepare()
        response.connection.send(prepared, **kwargs).close()
        return response

    server.scripts.update({"/a": answer(), "/token": answer()})
    session.get(server.url("/a"), hooks={"response": fetch_token})
    assert hits.column("name") == [server.url("/a"), server.url("/token")]
    assert hits.column("method") == ["GET", "POST"]


def test_a_session_that_is_not_bound_is_an_ordinary_one(server, answer):
    """Without a sink the pools are urllib3's own."""
    server.scripts["/"] = answer(b"x")
    with Session() as session:
        session.trust_env = False
        session.get(server.url(), name="ignored")
        [pool] = session.get_adapter("http://").poolmanager.pools._container.values()
        assert not isinstance(pool, MeasuredPool)


def test_a_session_is_pickled_and_copied_like_any_other(session, server, hits, answer):
    """A copy keeps its settings and its sink; a pickled one its settings; both work."""
    server.scripts["/"] = answer(b"x")
    session.headers["X-A"] = "b"
    session.get(server.url())
    twin = copy.copy(session)
    assert twin.headers["X-A"] == "b"
    twin.get(server.url())
    assert len(hits) == 2
    with pickle.loads(pickle.dumps(session)) as thawed:  # noqa: S301
        assert isinstance(thawed, Session)
        assert thawed.get(server.url()).text == "x"
    assert len(hits) == 2
    assert b"X-A: b" in server.requests[-1]


def test_hits_leave_no_garbage_of_their_own(session, server, answer):
    """A measured request leaves no more reference cycles behind than requests does."""
    server.scripts["/"] = answer(b"x")

    def garbage(each):
        each.trust_env = False
        each.get(server.url())
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                each.get(server.url())
            return gc.collect()
        finally:
            gc.enable()

    with requests.Session() as plain:
        assert garbage(session) <= garbage(plain)


# What goes wrong.


def test_a_refused_connection_is_a_hit(session, hits, closed_port):
    """Nobody listens: no status, CONNECT, and a message without addresses."""
    with pytest.raises(requests.ConnectionError):
        session.get(f"http://127.0.0.1:{closed_port}/x")
    [hit] = hits
    assert (hit["status"], hit["error"]) == (0, HitError.CONNECT)
    assert hit["error_message"] == f"127.0.0.1:{closed_port}: Connection refused"
    assert hit["bytes_sent"] == hit["bytes_received"] == hit["first_byte_ns"] == 0


def test_retries_of_a_refused_connection_are_hits(session, hits, closed_port):
    """Two retries of connecting make three equal hits."""
    session.mount("http://", HTTPAdapter(max_retries=2))
    with pytest.raises(requests.ConnectionError):
        session.get(f"http://127.0.0.1:{closed_port}/x")
    assert hits.column("error") == [HitError.CONNECT] * 3
    assert len(set(hits.column("error_message"))) == 1


def test_an_unknown_host_is_a_hit(session, hits, monkeypatch):
    """A name that is not resolved: DNS."""

    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(requests.ConnectionError):
        session.get("http://nowhere.invalid/")
    [hit] = hits
    assert hit["error"] == HitError.DNS
    assert hit["error_message"] == "nowhere.invalid:80: Name or service not known"


def test_a_time_out_while_connecting_is_a_hit(session, hits, monkeypatch):
    """Connecting takes too long: TIMEOUT."""
    from urllib3.util import connection

    def slow(*_, **__):
        raise TimeoutError("timed out")

    monkeypatch.setattr(connection, "create_connection", slow)
    with pytest.raises(requests.ConnectTimeout):
        session.get("http://127.0.0.1:1/", timeout=0.5)
    [hit] = hits
    assert hit["error"] == HitError.TIMEOUT
    assert hit["error_message"] == (
        "127.0.0.1:1: Connection to 127.0.0.1 timed out. (connect timeout=0.5)"
    )


def test_a_time_out_while_waiting_is_a_hit(session, server, hits):
    """No answer in time: TIMEOUT, without status, with what was sent."""
    over = threading.Event()
    server.scripts["/"] = lambda *_: over.wait(5) and None
    with pytest.raises(requests.ReadTimeout):
        session.get(server.url(), timeout=0.05)
    over.set()
    [hit] = hits
    assert (hit["status"], hit["error"]) == (0, HitError.TIMEOUT)
    assert hit["error_message"] == f"127.0.0.1:{server.port}: Read timed out. (read timeout=0.05)"
    assert hit["bytes_sent"] > 0


def _reset(connection, *_):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("script", "kind", "text"),
    [
        (lambda *_: None, HitError.CLOSED, "Remote end closed connection without response"),
        (_reset, HitError.CLOSED, "Connection reset by peer"),
        (b"SMTP ready\r\n\r\n", HitError.PROTOCOL, "http.client.BadStatusLine: SMTP ready"),
        (
            b"HTTP/1.1 9999 X\r\n\r\n",
            HitError.PROTOCOL,
            "http.client.BadStatusLine: HTTP/1.1 9999 X",
        ),
        (b"HTTP/7.0 200 X\r\n\r\n", HitError.PROTOCOL, "http.client.UnknownProtocol: HTTP/7.0"),
    ],
)
def test_an_answer_that_is_none_is_a_hit(session, server, hits, script, kind, text):
    """A connection that closes, resets or speaks something else: no status, and why."""
    server.scripts["/"] = script
    with pytest.raises(requests.ConnectionError):
        session.get(server.url())
    [hit] = hits
    assert (hit["status"], hit["error"]) == (0, kind)
    assert hit["error_message"] == f"127.0.0.1:{server.port}: {text}"


def _cut(raw, end=lambda *_: None):
    def script(connection, request):
        connection.sendall(raw)
        return end(connection, request)

    return script


def _reset_later(connection, *_):
    connection.recv(1)  # the client says when it has read the head
    return _reset(connection)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (_cut(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"), HitError.CLOSED),
        (_cut(CHUNKED + b"5\r\nhel"), HitError.CLOSED),
        (_cut(CHUNKED + b"5\r\nhello\r\n"), HitError.CLOSED),
        (CHUNKED + b"5\r\nhello\r\nXYZ\r\n", HitError.PROTOCOL),
    ],
    ids=["content-length", "in a chunk", "between chunks", "bad chunk"],
)
@pytest.mark.parametrize("how", ["content", "stream"])
def test_a_body_cut_short_is_a_hit_with_status_and_error(session, server, hits, script, kind, how):
    """The head came, so there is a status; the body did not, so there is an error."""
    server.scripts["/"] = script
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in session.get(server.url(), stream=how == "stream").iter_content(10_000):
            pass
    [hit] = hits
    assert (hit["status"], hit["error"]) == (200, kind)
    assert hit["error_message"].startswith(f"127.0.0.1:{server.port}: ")


def test_a_reset_and_a_time_out_inside_a_body_are_told_apart(session, server, hits):
    """Both keep the status; the one is CLOSED, the other TIMEOUT."""
    over = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"
    server.scripts["/reset"] = _cut(head, _reset_later)
    server.scripts["/slow"] = _cut(head, lambda *_: over.wait(5) and None)
    response = session.get(server.url("/reset"), stream=True)
    response.raw._connection.sock.sendall(b"x")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        response.content  # noqa: B018
    with pytest.raises(requests.ConnectionError):
        session.get(server.url("/slow"), timeout=0.05)
    over.set()
    assert hits.column("status") == [200, 200]
    assert hits.column("error") == [HitError.CLOSED, HitError.TIMEOUT]
    assert hits[0]["error_message"] == f"127.0.0.1:{server.port}: Connection reset by peer"


class _CutOff(BaseException):
    """Stands for a GreenletExit."""


def test_a_request_that_is_cut_off_is_a_hit(session, server, hits, monkeypatch, answer):
    """A BaseException, thrown in while waiting or reading, ends the hit as ABORTED."""
    server.scripts["/"] = answer(b"x" * 100_000)

    def cut_off(*_):
        raise _CutOff

    response = session.get(server.url(), stream=True)
    monkeypatch.setattr(socket.SocketIO, "readinto", cut_off)
    with pytest.raises(_CutOff):
        response.content  # noqa: B018
    with pytest.raises(_CutOff):
        session.get(server.url())
    assert hits.column("status") == [200, 0]
    assert hits.column("error") == [HitError.ABORTED] * 2


def test_a_url_that_never_reaches_the_wire_is_no_hit(session, hits):
    """What requests refuses itself was not asked of any server."""
    with pytest.raises(requests.exceptions.InvalidURL):
        session.get("http://")
    with pytest.raises(requests.exceptions.InvalidSchema):
        session.get("nothing://x")
    assert hits == []


# Proxies.


def test_a_forwarding_proxy_is_measured(session, server, hits, answer, monkeypatch):
    """A request through an http proxy is a hit under the url that was asked for."""
    monkeypatch.delenv("NO_PROXY")
    session.trust_env = False
    server.scripts["http://example.invalid/a"] = answer(b"through")
    session.proxies = {"http": server.url()}
    assert session.get("http://example.invalid/a?b=1").text == "through"
    [hit] = hits
    assert (hit["name"], hit["status"]) == ("http://example.invalid/a", 200)


def test_a_tunnel_that_is_not_dug_is_a_hit(session, server, hits):
    """A proxy that refuses a CONNECT: no connection, one hit that names both ends."""
    session.trust_env = False
    server.scripts["example.invalid:443"] = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"
    session.proxies = {"https": server.url()}
    with pytest.raises(requests.exceptions.ProxyError):
        session.get("https://example.invalid/a")
    [hit] = hits
    assert (hit["name"], hit["status"]) == ("https://example.invalid/a", 0)
    assert hit["error"] == HitError.CONNECT
    assert hit["error_message"] == (
        f"example.invalid:443 through proxy 127.0.0.1:{server.port}:"
        " Tunnel connection failed: 403 Forbidden"
    )


def test_a_proxy_that_is_not_there_is_a_hit(session, hits, closed_port):
    """A forwarding proxy that nobody serves: CONNECT."""
    session.trust_env = False
    session.proxies = {"http": f"http://127.0.0.1:{closed_port}"}
    with pytest.raises(requests.exceptions.ProxyError):
        session.get("http://example.invalid/a")
    [hit] = hits
    assert hit["error"] == HitError.CONNECT
    assert hit["error_message"] == f"proxy 127.0.0.1:{closed_port}: Connection refused"


# TLS.


@pytest.fixture
def tls(server, certificate):
    """The scripted server, speaking TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.wrap = lambda connection: context.wrap_socket(connection, server_side=True)
    return server


def test_https_counts_plaintext_and_connects_once(session, tls, hits, answer, certificate):
    """Over TLS the bytes are those of HTTP, and connecting includes the handshake."""
    tls.scripts["/"] = raw = answer(b"safe")
    for _ in range(2):
        assert session.get(tls.url(scheme="https"), verify=str(certificate[0])).text == "safe"
    assert hits.column("bytes_received") == [len(raw)] * 2
    assert hits.column("bytes_sent") == [len(request) for request in tls.requests]
    assert tls.connections == 1


def test_a_certificate_that_is_not_trusted_is_a_hit(session, tls, hits):
    """A self-signed certificate nobody vouches for: TLS."""
    with pytest.raises(requests.exceptions.SSLError):
        session.get(tls.url(scheme="https"))
    [hit] = hits
    assert (hit["status"], hit["error"]) == (0, HitError.TLS)
    assert "certificate verify failed" in hit["error_message"]


def test_https_to_a_server_without_tls_is_a_hit(session, server, hits):
    """A handshake that gets no answer it understands: TLS."""
    server.wrap = lambda connection: connection.sendall(b"hello, no TLS here\r\n") or connection
    with pytest.raises(requests.exceptions.SSLError):
        session.get(server.url(scheme="https"))
    assert hits.column("error") == [HitError.TLS]


def test_a_tunnel_is_measured(session, servers, tls, hits, answer, certificate):
    """Through a CONNECT the hit is that of the request; the tunnel is part of connecting."""

    def pump(source, target):
        while data := source.recv(65536):
            target.sendall(data)

    def dig(client, _):
        client.sendall(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
        with socket.create_connection(("127.0.0.1", tls.port)) as target:
            up = threading.Thread(target=pump, args=(client, target))
            up.start()
            pump(target, client)
            client.shutdown(socket.SHUT_RDWR)
            up.join()

    session.trust_env = False
    proxy = servers()
    proxy.scripts[f"127.0.0.1:{tls.port}"] = dig
    session.proxies = {"https": proxy.url()}
    tls.scripts["/a"] = raw = answer(b"safe", Connection="close")
    response = session.get(tls.url("/a", scheme="https"), verify=str(certificate[0]))
    assert response.text == "safe"
    [hit] = hits
    assert (hit["name"], hit["status"]) == (tls.url("/a", scheme="https"), 200)
    assert hit["bytes_received"] == len(raw)
    assert hit["bytes_sent"] == len(tls.requests[0])


# Sharing.

GEVENT = """
from gevent import monkey; monkey.patch_all()
import gevent, http.server, threading, time
from loadgrpc.clock import SystemClock
from loadgrpc.model import HitError
from loadgrpc.runner.hit import FIELDS
from loadgrpc.runner.http.session import Session

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(10)
        time.sleep(0.01)
        self.send_response(302 if self.path.startswith("/r") else 200)
        self.send_header("Location", "/end" + self.path[2:])
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
base = "http://127.0.0.1:%d" % server.server_address[1]
hits = []
class Sink:
    def hit(self, hit):
        hits.append({name: getattr(hit, name) for name in FIELDS})

    def unmeasured(self):
        raise AssertionError
session = Session()
session.bind(Sink(), SystemClock())
session.trust_env = False
gevent.joinall(
    [gevent.spawn(session.get, base + "/r%d" % i, name="user %d" % i) for i in range(9)],
    raise_error=True,
)
names = {}
for hit in hits:
    names.setdefault(hit["name"], []).append((hit["url"], hit["status"]))
for i in range(9):
    assert names["user %d" % i] == [(base + "/r%d" % i, 302), (base + "/end%d" % i, 200)], names
assert len(hits) == 18
del hits[:]
slow = gevent.spawn(session.get, base + "/slow")
gevent.sleep(0.1)
slow.kill()
def impatient():
    try:
        with gevent.Timeout(0.1):
            session.get(base + "/slow")
    except gevent.Timeout:
        pass
gevent.spawn(impatient).join()
assert [hit["error"] for hit in hits] == [HitError.ABORTED, HitError.TIMEOUT], hits
print("good")
"""


def test_greenlets_may_share_a_session():
    """Names do not get mixed up between greenlets, and a killed one's request is ABORTED."""
    done = subprocess.run(
        [sys.executable, "-c", GEVENT], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("good\n", 0), done.stderr
