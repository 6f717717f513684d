"""WebSockets of a run, by the count of the server."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system

pytest.importorskip("wsproto", reason="wsproto is not installed")
pytest.importorskip("webtest", reason="webtest is not installed")

TESTS = """\
import time

from loadgrpc import TestCase

USERS = 1_000
open_here = 0


class TestSockets(TestCase):
    def test_something(self):
        self.assertIn("Hello", self.app.get("/", status=200))
        results = []
        ws = self.create_ws(
            self.server_url.replace("http", "ws") + "/ws",
            callback=lambda message: results.append(message.data),
        )
        ws.send("something")
        ws.receive()
        ws.send("happened")
        ws.receive()
        while len(results) < 2:
            time.sleep(0.1)
        self.assertEqual(results, [b"something", b"happened"])

    def test_hold(self):
        global open_here
        ws = self.create_ws(self.server_url + "/ws", name="hold")
        open_here += 1
        while open_here < USERS:
            time.sleep(0.05)
        for size in range(1, 6):
            ws.send("x" * size)
            assert len(ws.receive()) == size

    def test_paced(self):
        ws = self.create_ws(self.server_url + "/ws/50", name="paced")
        for _ in range(10):
            ws.send("tick")
            ws.receive()
"""


@pytest.fixture
def tests(folder):
    """A folder with the tests above."""
    (folder / "sockets.py").write_text(TESTS)
    return folder


def test_the_test_of_loads(loadgrpc, demo_server, tests):
    """test_something of Loads, by WebTest and a WebSocket: hits and messages are the server's."""
    ran = loadgrpc(
        "run", "sockets.TestSockets.test_something", "-u", "5", "-i", "2", "-H", demo_server.url,
        "--json",
    )  # fmt: skip

    assert ran.code == 0, ran.stdout + ran.stderr
    total, seen = ran.document["sockets"]["total"], demo_server.stats()["websockets"]
    assert int(total["opened"]) == int(total["closed"]) == seen["opened"] == 10
    assert int(total["messagesSent"]) == int(total["messagesReceived"]) == seen["messages"] == 20
    assert int(total["bytesSent"]) == int(total["bytesReceived"]) == seen["bytes"] == 170
    assert int(ran.document["hits"]["count"]) == demo_server.requests() == 20
    assert "sockets     10 opened   10 closed   0 broken" in ran.stderr


def test_a_thousand_users_hold_a_thousand_sockets(loadgrpc, demo_server, tests):
    """All sockets are open at one time, and every message and byte is counted once."""
    ran = loadgrpc(
        "run", "sockets.TestSockets.test_hold", "-u", "1000", "-H", demo_server.url,
        "--processes", "1", "--json",
    )  # fmt: skip

    assert ran.code == 0, ran.stdout + ran.stderr
    (named,) = ran.document["sockets"]["names"]
    seen = demo_server.stats()["websockets"]
    assert seen["max_open"] == seen["opened"] == 1_000
    assert seen["open"] == 0
    assert named["name"] == "hold"
    sockets = named["sockets"]
    assert int(sockets["opened"]) == int(sockets["closed"]) == 1_000
    assert int(sockets["messagesSent"]) == int(sockets["messagesReceived"]) == seen["messages"]
    assert int(sockets["bytesSent"]) == int(sockets["bytesReceived"]) == seen["bytes"]
    assert (seen["messages"], seen["bytes"]) == (5_000, 15_000)
    assert int(ran.document["accounting"]["lost"]) == 0
    # Far fewer events than messages: iterations, hits, and a few reports.
    assert int(ran.document["accounting"]["committed"]) < 2_200


def test_times_between_messages_are_the_servers(loadgrpc, demo_server, tests):
    """A server that answers 50 ms later makes gaps of 50 ms, and of what the network adds."""
    ran = loadgrpc(
        "run", "sockets.TestSockets.test_paced", "-u", "10", "-H", demo_server.url, "--json"
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    gaps = ran.document["sockets"]["total"]["gaps"]
    assert 0.049 <= float(gaps["min"].rstrip("s")) <= float(gaps["p50"].rstrip("s")) < 0.25
