"""The parts of the fault suite that decide and count: judging, evidence, tables, the server."""

import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from faults import page
from faults.__main__ import chosen, parse
from faults.catalogue import FAULTS
from faults.evidence import (
    Evidence,
    Loss,
    Part,
    Seen,
    Stored,
    Verdict,
    read_seen,
    read_summary,
    tally,
    visits,
)
from faults.judge import INCOMPLETE, UNREACHABLE, Holds, judge
from faults.server import Book

from loadgrpc.v1 import event_pb2, runner_pb2

PAGE = Path(__file__).resolve().parents[2] / "docs/faults.md"
ONE, TWO = "agent-1", "agent-2"
USERS = 10
COUNTED = Holds(exit_codes=(INCOMPLETE,), losses=True)


def evidence(seen, stored, *, exit_code=0, left=(), losses=(), states=None, **verdict):
    """Evidence of a round, from requests and stored hits by agent; the summary tells the same."""
    states = states or {}
    parts = {
        agent: Part(hits, states.get(agent, "FINISHED"), "why") for agent, hits in stored.items()
    }
    told = {
        "state": "FINISHED",
        "exit_code": exit_code,
        "reason": f"{ONE} was lost" if exit_code == INCOMPLETE else "",
        "hits": sum(stored.values()),
        "failed": 0,
        "wrong": 0,
        "parts": parts,
        "losses": tuple(losses),
        "resent": 0,
    }
    return Evidence(
        seen={agent: Seen(requests) for agent, requests in seen.items()},
        stored={agent: Stored(hits) for agent, hits in stored.items()},
        verdict=Verdict(**{**told, **verdict}),
        exit_code=exit_code,
        last_words=f"exit {exit_code}: {told['reason']}",
        left=left,
    )


def lost(seen, stored, *losses, **values):
    """Evidence of a round in which the first agent was struck."""
    states = {ONE: "LOST"}
    return evidence(
        {ONE: seen, TWO: 50},
        {ONE: stored, TWO: 50},
        exit_code=INCOMPLETE,
        losses=losses,
        states=states,
        **values,
    )


GOOD = evidence({ONE: 100, TWO: 50}, {ONE: 100, TWO: 50})


def test_a_round_without_a_fault_in_it_is_right():
    """Where all was counted once there is nothing to complain of."""
    assert judge(Holds(), GOOD, (), USERS) == []


def with_stored(agent, stored):
    """The good round, with something else in the store."""
    return dataclasses.replace(GOOD, stored={**GOOD.stored, agent: stored})


def with_verdict(**values):
    """The good round, with another summary."""
    return dataclasses.replace(GOOD, verdict=dataclasses.replace(GOOD.verdict, **values))


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (with_stored(ONE, Stored(100, 3)), "3 hits of agent-1 are stored twice"),
        (with_stored(ONE, Stored(101)), "101 hits of agent-1 are stored, the server counted 100"),
        (with_stored(TWO, Stored(49)), "tells 50 hits of agent-2, its store has 49"),
        (with_verdict(hits=151), "tells 151 hits, its agents 150"),
        (with_verdict(state="RUNNING"), "not over but RUNNING"),
        (with_verdict(failed=1), "1 hits failed and 0 iterations went wrong"),
        (with_verdict(wrong=2), "0 hits failed and 2 iterations went wrong"),
        (with_verdict(exit_code=3, reason="lost"), "the verdict is 3 (lost), not 0"),
        (
            dataclasses.replace(GOOD, exit_code=4, last_words="where is it?"),
            "exits with 4 (where is it?), the verdict is 0",
        ),
        (dataclasses.replace(GOOD, last_words="a defect"), "exits with 0 (a defect)"),
        (dataclasses.replace(GOOD, left=("17 sleep",)), "left behind: 17 sleep"),
        (
            dataclasses.replace(GOOD, seen={**GOOD.seen, ONE: Seen(100, ("a-1",))}),
            "requests of agent-1 were sent twice: a-1",
        ),
        (evidence({ONE: 100}, {ONE: 99}), "agent-1: 99 hits, the server counted 100"),
        (evidence({ONE: 9}, {ONE: 9}, states={ONE: "LOST"}), "agent-1 is LOST: why"),
        (
            evidence({ONE: 9}, {ONE: 9}, losses=[Loss(ONE, 1, True, "gone")]),
            "agent-1 lost at least 1 hits: gone",
        ),
        (evidence({}, {ONE: 1}), "1 hits of agent-1 are stored, the server counted 0"),
    ],
)
def test_what_is_wrong_is_told(what, complaint):
    """Whatever must always hold, and does not, is complained of."""
    complaints = judge(Holds(), what, (), USERS)

    assert any(complaint in told for told in complaints), complaints


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (lost(100, 80, Loss(ONE, 15, False, "killed")), None),
        (lost(100, 80, Loss(ONE, 20, False, "killed")), None),
        (lost(100, 80, Loss(ONE, 0, True, "unknown")), None),
        (lost(100, 80, Loss(ONE, 21, False, "killed")), "80 hits + 21 lost, the server counted"),
        (lost(100, 80, Loss(ONE, 21, True, "killed")), "80 hits + 21 lost, the server counted"),
        (lost(100, 80, Loss(ONE, 9, False, "killed")), "the loss is said to be exact"),
        (lost(100, 80), "the loss is said to be exact"),
        (lost(100, 95, reason="something"), "agent-1 lost, and the verdict names none: something"),
        (lost(100, 95, Loss(TWO, 1, False, "x")), "agent-2 lost 1 hits"),
    ],
)
def test_losses_are_bounded_from_both_sides(what, complaint):
    """Of a struck agent, neither more nor fewer hits may be lost than were, but for its users'."""
    complaints = judge(COUNTED, what, (ONE,), USERS)

    assert [complaint in told for told in complaints] == ([True] if complaint else [])


def test_a_lost_agent_makes_a_run_incomplete():
    """A run with a lost agent that is judged with another code than 3 is complained of."""
    right = lost(100, 95)
    wrong = dataclasses.replace(
        right,
        exit_code=0,
        last_words="exit 0: passed",
        verdict=dataclasses.replace(right.verdict, exit_code=0),
    )

    told = judge(dataclasses.replace(COUNTED, exit_codes=(0, 3)), wrong, (ONE,), USERS)

    assert told == ["agent-1 is lost, and the verdict is 0"]


def test_a_command_that_lost_sight_of_its_run_is_wrong():
    """`loadgrpc run` finds a broker that is back: it never exits with 4 when the run went well."""
    gone = dataclasses.replace(GOOD, exit_code=UNREACHABLE)

    (told,) = judge(Holds(), gone, (), USERS)
    assert told.startswith("loadgrpc run exits with 4 ")


def test_visits_are_known_by_cycle_user_and_iteration():
    """Hits of a batch have keys, in the order of their numbers; an offset leaves out the first."""
    first = event_pb2.HitBlock(count=3, user=bytes([1, 2, 1]), iteration=bytes([1, 1, 2]))
    first.status.cycle = 1
    second = event_pb2.HitBlock(count=2, user=bytes([7, 7]), iteration=b"\x01\x01\x02\x01")
    second.status.cycle = 2
    batch = runner_pb2.EventBatch(events=[event_pb2.Event()], hit_blocks=[first, second])

    everything = [(1, 1, 1), (1, 2, 1), (1, 1, 2), (2, 7, 257), (2, 7, 258)]
    assert visits(batch, 0) == everything
    assert visits(batch, 1) == everything
    assert visits(batch, 2) == everything[1:]
    assert visits(batch, 5) == everything[4:]


def test_hits_that_are_stored_twice_are_found():
    """The same visit of the same runner is a duplicate; of another runner it is not."""
    found = Counter({(ONE, "r1", 1, 1, 1): 3, (ONE, "r2", 1, 1, 1): 1, (TWO, "r3", 1, 1, 1): 1})

    assert tally(found) == {ONE: Stored(4, 2), TWO: Stored(1, 0)}


def test_a_summary_is_read():
    """What `loadgrpc show --json` prints becomes values; losses in events count as half."""
    loss = {"agentId": ONE, "count": "41", "atLeast": False, "reason": "killed"}
    document = {
        "state": "RUN_STATE_FINISHED",
        "verdict": {"exitCode": 3, "reason": "agent-1: killed"},
        "hits": {"count": "90", "failed": "2"},
        "iterations": {"failure": "1", "error": "4"},
        "agents": [
            {"agentId": ONE, "hits": "90", "state": "ASSIGNMENT_STATE_LOST", "reason": "killed"}
        ],
        "accounting": {"duplicates": "7", "losses": [loss, {**loss, "hits": "30"}]},
    }

    assert read_summary(document) == Verdict(
        state="FINISHED",
        exit_code=3,
        reason="agent-1: killed",
        hits=90,
        failed=2,
        wrong=5,
        parts={ONE: Part(90, "LOST", "killed")},
        losses=(Loss(ONE, 20, False, "killed"), Loss(ONE, 30, False, "killed")),
        resent=7,
    )


def test_the_server_counts_each_request():
    """Requests are counted by agent; what comes twice is named, and what has no id is refused."""
    book = Book()

    counted = [book.count(target, at) for at, target in enumerate(["/a/1", "/a/2", "/a/1", "/b/1"])]

    assert counted == [True] * 4
    assert not book.count("/a", 9.0)
    assert not book.count("/", 9.0)
    seen = read_seen(json.loads(book.document()))
    assert seen == {"a": Seen(3, ("1",), 2), "b": Seen(1, (), 3)}


def test_the_table_has_a_row_for_each_fault():
    """Figures are summed over the rounds, skipped faults say why, failures are told in words."""
    bad = page.Played(
        2, "/logs/cut-2", requests=9, committed=7, lost=2, left=1, complaints=("2 lost",)
    )
    good = page.Played(1, "/logs/cut-1", seconds=1.6, requests=10, committed=10)
    rows = [
        page.Row("cut", rounds=[good, bad]),
        page.Row("full-store", skipped="needs root"),
        page.Row("kill-broker", rounds=[good]),
    ]

    table = page.table(rows).splitlines()

    assert " ".join(table[1].split()) == "cut 2 19 17 2 0 0 1 2 FAILED in 1 of 2"
    assert table[2].endswith("skipped: needs root")
    assert " ".join(table[3].split()) == "kill-broker 1 10 10 0 0 0 0 2 ok"
    assert page.failures(rows) == "cut, round 2: logs in /logs/cut-2\n  2 lost"


def test_faults_are_chosen_by_name():
    """A pattern chooses faults by name; none chooses all, and one that fits none chooses none."""
    asked = parse(["--only", "kill-*", "--only", "cut", "--rounds", "2", "--seed", "7"])

    assert {fault.name for fault in chosen(asked.only)} == {
        *("kill-runner", "kill-user", "kill-keeper", "kill-agent", "kill-broker"),
        *("kill-scheduled", "kill-between", "kill-campaign", "kill-idle", "cut"),
    }
    assert (asked.rounds, asked.seed) == (2, 7)
    assert chosen([]) == list(FAULTS)
    assert chosen(["flood"]) == []


def test_every_fault_is_told():
    """The page has a row for each fault of the suite, by its name, with how often it is played."""
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)

    assert rows == [(fault.name, str(fault.rounds)) for fault in FAULTS]
