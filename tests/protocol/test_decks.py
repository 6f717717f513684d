"""Which case an iteration is fed with, as runners in other languages find it."""

import json
from collections import Counter
from math import gcd, lcm

import pytest

from loadgrpc.model import Assignment, CaseOrder, FedCase, FedCases, Placement, Plan, Scenario
from loadgrpc.protocol import environment
from loadgrpc.protocol.assignments import assignment_to_proto
from loadgrpc.protocol.decks import MAX_ENTRIES, MAX_LINES, feed_of_cases, lines_of_user

CASES = tuple(
    FedCase(
        name=f"{rule}#1",
        rule=rule,
        values=(("n", at), ("a b", "c")),
        expected=(("ok", True),),
        weight=at + 1,
    )
    for at, rule in enumerate("abcd")
)


def assignment(*, users=(6,), iterations=(4,), order=CaseOrder.IN_TURN, **fields):
    """The part of the second of two agents."""
    scenario = Scenario(
        test="x",
        users=users,
        iterations=iterations,
        duration_s=None if iterations else 1.0,
        test_runner="./x",
        cases=FedCases(cases=CASES, order=order),
    )
    place = Placement(
        agent_index=1,
        agents=2,
        user_offsets=users,
        total_users=tuple(2 * each for each in users),
    )
    fields = {"placement": place, **fields}
    return Assignment(run_id="r", agent_id="a", plan=Plan(scenarios=(scenario,)), **fields)


def looked_up(message, cycle, user, iteration):
    """The rule of an iteration, worked out as the comment of CaseDeck says."""
    place, size = message.placement, len(message.deck.entries)
    users, index = place.total_users[cycle - 1], place.user_offsets[cycle - 1] + user - 1
    before = sum(place.total_users[: cycle - 1]) * message.cycles[0].iterations
    number = before + (iteration - 1) * users + index
    round_ = lcm(users, size)
    entry = (number + number // round_ % gcd(users, size)) % size
    return message.deck.cases[message.deck.entries[entry]].rule


@pytest.mark.parametrize("order", CaseOrder)
def test_the_comment_of_the_proto_says_what_is_dealt(order):
    """A stranger who follows it deals what our own runner deals, in every cycle."""
    part = assignment(users=(6, 4), order=order)
    message = assignment_to_proto(part)
    feed = feed_of_cases(part.scenario.cases)

    assert 1 <= len(message.deck.entries) <= MAX_ENTRIES
    for cycle, users in enumerate((6, 4), 1):
        before = 12 * 4 if cycle == 2 else 0
        for user in range(1, users + 1):
            seat = feed.seat(users + user - 1, 2 * users, before)
            for iteration in range(1, 12):
                assert looked_up(message, cycle, user, iteration) == seat.at(iteration - 1).rule


def test_one_user_finds_its_cases_in_its_environment(tmp_path):
    """The first in a variable, all in a file, a line for each iteration."""
    part = assignment()
    one = part.of_user(2, 1, duration_s=None)
    message = assignment_to_proto(part)
    told = environment.cases(one, tmp_path)
    lines = (tmp_path / "cases.jsonl").read_text().splitlines()

    assert told["LOADGRPC_CASES"] == str(tmp_path / "cases.jsonl")
    assert told["LOADGRPC_CASE"] == lines[0]
    rules = [json.loads(line)["rule"] for line in lines]
    assert rules == [looked_up(message, 1, 2, iteration) for iteration in range(1, 5)]
    assert json.loads(lines[0]) == {
        "case": "d#1",
        "rule": "d",
        "values": {"n": 3, "a b": "c"},
        "expected": {"ok": True},
    }
    assert set(told) <= environment.OF_RUNNERS


def test_what_comes_after_the_last_line_is_the_first():
    """Of a cycle that a time bounds there are as many lines as make a round."""
    one = assignment(iterations=()).of_user(1, 1, duration_s=1.0)
    drawn = assignment(iterations=(), order=CaseOrder.WEIGHT).of_user(1, 1, duration_s=1.0)

    assert len(list(lines_of_user(one))) == len(CASES)
    assert len(list(lines_of_user(drawn))) == MAX_LINES
    counts = Counter(json.loads(line)["rule"] for line in lines_of_user(drawn))
    assert counts["d"] > counts["a"] > 0


def test_nobody_else_has_cases_in_the_environment(tmp_path):
    """All users, or no cases: nothing is said, and no file is written."""
    assert environment.cases(assignment(), tmp_path) == {}
    bare = Plan(scenarios=(Scenario(test="x", iterations=(1,)),))
    one = Assignment(run_id="r", agent_id="a", plan=bare, user=1)
    assert environment.cases(one, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
