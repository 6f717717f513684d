"""Outputs of real runs: equal to what was measured, wherever and whenever they are written."""

from __future__ import annotations

import csv
import gzip
import http.server
import importlib.util
import json
import os
import re
import signal
import threading
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ES = "example.TestWebSite.test_es"
GOLDEN = Path(__file__).parents[1] / "outputs/golden.py"
PAGE = Path(__file__).parents[2] / "docs/outputs.md"
ALL = ("csv=out/", "junit=out.xml", "file=events.jsonl.gz", "funkload=fl.xml", "json=summary.json")
ASKED = [f"--output={each}" for each in ALL]


@pytest.fixture
def fine_server():
    """A server that answers every request with 200; its address."""

    class Fine(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_golden_run(folder, loadgrpc, fine_server):
    """What Loads was run with gives what Loads wrote, and the outputs agree with each other.

    So does an output of another package, as the page on outputs shows it.
    """
    spec = importlib.util.spec_from_file_location("golden", GOLDEN)
    golden = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(golden)
    example = (folder / "example.py").read_text()
    (folder / "example.py").write_text(
        example.replace("get(self.server_url)", f"get({fine_server + '/active'!r})")
    )
    files = dict(
        re.findall(r"^```\w+ file=(\S+)\n((?:.*\n)*?)```$", PAGE.read_text(), re.MULTILINE)
    )
    (folder / "markdown_output.py").write_text(files["markdown_output.py"])
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = folder / "loadgrpc_markdown-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    (entry,) = project["entry-points"]["loadgrpc.outputs"].items()
    (info / "entry_points.txt").write_text(f"[loadgrpc.outputs]\n{' = '.join(entry)}\n")

    asked = [*ASKED, "--output", "table"]
    ran = loadgrpc("run", ES, "-u", "1:2", "-i", "2", "-q", *asked, PYTHONPATH=str(folder))

    assert (ran.code, ran.stdout, ran.stderr) == (0, "exit 0: passed\n", "")
    document = (folder / "fl.xml").read_text()
    assert golden.comparable(document) == golden.comparable(golden.GOLDEN)
    _agree(folder, hits=6)
    assert "/active | 6 |" in (folder / "loadgrpc.md").read_text()


def _agree(folder: Path, hits: int) -> None:
    """All outputs have these many hits, and as many iterations."""
    summary = json.loads((folder / "summary.json").read_text())
    assert int(summary["hits"]["count"]) == int(summary["iterations"]["started"]) == hits
    lines = gzip.decompress((folder / "events.jsonl.gz").read_bytes()).splitlines()
    kinds = Counter(key for line in lines for key in json.loads(line)["event"])
    assert kinds["hit"] == kinds["testStart"] == kinds["testStop"] == hits
    with (folder / "out/stats.csv").open() as file:
        *names, total = csv.DictReader(file)
    assert sum(int(row["Request Count"]) for row in names) == int(total["Request Count"]) == hits
    with (folder / "out/stats_history.csv").open() as file:
        assert int(list(csv.DictReader(file))[-1]["Total Request Count"]) == hits
    with (folder / "out/series.csv").open() as file:
        assert sum(int(row["Request Count"]) for row in csv.DictReader(file)) == hits
    bench = ET.parse(folder / "fl.xml")  # noqa: S314 - it is our own
    assert len(list(bench.iter("response"))) == len(list(bench.iter("testResult"))) == hits
    (shown,) = [
        each.get("value")
        for each in ET.parse(folder / "out.xml").iter("property")  # noqa: S314
        if each.get("name") == "hits"
    ]
    assert int(shown) == hits


def test_r12_a_detached_run_on_agents_is_exported_later_with_the_same_results(
    folder, loadgrpc, cluster, demo_server
):
    """`attach` at its end and `show` afterwards write the same bytes, from whatever folder."""
    begun = cluster(2)
    where = ("-b", begun.address)
    load = ("-u", "3", "-i", "20", "-a", "2", "-H", demo_server.url)
    detached = loadgrpc("run", ES, *load, *where, "--detach")
    run_id = detached.stdout.strip()
    one, other = folder / "one", folder / "other"
    one.mkdir()
    other.mkdir()

    waited = loadgrpc("attach", run_id, *where, "-q", *ASKED, cwd=one)
    shown = loadgrpc("show", run_id, *where, *ASKED, cwd=other)

    assert (waited.code, shown.code) == (0, 0), waited.stderr + shown.stderr
    _agree(one, hits=3 * 20 * 2)
    assert demo_server.requests() == 3 * 20 * 2
    found = [sorted(p.relative_to(home) for p in home.rglob("*.*")) for home in (one, other)]
    assert found[0] == found[1]
    assert len(found[0]) == 11
    for name in found[0]:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_stopped_run_keeps_its_outputs(start, folder, demo_server):
    """Ctrl-C ends the load, not what is written about it."""
    run = start(
        *("loadgrpc", "run", ES, "-u", "2", "-d", "60", "-H", demo_server.url, *ASKED),
        cwd=folder,
        until=r"[1-9]\d* hits",
        within_s=60.0,
    )
    os.kill(run.pid, signal.SIGINT)

    assert run.wait(30.0) == 105, run.output
    assert "exit 105: " in run.output
    _agree(folder, hits=demo_server.requests())
