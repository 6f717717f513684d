"""What comes from each agent by time, if anybody wants to know."""

import pytest

from loadgrpc.broker import figures_by_agent
from loadgrpc.broker.figures_by_agent import FiguresByAgent
from loadgrpc.model import OTHER, TestOutcome
from loadgrpc.protocol.batches import decode
from loadgrpc.stats.rules import AgentName
from loadgrpc.stats.timeline import Timeline
from loadgrpc.v1 import event_pb2, runner_pb2

NS = 10**9


def batch():
    """Two hits, one of which failed, an iteration in a block, and one in a row."""
    label = event_pb2.HitLabel(name="/", method="GET", status=200)
    failed = event_pb2.HitLabel(name="/", method="GET", status=500)
    hits = event_pb2.HitBlock(
        count=2, labels=[label, failed], label=b"\x00\x01", elapsed_ns=b"\x05\x06"
    )
    tests = event_pb2.TestBlock(
        count=1,
        labels=[{"test": "t", "outcome": event_pb2.TEST_OUTCOME_SUCCESS}],
        elapsed_ns=b"\x07",
    )
    for block in (hits, tests):
        block.base_time.FromSeconds(40)
    row = event_pb2.Event(test_success={"test": "t"})
    row.time.FromSeconds(40)
    return decode(
        runner_pb2.EventBatch(hit_blocks=[hits], test_blocks=[tests], events=[row]),
        arrival_ns=50 * NS,
    )


@pytest.fixture
def figures():
    """Figures that somebody wants."""
    made = FiguresByAgent(Timeline())
    made.wanted = True
    return made


def add(figures, agent_id, ahead_ns=0):
    """The batch comes from an agent."""
    figures.add((agent_id, "s"), batch(), arrival_ns=50 * NS, ahead_ns=ahead_ns)


def test_hits_and_iterations_are_in_the_second_in_which_they_ended(figures):
    """By the broker's clock, whatever that of the agent says."""
    add(figures, "a")
    add(figures, "b", ahead_ns=3 * NS)
    timeline = figures._timeline
    assert timeline.window(40).agents.keys() == {AgentName("s", "a")}
    came = timeline.window(37).agents["s", "b"]
    assert (came.hits.count, came.hits.failed) == (2, 1)
    assert came.outcomes == {TestOutcome.SUCCESS: 2}
    assert came.time.max_ns == 7


def test_nothing_is_kept_that_nobody_wants():
    """Most runs have no threshold that selects by agent."""
    figures = FiguresByAgent(Timeline())
    add(figures, "a")
    assert not figures._timeline.window(40).agents


def test_many_agents_are_counted_together(figures, monkeypatch):
    """From one number on; nothing is lost of them."""
    monkeypatch.setattr(figures_by_agent, "MAX_AGENTS", 2)
    for agent_id in ("a", "b", "c", "d", "a"):
        add(figures, agent_id)
    found = figures._timeline.window(40).agents
    assert {name.agent: stats.hits.count for name, stats in found.items()} == {
        "a": 4,
        "b": 2,
        OTHER: 4,
    }
