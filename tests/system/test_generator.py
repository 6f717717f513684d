"""A run says whether its generator kept up, and what it says fits what it measured."""

from __future__ import annotations

import os
import re

import pytest

pytestmark = [pytest.mark.system, pytest.mark.alone]

LOADS = """\
import time
import unittest


class TestLoad(unittest.TestCase):
    def test_busy(self):
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass  # no other user of this process can go on

    def test_quiet(self):
        time.sleep(0.02)
"""


@pytest.fixture
def generator(loadgrpc, folder):
    """`generator("test_busy", "-u", "2")` runs that test, and gives what it printed."""
    (folder / "loads.py").write_text(LOADS)

    def run(test: str, *options: str):
        return loadgrpc("run", f"loads.TestLoad.{test}", *options, "--processes", "1", "--json")

    return run


def seconds(duration: str) -> float:
    """A Duration in protobuf's JSON."""
    return float(duration.removesuffix("s"))


def cause(figures) -> str:
    """What the summary has to say of most of the time that was saturated; empty: nothing."""
    saturated, limit, busy = (
        seconds(figures[name]) for name in ("saturatedTime", "atLimitTime", "machineBusyTime")
    )
    if not saturated:
        return ""
    words = {"Saturated": limit, "The machine was busy": busy, "Held up": saturated - limit - busy}
    return max(words, key=lambda each: words[each])


def told(ran) -> str:
    """What it said in words."""
    found = re.findall(r"^(Saturated|The machine was busy|Held up): for ", ran.stderr, re.MULTILINE)
    assert len(found) <= 1
    return "".join(found)


def test_a_test_that_keeps_the_processor_busy_is_flagged(generator):
    """The summary says so as a document and in words, and the verdict is that of the test."""
    ran = generator("test_busy", "-u", "2", "-i", "3")

    figures = ran.document["generator"]
    assert figures["saturated"] is True
    assert 0.3 <= seconds(figures["saturatedTime"]) <= seconds(figures["watchedTime"])
    assert seconds(figures["worstLag"]) >= 0.04
    assert seconds(figures["lag"]["max"]) >= seconds(figures["worstLag"])
    assert figures["worstLagTime"] is not None
    assert told(ran) == cause(figures) != ""
    assert (ran.code, ran.document["verdict"]["reason"]) == (0, "passed")


def test_the_flag_is_what_the_figures_say(generator):
    """However fast the machine is: it is set when, and only when, a second was over a bound."""
    ran = generator("test_quiet", "-u", "3", "-d", "1.3")

    figures = ran.document["generator"]
    over = seconds(figures["worstLag"]) > 0.005 or figures["worstCpu"] > 0.9
    assert figures["saturated"] is over
    assert (seconds(figures["saturatedTime"]) > 0) is over
    assert told(ran) == cause(figures)
    assert (cause(figures) != "") is over
    assert "lag p99 " in ran.stderr
    assert seconds(figures["watchedTime"]) >= 1.3
    assert seconds(figures["lag"]["max"]) >= seconds(figures["worstLag"]) > 0
    assert int(figures["gcPauses"]) > 0  # one when all users stand
    (agent,) = ran.document["agents"]
    assert agent["generator"] == figures


def test_every_state_is_accounted_for(generator):
    """What processes say of themselves are events as all others: none is lost or refused."""
    ran = generator("test_quiet", "-u", "3:2", "-i", "5")

    accounting = ran.document["accounting"]
    assert (accounting["lost"], accounting["rejected"]) == ("0", "0")
    assert int(accounting["committed"]) >= (3 + 2) * 5 + 2


def test_b8_a_machine_that_others_use_is_not_the_generators_fault(generator, start):
    """With all cores taken by others, nobody is told to use fewer users."""
    burn = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
    cores = len(os.sched_getaffinity(0))
    others = [start("python", "-c", burn) for _ in range(3 * cores)]
    ran = generator("test_quiet", "-u", "3", "-d", "4")
    for other in others:
        other.stop()

    figures = ran.document["generator"]
    assert told(ran) == cause(figures)
    assert figures["worstCpu"] < 0.9  # it did next to nothing itself
    assert told(ran) != "Saturated"
    assert "fewer users" not in ran.stderr
    if figures["saturated"]:  # it has no core to itself, but a kind kernel
        assert told(ran) == "The machine was busy"
        assert figures["worstOtherCpu"] > 0.5
