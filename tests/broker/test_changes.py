"""The log of a run: its numbers, what may be shown of it, its bound, and runs that have none."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadgrpc.broker import changes as module
from loadgrpc.broker.changes import ChangeLog, as_it_was, derived
from loadgrpc.broker.records import change_from_record, change_to_record
from loadgrpc.broker.state import NEVER, TRANSITIONS, RunEvent
from loadgrpc.model import AgentEvent, Change, ChangeKind, Run, RunState
from loadgrpc.protocol import bounds
from loadgrpc.testing import plan_of

STARTING, RUNNING, STOPPING, FINISHED, STOPPED, FAILED, *_ = RunState
STATE, AGENT, LOAD, THRESHOLD, NOTE, AUDIT, *_ = ChangeKind


def numbers(changes):
    """Their numbers."""
    return [change.sequence for change in changes]


def test_a_change_is_shown_when_it_is_stored():
    """Until then it waits to be stored; what was stored is not stored again."""
    log = ChangeLog()
    log.add(STATE, STARTING, 1)
    log.add(NOTE, STARTING, 2, "a note")
    assert (numbers(log.after(0)), numbers(log.unwritten), log.last) == ([], [1, 2], 0)
    assert log.stored(1)
    assert (numbers(log.after(0)), numbers(log.unwritten), log.last) == ([1], [2], 1)
    log.add(STATE, RUNNING, 3)
    assert log.stored(3)
    assert (numbers(log.after(1)), numbers(log.unwritten), log.last) == ([2, 3], [], 3)


def test_a_write_that_ends_late_shows_nothing_older():
    """Of two writes the one with more changes counts, in whatever order they end."""
    log = ChangeLog()
    log.add(STATE, STARTING, 1)
    log.add(STATE, RUNNING, 2)
    assert log.stored(2)
    assert not log.stored(1)
    assert (log.last, numbers(log.unwritten)) == (2, [])


def test_a_log_is_bounded_but_for_states_and_load(monkeypatch):
    """An agent that comes and goes for days fills nobody's memory, and hides no end."""
    monkeypatch.setattr(module, "MAX_CHANGES", 3)
    log = ChangeLog()
    log.add(STATE, STARTING, 1)
    for number in range(9):
        log.add(AGENT, STARTING, 2, agent_id="a1", agent_event=AgentEvent.BACK)
        log.add(LOAD, RUNNING, 3, cycle=number)
    log.add(STATE, FINISHED, 4)
    kinds = [change.kind for change in log.unwritten]
    assert (kinds.count(AGENT), kinds.count(LOAD), kinds.count(STATE)) == (3, 9, 2)
    log.stored(len(kinds))
    again = ChangeLog(log.after(0))  # at the next broker
    again.add(NOTE, FINISHED, 5, "one more")
    assert again.unwritten == []


def test_what_peers_say_is_kept_as_text_of_a_bound():
    """A sentence is cut, and has no NUL in it."""
    log = ChangeLog()
    log.add(NOTE, STARTING, 1, "a\0" + "x" * 5_000)
    (change,) = log.unwritten
    assert len(change.reason) == 512
    assert change.reason.startswith("a\N{REPLACEMENT CHARACTER}x")


def test_the_bounds_of_a_log_are_in_the_proto():
    """Whoever reads a log knows how long it can be."""
    proto = (Path(__file__).parents[2] / "protos/loadgrpc/v1/control.proto").read_text()
    comment = proto[proto.index("// A change of a run: one entry") :].partition("\n}\n")[0]
    assert f"{module.MAX_CHANGES:,} entries" in comment
    assert f"at most {bounds.MAX_REASON_CHARS} characters" in comment


def test_the_log_says_which_agents_are_away_and_lost():
    """The newest entry of each agent counts."""
    log = ChangeLog()
    for agent_id, event in (
        ("a1", AgentEvent.UNREACHABLE),
        ("a2", AgentEvent.UNREACHABLE),
        ("a1", AgentEvent.BACK),
        ("a3", AgentEvent.LOST),
        ("a4", AgentEvent.UNREACHABLE),
        ("a4", AgentEvent.LOST),
    ):
        log.add(AGENT, RUNNING, 1, agent_id=agent_id, agent_event=event)
    assert log.agents() == ({"a2"}, {"a3", "a4"})


@pytest.mark.parametrize(
    "change",
    [
        Change(sequence=1, kind=STATE, state=STARTING, time_ns=5, reason="why"),
        Change(sequence=2, kind=STATE, state=STOPPING),
        Change(
            sequence=3,
            kind=AGENT,
            state=RUNNING,
            time_ns=6,
            agent_id="a1",
            agent_event=AgentEvent.LOST,
        ),
        Change(sequence=4, kind=LOAD, state=RUNNING, time_ns=7, cycle=2, users=20, attempt=3),
    ],
)
def test_a_change_comes_back_from_the_store_as_it_was(change):
    """Whatever it is about."""
    assert change_from_record(change_to_record(change)) == change


def lives(states):
    """Every way a run can go from here: lists of the states it is in, one after another."""
    yield states
    for event, state in TRANSITIONS[states[-1]].items():
        if state is NEVER or event is RunEvent.RETRIED:  # those that knew no attempts had a log
            continue
        if state is not states[-1]:
            yield from lives([*states, state])


@pytest.mark.parametrize(
    "states", list(lives([STARTING])), ids=lambda s: "-".join(x.name for x in s)
)
def test_a_run_without_a_log_has_the_changes_that_follow_from_what_it_is(states):
    """An older loadgrpc kept none: what the run is today says what it went through, and how."""
    made = []
    run = Run(run_id="r", state=STARTING, plan=plan_of(test="a.B.c"), create_time_ns=1)
    for moment, state in enumerate(states, 1):
        run = replace(
            run,
            state=state,
            reason=f"because {moment}" if state in (STOPPING, FAILED) else run.reason,
            start_time_ns=moment if state is RUNNING else run.start_time_ns,
            end_time_ns=moment if state.final else None,
        )
        made.append(run)

    changes = derived(run)
    assert [change.sequence for change in changes] == list(range(1, len(made) + 1))
    assert [as_it_was(run, change) for change in changes] == made
