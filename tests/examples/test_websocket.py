"""The demo server's web sockets: RFC 6455, as far as a server has to keep it."""

import base64
import socket
import struct
import time
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.examples.server import websocket
from loadgrpc.examples.server.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_MESSAGE,
    PING,
    PONG,
    TEXT,
    Broken,
    Messages,
    NotUpgraded,
    SeenMessage,
    accept,
    close_code,
    frame,
    unmasked,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ASKED = {
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


def masked(opcode, payload, *, final=True, mask=b"\x37\xfa\x21\x3d"):
    """A frame of a client."""
    head = bytearray(frame(opcode, payload)[: len(frame(opcode, payload)) - len(payload)])
    head[1] |= 0x80
    if not final:
        head[0] &= 0x7F
    return bytes(head) + mask + unmasked(payload, mask)


def read(data):
    """All messages in the bytes of a client."""
    messages = Messages()
    messages.feed(data)
    found = []
    while (message := messages.next()) is not None:
        found.append(message)
    return found


def test_the_handshake_of_the_rfc_is_accepted_as_there():
    """The key of RFC 6455, section 1.3, gets the answer that stands there."""
    headers = dict(accept("GET", ASKED))

    assert headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert "Sec-WebSocket-Protocol" not in headers


def test_the_first_protocol_offered_is_chosen():
    """Of several protocols the client gets its favourite."""
    headers = dict(accept("GET", ASKED | {"sec-websocket-protocol": "chat, http-only"}))

    assert headers["Sec-WebSocket-Protocol"] == "chat"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"upgrade": ""}, 426),
        ({"connection": "close"}, 400),
        ({"sec-websocket-version": "8"}, 426),
        ({"sec-websocket-key": "short"}, 400),
        ({"sec-websocket-key": base64.b64encode(b"x" * 15).decode()}, 400),
    ],
)
def test_what_is_no_handshake_is_refused_with_a_status(change, status):
    """Each header that a handshake needs is looked at."""
    with pytest.raises(NotUpgraded) as refused:
        accept("GET", ASKED | change)

    assert refused.value.status == status


def test_the_frames_of_the_rfc_are_read():
    """The masked and the fragmented example of RFC 6455, section 5.7; a ping in between."""
    hello = bytes.fromhex("818537fa213d7f9f4d5158")
    parts = masked(TEXT, b"Hel", final=False) + masked(PING, b"Hello") + masked(CONTINUATION, b"lo")

    assert read(hello) == [SeenMessage(TEXT, b"Hello")]
    assert read(parts) == [SeenMessage(PING, b"Hello"), SeenMessage(TEXT, b"Hello")]
    assert frame(TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")


@given(
    st.lists(
        st.tuples(
            st.lists(st.binary(max_size=300), min_size=1, max_size=4),
            st.binary(min_size=4, max_size=4),
        ),
        max_size=5,
    ),
    st.integers(1, 500),
)
def test_messages_arrive_whole_however_they_are_cut(sent, piece):
    """Fragments, masks and pieces of any size: what was sent comes out, in order."""
    data = b""
    for fragments, mask in sent:
        for at, payload in enumerate(fragments):
            final = at == len(fragments) - 1
            data += masked(CONTINUATION if at else BINARY, payload, final=final, mask=mask)
    messages, found = Messages(), []
    for at in range(0, len(data), piece):
        messages.feed(data[at : at + piece])
        while (message := messages.next()) is not None:
            found.append(message.payload)

    assert found == [b"".join(fragments) for fragments, _ in sent]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_every_width_of_length_is_read_and_written(size):
    """Lengths of one, two and eight bytes, at their limits."""
    assert read(masked(BINARY, b"x" * size)) == [SeenMessage(BINARY, b"x" * size)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"not masked"), 1002),
        (b"\xc1\x80abcd", 1002),  # a reserved bit
        (b"\x83\x80abcd", 1002),  # an opcode that does not exist
        (masked(PING, b"x", final=False), 1002),
        (masked(PING, b"x" * 126), 1002),
        (masked(CONTINUATION, b"x"), 1002),
        (masked(TEXT, b"x", final=False) + masked(TEXT, b"x"), 1002),
        (masked(TEXT, b"\xff"), 1007),
        (b"\x82\xff" + struct.pack(">Q", MAX_MESSAGE + 1) + b"abcd", 1009),
        (b"\x82\xff" + b"\xff" * 8 + b"abcd", 1009),
    ],
)
def test_what_breaks_the_protocol_is_named_by_its_code(data, code):
    """Each rule that a client may break, and the code to close with; no byte too many is kept."""
    with pytest.raises(Broken) as broken:
        read(data)

    assert broken.value.code == code


def test_fragments_together_are_bounded_too(monkeypatch):
    """A message in fragments is not larger than one in a piece."""
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1_000)

    with pytest.raises(Broken) as broken:
        read(masked(BINARY, b"x" * 600, final=False) + masked(CONTINUATION, b"x" * 600))

    assert broken.value.code == 1009


@pytest.mark.parametrize("payload", [b"x", struct.pack(">H", 1005), struct.pack(">H", 999)])
def test_a_code_that_may_not_be_sent_is_refused(payload):
    """Close frames have no code, or one that stands in the RFC or is free for use."""
    with pytest.raises(Broken):
        close_code(payload)


def test_codes_are_answered_with_themselves():
    """A close without a code is a normal one."""
    assert close_code(b"") == 1000
    assert close_code(struct.pack(">H", 1001) + b"bye") == 1001
    assert close_code(struct.pack(">H", 4000)) == 4000


class Client:
    """A web socket to the demo server, byte by byte."""

    def __init__(self, server, path="/ws"):
        where = urlsplit(server.url)
        self.raw = socket.create_connection((where.hostname, where.port), timeout=10)
        lines = [f"GET {path} HTTP/1.1", "Host: demo"]
        lines += [f"{name}: {value}" for name, value in ASKED.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())
        self.received = b""
        while b"\r\n\r\n" not in self.received:
            self.received += self.raw.recv(65_536)
        self.head, _, self.received = self.received.partition(b"\r\n\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def send(self, data):
        self.raw.sendall(data)

    def expect(self, data):
        """Exactly these bytes come next."""
        while len(self.received) < len(data) and (more := self.raw.recv(65_536)):
            self.received += more
        assert self.received[: len(data)] == data
        self.received = self.received[len(data) :]

    def rest(self):
        """What comes until the server closes the connection."""
        while more := self.raw.recv(65_536):
            self.received += more
        return self.received


def settled(server, **wanted):
    """The server's counts of web sockets, once they are as wanted."""
    deadline = time.monotonic() + 10
    while True:
        counts = server.stats()["websockets"]
        if all(counts[name] == value for name, value in wanted.items()):
            return counts
        assert time.monotonic() < deadline, counts
        time.sleep(0.02)


@pytest.mark.system
def test_messages_are_echoed_and_counted(demo_server):
    """Texts, bytes, large and empty messages come back as they are; the server counts them."""
    with Client(demo_server) as one, Client(demo_server) as two:
        assert one.head.startswith(b"HTTP/1.1 101 Switching Protocols")
        for opcode, payload in ((TEXT, b"Hello"), (BINARY, b"\xff" * 70_000), (TEXT, b"")):
            one.send(masked(opcode, payload))
            one.expect(frame(opcode, payload))
        two.send(masked(TEXT, b"one") + masked(PING, b"there?") + masked(TEXT, b"two"))
        two.expect(frame(TEXT, b"one") + frame(PONG, b"there?") + frame(TEXT, b"two"))
        settled(demo_server, open=2)
    counts = settled(demo_server, open=0)

    assert counts == {"opened": 2, "open": 0, "max_open": 2, "messages": 5, "bytes": 70_011}
    assert demo_server.stats()["paths"] == {"/ws": 2}


@pytest.mark.system
def test_an_echo_can_take_its_time(demo_server):
    """/ws/100 echoes after 100 ms; several at once wait side by side, and stay in order."""
    with Client(demo_server, "/ws/100") as client:
        begun = time.monotonic()
        client.send(b"".join(masked(TEXT, b"%d" % number) for number in range(20)))
        client.expect(b"".join(frame(TEXT, b"%d" % number) for number in range(20)))

        assert 0.1 <= time.monotonic() - begun < 1.5


@pytest.mark.system
def test_a_close_is_answered_and_ends_the_connection(demo_server):
    """The server answers a close with its code, and then ends the connection itself."""
    with Client(demo_server) as client:
        client.send(masked(CLOSE, struct.pack(">H", 4001) + b"bye"))

        assert client.rest() == frame(CLOSE, struct.pack(">H", 4001))
    settled(demo_server, open=0)


@pytest.mark.system
def test_a_client_that_breaks_the_protocol_is_closed_with_the_reason(demo_server):
    """A frame without a mask is answered with 1002 and why; others go on."""
    with Client(demo_server) as bad, Client(demo_server) as good:
        bad.send(frame(TEXT, b"not masked"))
        assert bad.rest()[2:4] == struct.pack(">H", 1002)
        good.send(masked(TEXT, b"still here"))
        good.expect(frame(TEXT, b"still here"))


@pytest.mark.system
def test_a_request_is_no_web_socket(demo_server):
    """A plain request to /ws is answered with 426 and what to do instead."""
    answer = requests.get(demo_server.url + "/ws", timeout=10)

    assert answer.status_code == 426
    assert answer.headers["Upgrade"] == "websocket"
