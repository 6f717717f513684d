"""The fast lane under gevent, where a LaneConnection waits for its socket in its own way.

Each test is a process of its own, because gevent has to come first.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MORE = float(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples as usual; more than usual asks for all tests, too."""
PLAIN_ONLY = " and not https" if MORE <= 1 else ""
LITTLE_TLS = " and not (https and (odd or plain or any or cut_at))" if MORE <= 1 else ""
"""What is read in answers does not depend on who waits for the socket."""
AGAIN = """
from gevent import monkey; monkey.patch_all()
import sys, pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
STAGE = """
from gevent import monkey; monkey.patch_all()
import gevent, gevent.event, gevent.server, gevent.pool
from loadgrpc.clock import SystemClock
from loadgrpc.model import HitError
from loadgrpc.runner.hit import FIELDS
from loadgrpc.runner.http import session as session_module
from loadgrpc.runner.http.lane.lane import Lane
from loadgrpc.runner.http.session import Session

OK = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b"
requests, taken, hits, waiting = [], [], [], []

def serve(connection, _):
    while True:
        request = b""
        while b"\\r\\n\\r\\n" not in request:
            data = connection.recv(65536)
            if not data:
                return
            request += data
        path = request.split(b" ")[1]
        requests.append(path)
        if path.startswith(b"/to/"):
            pass
        elif b"slow" in path:
            gevent.sleep(0.15)
        elif b"soon" in path:
            gevent.sleep(0.01)
        if path.startswith(b"/to/") or path.endswith(b"/to"):
            place = b"/after" if path.endswith(b"/to") else path[3:]
            head = b"HTTP/1.1 302 Found\\r\\nLocation: %b\\r\\nContent-Length: 0\\r\\n\\r\\n"
            connection.sendall(head % place)
        elif b"half" in path:
            connection.sendall((OK % (10, b"01234")))
            gevent.sleep(0.15)
            connection.sendall(b"56789")
        elif b"chunked" in path:
            body = b"%x;odd=yes\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(path), path)
            head = b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
            connection.sendall(head + body)
        else:
            connection.sendall(OK % (len(path), path))

server = gevent.server.StreamServer(("127.0.0.1", 0), serve)
server.start()
base = "http://127.0.0.1:%d" % server.server_port

class Sink:
    def hit(self, hit):
        hits.append({name: getattr(hit, name) for name in FIELDS})

class WatchedLane:
    def __init__(self, *args):
        self.lane = Lane(*args)
        self.learn, self.give_back = self.lane.learn, self.lane.give_back

    def request(self, *args, **kwargs):
        try:
            answer, handover = self.lane.request(*args, **kwargs)
        except BaseException:
            taken.append(args)
            raise
        if answer is not None or (handover is not None and handover.request is not None):
            taken.append(args)
        return answer, handover
session_module.Lane = WatchedLane

def bound():
    session = Session()
    session.bind(Sink(), SystemClock())
    session.trust_env = False
    return session

def get(session, path, **kwargs):
    return session.get(base + path, **kwargs).text

session = bound()
get(session, "/1"), get(session, "/2")
assert len(taken) == 1
"""


def _run(code):
    done = subprocess.run(
        [sys.executable, "-c", STAGE + code + "\nprint('good')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("good\n", 0), done.stderr


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("files", "which"),
    [
        # Where sockets are what matters, over TLS as well.
        (["test_wire.py", "test_bodies.py"], f"not cut_off{LITTLE_TLS}"),
        (["test_lane.py", "test_redirects.py"], f"not test_arguments{PLAIN_ONLY}"),
        (["test_urls.py"], f"(wire or paths or pools){PLAIN_ONLY}"),
    ],
    ids=["answers", "sessions", "urls"],
)
def test_the_same_under_gevent(files, which):
    """All that holds for the sockets of the standard library holds for those of gevent."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, *(str(HERE / file) for file in files), "-k", which],
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
        cwd=HERE.parents[3],
        env={**os.environ, "EXAMPLES": str(MORE / 3)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/slow", "/half"])
@pytest.mark.parametrize("timeout", ["None", "5"])
def test_a_killed_request_leaves_no_answer_behind(path, timeout):
    """After a GreenletExit in mid-exchange the next request reads its own answer."""
    _run(f"""
before = len(taken)
slow = gevent.spawn(get, session, {path!r}, timeout={timeout})
gevent.sleep(0.07)
slow.kill()
assert len(taken) == before + 1
assert hits[-1]["error"] is HitError.ABORTED, hits[-1]
assert hits[-1]["status"] == (200 if {path!r} == "/half" else 0)
for number in range(5):
    path = "/next%d" % number
    assert get(session, path) == path
gevent.sleep(0.15)
assert get(session, "/later") == "/later"
assert requests.count({path.encode()!r}) == 1
""")


@pytest.mark.parametrize("path", ["/slow", "/half"])
def test_a_gevent_timeout_leaves_no_answer_behind(path):
    """After a gevent.Timeout in mid-exchange the next request reads its own answer."""
    _run(f"""
for round in range(3):
    try:
        with gevent.Timeout(0.05):
            get(session, {path!r})
        raise SystemExit("no time-out")
    except gevent.Timeout:
        pass
    assert hits[-1]["error"] is HitError.TIMEOUT, hits[-1]
    for number in range(3):
        path = "/next%d" % number
        assert get(session, path) == path
assert len(taken) >= 10
""")


def test_a_time_out_of_requests_leaves_no_answer_behind():
    """After a ReadTimeout in mid-exchange the next request reads its own answer."""
    _run("""
import requests as library
for path in ("/slow", "/half"):
    for round in range(2):
        get(session, "/warm")
        try:
            get(session, path, timeout=0.05)
            raise SystemExit("no time-out")
        except (library.ReadTimeout, library.ConnectionError):
            pass
        assert hits[-1]["error"] is HitError.TIMEOUT, hits[-1]
        for number in range(3):
            assert get(session, "/next%d" % number) == "/next%d" % number
""")


def test_greenlets_share_a_session():
    """Fifty greenlets on one session get their own answers, plain and chunked, each once."""
    _run("""
paths = ["/soon%d%s" % (n, "chunked" if n % 3 == 0 else "") for n in range(400)]
def work(path):
    text = get(session, path, name=path)
    assert text == path, (text, path)
pool = gevent.pool.Pool(8)
greenlets = [pool.spawn(work, path) for path in paths]
gevent.joinall(greenlets, raise_error=True)
assert sorted(requests[2:]) == sorted(path.encode() for path in paths)
assert sorted(hit["name"] for hit in hits[2:]) == sorted(paths)
assert len(taken) > 300, len(taken)
""")


def test_a_session_closed_in_mid_exchange():
    """Closing the session lets exchanges on their way end, plain and resumed, each once."""
    _run("""
for path in ("/slow", "/slowchunked"):
    get(session, "/warm"), get(session, "/warm")
    before = len(taken)
    slow = gevent.spawn(get, session, path)
    gevent.sleep(0.05)
    session.close()
    slow.join()
    assert len(taken) == before + 1
    assert slow.value == path
    assert requests.count(path.encode()) == 1
assert get(session, "/next") == "/next"
""")


def test_headers_that_another_greenlet_changes():
    """A header that changes while an answer is awaited is that of the next request only."""
    _run("""
session.headers["X-A"] = "1"
get(session, "/1"), get(session, "/2")
slow = gevent.spawn(session.get, base + "/slow")
gevent.sleep(0.05)
session.headers["X-A"] = "2"
assert session.get(base + "/3").request.headers["X-A"] == "2"
slow.join()
assert slow.value.request.headers["X-A"] == "1"
other = bound()
slow = gevent.spawn(other.get, base + "/slow")
gevent.sleep(0.05)
other.headers["X-A"] = "3"
slow.join()
assert other.get(base + "/4").request.headers["X-A"] == "3"
""")


def test_greenlets_share_redirects():
    """Twenty greenlets on one session follow redirects of their own, each step once."""
    _run("""
for _ in range(3):
    get(session, "/to/to/warm")
paths = ["/to/to/soon%d%s" % (n, "chunked" if n % 5 == 0 else "") for n in range(200)]
def work(path):
    found = session.get(base + path)
    assert found.text == path[6:], (found.text, path)
    assert [step.url for step in found.history] == [base + path, base + path[3:]]
pool = gevent.pool.Pool(20)
gevent.joinall([pool.spawn(work, path) for path in paths], raise_error=True)
for path in paths:
    assert [requests.count(p.encode()) for p in (path, path[3:], path[6:])] == [1, 1, 1]
""")


@pytest.mark.parametrize("path", ["/to/slow", "/to/half"])
def test_a_killed_step_leaves_no_answer_behind(path):
    """After a GreenletExit in a step after a redirect the next request reads its own answer."""
    _run(f"""
for _ in range(3):
    get(session, "/to/warm")
before = len(taken)
slow = gevent.spawn(get, session, {path!r})
gevent.sleep(0.07)
slow.kill()
assert len(taken) == before + 1
assert [hit["error"] for hit in hits[-2:]] == [HitError.NONE, HitError.ABORTED]
for number in range(5):
    assert get(session, "/to/next%d" % number) == "/next%d" % number
assert requests.count({path.encode()!r}) == requests.count({path[3:].encode()!r}) == 1
""")


def test_what_another_greenlet_changes_during_a_redirect():
    """Cookies that come and go while a redirect is awaited are sent as Requests sends them."""
    _run("""
import requests as library
def sent(session):
    session.trust_env = False
    session.cookies.set("a", "1")
    for _ in range(4):
        session.get(base + "/to/warm")
    found = []
    for change in (
        lambda: session.cookies.set("b", "2"),
        lambda: session.cookies.clear(),
        lambda: session.headers.update({"X-A": "3"}),
        lambda: session.cookies.set("c", "4"),
    ):
        for _ in range(3):
            greenlet = gevent.spawn(session.get, base + "/slow/to")
            gevent.sleep(0.05)
            change()
            greenlet.join()
            answer = greenlet.value
            found += [dict(each.request.headers) for each in (*answer.history, answer)]
    return found
ours, theirs = sent(bound()), sent(library.Session())
assert ours == theirs, [pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
""")


def test_a_pool_that_blocks_does_not_wait_for_the_lane():
    """A pool with one connection serves two greenlets in turn; the lane keeps none of it."""
    _run("""
from requests.adapters import HTTPAdapter
session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=True))
with gevent.Timeout(10):
    work = [gevent.spawn(get, session, "/soon%d" % n) for n in range(20)]
    gevent.joinall(work, raise_error=True)
assert len(taken) == 1
""")


@pytest.mark.parametrize("timeout", ["None", "5"])
def test_what_another_user_computes_is_no_time_of_the_service(timeout):
    """Of two answers that are there at once both took the same, whoever is served first."""
    _run(f"""
hold = monkey.get_original("time", "sleep")
sessions = [bound(), bound()]
for each in sessions:
    get(each, "/1"), get(each, "/2")
def live(each):
    get(each, "/together", timeout={timeout})
    hold(0.3)
before = len(taken)
gevent.joinall([gevent.spawn(live, each) for each in sessions], raise_error=True)
assert len(taken) == before + 2
elapsed = sorted(hit["elapsed_ns"] for hit in hits[-2:])
assert 0 < elapsed[0] <= elapsed[1] < elapsed[0] + 150_000_000, elapsed
""")


@pytest.mark.parametrize("timeout", ["None", "5"])
@pytest.mark.parametrize("clock", ["as it is", "set back", "set forth"])
def test_an_answer_came_when_the_kernel_got_it(timeout, clock):
    """A generator that is held up does not measure that; a clock that is set changes nothing."""
    _run(f"""
import _thread
from loadgrpc.runner.poll_clock import PollClock
hold = monkey.get_original("time", "sleep")
listener = monkey.get_original("socket", "socket")()
listener.bind(("127.0.0.1", 0))
listener.listen()
def answer():
    connection, _ = listener.accept()
    while b"/" in connection.recv(65536):
        hold(0.2)
        connection.sendall(OK % (2, b"ok"))
monkey.get_original("_thread", "start_new_thread")(answer, ())
base = "http://127.0.0.1:%d" % listener.getsockname()[1]
get(session, "/1"), get(session, "/2"), get(session, "/3")
assert len(taken) == 3
getting = gevent.spawn(get, session, "/held", timeout={timeout})
gevent.sleep(0.01)
moved = {{"as it is": 0, "set back": -10**12, "set forth": 10**12}}[{clock!r}]
real_ns = SystemClock.real_ns
SystemClock.real_ns = lambda self: real_ns(self) + moved
hold(0.8)
getting.get()
elapsed_ms = hits[-1]["elapsed_ns"] / 1e6
if moved:  # then it is the look that counts
    assert 800 < elapsed_ms < 2_000, elapsed_ms
else:
    assert 200 <= elapsed_ms < 700, elapsed_ms
""")


def test_b4_no_hit_is_shorter_than_its_sending():
    """Of users that hold up one another, each answer takes at least what sending took.

    Nothing takes no time, and no answer is whole before it has begun.
    """
    _run("""
from time import monotonic_ns
from loadgrpc.runner.http.lane import connection
from loadgrpc.runner.http.lane.connection import LaneConnection
send, sendings = LaneConnection.send, []
def timed(self, *args):
    result = send(self, *args)
    sendings.append((self, monotonic_ns() - self.asked_ns))
    return result
LaneConnection.send = timed
def live(number):
    own = bound()
    for path in range(60):
        get(own, "/half" if path == number else "/%d" % path)
        if path % 7 == 0:
            end = monotonic_ns() + 3_000_000
            while monotonic_ns() < end:
                pass
gevent.joinall([gevent.spawn(live, number) for number in range(12)], raise_error=True)
assert len(taken) > 600
assert all(0 < hit["first_byte_ns"] <= hit["elapsed_ns"] for hit in hits)
assert min(hit["elapsed_ns"] for hit in hits) >= min(took for _, took in sendings) > 0
""")
