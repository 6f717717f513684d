"""Campaigns and schedules of real processes: a broker that is killed, and who follows them."""

from __future__ import annotations

import re
import signal

import pytest

pytestmark = pytest.mark.system

TEST = """
from loadgrpc import TestCase, campaign


class TestKept(TestCase):
    def test_hold(self):
        self.session.get(self.server_url + "/delay/300")

    def test_body(self):
        assert {name: each.hits for name, each in campaign.results().items()} == {
            "hold-1": 10,
            "hold-2": 20,
        }
"""
CAMPAIGN = """
title = "kept"

[[steps]]
name = "hold"
plan = {{test = "kept.TestKept.test_hold", server_url = "{url}", iterations = 10}}
map = {{users = [1, 2]}}

[[steps]]
name = "body"
after = "hold"
results = true
plan = {{test = "kept.TestKept.test_body"}}
"""


def test_a_broker_that_is_killed_inside_a_chord(start, loadgrpc, cluster, folder, demo_server):
    """Both runs go on, each once, the body follows with their results, and so does the terminal.

    A schedule whose time comes by hand is there, too, with the run that it had started before.
    """
    begun = cluster(2)
    at = ("-b", begun.address)
    (folder / "kept.py").write_text(TEST)
    (folder / "kept.toml").write_text(CAMPAIGN.format(url=demo_server.url))
    added = loadgrpc(
        *("schedule", "add", "nightly", "--cron", "0 3 * * *", "--tz", "Europe/Berlin"),
        *("kept.TestKept.test_hold", "-H", demo_server.url, *at),
    )
    assert re.fullmatch(r"schedule nightly is added; it is due next at .* CES?T\n", added.stdout)

    following = start("loadgrpc", "campaign", "kept.toml", *at, cwd=folder)
    following.wait_for(r"hold-2  running  r-", within_s=60.0)
    begun.broker.signal(signal.SIGKILL)
    begun.broker.wait()
    following.wait_for("the broker was lost", within_s=60.0)
    start(
        *("loadgrpc", "broker", "--listen", begun.address, "--store", str(begun.store)),
        cwd=folder,
        until="listening on",
    )

    assert following.wait(60) == 0, following.output
    assert re.search(r"^hits +10 +20 +0$", following.output, re.MULTILINE), following.output
    assert following.output.splitlines()[-1] == "exit 0: passed"
    assert demo_server.requests() == 30
    runs = loadgrpc("runs", *at, "--json").document["runs"]
    assert [run["state"] for run in runs] == ["RUN_STATE_FINISHED"] * 3
    listed = loadgrpc("schedule", "list", *at).stdout
    assert re.search(r"nightly +0 3 \* \*", listed)
    ran = loadgrpc("schedule", "run-now", "nightly", *at).stdout.strip()
    assert loadgrpc("attach", ran, *at).code == 0
    assert demo_server.requests() == 31


def test_ctrl_c_stops_a_campaign(start, loadgrpc, cluster, folder, demo_server):
    """Its run finishes what it does, what waits is cancelled, and the exit code says so."""
    begun = cluster(1)
    (folder / "kept.py").write_text(TEST)
    text = CAMPAIGN.format(url=demo_server.url).replace("[1, 2]", "[1]").replace("10", "1000")
    (folder / "kept.toml").write_text(text)
    following = start(
        "loadgrpc", "campaign", "kept.toml", "-b", begun.address, cwd=folder, until="  running  r-"
    )
    following.signal(signal.SIGINT)
    assert following.wait(40) == 105, following.output
    assert re.search(r"^steps +2 +1 cancelled +1 failed$", following.output, re.MULTILINE)
    (state,) = [
        run["state"] for run in loadgrpc("runs", "-b", begun.address, "--json").document["runs"]
    ]
    assert state == "RUN_STATE_STOPPED"
