"""What tests print on agents: whole lines, with process and agent, and never too many."""

from __future__ import annotations

import json
from collections import Counter

import pytest

pytestmark = pytest.mark.system

TESTS = """
import os, sys
from loadgrpc import TestCase

class Talks(TestCase):
    def test(self):
        sys.stdout.write("a line of ")
        print(f"process  {os.getpid()}\\x1b[2J")
        print(f"http://me:secret@h/?token=abc", file=sys.stderr)

class Chatters(TestCase):
    def test(self):
        for number in range(1_000):
            print(f"line {number} of an iteration")
"""
FLOOD = 100_000
"""Lines: of 2 users, 50 iterations each, 1,000 an iteration."""


@pytest.fixture(autouse=True)
def talking(folder):
    """The tests above, in `talk.py`."""
    (folder / "talk.py").write_text(TESTS)


def outputs(loadgrpc, run_id, address):
    """What was printed in a run, as events."""
    ran = loadgrpc("events", run_id, "--kind", "output", "--json", "-b", address)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_c8_what_is_printed_on_agents_is_listed(loadgrpc, cluster):
    """`events` lists each line with its agent and process, and `show` says how many there are."""
    begun = cluster(2)
    asked = ("-u", "2", "-i", "3", "--processes", "2", "-a", "2", "-b", begun.address)
    ran = loadgrpc("run", "talk.Talks.test", *asked, "--json")
    run_id = ran.document["runId"]

    assert ran.code == 0
    assert ran.document["output"] == {"lines": "24", "leftOut": "0"}
    hint = f"loadgrpc events {run_id} -k output -b {begun.address} lists them"
    for told in (ran.stderr, loadgrpc("show", run_id, "-b", begun.address).stdout):
        assert "printed     24 lines\n" in told
        assert hint in " ".join(told.split())
    assert "a line of" not in ran.stderr  # it is in the logs of the agents
    assert all("user process 2: a line of process" in each.output for each in begun.agents)

    listed = outputs(loadgrpc, run_id, begun.address)
    places = Counter(
        (each["agentId"], each["event"]["output"]["process"], each["event"]["output"]["stream"])
        for each in listed
    )
    assert len(places) == 8
    assert set(places.values()) == {3}
    pids = set()
    for each in listed:
        said = each["event"]["output"]
        if said["stream"] == "OUTPUT_STREAM_STDOUT":
            words, _, pid = said["text"].removesuffix("\x1b[2J").rpartition("  ")
            assert words == "a line of process"
            pids.add(int(pid))
        else:
            assert said["text"] == "http://me:***@h/?token=***"
    assert len(pids) == 4

    shown = loadgrpc("events", run_id, "-k", "output", "-b", begun.address).stdout
    assert shown.count("\n") == 24
    assert shown.count("\\x1b[2J\n") == 12
    assert "\x1b" not in shown


@pytest.mark.long
def test_c8_a_flood_is_bounded_and_counted(loadgrpc, cluster):
    """Of 100,000 lines some are listed; the others are counted, and the account adds up."""
    begun = cluster(1)
    asked = ("-u", "2", "-i", "50", "--processes", "2", "-b", begun.address)
    ran = loadgrpc("run", "talk.Chatters.test", *asked, "--json")
    document = ran.document
    listed = outputs(loadgrpc, document["runId"], begun.address)
    texts = [
        each["event"]["output"]["text"] for each in listed if "text" in each["event"]["output"]
    ]

    assert ran.code == 0
    assert document["iterations"]["success"] == "100"
    assert 500 <= len(texts) <= 1_000
    assert all(text.endswith(" of an iteration") for text in texts)
    assert document["output"]["lines"] == str(len(texts))
    told = len(texts) + int(document["output"]["leftOut"])
    assert FLOOD * 0.95 < told <= FLOOD  # what is read too late after the end is not counted
    assert len(listed) <= len(texts) + 20
    accounting = document["accounting"]
    assert (accounting["rejected"], accounting["lost"]) == ("0", "0")
    assert "more left out" in ran.stderr


def test_c8_a_run_of_this_process_shows_lines_once(loadgrpc):
    """What a local run has shown in its place it does not mention again."""
    ran = loadgrpc("run", "talk.Talks.test", "-u", "1", "-i", "1")
    both = ran.stdout + ran.stderr

    assert both.count("a line of process") == 1
    assert "printed" not in both
    assert "-k output" not in both
