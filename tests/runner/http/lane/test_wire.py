"""The fast lane against Requests' own road: what a server may answer, and what may go wrong.

Played and compared as in test_lane.py; the server sends what a script says, byte for byte.
"""

import os
import socket
import struct
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgrpc.runner.http.lane import answer as lane_answer
from loadgrpc.runner.http.lane import connection as line_module

MORE = float(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples as usual."""
HEAD = b"HTTP/1.1 200 OK\r\n"
BODY = b"0123456789"
PLAIN = HEAD + b"Content-Length: 10\r\n\r\n" + BODY
ENDS = b"Connection: close\r\n"


PLAIN_ANSWERS = {
    "plain": PLAIN,
    "without body": HEAD + b"Content-Length: 0\r\n\r\n",
    "of a mebibyte": HEAD
    + b"Content-Type: text/plain; charset=ascii\r\nContent-Length: 1048576\r\n\r\n"
    + b"m" * 1048576,
    "keep-alive": HEAD + b"Connection: Keep-Alive\r\nContent-Length: 10\r\n\r\n" + BODY,
    "without a reason": b"HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\n" + BODY,
    "with a long reason": b"HTTP/1.1 299 It  is \t fine \r\nContent-Length: 10\r\n\r\n" + BODY,
    "300": b"HTTP/1.1 300 Many\r\nLocation: /b\r\nContent-Length: 10\r\n\r\n" + BODY,
    "201 with a location": b"HTTP/1.1 201 C\r\nLocation: /b\r\nContent-Length: 10\r\n\r\n" + BODY,
    "401": b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 10\r\n\r\n" + BODY,
    "503 that asks for a retry": b"HTTP/1.1 503 B\r\nRetry-After: 0\r\nContent-Length: 10\r\n\r\n"
    + BODY,
    "zeros before the length": HEAD + b"Content-Length: 0010\r\n\r\n" + BODY,
    "odd header names": HEAD + b"!#$%&'*+.^_`|~-: x\r\ncOnTeNt-LeNgTh:10\r\n\r\n" + BODY,
    "odd header values": HEAD
    + b'A:\r\nB: \t b \t \r\nC::c\r\nD: "\r\nA: a, a\r\nLink: </n>; rel=next\r\n'
    + b"Content-Type: application/json\r\nContent-Length: \t 10 \r\n\r\n"
    + BODY,
}
ODD_ANSWERS = {
    "chunked": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n7;x=y\r\ndefghij\r\n0\r\n\r\n",
    "chunked with a trailer": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
    "a bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "205 with a body": b"HTTP/1.1 205 Reset\r\nContent-Length: 10\r\n\r\n" + BODY,
    "100 first": b"HTTP/1.1 100 Go on\r\nA: b\r\n\r\n" + PLAIN,
    "two 100 first": b"HTTP/1.1 100 Go on\r\n\r\n" * 2 + PLAIN,
    "103 first": b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + PLAIN,
    "bare LF": PLAIN.replace(b"\r\n", b"\n"),
    "a bare LF among the headers": HEAD + b"A: b\nC: d\r\nContent-Length: 10\r\n\r\n" + BODY,
    "a folded header": HEAD + b"A: b\r\n  c\r\nContent-Length: 10\r\n\r\n" + BODY,
    "Latin-1": HEAD + b"A: caf\xe9\r\nContent-Length: 10\r\n\r\n" + BODY,
    "UTF-8 for a reason": b"HTTP/1.1 200 \xe2\x82\xac\r\nContent-Length: 10\r\n\r\n" + BODY,
    "a NUL": HEAD + b"A: \x00\r\nContent-Length: 10\r\n\r\n" + BODY,
    "the length twice": HEAD + b"Content-Length: 10\r\nContent-Length: 10\r\n\r\n" + BODY,
    "two lengths": HEAD + b"Content-Length: 10\r\nContent-Length: 5\r\n\r\n" + BODY,
    "a length and chunks": HEAD
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "a length and another coding": HEAD
    + b"Content-Length: 10\r\nTransfer-Encoding: identity\r\n\r\n"
    + BODY,
    "a length with a sign": HEAD + b"Content-Length: +10\r\n\r\n" + BODY,
    "two connections": HEAD
    + b"Connection: keep-alive\r\nConnection: x\r\nContent-Length: 10\r\n\r\n"
    + BODY,
    "an upgrade": HEAD + b"Connection: upgrade\r\nContent-Length: 10\r\n\r\n" + BODY,
    "no space after the status": b"HTTP/1.1 200\r\nContent-Length: 10\r\n\r\n" + BODY,
    "HTTP/1.0 that stays": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
    b"Content-Length: 10\r\n\r\n" + BODY,
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 10\r\n\r\n" + BODY,
    "a status of four": b"HTTP/1.1 2000 OK\r\nContent-Length: 10\r\n\r\n" + BODY,
    "status 600": b"HTTP/1.1 600 OK\r\nContent-Length: 10\r\n\r\n" + BODY,
    "90 headers": HEAD + b"".join(b"H%d: x\r\n" % n for n in range(95)) + PLAIN[len(HEAD) :],
    "too many headers": HEAD + b"".join(b"H%d: x\r\n" % n for n in range(120)) + PLAIN[len(HEAD) :],
    "a long head": HEAD + b"A: " + b"a" * 20_000 + b"\r\n" + PLAIN[len(HEAD) :],
    "too long a line": HEAD + b"A: " + b"a" * 70_000 + b"\r\n" + PLAIN[len(HEAD) :],
    "not HTTP": b"SMTP ready\r\n\r\n",
    "a cookie": HEAD + b"Set-Cookie: a=b\r\nContent-Length: 10\r\n\r\n" + BODY,
    "an old cookie": HEAD + b"Set-Cookie2: a=b; Version=1\r\nContent-Length: 10\r\n\r\n" + BODY,
}
ENDING_ANSWERS = {
    "close": HEAD + ENDS + b"Content-Length: 10\r\n\r\n" + BODY,
    "until the end": HEAD + ENDS + b"\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n" + BODY,
    "HTTP/1.0 until the end": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "a length below zero": HEAD + ENDS + b"Content-Length: -10\r\n\r\n" + BODY,
    "a length that is none": HEAD + ENDS + b"Content-Length: x\r\n\r\n" + BODY,
    "short": HEAD + ENDS + b"Content-Length: 99\r\n\r\n" + BODY,
    "close, said twice": HEAD + ENDS + ENDS + b"Content-Length: 10\r\n\r\n" + BODY,
    "a redirect to nowhere": b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:9/\r\n"
    + ENDS
    + b"Content-Length: 0\r\n\r\n",
    "a header without a colon": HEAD + ENDS + b"nonsense\r\nContent-Length: 10\r\n\r\n" + BODY,
    "a header without a name": HEAD + ENDS + b": x\r\nContent-Length: 10\r\n\r\n" + BODY,
    "a blank before the colon": HEAD + ENDS + b"Content-Length : 10\r\n\r\n" + BODY,
    "a blank in a name": HEAD + ENDS + b"A B: x\r\nContent-Length: 10\r\n\r\n" + BODY,
    "two lengths in one": HEAD + ENDS + b"Content-Length: 10, 10\r\n\r\n" + BODY,
    "nothing": b"",
}


def _and_close(raw):
    def script(connection, _):
        connection.sendall(raw)

    return script


@pytest.mark.parametrize("kind", PLAIN_ANSWERS)
def test_plain_answers_come_by_the_lane(triplets, kind):
    """An answer with a length and nothing special is read by the lane, exactly."""

    def scenario(t):
        t.on("/x", PLAIN_ANSWERS[kind])
        t.get()
        t.thrice("/x")
        t.thrice("/x", "POST", data=b"body")
        t.get()

    triplets.check(scenario, "slllslll")


@pytest.mark.parametrize("kind", ODD_ANSWERS)
def test_odd_answers_are_resumed(triplets, kind):
    """Any other answer is read by Requests, from its first byte, in the same exchange."""

    def scenario(t):
        t.on("/x", ODD_ANSWERS[kind])
        t.get()
        for _ in range(3):
            t.get("/x")
            t.get()
            t.get()

    roads = triplets.check(scenario)
    assert "r" in roads
    assert "l" in roads


@pytest.mark.parametrize("kind", ENDING_ANSWERS)
def test_answers_that_end_the_connection(triplets, kind):
    """After an answer that ends its connection the next request opens another."""

    def scenario(t):
        t.on("/x", _and_close(ENDING_ANSWERS[kind]))
        for _ in range(3):
            t.get()
            t.get()
            t.get("/x")

    roads = triplets.check(scenario)
    assert roads[2::3] in ("lll", "rrr", "hhh")


@pytest.mark.parametrize("surplus", [1, 100, 9_000, 60_000])
def test_surplus_bytes_are_nobodys_answer(triplets, surplus):
    """What comes after an answer, at once or later, is not read as the answer to another."""

    def scenario(t):
        t.on("/x", PLAIN + b"HTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n".ljust(surplus, b"x"))
        t.get()
        for _ in range(3):
            t.get("/x")
            t.get()

    # How much of it http.client swallows depends on how it comes. Over TLS the rest stays in
    # OpenSSL, where Requests, unlike the lane, does not see it and takes it for an answer.
    if triplets.scheme == "http" or surplus <= 100:
        triplets.check(scenario, connections=False)


def test_a_late_surplus_is_found_before_the_next_request(triplets):
    """Bytes that come unasked on an idle connection make Requests open another."""
    came = threading.Event()

    def script(connection, _):
        connection.sendall(PLAIN)
        time.sleep(0.01)
        connection.sendall(b"HTTP/1.1 408 Too late\r\n\r\n")
        came.set()
        return b""

    def scenario(t):
        t.on("/x", script)
        t.thrice()
        for _ in range(3):
            came.clear()
            t.get("/x")
            came.wait(5)
            t.get()

    triplets.check(scenario, "sll" + "ls" * 3)


def test_a_kept_connection_that_was_closed_is_opened_again(triplets, answer):
    """A server that closes after its answer, without saying so, costs no request."""
    closed = threading.Event()

    def script(connection, _):
        connection.sendall(PLAIN)
        connection.shutdown(socket.SHUT_WR)
        closed.set()

    def scenario(t):
        t.on("/x", script)
        t.get()
        for _ in range(3):
            closed.clear()
            t.get("/x")
            closed.wait(5)
            time.sleep(0.005)
            t.get()

    triplets.check(scenario, "slslsls")


def _reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200", PLAIN[:-3]], ids=["start", "head", "body"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_kept_connection_that_fails_is_not_tried_again(triplets, raw, how):
    """Requests' own exception is raised, and the server has seen the request once."""

    def script(connection, _):
        connection.sendall(raw)
        time.sleep(0.005)
        if how == "reset":
            _reset(connection)

    def scenario(t):
        t.on("/x", script)
        for _ in range(3):
            t.post(data=b"x")
            t.post(data=b"x")
            t.post("/x", data=b"once")
            t.get()
            t.get()
            t.get("/x", timeout=5)

    triplets.check(scenario, "slrslr" + "slrslr" * 2)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200", PLAIN[:-3]], ids=["start", "head", "body"])
def test_time_outs(triplets, raw):
    """A time-out raises what Requests raises, and the answer, late, is read by nobody."""

    def scenario(t):
        over = threading.Event()

        def script(connection, _):
            connection.sendall(raw)
            over.wait(5)
            connection.sendall(PLAIN[len(raw) :])

        t.on("/x", script)
        for _ in range(2):
            t.get()
            t.get()
            t.get("/x", timeout=(5, 0.03))
            t.get("/")
            t.get("/", timeout=5)
        over.set()

    triplets.check(scenario, "slrssslrss"[:4] + "l" + "llrsl")


def test_a_time_out_while_sending(triplets):
    """Sending stands still for as long as connecting may take, as in urllib3."""

    def scenario(t):
        over = threading.Event()
        t.server.early["/deaf"] = lambda *_: over.wait(5) and None
        t.post(data=b"x")
        t.post(data=b"x")
        t.post("/deaf", data=bytes(20_000_000), timeout=(0.05, 5))
        over.set()
        t.post(data=b"x")

    triplets.check(scenario, "slrs", connections=False)


@pytest.mark.parametrize("size", [100_000, 8_000_000])
@pytest.mark.parametrize("how", ["close", "reset", "go on"])
def test_an_early_reply_to_a_large_body(triplets, size, how):
    """An answer that comes while a body is sent is read, whatever becomes of the sending."""

    def early(connection, request):
        connection.sendall(PLAIN)
        if how == "go on":
            missing = size - len(request.partition(b"\r\n\r\n")[2])
            while missing > 0 and (data := connection.recv(min(missing, 1_000_000))):
                missing -= len(data)
            return b""
        time.sleep(0.2)  # all have read the answer by then
        if how == "close":
            connection.shutdown(socket.SHUT_RDWR)
        return None

    def scenario(t):
        t.server.early["/early"] = early
        t.post(data=b"x")
        t.post(data=b"x")
        response = None
        for _ in range(2):
            try:
                response = t.session.post(t.url("/early"), data=bytes(size))
            except OSError as error:
                t.note(type(error).__mro__[1:])
            else:
                t.note((response.text, response.headers))
            t.post(data=b"x")

    if triplets.scheme == "http":
        triplets.check(scenario, connections=False)


def test_large_bodies_are_sent_whole(triplets):
    """Bodies larger than any buffer arrive whole, by the lane, also when the server dawdles."""

    def scenario(t):
        t.on("/x", PLAIN)
        for size in (1, 16_384, 16_385, 3_000_000):
            t.post("/x", data=bytes(size))
            t.post("/x", data=bytes(size), timeout=5)

    triplets.check(scenario, "slllllll")


def test_an_unfinished_stream_keeps_its_connection(triplets):
    """While a stream is read, other requests go another way and do not disturb it."""

    def scenario(t):
        t.on("/big", HEAD + b"Content-Length: 3000000\r\n\r\n" + b"s" * 3_000_000)
        t.thrice()
        stream = t.session.get(t.url("/big"), stream=True)
        pieces = stream.iter_content(100_000)
        t.note(next(pieces))
        t.thrice()
        t.note(b"".join(pieces))
        t.thrice()
        half = t.session.get(t.url("/big"), stream=True)
        half.close()
        t.thrice()

    triplets.check(scenario, "sllsll" + "lllsll", connections=False)


def test_cut_at_every_position(triplets):
    """Wherever an answer is cut off, the exception, the hit and the next answer are the same."""
    raw = HEAD + b"Content-Type: text/plain\r\nContent-Length: 10\r\n\r\n" + BODY

    def script(connection, request):
        connection.sendall(raw[: int(request.split(b"?")[1].split(b" ")[0])])

    def scenario(t):
        t.on("/cut", script)
        for size in range(len(raw) + 1):
            t.get()
            t.get(f"/cut?{size}")

    roads = triplets.check(scenario)
    assert roads[1::2].count("r") >= len(raw) - 2


@settings(
    max_examples=max(1, round(15 * MORE)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), kind=st.sampled_from(range(4)))
def test_an_answer_in_pieces(triplets, sizes, kind):
    """However an answer is cut into packets, it is read the same."""
    raw = [
        PLAIN,
        ODD_ANSWERS["chunked"],
        ODD_ANSWERS["100 first"],
        HEAD + b"Content-Type: text/html\r\nContent-Length: 40\r\n\r\n" + BODY * 4,
    ][kind]

    def script(connection, _):
        at = 0
        for size in sizes:
            connection.sendall(raw[at : at + size])
            at += size
            time.sleep(0.0003)
        return raw[at:]

    def scenario(t):
        t.on("/x", script)
        t.get()
        t.get("/x")
        t.get()
        t.get("/x", timeout=5)
        t.get()

    triplets.check(scenario)


@settings(
    max_examples=max(1, round(15 * MORE)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    read=st.integers(1, 90),
    limit=st.integers(1, 90),
    cut=st.none() | st.integers(0, 120),
    head=st.integers(20, 9000),
)
def test_an_answer_read_in_pieces(triplets, read, limit, cut, head):
    """However little the lane reads at a time, and however long a head may be, it is the same."""
    raw = HEAD + b"Content-Type: text/html\r\nContent-Length: 40\r\n\r\n" + BODY * 4
    cut = len(raw) if cut is None else cut

    def scenario(t):
        t.patch.setattr(line_module, "READ_BYTES", read)
        t.patch.setattr(line_module, "MAX_READ_BYTES", limit)
        t.patch.setattr(lane_answer, "MAX_HEAD_BYTES", head)
        t.on("/x", raw if cut >= len(raw) else _and_close(raw[:cut]))
        t.get()
        t.get("/x")
        t.get()
        t.get("/x", timeout=5)

    lane_answer._heads.clear()
    try:
        triplets.check(scenario)
    finally:
        lane_answer._heads.clear()


_TOKENS = st.text("abcXYZ09!#$%&'*+.^_`|~-", min_size=1, max_size=12)
_VALUES = st.text('abc XYZ09\t:;=,"()<>@\\/[]?{}~', max_size=20)
_NAMES = st.sampled_from(
    ["Content-Length", "content-length", "Connection", "Transfer-Encoding", "Set-Cookie", "Date"]
)


@settings(
    max_examples=max(1, round(40 * MORE)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    status=st.sampled_from([200, 201, 206, 300, 400, 404, 416, 500, 599]),
    reason=_VALUES,
    fields=st.lists(
        st.tuples(_TOKENS, _VALUES)
        | st.tuples(_NAMES, st.sampled_from(["10", "close", "keep-alive", "a=b", "chunked", ""])),
        max_size=6,
    ),
)
def test_any_head(triplets, status, reason, fields):
    """Whatever a server writes into its head, the answer is what Requests makes of it."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    raw = "\r\n".join([*lines, "Content-Length: 10", "", ""]).encode() + BODY

    def scenario(t):
        t.on("/x", _and_close(raw))
        t.get()
        t.get("/x")

    triplets.check(scenario)


@pytest.mark.parametrize("ending", ["start", "head", "body"])
def test_an_exchange_that_is_cut_off(triplets, ending):
    """A BaseException in mid-exchange ends the hit as on the slow road, and the connection."""
    raw = {"start": b"", "head": b"HTTP/1.1 200 OK", "body": PLAIN[:-3]}[ending]

    class CutOff(BaseException):
        pass

    def scenario(t):
        over, came = threading.Event(), threading.Event()

        def script(connection, _):
            connection.sendall(raw)
            came.set()
            over.wait(5)

        t.on("/x", script)
        t.get()
        t.get()
        read = {"socket": socket.socket.recv, "into": socket.socket.recv_into}
        got = bytearray()

        def recv(self, size, *flags):
            if len(got) >= len(raw) and came.wait(5):
                raise CutOff
            data = read["socket"](self, size, *flags)
            got.extend(data)
            return data

        def recv_into(self, buffer, *more):
            if len(got) >= len(raw) and came.wait(5):
                raise CutOff
            count = read["into"](self, buffer, *more)
            got.extend(bytes(count))
            return count

        with pytest.MonkeyPatch.context() as patch:
            inside = threading.current_thread()

            def mine(ours, theirs):
                return lambda self, *args: (
                    ours if threading.current_thread() is inside else theirs
                )(self, *args)

            patch.setattr(socket.socket, "recv", mine(recv, read["socket"]))
            patch.setattr(socket.socket, "recv_into", mine(recv_into, read["into"]))
            with pytest.raises(CutOff):
                t.session.get(t.url("/x"))
        over.set()
        t.thrice()

    if triplets.scheme == "http":
        triplets.check(scenario, "slsll", connections=False)


def test_two_threads_on_one_session(server, hits, clock, answer, monkeypatch, watch_the_lane):
    """Each gets its own answer, whatever the other does on the same session."""
    from loadgrpc.runner.http.session import Session

    monkeypatch.setenv("NO_PROXY", "*")
    both = threading.Barrier(2, timeout=5)

    def script(_, request):
        who = request.split(b" ")[1]
        if who.startswith(b"/m"):
            both.wait()
        if who.endswith(b"odd"):
            body = b"%x;x=y\r\n%b\r\n0\r\n\r\n" % (len(who), who)
            return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
        return answer(who)

    for path in ("/m1", "/m2", "/m1odd", "/m2odd", "/a"):
        server.scripts[path] = script
    wrong = []

    def work(session, paths):
        for path in paths * 10:
            if (text := session.get(server.url(path)).text) != path:
                wrong.append((path, text))

    with Session() as session:
        session.bind(hits, clock)
        session.get(server.url("/a"))
        paths = (["/m1", "/m1odd"], ["/m2", "/m2odd"])
        threads = [threading.Thread(target=work, args=(session, each)) for each in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert len(hits) == len(server.requests) == 41
    assert server.connections == 2
