"""All of Loads in one run: what its documentation promises of a cluster, used together."""

from __future__ import annotations

import csv
import gzip
import http.server
import json
import threading
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.system

AGENTS, USERS, ITERATIONS = 5, 4, 3
EVERYBODY = AGENTS * USERS
HITS = EVERYBODY * ITERATIONS
TEST = """\
from pathlib import Path

import kettles
from baskets import basket
from loadgrpc.case import TestCase


class TestShop(TestCase):
    def test_buy(self):
        account = self.data("accounts.csv")["account"]
        word = Path("texts/deep/greeting.txt").read_text().strip()
        url = f"{self.server_url}/{basket(word)}/{kettles.KIND}"
        answer = self.session.get(url, params={"account": account, "user": self.user_index})
        self.assertEqual(answer.status_code, 200)
        self.incr_counter("bought")
"""


class Shop:
    """The server under test, and whoever is notified by webhook; it counts by itself."""

    def __init__(self) -> None:
        self.bought: Counter[tuple[str, str]] = Counter()
        """By account and user."""
        self.paths: Counter[str] = Counter()
        self.notices: list[dict] = []
        self.came = threading.Event()
        self.open = threading.Event()
        """Nothing is answered before it is."""
        self.lock = threading.Lock()
        self.url = ""


@pytest.fixture
def shop():
    """A shop that runs."""
    made = Shop()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked = urlsplit(self.path)
            query = parse_qs(asked.query)
            with made.lock:
                made.paths[asked.path] += 1
                made.bought[query["account"][0], query["user"][0]] += 1
            made.came.set()
            made.open.wait(60)
            self._answer()

        def do_POST(self):
            made.notices.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self._answer()

        def _answer(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
        made.open.set()
        server.shutdown()


def wheel(folder: Path) -> Path:
    """A package that pip can install without a network."""
    path = folder / "kettles-1.0-py3-none-any.whl"
    info = "kettles-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kettles.py", "KIND = 'whistling'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: kettles\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/RECORD",
            f"kettles.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
        )
    return path


def test_all_of_loads_in_one_run(start, loadgrpc, folder, tmp_path, on_terminal, shop):
    """Everything is where the test needs it, each row has one user, and all counts agree."""
    (folder / "shop.py").write_text(TEST)
    (folder / "baskets.py").write_text("def basket(word):\n    return f'{word}-basket'\n")
    (folder / "texts/deep").mkdir(parents=True)
    (folder / "texts/deep/greeting.txt").write_text("hello\n")
    rows = "".join(f"a{number}\n" for number in range(EVERYBODY))
    (folder / "accounts.csv").write_text(f"account\n{rows}")
    broker = start(
        *("loadgrpc-broker", "--listen", "127.0.0.1:0", "--store", str(tmp_path / "broker.db")),
        *("--allow-observers", "webhook"),
        cwd=tmp_path,
    )
    address = broker.wait_for(r"listening on (\S+?),")[1]
    homes = [tmp_path / f"agent {number}" for number in range(AGENTS)]
    for home in homes:
        home.mkdir()
    agents = [start("loadgrpc-agent", "--broker", address, cwd=home) for home in homes]
    for agent in agents:
        agent.wait_for("connected to", within_s=60.0)

    begun = start(
        *("loadgrpc-runner", "shop.TestShop.test_buy", "-b", address, "--agents", str(AGENTS)),
        *("-u", str(USERS), "--hits", str(ITERATIONS), "--server-url", shop.url),
        *("--processes", "1"),
        *("--include-file", "texts", "--python-dep", str(wheel(folder))),
        *("--observer", "webhook", "--observer-webhook-url", f"{shop.url}/notices"),
        *("--project-name", "acceptance", "--detach"),
        cwd=folder,
    )
    assert begun.wait() == 0, begun.output
    run_id = begun.lines[-1]

    second = tmp_path / "second terminal"
    second.mkdir()
    outputs = ("csv=out/", "junit=out.xml", "file=events.jsonl.gz")
    asked = [word for each in outputs for word in ("--output", each)]
    terminal = on_terminal("attach", "-b", address, *asked, cwd=second)
    assert terminal.read_until(b"iterations"), terminal.output
    assert shop.came.wait(60)
    shop.open.set()
    assert terminal.read_until(b"exit 0: passed"), terminal.output
    assert terminal.wait() == 0

    accounts = [account for account, _ in shop.bought]
    users = [int(user) for _, user in shop.bought]
    assert set(shop.bought.values()) == {ITERATIONS}
    assert sorted(users) == list(range(EVERYBODY))
    assert len(set(accounts)) == EVERYBODY
    assert shop.paths == {"/hello-basket/whistling": HITS}
    _agree(second)
    summary = loadgrpc("show", run_id, "--json", LOADGRPC_BROKER=address).document
    assert [int(agent["hits"]) for agent in summary["agents"]] == [HITS // AGENTS] * AGENTS
    assert summary["counters"] == {"bought": str(HITS)}
    assert int(summary["data"][0]["taken"]) == EVERYBODY
    assert summary["plan"]["projectName"] == "acceptance"
    broker.wait_for(rf"run {run_id}: webhook was notified of end", within_s=60.0)
    (notice,) = shop.notices
    assert (notice["type"], notice["data"]["runId"]) == ("run.end", run_id)
    assert int(notice["data"]["summary"]["hits"]["count"]) == HITS
    assert [list(home.iterdir()) for home in homes] == [[]] * AGENTS


def _agree(folder: Path) -> None:
    """The three outputs have what the server has counted."""
    with (folder / "out/stats.csv").open() as file:
        *_, total = csv.DictReader(file)
    assert (int(total["Request Count"]), int(total["Failure Count"])) == (HITS, 0)
    suites = ET.parse(folder / "out.xml")  # noqa: S314 - it is our own
    (hits,) = [each.get("value") for each in suites.iter("property") if each.get("name") == "hits"]
    assert int(hits) == HITS
    assert not list(suites.iter("failure")) + list(suites.iter("error"))
    lines = gzip.decompress((folder / "events.jsonl.gz").read_bytes()).splitlines()
    kinds = Counter(key for line in lines for key in json.loads(line)["event"])
    assert kinds["hit"] == kinds["testSuccess"] == kinds["counter"] == HITS
