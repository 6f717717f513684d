"""The fast lane under gevent, where a Line waits for its socket in its own way.

Each test is a process of its own, because gevent has to come first.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
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
from loadgrpc.runner.lane import Lane
from loadgrpc.runner.session import Session

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
        if b"slow" in path:
            gevent.sleep(0.15)
        elif b"soon" in path:
            gevent.sleep(0.01)
        if b"together" in path:
            waiting.append(connection)
            if len(waiting) == 2:
                for each in waiting:
                    each.sendall(OK % (len(path), path))
                waiting.clear()
        elif b"half" in path:
            connection.sendall((OK % (10, b"01234")))
            gevent.sleep(0.15)
            connection.sendall(b"56789")
        elif b"chunked" in path:
            body = b"%x\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(path), path)
            head = b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
            connection.sendall(head + body)
        else:
            connection.sendall(OK % (len(path), path))

server = gevent.server.StreamServer(("127.0.0.1", 0), serve)
server.start()
base = "http://127.0.0.1:%d" % server.server_port

class Sink:
    def hit(self, **hit):
        hits.append(hit)

exchange = Lane._exchange
def noted(*args):
    taken.append(args)
    return exchange(*args)
Lane._exchange = noted

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
    ("file", "which"),
    [
        ("test_lane_wire.py", "not cut_off"),
        ("test_lane.py", "not test_arguments"),
        ("test_lane_urls.py", "wire or paths or pools"),
    ],
)
def test_the_same_under_gevent(file, which):
    """All that holds for the sockets of the standard library holds for those of gevent."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(HERE / file), "-k", which],
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
        cwd=HERE.parents[1],
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
    assert len(taken) == before + 1
    session.close()
    slow.join()
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
