"""The demo server: what it answers, and that its counts can be trusted."""

import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests

pytestmark = pytest.mark.system


def talk(server, data, *, wait_s=2.0):
    """What the server sends on a raw connection until it closes it, or is quiet."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=wait_s) as raw:
        raw.sendall(data)
        received = b""
        try:
            while more := raw.recv(65536):
                received += more
        except TimeoutError:
            pass
        return received


def test_every_request_is_counted_by_path(demo_server):
    """Requests are counted one for one and by path without query; /stats and /count are not."""
    with requests.Session() as session:
        for path in ("/", "/?page=2", "/json", "/nowhere"):
            session.get(demo_server.url + path)
        assert session.get(demo_server.url + "/count").text == "4\n"

    assert demo_server.stats()["paths"] == {"/": 2, "/json": 1, "/nowhere": 1}
    assert demo_server.requests() == 4


def test_start_over_forgets(demo_server):
    """After starting over, only what comes later counts."""
    requests.get(demo_server.url, timeout=10)
    demo_server.start_over()
    requests.get(demo_server.url, timeout=10)

    assert demo_server.requests() == 1
    assert len(demo_server.stats()["timeline"]) == 1


def test_the_most_concurrent_requests_are_known(demo_server):
    """Five delayed requests at once are five concurrent ones, in all and in their second."""
    users = [
        threading.Thread(target=requests.get, args=(demo_server.url + "/delay/300",))
        for _ in range(5)
    ]
    for user in users:
        user.start()
    for user in users:
        user.join()

    stats = demo_server.stats()
    assert stats["max_concurrent"] == 5
    assert stats["concurrent"] == 0
    assert max(second["max_concurrent"] for second in stats["timeline"]) == 5


def test_one_after_the_other_is_never_two_at_once(demo_server):
    """A client that waits for each answer is one concurrent request, over many connections too."""
    for _ in range(20):
        requests.get(demo_server.url + "/delay/1", timeout=10)

    assert demo_server.max_concurrent() == 1


def test_a_lost_client_is_no_longer_concurrent(demo_server):
    """A request whose client has gone before its answer is counted, and not concurrent any more."""
    with pytest.raises(requests.Timeout):
        requests.get(demo_server.url + "/delay/60000", timeout=0.2)

    deadline = time.monotonic() + 5
    while demo_server.stats()["concurrent"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert demo_server.stats()["concurrent"] == 0
    assert demo_server.requests() == 1


def test_a_delay_takes_its_time(demo_server):
    """The answer of /delay/100 comes after 100 ms, not before."""
    begun = time.monotonic()
    requests.get(demo_server.url + "/delay/100", timeout=10)

    assert 0.1 <= time.monotonic() - begun < 1


@pytest.mark.parametrize("code", [200, 204, 304, 404, 500, 599])
def test_status_answers_with_that_status(demo_server, code):
    """/status/CODE answers CODE, also those without a body."""
    assert requests.get(f"{demo_server.url}/status/{code}", timeout=10).status_code == code


@pytest.mark.parametrize("path", ["/status/abc", "/status/99", "/delay/99999999", "/bytes/-1"])
def test_a_number_that_makes_no_sense_is_refused(demo_server, path):
    """A wrong number is answered with 400 and the reason, and the server lives on."""
    refused = requests.get(demo_server.url + path, timeout=10)

    assert refused.status_code == 400
    assert refused.text.strip()
    assert requests.get(demo_server.url, timeout=10).status_code == 200


def test_redirects_lead_to_a_page(demo_server):
    """/redirect/3 takes three steps."""
    page = requests.get(demo_server.url + "/redirect/3", timeout=10)

    assert [step.status_code for step in page.history] == [302, 302, 302]
    assert "Hello" in page.text


def test_a_visitor_keeps_its_number(demo_server):
    """Each session gets one cookie and is known by it; another session is another visitor."""
    with requests.Session() as one, requests.Session() as two:
        first = one.get(demo_server.url + "/cookie").json()["visitor"]
        other = two.get(demo_server.url + "/cookie").json()["visitor"]

        assert one.get(demo_server.url + "/cookie").json()["visitor"] == first
        assert first != other


def test_echo_answers_the_body(demo_server):
    """A body comes back byte for byte, sent with a length or in chunks, small or large."""
    body = bytes(range(256)) * 1000
    pieces = (body[at : at + 7000] for at in range(0, len(body), 7000))

    assert requests.post(demo_server.url + "/echo", data=body, timeout=10).content == body
    assert requests.post(demo_server.url + "/echo", data=pieces, timeout=10).content == body


def test_bytes_answers_so_many(demo_server):
    """/bytes/N answers N bytes; HEAD tells the length and sends none."""
    url = demo_server.url + "/bytes/100000"

    assert len(requests.get(url, timeout=10).content) == 100_000
    head = requests.head(url, timeout=10)
    assert head.headers["Content-Length"] == "100000"
    assert head.content == b""


def test_a_connection_is_kept(demo_server):
    """A session uses one connection for all its requests, as sessions do."""
    with requests.Session() as session:
        for _ in range(10):
            session.get(demo_server.url)

    # The session's, and those of the questions after it, one at a time.
    assert demo_server.stats()["max_connections"] <= 2


def test_pipelined_requests_are_answered_in_turn(demo_server):
    """Requests sent without waiting are answered in order, those behind a slow one after it."""
    answers = talk(
        demo_server,
        b"GET /delay/50 HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
        b"GET /json HTTP/1.1\r\nConnection: close\r\n\r\n",
    )

    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.index(b"Hello from") < answers.index(b"abc") < answers.index(b"numbers")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_what_is_no_request_ends_the_connection(demo_server, data, status):
    """Broken or boundless requests are refused with a status, and the connection closed."""
    assert talk(demo_server, data).startswith(f"HTTP/1.1 {status} ".encode())
    assert demo_server.requests() == 0


def test_sigterm_ends_it(start):
    """The server exits 0 on SIGTERM, with connections open."""
    server = start("python", "-m", "loadgrpc.examples.server", "--port", "0")
    url = server.wait_for(r"listening on (\S+)")[1]
    with requests.Session() as session:
        session.get(url)

        assert server.stop() == 0


def test_a_port_in_use_is_told(start, demo_server):
    """A port that is taken is a sentence and exit code 1, not a traceback."""
    port = str(urlsplit(demo_server.url).port)
    second = start("python", "-m", "loadgrpc.examples.server", "--port", port)

    assert second.wait() == 1
    assert second.output.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in second.output


def test_it_can_end_with_its_starter(root):
    """With --while-stdin-is-open the server ends when its starter does, however that ends."""
    import sys

    server = subprocess.Popen(
        [sys.executable, "-m", "loadgrpc.examples.server", "--port=0", "--while-stdin-is-open"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    )
    with server:
        assert server.stdout.readline().startswith(b"listening on")
        server.stdin.close()

        assert server.wait(10) == 0


def test_auth_lets_in_who_has_a_password(demo_server):
    """/auth answers the user's name, and 401 with a challenge without one."""
    url = demo_server.url + "/auth"

    assert requests.get(url, auth=("beau", "secret"), timeout=10).text == "beau\n"
    refused = requests.get(url, timeout=10)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert requests.get(url, auth=("beau", ""), timeout=10).status_code == 401
    broken = requests.get(url, headers={"Authorization": "Basic !"}, timeout=10)
    assert broken.status_code == 401


def test_slow_is_slow_each_tenth_time(demo_server):
    """/slow has a tail: nine answers after 20 ms, the tenth after 300 ms."""
    took = [requests.get(demo_server.url + "/slow", timeout=10).elapsed for _ in range(10)]

    assert took[-1].total_seconds() >= 0.3
    assert all(each.total_seconds() >= 0.02 for each in took)
    assert sum(each.total_seconds() for each in took[:-1]) < 9 * 0.3


def test_flaky_fails_each_nth_time(demo_server):
    """/flaky/3 fails with 503 the third, sixth and ninth time."""
    codes = [requests.get(demo_server.url + "/flaky/3", timeout=10).status_code for _ in range(9)]

    assert codes == [200, 200, 503] * 3
    assert requests.get(demo_server.url + "/flaky/0", timeout=10).status_code == 400


def test_broken_and_cut_end_their_connections(demo_server):
    """/broken says nothing, /cut half of what it promised; both are counted, and over."""
    with pytest.raises(requests.ConnectionError):
        requests.get(demo_server.url + "/broken", timeout=10)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        requests.get(demo_server.url + "/cut", timeout=10)

    stats = demo_server.stats()
    assert stats["paths"] == {"/broken": 1, "/cut": 1}
    assert stats["concurrent"] == 0
