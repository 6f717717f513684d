"""Requests of httpx in asynchronous tests: a hit for each exchange, with what became of it."""

import asyncio
import socket
import ssl
import sys
import unittest

import pytest

from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.clock import SystemClock
from loadgrpc.model import HitError
from loadgrpc.model import TestOutcome as Outcome
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.user import VirtualUser

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

from loadgrpc.runner.http.async_session import async_session, classified  # noqa: E402

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Sink(list):
    """Keeps hits."""

    def hit(self, hit):
        self.append(hit)

    def unmeasured(self):
        raise AssertionError


def hits_of(use):
    """The hits of what a coroutine function does with a client, which is closed at its end."""
    sink = Sink()

    async def main():
        async with async_session(sink, SystemClock()) as client:
            await use(client)

    asyncio.run(main())
    return sink


def test_a_request_is_a_hit(server):
    """With its name, status and times; the query is no part of the name."""
    server.scripts = {"/a": OK, "/b": OK}

    async def use(client):
        assert (await client.get(server.url("/a?x=1"))).text == "ok"
        await client.post(server.url("/b"), content=b"body", extensions={"name": "buy"})

    get, post = hits_of(use)
    assert (get.name, get.url, get.method, get.status) == (
        server.url("/a"),
        server.url("/a?x=1"),
        "GET",
        200,
    )
    assert get.error is HitError.NONE
    assert 0 < get.connect_ns <= get.first_byte_ns <= get.elapsed_ns
    assert (post.name, post.method, post.connect_ns) == ("buy", "POST", 0)
    assert post.start_ns >= get.start_ns + get.elapsed_ns
    assert len(server.requests) == 2


def test_each_step_of_a_redirect_is_a_hit(server):
    """As everywhere else."""
    server.scripts = {
        "/a": b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
        "/b": OK,
    }
    found = hits_of(lambda client: client.get(server.url("/a"), follow_redirects=True))
    assert [hit.status for hit in found] == [302, 200]


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (b"", 0, HitError.CLOSED),
        (b"220 mail.example.com\r\n\r\n", 0, HitError.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 200, HitError.PROTOCOL),
    ],
    ids=["no answer", "no HTTP", "half a body"],
)
def test_what_is_no_whole_answer_has_its_kind(server, answer, status, kind):
    """And is raised in the test, as httpx raises it."""

    def send(connection, _):
        connection.sendall(answer)

    server.scripts = {"/a": send}

    async def use(client):
        with pytest.raises(httpx.HTTPError):
            await client.get(server.url("/a"))

    (hit,) = hits_of(use)
    assert (hit.status, hit.error) == (status, kind)
    assert hit.error_message


def test_what_gets_no_connection_has_its_kind(closed_port, monkeypatch):
    """Refused, or not found."""

    def not_found(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def use(client):
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{closed_port}/")
        monkeypatch.setattr(socket, "getaddrinfo", not_found)
        with pytest.raises(httpx.ConnectError):
            await client.get("http://nowhere.invalid/")

    assert [hit.error for hit in hits_of(use)] == [HitError.CONNECT, HitError.DNS]


def test_an_error_of_tls_is_one():
    """However deep httpx has wrapped it."""
    error = httpx.ConnectError("wrong version number")
    error.__cause__ = ssl.SSLError(1, "wrong version number")
    assert classified(error) == (HitError.TLS, "wrong version number")


def test_what_takes_too_long_is_a_timeout_and_what_is_cancelled_is_aborted(server):
    """Both are hits, which the server has seen."""

    def hold(connection, _):
        connection.recv(1)

    server.scripts = {"/a": hold}

    async def use(client):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url("/a"), timeout=httpx.Timeout(30, read=0.05))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.get(server.url("/a"), timeout=None)

    assert [hit.error for hit in hits_of(use)] == [HitError.TIMEOUT, HitError.ABORTED]


def test_a_stream_ends_with_what_was_read_of_it(server):
    """At its last byte, or when it is closed; once."""
    server.scripts = {"/a": OK}

    async def use(client):
        async with client.stream("GET", server.url("/a")) as whole:
            assert b"".join([chunk async for chunk in whole.aiter_raw()]) == b"ok"
        async with client.stream("GET", server.url("/a")):
            pass

    assert [(hit.status, hit.error) for hit in hits_of(use)] == [(200, HitError.NONE)] * 2


# In a test


class Awaits(LoadgrpcCase, unittest.IsolatedAsyncioTestCase):
    """Asks as often as it is told."""

    urls = ()
    clients = ()

    async def test_it(self):
        assert self.async_session is self.async_session
        self.clients = [*self.clients, self.async_session]
        answers = await asyncio.gather(*(self.async_session.get(url) for url in self.urls))
        assert all(answer.text == "ok" for answer in answers)


def test_a_users_requests_are_recorded(server):
    """Each iteration has a client of its own, which is closed with its loop."""
    server.scripts = {"/": OK}
    recorder = Recorder(SystemClock(), "t")
    user = VirtualUser(Awaits, "test_it", recorder, SystemClock(), 1)
    user._case.urls = [server.url()] * 3
    assert [user.run_iteration(at) for at in (1, 2)] == [Outcome.SUCCESS] * 2
    assert (recorder.produced_hits, len(server.requests)) == (6, 6)
    first, second = user._case.clients
    assert first is not second
    assert first.is_closed
    assert second.is_closed


def test_outside_a_load_run_it_is_a_client(server):
    """Nothing is recorded, and nothing left open."""
    server.scripts = {"/": OK}
    case, result = Awaits("test_it"), unittest.TestResult()
    case.urls = [server.url()]
    case.run(result)
    assert result.wasSuccessful(), result.errors
    assert case.clients[0].is_closed


def test_a_test_that_is_not_asynchronous_is_told_so():
    """Its loop would never run."""
    with pytest.raises(TypeError, match=r"derive the class from unittest\.IsolatedAsyncioTestCase"):
        assert LoadgrpcCase().async_session


def test_without_httpx_the_extra_is_named(monkeypatch):
    """With what to install."""
    monkeypatch.delitem(sys.modules, "loadgrpc.runner.http.async_session", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ModuleNotFoundError, match=r"self\.async_session .*loadgrpc\[httpx\]"):
        assert Awaits("test_it").async_session
