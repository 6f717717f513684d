"""Faults that leave all processes alive, and let some not be heard: stopped, or cut off."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from faults.round import Round

NOTICED_WITHIN_S: Final = 5.0 + 2.0
"""In which a silent agent must be unreachable; a look takes its time, too."""


def stop_runner(a_round: Round) -> None:
    """SIGSTOP of a process of a runner, and SIGCONT a while later."""
    running = a_round.begin()
    a_round.in_the_load()
    agent = a_round.rng.choice(a_round.cluster.agents)
    kind = a_round.rng.choice(("link", "user"))
    a_round.note(f"SIGSTOP of the {kind} of {agent.agent_id}")
    pid = agent.runner()[kind]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(a_round.pause_s)
    os.kill(pid, signal.SIGCONT)
    a_round.finish(running)


def stop_agent(a_round: Round) -> None:
    """SIGSTOP of an agent, and SIGCONT a while later: unreachable, and nothing is lost."""
    running = a_round.begin()
    a_round.in_the_load()
    agent = a_round.rng.choice(a_round.cluster.agents)
    a_round.note(f"SIGSTOP of {agent.agent_id}")
    agent.daemon.signal(signal.SIGSTOP)
    _pause_unreachable(a_round)
    agent.daemon.signal(signal.SIGCONT)
    a_round.finish(running)


def stop_broker(a_round: Round) -> None:
    """SIGSTOP of the broker, and SIGCONT a while later."""
    running = a_round.begin()
    a_round.in_the_load()
    a_round.note("SIGSTOP of the broker")
    a_round.cluster.broker.signal(signal.SIGSTOP)
    time.sleep(a_round.pause_s)
    a_round.cluster.broker.signal(signal.SIGCONT)
    a_round.finish(running)


def cut(a_round: Round) -> None:
    """The network between agents and broker is cut for a while, less than the lease."""
    running = a_round.begin()
    a_round.in_the_load()
    a_round.note("cuts the cable")
    a_round.gear.cut()
    _pause_unreachable(a_round)
    a_round.note("mends the cable")
    a_round.gear.mend()
    a_round.finish(running)


def cut_for_good(a_round: Round) -> None:
    """The network is cut for longer than the lease: agents end their load by the time it ends."""
    lease_s = a_round.cluster.lease_s
    running = a_round.begin(seconds=2 * lease_s)
    a_round.cluster.wait_for_load()
    a_round.wait(0.0, 2.0)
    a_round.victims = tuple(agent.agent_id for agent in a_round.cluster.agents)
    a_round.note("cuts the cable")
    a_round.gear.cut()
    cut_s = time.monotonic()
    # The lease counts from the last sign of life that the broker had.
    time.sleep(lease_s + 1.0)
    status = a_round.cluster.status()
    a_round.expect("agents 0" in status, f"the lease is over, and the agents are not: {status}")
    time.sleep(1.0)
    for agent_id, seen in a_round.cluster.seen().items():
        late_s = seen.last_s - cut_s - lease_s
        a_round.expect(late_s < 1.0, f"{agent_id} made load {late_s:.1f} s after its lease")
    a_round.note("mends the cable")
    a_round.gear.mend()
    a_round.finish(running)
    a_round.expect_lost()


def bad_cable(a_round: Round) -> None:
    """The network loses and delays packets for the whole of the run."""
    a_round.note(f"spoils the cable: {a_round.gear.spoil()}")
    a_round.finish(a_round.begin())
    lost = a_round.gear.lost()
    a_round.note(f"the cable lost {lost} packets")
    a_round.expect(lost > 0, "the bad cable lost no packet: nothing was tried")


def _pause_unreachable(a_round: Round) -> None:
    """Waits; an agent has to be unreachable meanwhile, if it is long enough for that."""
    silent_s = time.monotonic()
    if a_round.pause_s > NOTICED_WITHIN_S:
        time.sleep(NOTICED_WITHIN_S)
        a_round.expect_unreachable()
    time.sleep(max(0.0, silent_s + a_round.pause_s - time.monotonic()))
