"""The fast lane against Requests' own road: bodies in chunks, packed bodies, and none.

Played and compared as in test_lane.py; the server sends what a script says, byte for byte.
"""

import gzip
import itertools
import os
import threading
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgrpc.runner.http.lane import connection as line_module
from loadgrpc.runner.http.lane.answer import Chunks, unpack

MORE = float(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples as usual."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BODY = b"0123456789" * 300
GZIP = gzip.compress(BODY)
RAW_DEFLATE = zlib.compress(BODY)[2:-4]


def chunks(*parts):
    """Chunks, and the end of them."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


def chunked(*parts, more=b""):
    """An answer in chunks."""
    return HEAD + more + CHUNKED + b"\r\n" + chunks(*parts)


def packed(body, coding=b"gzip", more=b""):
    """An answer that says it is packed."""
    fields = b"Content-Encoding: %b\r\nContent-Length: %d\r\n" % (coding, len(body))
    return HEAD + more + fields + b"\r\n" + body


def raw_chunks(raw):
    """An answer with something for chunks."""
    return HEAD + CHUNKED + b"\r\n" + raw


PLAIN_ANSWERS = {
    "one chunk": chunked(b"abc"),
    "many chunks": chunked(*[b"x" * n for n in range(1, 300)]),
    "no chunk": chunked(),
    "a chunk of a mebibyte": chunked(b"m" * 1048576),
    "large chunks": chunked(*[b"l" * 70_000] * 9),
    "chunks with line breaks in them": chunked(b"\r\n", b"\r\n0\r\n\r\n", b"5\r\n"),
    "zeros before the size": raw_chunks(b"0003\r\nabc\r\n000\r\n\r\n"),
    "sizes in capitals": raw_chunks(b"A\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\n\r\n"),
    "chunked, in capitals": HEAD + b"TRANSFER-encoding: CHUNKED\r\n\r\n" + chunks(b"abc"),
    "chunks, and the connection stays": chunked(b"abc", more=b"Connection: keep-alive\r\n"),
    "an announced trailer that does not come": chunked(b"abc", more=b"Trailer: X\r\n"),
    "a 404 in chunks": chunked(b"abc").replace(b"200 OK", b"404 No"),
    "gzip": packed(GZIP),
    "gzip in capitals": packed(GZIP, b"GZip"),
    "gzip of nothing": packed(gzip.compress(b"")),
    "gzip of little": packed(gzip.compress(b"{}")),
    "gzip of a mebibyte": packed(gzip.compress(os.urandom(1 << 19) * 2)),
    "deflate": packed(zlib.compress(BODY), b"deflate"),
    "packed, but empty": packed(b""),
    "packed by nothing": packed(BODY, b""),
    "gzip in chunks": chunked(
        *[GZIP[n : n + 7] for n in range(0, len(GZIP), 7)], more=b"Content-Encoding: gzip\r\n"
    ),
    "204": b"HTTP/1.1 204 None\r\n\r\n",
    "204 with a length": b"HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n",
    "304": b"HTTP/1.1 304 Same\r\nETag: x\r\n\r\n",
    "304 with a length": b"HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n",
    "304 of what is packed": b"HTTP/1.1 304 Same\r\nContent-Encoding: gzip\r\n\r\n",
}
ODD_ANSWERS = {
    "an extension": raw_chunks(b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "an extension at the end": raw_chunks(b"3\r\nabc\r\n0;a=b\r\n\r\n"),
    "a trailer": raw_chunks(b"3\r\nabc\r\n0\r\nA: b\r\n\r\n"),
    "a sign": raw_chunks(b"+3\r\nabc\r\n0\r\n\r\n"),
    "a prefix": raw_chunks(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "an underscore": raw_chunks(b"0_3\r\nabc\r\n0\r\n\r\n"),
    "a blank": raw_chunks(b"3 \r\nabc\r\n0\r\n\r\n"),
    "bare LF": raw_chunks(b"3\nabc\n0\n\n"),
    "a bare LF after a size": raw_chunks(b"3\nabc\r\n0\r\n\r\n"),
    "something else after a chunk": raw_chunks(b"3\r\nabcxx0\r\n\r\n"),
    "a bare CR after a chunk": raw_chunks(b"3\r\nabc\rx0\r\n\r\n"),
    "sixteen digits": raw_chunks(b"0000000000000003\r\nabc\r\n0\r\n\r\n"),
    "more after the end": raw_chunks(b"3\r\nabc\r\n0\r\n\r\nmore"),
    "chunked and more": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks(GZIP),
    "chunked with a blank": HEAD + b"Transfer-Encoding: chunked \r\n\r\n" + chunks(b"abc"),
    "chunked, and a length": HEAD + CHUNKED + b"Content-Length: 3\r\n\r\n" + chunks(b"abc"),
    "chunked, said twice": HEAD + CHUNKED + CHUNKED + b"\r\n" + chunks(b"abc"),
    "204 in chunks": b"HTTP/1.1 204 None\r\n" + CHUNKED + b"\r\n" + chunks(),
    "304 in chunks": b"HTTP/1.1 304 Same\r\n" + CHUNKED + b"\r\n" + chunks(),
    "204 with a body": b"HTTP/1.1 204 None\r\nContent-Length: 3\r\n\r\nabc",
    "304 with a body": b"HTTP/1.1 304 Same\r\nContent-Length: 3\r\n\r\nabc",
    "205": b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n",
    "gzip, cut": packed(GZIP[:-3]),
    "gzip that is none": packed(BODY),
    "gzip with a wrong checksum": packed(GZIP[:-8] + b"\0" * 8),
    "gzip, twice": packed(GZIP + GZIP),
    "gzip, and something after it": packed(GZIP + b"more"),
    "gzip of gzip": packed(gzip.compress(GZIP), b"gzip, gzip"),
    "gzip, said twice": packed(GZIP, more=b"Content-Encoding: gzip\r\n"),
    "gzip with a blank": packed(GZIP, b"gzip "),
    "x-gzip": packed(GZIP, b"x-gzip"),
    "deflate without a head": packed(RAW_DEFLATE, b"deflate"),
    "deflate that is none": packed(BODY, b"deflate"),
    "identity": packed(BODY, b"identity"),
    "an unknown coding": packed(BODY, b"x-own"),
    "gzip that is none, in chunks": chunked(BODY, more=b"Content-Encoding: gzip\r\n"),
}


@pytest.mark.parametrize("kind", PLAIN_ANSWERS)
def test_plain_bodies_come_by_the_lane(triplets, kind):
    """A body that can be read in one way only is read by the lane, exactly."""

    def scenario(t):
        t.on("/x", PLAIN_ANSWERS[kind])
        t.get()
        t.thrice("/x")
        t.get("/x", timeout=5)
        t.get()

    triplets.check(scenario, "slllll")


def _and_close(raw):
    """Sends it, says that this is all, and closes."""

    def script(connection, _):
        connection.sendall(raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    return script


@pytest.mark.parametrize("kind", ODD_ANSWERS)
def test_odd_bodies_are_resumed(triplets, kind):
    """Any other is read by Requests, from its first byte, which then says what is wrong."""

    def scenario(t):
        t.on("/x", _and_close(ODD_ANSWERS[kind]))
        for _ in range(3):
            t.get()
            t.get()
            t.get("/x")

    assert triplets.check(scenario)[2::3] == "rrr"


@pytest.mark.parametrize(
    "raw",
    [
        b"3;a=b\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nA: b\r\n\r\n",
        b"3\r\nabcxx0\r\n\r\n",
        b"0000000000000000003\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_odd_chunks_are_not_waited_for(triplets, raw):
    """What Requests has seen enough of is handed over at once, though the server says no more."""

    def scenario(t):
        t.on("/x", raw_chunks(raw))
        t.get()
        t.get("/x")
        t.get()
        t.get("/x")

    triplets.check(scenario)


def test_what_ends_its_connection_in_chunks(triplets):
    """After a body in chunks that ends its connection the next request opens another."""

    def scenario(t):
        t.on("/x", chunked(b"abc", more=b"Connection: close\r\n"))
        for _ in range(3):
            t.get()
            t.get("/x")

    triplets.check(scenario, "slslsl")


def test_bodies_of_redirects(triplets):
    """A redirect may come in chunks, packed, or both."""

    def scenario(t):
        found = b"HTTP/1.1 302 Found\r\nLocation: /\r\n"
        t.on("/a", found + CHUNKED + b"\r\n" + chunks(b"gone"))
        t.on("/b", found + b"Content-Encoding: gzip\r\n" + CHUNKED + b"\r\n" + chunks(GZIP))
        t.on("/c", found + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone")
        for path in ("/a", "/b", "/c"):
            for _ in range(3):
                t.get(path)

    triplets.check(scenario, "shl" + "lll" + "rrr")


def test_cut_at_every_position(triplets):
    """Wherever a body in chunks is cut off, exception, hit and next answer are the same."""
    raw = HEAD + CHUNKED + b"\r\n" + chunks(b"abc", b"0123456789ab")
    start = raw.index(b"\r\n\r\n")

    def script(connection, request):
        connection.sendall(raw[: int(request.split(b"?")[1].split(b" ")[0])])

    def scenario(t):
        t.on("/cut", script)
        for size in range(start, len(raw) + 1):
            t.get()
            t.get(f"/cut?{size}")

    roads = triplets.check(scenario)
    assert roads[1::2] == "r" * (len(raw) - start) + "l"


@pytest.mark.parametrize("kind", ["one chunk", "gzip in chunks"])
def test_a_time_out_between_chunks(triplets, kind):
    """What came before a time-out is not lost: Requests reads it, and then raises."""
    raw = PLAIN_ANSWERS[kind]

    def scenario(t):
        over = threading.Event()

        def script(connection, _):
            connection.sendall(raw[:-8])
            over.wait(5)

        t.on("/x", script)
        t.get()
        t.get()
        t.get("/x", timeout=(5, 0.03))
        over.set()
        t.get()

    triplets.check(scenario, "slrs")


@settings(
    max_examples=max(1, round(25 * MORE)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    parts=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    packing=st.sampled_from([b"", b"gzip", b"deflate"]),
    read=st.integers(1, 60),
    change=st.none() | st.tuples(st.integers(0, 200), st.sampled_from(b"\r\n0;x 5aF")),
    cut=st.none() | st.integers(0, 300),
)
def test_any_chunks(triplets, parts, packing, read, change, cut):
    """However chunks are cut, packed, received and spoiled, all is as Requests has it."""
    pack = {b"": bytes, b"gzip": gzip.compress, b"deflate": zlib.compress}[packing]
    body = pack(b"".join(parts))
    ends = [sum(map(len, parts[:n])) for n in range(1, len(parts))]
    cuts = [0, *(end for end in ends if end < len(body)), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(cuts) if a < b]
    raw = bytearray(chunks(*pieces))
    if change is not None and change[0] < len(raw):
        raw[change[0]] = change[1]
    more = b"Content-Encoding: %b\r\n" % packing if packing else b""
    whole = HEAD + more + CHUNKED + b"\r\n" + bytes(raw[: cut if cut is not None else len(raw)])

    def scenario(t):
        if change is None:  # how much of what is wrong is read depends on how it comes
            t.patch.setattr(line_module, "READ_BYTES", read)
        t.on("/x", _and_close(whole))
        t.get()
        t.get("/x")
        t.get()
        t.get("/x", timeout=5)

    roads = triplets.check(scenario)
    if change is None and cut is None:
        assert roads == "slsl"


@settings(max_examples=max(1, round(300 * MORE)))
@given(
    parts=st.lists(st.binary(min_size=1, max_size=30), max_size=6),
    sizes=st.lists(st.integers(1, 25), min_size=1),
)
def test_chunks_as_they_come(parts, sizes):
    """Until the last byte has come, more is waited for; then all that was in them is there."""
    raw = chunks(*parts)
    found = Chunks(b"")
    at = 0
    turn = 0
    while at < len(raw):
        assert found.read() is False
        size = sizes[turn % len(sizes)]
        found.came += raw[at : at + size]
        at, turn = at + size, turn + 1
    assert found.read() is True
    assert found.body() == b"".join(parts)
    found.came += b"x"
    assert found.read() is None


@settings(max_examples=max(1, round(300 * MORE)))
@given(raw=st.text("0123aF\r\n;x +", max_size=24).map(str.encode))
def test_chunks_that_are_none(raw):
    """Whatever is read to its end is what was sent, and nothing else would be."""
    found = Chunks(raw)
    if found.read():
        rest, parts = raw, []
        while not rest.startswith(b"0\r\n") and int(rest.partition(b"\r\n")[0], 16):
            size, _, rest = rest.partition(b"\r\n")
            parts.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        assert found.body() == b"".join(parts)
        assert raw.endswith(b"\r\n\r\n")


@given(body=st.binary(max_size=60), cut=st.integers(0, 80))
def test_unpacking(body, cut):
    """A packed body is unpacked whole or not at all."""
    for coding, pack in ((31, gzip.compress), (15, zlib.compress)):
        packed_body = pack(body)
        part = packed_body[:cut]
        assert unpack(part, coding) == (body if part == packed_body else None)
        assert unpack(packed_body + b"x", coding) is None
