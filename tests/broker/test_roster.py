"""Agents come, fall silent, come back and are lost, all by the time that is passed in."""

from loadgrpc import __version__
from loadgrpc.broker.queue import QueuedRun, decide
from loadgrpc.broker.roster import UNREACHABLE_AFTER_S, Roster
from loadgrpc.model import AgentState
from loadgrpc.protocol.fleet import Registration
from loadgrpc.store import DrainedAgent
from loadgrpc.testing import plan_of

S = 1_000_000_000


def registration(agent_id="a", **fields):
    """What an agent says of itself."""
    fields = {"hostname": "host", "pid": 7, "version": "1", "cores": 4, **fields}
    return Registration(agent_id=agent_id, **fields)


def states(roster, now_ns):
    """The state of each agent by id."""
    return {agent.agent_id: agent.state for agent in roster.agents(now_ns, 0)}


def idle(roster, now_ns):
    """The agents that can be chosen now, by id."""
    return [place.agent_id for place in roster.places(now_ns) if place.idle]


def test_an_agent_is_idle_then_busy_then_idle():
    """A part in a run makes an agent busy, and only the end of that part makes it idle."""
    roster = Roster()
    roster.register(registration(), 0)
    assert (states(roster, 0), idle(roster, 0)) == ({"a": AgentState.IDLE}, ["a"])

    roster.assign("a", "r1")
    assert (states(roster, 0), idle(roster, 0)) == ({"a": AgentState.BUSY}, [])

    roster.release("a", "another run")
    assert idle(roster, 0) == []
    roster.release("a", "r1")
    assert idle(roster, 0) == ["a"]


def test_silence_makes_unreachable_then_lost():
    """Five seconds of silence are shown and keep new runs away; the end of the lease is the end.

    Loads' D6: a dead agent stayed registered, was chosen again, and held up its run for a minute.
    """
    roster = Roster(lease_s=60)
    roster.register(registration(), 10 * S)
    seen = 10 * S + round(UNREACHABLE_AFTER_S * S)

    assert states(roster, seen) == {"a": AgentState.IDLE}
    assert (states(roster, seen + 1), idle(roster, seen + 1)) == ({"a": AgentState.UNREACHABLE}, [])
    assert (roster.lost(70 * S), roster.lost(70 * S + 1)) == ([], ["a"])

    roster.heard("a", 70 * S)
    assert (states(roster, 71 * S), roster.lost(130 * S)) == ({"a": AgentState.IDLE}, [])


def test_a_broken_stream_is_unreachable_at_once():
    """Without its stream an agent cannot be chosen, however lately it was heard."""
    roster = Roster()
    roster.register(registration(), 0)
    roster.assign("a", "r1")
    roster.disconnected("a")
    roster.heard("a", 1)

    assert (states(roster, 2), idle(roster, 2)) == ({"a": AgentState.UNREACHABLE}, [])
    assert roster.lost(60 * S) == []


def test_an_agent_that_comes_back_keeps_its_run():
    """A new stream of the same agent goes on with its part, and with what it says of itself now."""
    roster = Roster()
    roster.register(registration(), 0)
    roster.assign("a", "r1")
    roster.disconnected("a")
    member = roster.register(registration(pid=8), 3 * S)

    assert (member.run_id, member.registration.pid) == ("r1", 8)
    assert states(roster, 3 * S) == {"a": AgentState.BUSY}


def test_an_agent_that_left_is_forgotten():
    """Who says goodbye is not in the roster any more, and comes back as a stranger."""
    roster = Roster()
    roster.register(registration(), 0)
    roster.assign("a", "r1")
    roster.left("a")

    assert (len(roster), "a" in roster) == (0, False)
    roster.left("a")
    roster.heard("a", 1)
    roster.disconnected("a")
    roster.release("a", "r1")
    assert len(roster) == 0
    assert roster.register(registration(), 2).run_id == ""


def test_agents_are_shown_by_id_with_the_time_they_were_seen():
    """The list is sorted, and the wall time of the last sign of life is worked out from now."""
    roster = Roster()
    roster.register(registration("b"), 1 * S)
    roster.register(registration("a"), 3 * S)
    agents = roster.agents(4 * S, 1_000 * S)

    assert [agent.agent_id for agent in agents] == ["a", "b"]
    assert [agent.last_seen_time_ns for agent in agents] == [999 * S, 997 * S]
    assert idle(roster, 4 * S) == ["a", "b"]


def test_c13_another_version_is_told():
    """An agent of another minor version is listed with what is wrong; a patch is no difference."""
    roster = Roster()
    ours = __version__
    minor = ours.rpartition(".")[0]
    for agent_id, version in (("a", ours), ("b", f"{minor}.99"), ("c", "0.9.0"), ("d", "")):
        roster.register(registration(agent_id, version=version), 0)
    troubles = {agent.agent_id: agent.troubles for agent in roster.agents(0, 0)}
    assert troubles["a"] == troubles["b"] == troubles["d"] == ()
    assert f"runs loadgrpc 0.9.0, and this is {ours}" in troubles["c"][0]


def test_an_agent_that_was_given_up_is_not_free():
    """Only the agent itself makes an end of a part that it did not answer for."""
    roster = Roster()
    roster.register(registration(), 0)
    roster.assign("a", "r1")
    roster.give_up("a", "r1")
    roster.release("a", "r1")
    assert states(roster, 0) == {"a": AgentState.BUSY}
    roster.release("a", "r1", told=True)
    assert states(roster, 0) == {"a": AgentState.IDLE}


def drained(agent_id):
    """What the store keeps of an agent that is drained."""
    return {agent_id: DrainedAgent(agent_id, "host", 5)}


def test_a_drained_agent_keeps_its_part_and_is_not_chosen():
    """It finishes what it has: busy, it is draining, and then drained; undone, it is idle."""
    roster = Roster()
    roster.register(registration(), 0)
    roster.assign("a", "r1")
    roster.drained.update(drained("a"))

    assert states(roster, 0) == {"a": AgentState.DRAINING}
    roster.release("a", "r1")
    assert (states(roster, 0), idle(roster, 0)) == ({"a": AgentState.DRAINED}, [])
    roster.disconnected("a")
    assert states(roster, 0) == {"a": AgentState.UNREACHABLE}
    roster.register(registration(), 0)
    assert states(roster, 0) == {"a": AgentState.DRAINED}
    roster.drained.clear()
    assert (states(roster, 0), idle(roster, 0)) == ({"a": AgentState.IDLE}, ["a"])


def test_a_drained_agent_that_is_away_is_listed():
    """So that nobody forgets whom to give runs again."""
    roster = Roster()
    roster.register(registration("b"), 0)
    roster.drained.update(drained("a"))

    away, here = roster.agents(0, 0)

    assert (away.agent_id, away.state, away.drained) == ("a", AgentState.UNREACHABLE, True)
    assert (away.last_seen_time_ns, away.hostname) == (0, "host")
    assert not here.drained


def test_r3_an_agent_that_retires_is_let_go_between_runs_only():
    """Loads' R3: max-age ended agents that were busy. Here one with a part has to wait."""
    roster = Roster()
    roster.register(registration(), 0)
    roster.assign("a", "r1")

    assert roster.retire("a") is False
    assert states(roster, 0) == {"a": AgentState.DRAINING}
    roster.release("a", "r1")
    assert (states(roster, 0), idle(roster, 0)) == ({"a": AgentState.DRAINED}, [])
    assert roster.retire("a") is True
    assert roster.retire("nobody") is False
    roster.register(registration(), 0)  # a new process of that name is young
    assert states(roster, 0) == {"a": AgentState.IDLE}


def test_agents_are_chosen_over_hosts_first():
    """Of two machines with two agents each, a run of two gets one of each."""
    roster = Roster()
    for agent_id, host in (("a", "one"), ("b", "one"), ("c", "two"), ("d", "two")):
        roster.register(registration(agent_id, hostname=host), 0)

    def chosen(agents):
        run = QueuedRun("r", plan_of(test="a.B.c", agents=agents), 0)
        return decide([run], roster.places(0), roster.working()).starts.get("r")

    assert chosen(2) == ["a", "c"]
    roster.assign("a", "r1")
    assert chosen(1) == ["c"]  # the other machine has no work
    assert chosen(3) == ["b", "c", "d"]
    assert chosen(4) is None


def test_agents_that_are_away_or_busy_may_be_chosen_later():
    """They are known, with their labels, and not idle; those that are drained or leave are not."""
    roster = Roster()
    for agent_id in "abcde":
        roster.register(registration(agent_id, labels=("eu",)), 0)
    roster.assign("b", "r1")
    roster.disconnected("c")
    roster.drained["d"] = DrainedAgent("d", "host", 0)
    roster.retire("e")

    assert [(each.agent_id, each.idle, *each.labels) for each in roster.places(0)] == [
        ("a", True, "eu"),
        ("b", False, "eu"),
        ("c", False, "eu"),
    ]
