"""Loads that change over time, from the command line to the server and back."""

from __future__ import annotations

import json
import subprocess
import sys
import termios
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadgrpc.stats.load_line import LoadLine
from loadgrpc.stats.load_text import stages

pytestmark = pytest.mark.system

BURST_S = 0.15
"""How far ahead of its capacity a server may be that has one."""
SET_LOAD = "loadgrpc.v1.ControlService/SetLoad"

TEST = """\
from loadgrpc import TestCase


class TestPaths(TestCase):
    def test_open(self):
        self.session.get(self.server_url + "/open")

    def test_strict(self):
        self.assertEqual(self.session.get(self.server_url).status_code, 200)

    def test_closed(self):
        self.session.get(self.server_url + "/closed")

    def test_who(self):
        of = self.load_status
        self.session.get(f"{self.server_url}/{of.user}/{of.iteration}", name="who")
"""


class Server:
    """Counts requests by path, and how many are in flight; each takes some time.

    It stands still for a while if it is to, counted from the first request. With a capacity, it
    refuses what comes faster than that many a second.
    """

    def __init__(self, stall_s=None, takes_s=0.0, capacity=None):
        self.counts = {}
        self.steps = []
        """When (monotonic) requests came (1) and were answered (-1)."""
        self.asked = threading.Event()
        """Set with the first request."""
        self.first_s = None
        self.busy_until_s = 0.0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                now_s = time.monotonic()
                with server._lock:
                    server.first_s = server.first_s or now_s
                    server.counts[self.path] = server.counts.get(self.path, 0) + 1
                    server.steps.append((now_s, 1))
                    refused = capacity and server.busy_until_s > now_s + BURST_S
                    if capacity and not refused:
                        server.busy_until_s = max(server.busy_until_s, now_s) + 1 / capacity
                server.asked.set()
                time.sleep(takes_s)
                since_s = now_s - server.first_s
                if stall_s and stall_s[0] <= since_s < stall_s[1]:
                    time.sleep(stall_s[1] - since_s)
                with server._lock:
                    server.steps.append((time.monotonic(), -1))
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Listening(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self._http = Listening(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def in_flight(self, at_s):
        """How many requests were in flight at a time (monotonic)."""
        return sum(step for when_s, step in self.steps if when_s <= at_s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(autouse=True)
def paths(folder):
    """A test that asks for two paths."""
    (folder / "paths.py").write_text(TEST)


def seconds(text):
    """A duration of a JSON document."""
    return float(text.removesuffix("s"))


def quantile(values, q):
    """One of some values, which this share of them is below."""
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


@pytest.mark.long
def test_a_stall_is_seen_by_an_open_load_and_hidden_by_a_closed_one(loadgrpc):
    """Response times are those that follow from the plan and the server; a closed load has one."""
    stall = (1.0, 2.0)
    with Server(stall) as server:
        ran = loadgrpc(
            *("run", "paths.TestPaths.test_open", "-H", server.url),
            *("--load", "50/s for 3s", "--json"),
        )
        iterations = ran.document["iterations"]
        assert server.counts == {"/open": 150}
    planned = [n / 50 for n in range(150)]
    expected = [stall[1] - at if stall[0] <= at < stall[1] else 0.0 for at in planned]

    assert ran.code == 0, ran.stderr
    assert iterations["planned"] == iterations["started"] == "150"
    assert iterations.get("dropped", "0") == iterations.get("notYet", "0") == "0"
    response = iterations["response"]
    for q, name in ((0.9, "p90"), (0.95, "p95"), (0.99, "p99")):
        assert seconds(response[name]) == pytest.approx(quantile(expected, q), abs=0.25)

    with Server(stall) as server:
        ran = loadgrpc(
            *("run", "paths.TestPaths.test_open", "-H", server.url),
            *("-u", "1", "-d", "3s", "--pacing", "20ms", "--json"),
        )
    assert seconds(ran.document["hits"]["elapsed"]["p95"]) < 0.25
    assert seconds(ran.document["hits"]["elapsed"]["max"]) > 0.7


def test_two_scenarios_are_changed_live_on_two_agents(cluster, loadgrpc, folder, tool):
    """By a stranger and by a person: all counts equal the server's, and the log has it all."""
    grpcurl = tool("grpcurl")
    begun = cluster(2)
    plan = {
        "scenarios": [
            {"name": "open", "test": "paths.TestPaths.test_open", "load": "40/s for 5s"},
            {
                "name": "closed",
                "test": "paths.TestPaths.test_closed",
                "load": "4 users for 5s",
                "think": "50ms..100ms",
            },
        ],
        "agents": 2,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    with Server() as server:
        ran = loadgrpc("run", "-f", "plan.json", "-H", server.url, "-b", begun.address, "--detach")
        assert ran.code == 0, ran.stderr
        run_id = ran.stdout.strip()
        assert server.asked.wait(30)
        broker = ("-b", begun.address)
        order = {"runId": run_id, "requestId": "more", "scenario": "closed", "users": 8}
        more, again = (
            subprocess.run(
                [grpcurl, "-plaintext", "-d", json.dumps(order), begun.address, SET_LOAD],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout
            for _ in range(2)
        )
        faster = loadgrpc("load", run_id, *broker, "--rate", "80/s", "--scenario", "open")
        ended = loadgrpc("attach", run_id, *broker, "--json")
        shown = loadgrpc("show", run_id, *broker, "--changes").stdout
        counts = dict(server.counts)
    summary = ended.document
    of = {each["name"]: each["iterations"] for each in summary["scenarios"]}

    assert faster.code == 0, faster.stderr
    assert "scenario open: load set to 80/s" in faster.stdout
    assert more == again
    (made,) = json.loads(more)["changes"]
    assert made["reason"].startswith("scenario closed: load set to 8 users, from ")
    assert shown.count("load set to 8 users") == shown.count("load set to 80/s") == 1
    assert ended.code == 0, ended.stderr
    assert int(of["open"]["planned"]) == int(of["open"]["started"]) == counts["/open"] > 200
    assert int(of["closed"]["started"]) == counts["/closed"]
    assert int(summary["hits"]["count"]) == sum(counts.values())


def test_users_at_the_server_follow_the_level(loadgrpc):
    """Up, down and up again, within a second; who comes then has a number that nobody had."""
    text = "ramp 0..50 users in 1.5s; hold 500ms; ramp to 10 users in 1s; hold 1s; 20 users for 1s"
    line = LoadLine(stages(text))
    with Server(takes_s=0.1) as server:
        ran = loadgrpc(
            *("run", "paths.TestPaths.test_who", "-H", server.url, "--load", text),
            *("--processes", "2", "--json"),
        )
        assert ran.code == 0, ran.stderr
    summary = ran.document
    near = [each / 20 - 1 for each in range(41)]
    for at in range(1, int(20 * line.duration_s)):
        wanted = [line.users(at / 20 + each) for each in near]
        seen = server.in_flight(server.first_s + at / 20)
        assert min(wanted) * 0.6 - 2 <= seen <= max(wanted), f"after {at / 20} s"
    assert server.in_flight(server.first_s + 60) == 0
    asked = {tuple(map(int, path.split("/")[1:])) for path in server.counts}

    assert set(server.counts.values()) == {1}
    assert {user for user, _ in asked} == set(range(1, 61))
    assert all((user, number - 1) in asked for user, number in asked if number > 1)
    assert int(summary["iterations"]["started"]) == len(asked)
    assert summary["users"]["planned"] == summary["users"]["started"] == "50"


@pytest.mark.long
def test_a_killed_broker_does_not_change_the_plan(cluster, loadgrpc, start, folder):
    """Agents go on by their plan; the next broker has all of it, and the law holds."""
    begun = cluster(1)
    with Server() as server:
        ran = loadgrpc(
            *("run", "paths.TestPaths.test_open", "-H", server.url, "-b", begun.address),
            *("-a", "1", "--load", "ramp 10..50/s in 4s", "--detach"),
        )
        assert ran.code == 0, ran.stderr
        assert server.asked.wait(30)
        begun.broker.popen.kill()
        time.sleep(1.0)
        store, address = str(begun.store), begun.address
        again = start("loadgrpc", "broker", "--listen", address, "--store", store, cwd=folder)
        again.wait_for("listening on", within_s=60.0)
        ended = loadgrpc("attach", ran.stdout.strip(), "-b", address, "--json")
    iterations = ended.document["iterations"]

    assert ended.code == 0, ended.stderr
    assert iterations["planned"] == iterations["started"] == "120"
    assert server.counts == {"/open": 120}


SHORT = """\
import sys
from loadgrpc import cli
from loadgrpc.stats import limit

limit.QUICK, limit.MAX_HALVINGS = (1.0, 1.0), 0
sys.exit(cli.main(sys.argv[1:]))
"""


SHORTER = SHORT.replace(
    "limit.QUICK,", "limit.NEARER, limit.LONG = (0.5, 1.0), (0.5, 2.0)\nlimit.QUICK,"
)


def searched(folder, *asked, within_s):
    """What `loadgrpc limit` answers, with the levels of `short.py`."""
    done = subprocess.run(
        [sys.executable, "short.py", "limit", *asked, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_limit_is_looked_for_by_levels_of_one_run(folder):
    """Each is judged on what came in its seconds; here, with levels that are shorter than usual."""
    (folder / "short.py").write_text(SHORT)
    with Server() as server:
        document = searched(
            *(folder, "paths.TestPaths.test_open", "-H", server.url),
            *("--from", "20/s", "--max", "30/s"),
            *("--until", "p95(response) < 2s and rate(failed) < 1%"),
            within_s=60,
        )
        counts = dict(server.counts)

    assert document["limit"] == {"least": 30.0, "generatorWasTheLimit": False}
    assert [(each["rate"], each["outcome"]) for each in document["levels"]] == [
        (20.0, "held"),
        (30.0, "held"),
    ]
    assert all(abs(each["planned"] - each["started"]) <= 1 for each in document["levels"])
    assert abs(document["levels"][0]["hits"] - 20) <= 1
    assert abs(document["levels"][1]["hits"] - 30) <= 1
    assert counts["/open"] >= 50


CAPACITY = 40
UNTIL = "rate(failed) < 1% and p99(response) < 10s"
"""With a time that a machine which is busy with other work keeps: its lag explains nothing then."""


@pytest.mark.long
def test_a_limit_found_by_two_agents_is_the_capacity_of_the_server(cluster, loadgrpc, folder):
    """One that refuses, and gets no slower: whatever else the machine does, there is one answer."""
    begun = cluster(2)
    (folder / "short.py").write_text(SHORTER)
    with Server(capacity=CAPACITY) as server:
        document = searched(
            *(folder, "paths.TestPaths.test_strict", "-H", server.url, "-b", begun.address),
            *("-a", "2", "--from", "35/s", "--max", "50/s", "--within", "10", "--until", UNTIL),
            within_s=120,
        )
    shown = loadgrpc("show", document["runId"], "-b", begun.address, "--json").document
    of_agents = [int(each["hits"]) for each in shown["agents"]]

    assert document["limit"]["least"] <= CAPACITY <= document["limit"]["most"]
    assert document["limit"]["most"] <= 1.5 * document["limit"]["least"]
    assert not document["limit"]["generatorWasTheLimit"]
    for level in document["levels"]:
        if abs(level["rate"] - CAPACITY) > BURST_S * CAPACITY:
            assert level["outcome"] == ("held" if level["rate"] < CAPACITY else "broken"), level
        first, last = (datetime.fromisoformat(level[name]) for name in ("from", "to"))
        lasted_s = (last - first).total_seconds()
        assert abs(level["planned"] - level["rate"] * lasted_s) <= 2, level
    assert len(of_agents) == 2
    assert min(of_agents) > 0.4 * sum(of_agents)


def test_keys_steer_a_run_and_the_terminal_is_left_as_it_was(on_terminal, folder):
    """More, a pause and the end; no line is read by the command, and none by the next."""

    def takes_lines(terminal):
        return bool(termios.tcgetattr(terminal.master)[3] & termios.ICANON)

    with Server() as server:
        terminal = on_terminal(
            *("run", "paths.TestPaths.test_open", "-H", server.url, "--load", "20/s for 60s"),
            cwd=folder,
        )
        assert terminal.read_until(b"? for keys"), terminal.output
        assert not takes_lines(terminal)
        assert server.asked.wait(30)
        terminal.type(b"+")
        assert terminal.read_until(b"load 1.1 times as planned"), terminal.output
        terminal.type(b"p")
        assert terminal.read_until(b"load paused"), terminal.output
        terminal.type(b"sy")
        assert terminal.read_until(b"exit 105"), terminal.output
        assert takes_lines(terminal)
        assert terminal.wait() == 105
