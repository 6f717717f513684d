"""`self.create_ws`, outside of gevent: its readers are threads."""

import subprocess
import sys
import threading
import time
import unittest

import pytest

pytest.importorskip("wsproto", reason="wsproto is not installed")
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    Request,
    TextMessage,
)

from loadgrpc.case import HandshakeError, TestCase, WebSocketClient
from loadgrpc.model import HitError
from loadgrpc.runner.socket_tally import SocketTally
from loadgrpc.runner.websocket import client

WAIT_S = 10.0


class Reporter:
    """What a virtual user gives its test case."""

    addresses = None

    def __init__(self, hits, clock):
        self.hit, self.unmeasured, self.clock = hits.hit, hits.unmeasured, clock
        self.tallies = {}

    def counter(self, name, increment):
        pass

    def socket(self, name, protocol):
        nothing = lambda _: None  # noqa: E731
        tally = SocketTally(name, protocol, nothing, nothing)
        return self.tallies.setdefault((name, protocol), tally)


class Subject(TestCase):
    def test_it(self):
        pass


@pytest.fixture
def case(hits, clock, ws_server):
    """A test case of a load run, which ends before its server does."""
    case = Subject("test_it")
    case.load_reporter = Reporter(hits, clock)
    yield case
    case.close_sockets()
    case.close_session()


def tally(case):
    """The only tally."""
    (one,) = case.load_reporter.tallies.values()
    return one


def until(true):
    """Waits for what another thread does."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_example_of_loads(case, ws_server):
    """test_something of Loads: a callback and `receive` side by side."""
    results = []
    ws = case.create_ws(ws_server.url(), callback=lambda message: results.append(message.data))
    ws.send("something")
    assert str(ws.receive()) == "something"
    ws.send("happened")
    ws.receive()
    until(lambda: len(results) == 2)
    assert results == [b"something", b"happened"]
    assert tally(case).messages_sent == tally(case).messages_received == 2
    assert tally(case).bytes_sent == tally(case).bytes_received == len("somethinghappened")
    assert (tally(case).opened, tally(case).closed) == (1, 0)


def test_opening_is_a_hit(case, ws_server, hits):
    """The handshake is a hit with the status 101, and has the name of the URL without query."""
    case.create_ws(ws_server.url("/ws?token=1"))
    (hit,) = hits
    assert (hit["name"], hit["method"], hit["status"]) == (ws_server.url("/ws"), "GET", 101)
    assert (hit["protocol"], hit["failed"], hit["error"]) == ("websocket", False, HitError.NONE)
    assert hit["url"] == ws_server.url("/ws?token=1")
    assert hit["bytes_sent"] > 100
    assert hit["bytes_received"] > 100


def test_a_name_is_of_hits_and_counts(case, ws_server, hits):
    """`name` is what all that a socket does is reported under."""
    case.create_ws(ws_server.url(), name="chat").send("x")
    assert hits.column("name") == ["chat"]
    assert list(case.load_reporter.tallies) == [("chat", "websocket")]


def test_times_are_those_worked_out_by_hand(case, ws_server, clock):
    """Gaps are from message to message of a socket; the first one has none."""
    came = threading.Semaphore(0)
    ws = case.create_ws(ws_server.url(), callback=lambda _: came.release())
    for gap_s in (1.0, 0.5, 0.25):
        clock.advance(gap_s)
        ws.send("x")
        assert came.acquire(timeout=WAIT_S)
    gaps = sorted(tally(case)._gaps)
    assert [round(gap / 1e6) for gap in gaps] == [250, 500]


def test_text_and_bytes_stay_what_they_are(case, ws_server):
    """A message is text unless it is binary; both have their bytes in `data`."""
    ws = case.create_ws(ws_server.url())
    for payload, binary in (("ü", False), (b"\xff\x00", True), (b"text", False), ("ü", True)):
        ws.send(payload, binary)
        message = ws.receive()
        assert message.is_binary is binary
        assert message.data == (payload.encode() if isinstance(payload, str) else payload)
        assert len(message) == len(message.data)
    assert ws_server.messages == ["ü", b"\xff\x00", "text", "ü".encode()]
    ws.send(message)
    assert ws.receive().is_binary
    with pytest.raises(ValueError, match="Unsupported type"):
        ws.send(7)


def test_a_generator_is_one_message_in_pieces(case, ws_server):
    """Pieces are sent as they are made, and count as one message."""
    ws = case.create_ws(ws_server.url())
    ws.send(piece for piece in ("a", "bc", "d"))
    assert ws.receive().data == b"abcd"
    assert (tally(case).messages_sent, tally(case).bytes_sent) == (1, 4)
    assert (tally(case).messages_received, tally(case).bytes_received) == (1, 4)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 1_000_000])
def test_sizes(case, ws_server, size):
    """Messages of every kind of length come whole."""
    ws = case.create_ws(ws_server.url())
    ws.send(b"x" * size, binary=True)
    assert ws.receive().data == b"x" * size
    assert tally(case).bytes_received == size


def test_a_subprotocol_is_chosen(case, ws_server):
    """Protocols are offered; the one that the server has chosen is in `protocols`."""
    ws_server.subprotocol = "chat"
    ws = case.create_ws(ws_server.url(), protocols=["soap", "chat"])
    assert ws.protocols == ["chat"]
    assert ws_server.requests[0].subprotocols == ["soap", "chat"]


def test_messages_are_compressed_if_both_want_it(case, ws_server):
    """`permessage-deflate` works; bytes are counted uncompressed. Others are refused by name."""
    ws = case.create_ws(ws_server.url(), extensions=["permessage-deflate"])
    assert ws.extensions == ["permessage-deflate"]
    ws.send("x" * 10_000)
    assert len(ws.receive()) == 10_000
    assert tally(case).bytes_sent == 10_000
    with pytest.raises(ValueError, match="'x-other' is not supported"):
        case.create_ws(ws_server.url(), extensions=["x-other"])


def test_headers_are_sent(case, ws_server):
    """Headers of the handshake may be added."""
    case.create_ws(ws_server.url(), headers=[("Authorization", "Bearer 1")])
    assert (b"authorization", b"Bearer 1") in ws_server.requests[0].extra_headers


def test_pings_are_answered(case, ws_server, echo_event):
    """A ping of the server is answered by itself; a pong of it calls `ponged`."""
    pongs, ponged = [], []

    def on(server, peer, event):
        if isinstance(event, Request):
            peer.send(Ping(payload=b"are you there"))
        elif isinstance(event, Pong):
            pongs.append(bytes(event.payload))
        return echo_event(server, peer, event)

    class Client(WebSocketClient):
        def ponged(self, pong):
            ponged.append(bytes(pong.payload))

    ws_server.on = on
    ws = case.create_ws(ws_server.url(), klass=Client)
    ws.connect()
    ws.ping("hello")
    until(lambda: pongs and ponged)
    assert (pongs, ponged) == ([b"are you there"], [b"hello"])
    assert tally(case).messages_received == 0


def test_a_class_of_the_tests_own(case, ws_server):
    """test_websockets of Loads: a klass is made, not connected; it is counted and closed."""
    seen = []

    class Client(WebSocketClient):
        def __init__(self, url, **kwargs):
            super().__init__(url, **kwargs)
            seen.append(self.test_case)

        def opened(self):
            self.send("hello")

        def received_message(self, message):
            seen.append(str(message))

        def closed(self, code, reason=None):
            seen.append(code)

    ws = case.create_ws(ws_server.url(), klass=Client)
    assert ws_server.opened == 0
    ws.connect()
    until(lambda: len(seen) == 2)
    case.close_sockets()
    assert seen == [case, "hello", 1000]
    assert (tally(case).opened, tally(case).closed, tally(case).messages_received) == (1, 1, 1)
    with pytest.raises(TypeError, match="not a subclass of WebSocketClient"):
        case.create_ws(ws_server.url(), klass=type("Other", (), {"__init__": lambda *_, **k: None}))


def test_a_class_that_was_written_for_loads(case, ws_server):
    """It is given all that Loads gave it, by the same names; there is no result to count with."""
    given = {}

    class Client(WebSocketClient):
        def __init__(self, url, test_result, protocols, extensions, callback, test_case):
            given.update(locals())
            super().__init__(url, protocols, extensions, callback=callback)

    case.create_ws(ws_server.url(), print, ["chat"], None, Client).connect()
    assert (given["test_result"], given["test_case"]) == (None, case)
    assert (given["callback"], given["protocols"]) == (print, ["chat"])


def test_the_end_of_a_user_closes_its_sockets(case, ws_server):
    """Each gets a closing handshake, and counts as closed."""
    for _ in range(5):
        case.create_ws(ws_server.url())
    counted = tally(case)
    case.close_sockets()
    until(lambda: ws_server.closed == 5)
    assert (counted.opened, counted.closed, counted.broken) == (5, 5, 0)


def test_a_socket_may_be_closed_and_opened_again(case, ws_server):
    """`close` ends it, `receive` is then None, sending raises; `connect` opens it again."""
    ws = case.create_ws(ws_server.url())
    ws.close(3000, "bye")
    assert ws.receive() is None
    assert ws.wait_closed(WAIT_S)
    assert ws.terminated
    with pytest.raises(RuntimeError, match="terminated"):
        ws.send("x")
    ws.close()
    ws.connect()
    ws.send("x")
    assert str(ws.receive()) == "x"
    with pytest.raises(ConnectionError, match="open already"):
        ws.connect()


def test_a_server_that_closes_is_no_error(case, ws_server):
    """A closing handshake that the server begins ends the socket as it may end."""

    def on(server, peer, event):
        if isinstance(event, TextMessage):
            peer.send(CloseConnection(code=1001, reason="restart"))
        return not isinstance(event, CloseConnection)

    codes = []

    class Client(WebSocketClient):
        def closed(self, code, reason=None):
            codes.append((code, reason))
            super().closed(code, reason)

    ws_server.on = on
    ws = case.create_ws(ws_server.url(), klass=Client)
    ws.connect()
    ws.send("x")
    assert ws.receive() is None
    assert ws.wait_closed(WAIT_S)
    assert codes == [(1001, "restart")]
    assert (tally(case).closed, tally(case).broken) == (1, 0)
    assert case._cleanups == []


def test_a_broken_connection_fails_the_iteration(case, ws_server):
    """A connection that ends without a closing handshake counts as broken, and raises."""
    ws_server.on = lambda server, peer, event: isinstance(event, Request)
    ws = case.create_ws(ws_server.url())
    ws.send("x")
    assert ws.wait_closed(WAIT_S)
    assert (tally(case).closed, tally(case).broken) == (0, 1)
    result = unittest.TestResult()
    case.run(result)
    ((_, text),) = result.errors
    assert "without a closing handshake" in text
    case.run(again := unittest.TestResult())
    assert again.wasSuccessful()


def test_a_test_that_waits_gets_the_error_itself(case, ws_server):
    """`receive` raises what broke the socket, once; sending afterwards says why it cannot be."""
    ws_server.on = lambda server, peer, event: isinstance(event, Request)
    ws = case.create_ws(ws_server.url())
    ws.send("x")
    with pytest.raises(ConnectionResetError, match="without a closing handshake"):
        ws.receive()
    with pytest.raises(RuntimeError, match="terminated") as raised:
        ws.send("x")
    assert isinstance(raised.value.__cause__, ConnectionResetError)
    assert ws.wait_closed(WAIT_S)
    case.run(result := unittest.TestResult())
    assert result.wasSuccessful()


def test_what_a_callback_raises_fails_the_iteration(case, ws_server):
    """An assertion in a callback is a failure, the socket is closed, and nothing is broken."""

    def callback(message):
        case.assertEqual(message.data, b"other")

    ws = case.create_ws(ws_server.url(), callback=callback)
    ws.send("x")
    assert ws.wait_closed(WAIT_S)
    result = unittest.TestResult()
    case.run(result)
    assert len(result.failures) == 1
    assert (tally(case).closed, tally(case).broken) == (1, 0)
    until(lambda: ws_server.closed == 1)


def test_what_goes_wrong_at_the_end_is_raised_there(case, ws_server):
    """An error after the last iteration is raised when the user ends."""
    ws_server.on = lambda server, peer, event: isinstance(event, Request)
    ws = case.create_ws(ws_server.url())
    ws.send("x")
    assert ws.wait_closed(WAIT_S)
    with pytest.raises(ConnectionResetError):
        case.close_sockets()


def test_a_server_that_breaks_the_protocol(case, ws_server):
    """A frame that is none breaks the socket."""

    def on(server, peer, event):
        if isinstance(event, TextMessage):
            peer.sock.sendall(b"\xf0\x00")
        return True

    ws_server.on = on
    ws = case.create_ws(ws_server.url())
    ws.send("x")
    assert ws.wait_closed(WAIT_S)
    assert tally(case).broken == 1
    with pytest.raises(ConnectionError):
        case.close_sockets()


def test_a_message_is_bounded(case, ws_server, monkeypatch):
    """A message without end does not fill the memory."""
    monkeypatch.setattr(client, "MAX_MESSAGE_BYTES", 1_000)

    def on(server, peer, event):
        if isinstance(event, TextMessage):
            for _ in range(20):
                peer.send(BytesMessage(data=b"x" * 100, message_finished=False))
        return True

    ws_server.on = on
    ws = case.create_ws(ws_server.url())
    ws.send("x")
    assert ws.wait_closed(WAIT_S)
    with pytest.raises(ConnectionError, match="over 1000 bytes"):
        case.close_sockets()


def test_unread_messages_are_bounded(case, ws_server, monkeypatch):
    """Of too many unread messages the oldest are dropped, and `receive` says how many."""
    monkeypatch.setattr(client, "MAX_UNREAD", 3)
    ws = case.create_ws(ws_server.url())
    for at in range(5):
        ws.send(str(at))
    until(lambda: tally(case).messages_received == 5)
    with pytest.raises(BufferError, match="2 unread messages were dropped"):
        ws.receive()
    assert [str(ws.receive()) for _ in range(3)] == ["2", "3", "4"]
    assert ws.receive(block=False) is None


def test_a_refused_handshake_is_a_failed_hit(case, ws_server, hits):
    """An answer other than 101 raises, with its status, and is a failed hit."""
    ws_server.status = 403
    with pytest.raises(HandshakeError, match=r"answered 403, not 101") as raised:
        case.create_ws(ws_server.url())
    assert raised.value.status == 403
    (hit,) = hits
    assert (hit["status"], hit["failed"], hit["error"]) == (403, True, HitError.NONE)
    assert tally(case).opened == 0


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", HitError.CLOSED),
        (b"\0\0\0\r\n\r\n", HitError.PROTOCOL),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", HitError.PROTOCOL),
    ],
)
def test_no_answer_is_a_failed_hit(case, ws_server, hits, raw, error):
    """What is no answer to a handshake raises, and is a failed hit with its error."""
    ws_server.raw = raw
    with pytest.raises(ConnectionError):
        case.create_ws(ws_server.url())
    assert hits.column("error") == [error]
    assert hits.column("failed") == [True]


def test_no_server_is_a_failed_hit(case, closed_port, hits):
    """A server that is not there raises at once, and is a failed hit: nothing is tried again."""
    with pytest.raises(ConnectionError):
        case.create_ws(f"ws://127.0.0.1:{closed_port}/")
    (hit,) = hits
    assert (hit["error"], hit["status"], hit["failed"]) == (HitError.CONNECT, 0, True)
    assert hit["error_message"].startswith(f"127.0.0.1:{closed_port}: ")


@pytest.mark.parametrize("url", ["", "ws://", "localhost:9000", "ftp://x/"])
def test_what_is_no_url_is_named(case, url):
    """A URL that leads to no WebSocket is refused."""
    with pytest.raises(ValueError, match="is not the URL of a WebSocket"):
        case.create_ws(url)


def test_tls(case, ws_server, certificate, hits):
    """Wss works, and checks certificates as the session does."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    ws_server.wrap = lambda sock: context.wrap_socket(sock, server_side=True)
    url = f"wss://localhost:{ws_server.port}/"
    with pytest.raises(OSError, match=r"(?i)certificate"):
        case.create_ws(url)
    case.session.verify = str(certificate[0])
    ws = case.create_ws(url)
    ws.send("x" * 100_000)
    assert len(ws.receive()) == 100_000
    case.session.verify = False
    case.create_ws(url.replace("wss", "https"))
    assert hits.column("error") == [HitError.TLS, HitError.NONE, HitError.NONE]


def test_many_users_write_whole_messages(case, ws_server):
    """Pongs of the reader and messages of several threads do not mix."""
    sizes = []
    ws = case.create_ws(ws_server.url(), callback=lambda message: sizes.append(len(message)))
    threads = [
        threading.Thread(target=lambda: [ws.send(b"x" * 3_000, binary=True) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    until(lambda: len(sizes) == 200)
    assert set(sizes) == {3_000}


def test_it_runs_under_unittest(ws_server, tmp_path):
    """Outside of a load run it works as well, with every warning an error, and leaves no socket."""
    (tmp_path / "test_site.py").write_text(
        "import time\n"
        "from loadgrpc.case import TestCase\n"
        "class TestSite(TestCase):\n"
        "    def test_it(self):\n"
        "        results = []\n"
        f"        ws = self.create_ws({ws_server.url()!r}, callback=results.append)\n"
        "        ws.send('x')\n"
        "        while not results:\n"
        "            time.sleep(.01)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "unittest", "test_site"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ResourceWarning" not in done.stdout + done.stderr
    assert ws_server.closed == 1


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    """Where wsproto is missing, the error has the command that installs it."""
    for name in [name for name in sys.modules if name.startswith("loadgrpc.runner.websocket.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("wsproto")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'loadgrpc\[websocket\]'"):
        Subject("test_it").create_ws("ws://127.0.0.1/")
