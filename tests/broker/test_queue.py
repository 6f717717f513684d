"""Who gets agents and who waits, as decisions: no broker, no clock, no loop."""

import random
import time
from dataclasses import replace

import pytest

from loadgrpc.broker.queue import HEAD_START_S, Choosable, QueuedRun, decide
from loadgrpc.model import RunnerMode, Signature
from loadgrpc.testing import plan_of

NS = 10**9


def run(name, agents=2, *, since=0, priority=0, **plan):
    """A run that wants agents, and has waited since that second."""
    plan = plan_of(test="a.B.c", agents=agents, **plan)
    return QueuedRun(name, plan, since * NS, priority)


def agents(number, **more):
    """So many agents, each on a host of its own."""
    return [Choosable(f"a{at}", f"h{at}", **more) for at in range(number)]


def started(decision):
    """Who starts, in order."""
    return list(decision.starts)


def test_runs_start_in_order_as_far_as_agents_reach():
    """Ten plans for six agents of which each wants two: three start, and seven know their place."""
    found = decide([run(f"r{at}", since=at) for at in range(10)], agents(6))

    assert started(found) == ["r0", "r1", "r2"]
    taken = [agent for chosen in found.starts.values() for agent in chosen]
    assert len(taken) == len(set(taken)) == 6
    assert [(name, each.position, each.length) for name, each in found.waits.items()] == [
        (f"r{at + 3}", at + 1, 7) for at in range(7)
    ]
    assert found.waits["r3"].reason == "needs 2 agents, 0 idle, and 6 for runs before it"
    assert found.waits["r3"].agents == 6


def test_those_that_came_first_go_first_whatever_order_they_are_in():
    """The order of the list says nothing but for runs that came at the same moment."""
    queue = [run("late", since=5), run("early", since=1), run("twin", since=1)]

    assert started(decide(queue, agents(4))) == ["early", "twin"]


def test_a_large_run_is_not_passed_by_small_ones():
    """What it could use is kept for it until there is enough, and nobody behind it gets that."""
    places = [*agents(3), Choosable("busy", "h", idle=False)]
    found = decide([run("large", 4), run("small", 1, since=1)], places)

    assert not found.starts
    assert found.waits["large"].reason == "needs 4 agents, 3 idle"
    assert found.waits["small"].reason == "needs 1 agent, 0 idle, and 3 for runs before it"


def test_a_run_that_no_agents_can_run_holds_up_nobody_and_says_so():
    """More than are known, or with a label that none has: others go on, and it waits."""
    queue = [run("huge", 9), run("mars", 1, agent_labels=("mars",)), run("small", 2, since=9)]
    found = decide(queue, agents(3, labels=frozenset({"eu"})))

    assert started(found) == ["small"]
    assert found.waits["huge"].reason == "needs 9 agents, only 3 known"
    assert found.waits["mars"].reason == "needs 1 agent with label mars, none known"
    assert found.waits["mars"].agents == 0


def test_labels_are_kept():
    """A run gets only agents with all of its labels; what it waits for is not kept from others."""
    places = [
        Choosable("e1", "h1", frozenset({"eu"})),
        Choosable("e2", "h2", frozenset({"eu", "big"}), idle=False),
        Choosable("u1", "h3", frozenset({"us"})),
    ]
    queue = [
        run("both", 1, agent_labels=("big", "eu")),
        run("eu", 2, agent_labels=("eu",), since=1),
        run("us", 1, agent_labels=("us",), since=2),
        run("any", 1, since=3),
    ]
    found = decide(queue, places)

    assert found.starts == {"us": ["u1"]}
    assert found.waits["both"].reason == "needs 1 agent with labels big, eu, 0 idle"
    assert found.waits["eu"].reason == "needs 2 agents with label eu, 1 idle"
    assert found.waits["any"].position == 3


def test_agents_that_cannot_be_sent_files_run_only_what_needs_none():
    """And the reason counts them."""
    old = agents(2, prepares=False)
    found = decide([run("sent", 1, bundle="0" * 64), run("there", 1)], old)

    assert started(found) == ["there"]
    reason = found.waits["sent"].reason
    assert reason == "needs 1 agent, none known; 2 more are too old to be sent files or packages"


def test_a_higher_priority_goes_first_and_waiting_makes_up_for_it():
    """A step counts as ten minutes of waiting: no stream of urgent runs starves another."""
    high, low = run("high", priority=9, since=100), run("low", since=0)

    assert started(decide([low, high], agents(2))) == ["high"]
    later = run("later", priority=9, since=9 * HEAD_START_S + 1)
    assert started(decide([later, low], agents(2))) == ["low"]


def test_runs_are_spread_over_hosts():
    """As those that start at once: hosts that have work already come last."""
    places = [
        Choosable("a1", "one"),
        Choosable("a2", "one"),
        Choosable("b1", "two"),
        Choosable("c1", "three"),
    ]

    assert decide([run("r", 2)], places, working=["three"]).starts == {"r": ["a1", "b1"]}


@pytest.mark.parametrize("seed", range(20))
def test_every_run_starts_sooner_or_later(seed):
    """Whatever they want, and whenever agents become free: none waits forever, none starts twice.

    At each turn the run that has waited longest gets its agents before all that came after it and
    want the same ones.
    """
    drawn = random.Random(seed)
    places = [
        Choosable(f"a{at}", f"h{at % 3}", frozenset(drawn.sample(["eu", "us", "big"], 2)))
        for at in range(6)
    ]
    queue = []
    for at in range(30):
        labels = tuple(drawn.sample(["eu", "us", "big"], drawn.choice([0, 1])))
        fit = sum(place.labels.issuperset(labels) for place in places)
        if fit:
            priority = drawn.choice([0, 0, 9])
            wanted = drawn.randint(1, fit)
            queue.append(run(f"r{at}", wanted, since=at, priority=priority, agent_labels=labels))
    busy, done = {}, []
    for _ in range(1_000):
        taken = {agent for chosen in busy.values() for agent in chosen}
        now = [
            Choosable(place.agent_id, place.host, place.labels, idle=place.agent_id not in taken)
            for place in places
        ]
        waiting = [each for each in queue if each.run_id not in busy and each.run_id not in done]
        found = decide(waiting, now)
        assert found.starts.keys() | found.waits.keys() == {each.run_id for each in waiting}
        for name, chosen in found.starts.items():
            (plan,) = [each.plan for each in queue if each.run_id == name]
            assert len(chosen) == plan.agents
            assert not taken & set(chosen)
            taken |= set(chosen)
            busy[name] = chosen
        if not busy:
            break
        over = drawn.choice(list(busy))
        del busy[over]
        done.append(over)

    assert sorted(done) == sorted(each.run_id for each in queue)


def test_a_thousand_runs_are_decided_on_in_no_time():
    """Which each turn of the broker does: 10 ms in the benchmark, ten times that here."""
    labels = ["eu", "us", "big", "small"]
    queue = [
        run(f"r{at}", 3, since=at, priority=at % 10, agent_labels=(labels[at % 4],))
        for at in range(1_000)
    ]
    places = [
        Choosable(f"a{at}", f"h{at}", frozenset({labels[at % 4]}), idle=at % 3 == 0)
        for at in range(100)
    ]
    began = time.perf_counter()
    found = decide(queue, places)

    assert time.perf_counter() - began < 0.1
    assert len(found.starts) + len(found.waits) == 1_000


def test_what_is_not_signed_gets_no_agent_that_demands_it():
    """Those that run everything take it; why others do not is said. By hand nothing is run."""
    places = [Choosable("a", signed_only=True), Choosable("b")]
    unsigned, signature = plan_of(test="x.y.z"), Signature(public_key=b"", signature=b"")
    runs = [QueuedRun("unsigned", unsigned, 0)]
    assert decide(runs, places).starts == {"unsigned": ["b"]}
    (left,) = decide(runs, places[:1]).left
    assert left[2] == "needs 1 agent, none known; 1 more run only what is signed (--sign)"
    for plan in (
        replace(unsigned, signatures=(signature,)),
        plan_of(test="x", runner_mode=RunnerMode.BY_HAND),
    ):
        assert decide([QueuedRun("other", plan, 0)], places[:1]).starts == {"other": ["a"]}
