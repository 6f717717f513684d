"""Machines whose clocks differ by minutes: one time line all the same."""

from __future__ import annotations

import json
import os
from datetime import datetime

import pytest

pytestmark = pytest.mark.system

AHEAD_S = 180
WRONG_CLOCK = """
import time
true_ns = time.time_ns
time.time_ns = lambda: true_ns() + {seconds} * 1_000_000_000
"""
"""What is ours asks for whole nanoseconds; gRPC, which goes by the true clock, for seconds."""


@pytest.fixture
def wrong_clock(tmp_path):
    """`wrong_clock(seconds)`: the environment of a Python whose clock is so far ahead."""

    def make(seconds: int) -> dict[str, str]:
        place = tmp_path / f"clock{seconds}"
        place.mkdir()
        (place / "sitecustomize.py").write_text(WRONG_CLOCK.format(seconds=seconds))
        path = [str(place), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, path))}

    return make


@pytest.mark.long
def test_agents_whose_clocks_differ(loadgrpc, cluster, counting_server, wrong_clock):
    """The run takes as long as it took, and the summary says whose clock is how far away."""
    begun = cluster(1)
    for seconds in (AHEAD_S, -AHEAD_S):
        begun.agents.append(begun.start_agent(**wrong_clock(seconds)))
        begun.agents[-1].wait_for("connected to", within_s=60.0)

    ran = loadgrpc(
        *("run", "example.TestWebSite.test_delay", "-u", "2", "-d", "3s", "--json", "-v"),
        *("-H", counting_server.url, "-b", begun.address, "-a", "3"),
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    document = ran.document
    assert int(document["hits"]["count"]) == counting_server.requests() > 0
    assert 2.5 < float(document["duration"].removesuffix("s")) < 10
    offsets = sorted(float(a["clockOffset"].removesuffix("s")) for a in document["agents"])
    assert offsets == pytest.approx([-AHEAD_S, 0, AHEAD_S], abs=1.0)
    assert "its clock is 3 min 0 s ahead of the broker's" in ran.stderr

    asked = ("events", document["runId"], "-k", "hit", "--json", "-b", begun.address)
    events = [json.loads(line) for line in loadgrpc(*asked).stdout.splitlines()]
    assert len(events) == int(document["hits"]["count"])
    began, ended = (moment(document[name]) for name in ("createTime", "endTime"))
    assert all(-1 <= moment(event["time"]) - began <= ended - began + 1 for event in events)
    assert max(moment(event["event"]["time"]) for event in events) > ended + AHEAD_S / 2


def moment(timestamp: str) -> float:
    """Seconds of a timestamp as JSON has it, to the microsecond."""
    return datetime.fromisoformat(timestamp).timestamp()
