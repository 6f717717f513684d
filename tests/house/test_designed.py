"""loadgrpc's own rules as decision tables: which options go together, and the life of a run.

Each is compared with what the program does, combination by combination.
"""

import re
from pathlib import Path

import pytest

from loadgrpc.broker import attempts, queue, state
from loadgrpc.design import Condition, DecisionTable, DesignError, Impossible, load_table
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import RetryPolicy, RetryReason, RunnerMode, RunState
from loadgrpc.protocol import options, plans
from loadgrpc.v1 import run_pb2

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = load_table(ROOT / "loadgrpc/examples/design/plan-options.md")
SUBMISSION = load_table(ROOT / "loadgrpc/examples/design/run-submission.md")
RETRIES = load_table(ROOT / "loadgrpc/examples/design/run-retries.md")
TESTS = load_table(ROOT / "loadgrpc/examples/design/plan-tests.md")
MODES = {"none": 0, **{mode.name.lower().replace("_", "-"): int(mode) for mode in RunnerMode}}


def answer(given):
    """What a broker says to a plan with these options."""
    spec = run_pb2.RunSpec(test="a.B.c", runner_mode=MODES[given["runner_mode"]])
    if given["iterations"]:
        spec.iterations.append(1)
    if given["duration"]:
        spec.duration.FromSeconds(5)
    if given["test_runner"]:
        spec.test_runner = "./run"
    if given["silence_timeout"]:
        spec.silence_timeout.FromSeconds(5)
    try:
        plans.plan_from_proto(spec)
    except InvalidRequest:
        return "refused"
    return "accepted"


def test_options_go_together_as_their_table_says():
    """All 64 combinations of options that exclude or need each other."""
    assert OPTIONS.check().complete
    combinations = list(OPTIONS.combinations())
    assert len(combinations) == 64
    for given in combinations:
        assert OPTIONS.decide(given).actions == {"action": answer(given)}, given


def test_what_users_call_goes_together_as_its_table_says():
    """All 64 combinations of tests, their order, rests, and a runner that has its own way."""
    values = {
        "test": "a.B.c",
        "tests": [{"test": "a.B.d"}],
        "test_order": run_pb2.TEST_ORDER_SEQUENTIAL,
        "pacing": {"constant": {"seconds": 1}},
        "think": {"constant": {"seconds": 1}},
        "test_runner": "./run",
    }
    assert TESTS.check().complete
    combinations = list(TESTS.combinations())
    assert len(combinations) == 64
    for given in combinations:
        spec = run_pb2.RunSpec(**{name: values[name] for name in values if given[name]})
        try:
            plans.plan_from_proto(spec)
        except InvalidRequest:
            assert TESTS.decide(given).actions == {"action": "refused"}, given
        else:
            assert TESTS.decide(given).actions == {"action": "accepted"}, given


def test_every_option_that_excludes_or_needs_another_is_in_the_table():
    """A new row that does changes the table, too; except that a load replaces several at once."""
    concerned = {
        name
        for row in options.ALL.values()
        if row.field not in {"load", "stages"}
        for name in (row.field, row.needs, *row.excludes, "test_runner" * row.python)
        if name and (row.needs or row.excludes or row.python)
    }

    assert concerned == {each.name for each in (*OPTIONS.conditions, *TESTS.conditions)}


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("plan-options", "designing-tests"),
        ("plan-tests", "designing-tests"),
        ("run-submission", "run-life"),
        ("run-retries", "run-life"),
    ],
)
def test_a_table_is_drawn_on_its_page(name, page):
    """As it is in the file."""
    drawn = re.findall(r"^\|.*$", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE)
    file = (ROOT / f"loadgrpc/examples/design/{name}.md").read_text()

    for row in re.findall(r"^\| (?!rule|-).*$", file, re.MULTILINE):
        assert re.sub(r" +", " ", row) in drawn


def test_a_run_that_is_asked_for_becomes_what_its_table_says():
    """All combinations: when it starts, whether agents are free, and whether it may wait."""
    assert SUBMISSION.check().complete
    combinations = list(SUBMISSION.combinations())
    assert len(combinations) == 16
    for given in combinations:
        begins = queue.on_submission(**given)
        becomes = "refused" if begins is None else begins.name
        assert begins in (None, *state.FIRST)
        assert SUBMISSION.decide(given).actions == {"action": becomes}, given


def test_another_attempt_follows_as_its_table_says():
    """All combinations: with and without a policy, stopped, attempts left, and for which reason."""
    assert RETRIES.check().complete
    combinations = list(RETRIES.combinations())
    assert len(combinations) == 16
    for given in combinations:
        policy = RetryPolicy(max_attempts=2) if given["policy"] else None
        attempt = 1 if given["attempts_left"] else 2
        why = RetryReason.AGENT_LOST if given["in_retry_on"] else RetryReason.TEST_FAILED
        follows = attempts.follows(policy, attempt, frozenset({why}), stopped=given["stopped"])
        becomes = "next attempt" if follows else "the run ends"
        assert RETRIES.decide(given).actions == {"action": becomes}, given


def life():
    """The life of a run as a table: what a state becomes by an event."""
    conditions = [
        Condition.of("state", [each.name for each in RunState]),
        Condition.of("event", [each.name for each in state.RunEvent]),
    ]

    def becomes(**given):
        then = state.TRANSITIONS[RunState[given["state"]]][state.RunEvent[given["event"]]]
        return Impossible if then is state.NEVER else then.name

    return DecisionTable.from_function(becomes, conditions, title="The life of a run")


def test_the_life_of_a_run_is_complete():
    """Every event in every state has one outcome, or must not happen; `step` does the same."""
    table = life()

    assert table.check().complete
    for each in RunState:
        for event in state.RunEvent:
            given = {"state": each.name, "event": event.name}
            try:
                then = state.step(each, event)
            except state.IllegalEventError:
                with pytest.raises(DesignError, match="cannot occur"):
                    table.decide(given)
            else:
                assert table.decide(given).actions == {"action": then.name}


def test_a_final_run_stays_what_it_is():
    """The simplified table says so: one rule for each final state, whatever happens."""
    simple = life().simplify().table
    finals = [each for each in RunState if each.final]

    for each in finals:
        rules = [rule for rule in simple.rules if rule.outcome == (each.name,)]
        met = {
            name
            for rule in rules
            for name in simple.conditions[0].names(rule.entries[0])
            if RunState[name].final
        }
        assert met == {each.name}
