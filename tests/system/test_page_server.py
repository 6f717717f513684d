"""The page of real processes: what it answers is what the command line prints; and reports."""

from __future__ import annotations

import json
import signal

import pytest
import requests

pytestmark = pytest.mark.system

ES = "example.TestWebSite.test_es"


def test_a_broker_serves_its_page(start, loadgrpc, folder, tmp_path, demo_server, packed):
    """Its documents are those of `--json`; a note is in the log; a report has all of it."""
    broker = start(
        *("loadgrpc", "broker", "--listen", "127.0.0.1:0", "--store", str(tmp_path / "b.db")),
        *("--web", "127.0.0.1:0", "--web-control"),
        cwd=folder,
    )
    where = ("-b", broker.wait_for(r"listening on (\S+?),", 30)[1])
    url = broker.wait_for(r"the page is at (http://127\.0\.0\.1:\d+/)$")[1]
    start("loadgrpc", "agent", *where, cwd=folder, until="connected to", within_s=60.0)

    def get(path):
        answer = requests.get(url + path, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    load = ("--load", "10/s for 10m", "-H", demo_server.url, "-a", "1", "--detach")
    detached = loadgrpc("run", ES, *where, *load)
    assert detached.code == 0, detached.stderr
    run_id = detached.stdout.strip()
    noted = loadgrpc("note", run_id, "cache switched off", *where)
    assert noted.stdout.endswith("  cache switched off\n")
    changes = loadgrpc("show", run_id, *where, "--changes", "--json").document
    assert [each for each in changes["changes"] if "cache" in each["reason"]]
    assert loadgrpc("stop", run_id, *where).code == 0
    assert loadgrpc("attach", run_id, *where, "-q").code == 105
    shown = loadgrpc("show", run_id, *where, "--json").document
    assert get(f"api/runs/{run_id}/summary") == shown
    listed, page = loadgrpc("runs", *where, "--json").document, get("api/runs?limit=20")
    assert {name: page[name] for name in listed} == listed
    assert int(shown["hits"]["count"]) == demo_server.requests()
    report = folder / "report.html"
    told = loadgrpc("report", run_id, *where, "--html", str(report), "--markdown", "r.md")
    assert (told.code, told.stdout) == (0, "")
    assert told.stderr.splitlines() == [f"wrote {report}", "wrote r.md"]
    assert packed(report.read_text())["frozen"]["runs"][0]["summary"] == shown
    assert "cache switched off" in json.dumps(
        packed(report.read_text())["frozen"]["runs"][0]["changes"]
    )
    broker.signal(signal.SIGTERM)
    assert broker.wait(10) == 0


def test_a_run_on_this_machine_has_a_page(start, folder, demo_server, packed):
    """`run --web` prints its address; the page is there while it lasts, and gone after it."""
    run = start(
        *("loadgrpc", "run", ES, "-H", demo_server.url, "-u", "1", "-d", "4", "--web"),
        *("--output", "html=out.html"),
        cwd=folder,
    )
    found = run.wait_for(r"the page of the run is at (http://127\.0\.0\.1:\d+/)#/runs/(\S+)", 40)
    web = requests.get(f"{found[1]}api/web", timeout=10).json()
    assert (web["control"], web["broker"]) == (False, "")
    assert requests.get(f"{found[1]}api/runs/{found[2]}", timeout=10).json()["runId"] == found[2]
    assert run.wait(20) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{found[1]}api/web", timeout=10)
    summary = packed((folder / "out.html").read_text())["frozen"]["runs"][0]["summary"]
    assert summary["runId"] == found[2]
    assert int(summary["hits"]["count"]) == demo_server.requests()
