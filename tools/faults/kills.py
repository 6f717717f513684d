"""Faults that end processes: runners, keepers, agents, brokers, by SIGKILL, SIGTERM or a stop."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Final

from faults.daemon import alive_after, family
from faults.judge import UNREACHABLE
from faults.round import END_S, USERS, Round

DEAF_STOP_S: Final = 1.0
DEAF_DEAD_S: Final = 6.0


def kill_runner(a_round: Round) -> None:
    """SIGKILL of the link of a runner; the rest of it must go, and the run go on."""
    _kill_of_runner(a_round, "link")


def kill_user(a_round: Round) -> None:
    """SIGKILL of a user process of a runner: the others go on, and what it lost is told."""
    running = a_round.begin()
    a_round.in_the_load()
    agent = a_round.rng.choice(a_round.cluster.agents)
    a_round.victims = (agent.agent_id,)
    a_round.note(f"SIGKILL of a user process of {agent.agent_id}")
    kill_process(agent.runner()["user"])
    a_round.finish(running)
    a_round.expect_lost()


def kill_keeper(a_round: Round) -> None:
    """SIGKILL of the process that keeps a runner; all of it must go."""
    _kill_of_runner(a_round, "keeper")


def _kill_of_runner(a_round: Round, kind: str) -> None:
    running = a_round.begin()
    a_round.in_the_load()
    agent = a_round.rng.choice(a_round.cluster.agents)
    runner = agent.runner()
    below = family(agent.daemon.pid)
    a_round.victims = (agent.agent_id,)
    a_round.note(f"SIGKILL of the {kind} of {agent.agent_id}")
    kill_process(runner[kind])
    a_round.expect_gone(below)
    a_round.finish(running)
    a_round.expect_lost()


def kill_agent(a_round: Round) -> None:
    """SIGKILL of an agent: its whole tree goes, it is unreachable at once, the run goes on."""
    running = a_round.begin()
    a_round.in_the_load()
    agent = a_round.rng.choice(a_round.cluster.agents)
    below = family(agent.daemon.pid)
    a_round.victims = (agent.agent_id,)
    a_round.note(f"SIGKILL of {agent.agent_id}")
    agent.daemon.kill()
    a_round.expect_gone(below)
    a_round.expect_unreachable()
    a_round.finish(running)
    a_round.expect_lost()


def kill_broker(a_round: Round) -> None:
    """SIGKILL of the broker, and another one on the same store a while later."""
    _end_broker(a_round, signal.SIGKILL)


def term_broker(a_round: Round) -> None:
    """SIGTERM to the broker, and another one on the same store a while later."""
    _end_broker(a_round, signal.SIGTERM)


def _end_broker(a_round: Round, number: signal.Signals) -> None:
    running = a_round.begin()
    a_round.wait(0.0, a_round.seconds + 1.0)
    a_round.note(f"{number.name} to the broker")
    a_round.cluster.broker.signal(number)
    code = a_round.cluster.broker.popen.wait(END_S)
    if number is signal.SIGTERM:
        a_round.expect(code == 0, f"the broker exits with {code} after SIGTERM")
    a_round.wait(0.0, 2.0)
    a_round.cluster.start_broker()
    a_round.note("the broker is there again")
    a_round.finish(running)


def term_agent(a_round: Round) -> None:
    """SIGTERM to an agent in a run: it drains."""
    running = a_round.begin()
    a_round.in_the_load()
    agent = a_round.rng.choice(a_round.cluster.agents)
    below = family(agent.daemon.pid)
    a_round.victims = (agent.agent_id,)
    a_round.note(f"SIGTERM to {agent.agent_id}")
    code = agent.daemon.end(END_S)
    a_round.expect(code == 0, f"the agent exits with {code} after SIGTERM")
    a_round.expect_gone(below)
    a_round.finish(running)
    part = a_round.verdict.parts[agent.agent_id]
    requests = a_round.cluster.seen()[agent.agent_id].requests
    a_round.expect(
        part.hits == requests,
        f"{agent.agent_id} was drained with {part.hits} hits, the server counted {requests}",
    )


def kill_idle_agent(a_round: Round) -> None:
    """SIGKILL of an agent without work: it is chosen for nothing, and soon not listed."""
    cluster = a_round.cluster
    agent = a_round.rng.choice(cluster.agents)
    a_round.note(f"SIGKILL of {agent.agent_id}, which is idle")
    agent.daemon.kill()
    killed_s = time.monotonic()
    a_round.expect_unreachable()
    asked = cluster.command("run", "visit.TestVisit.test_visit", "-a", str(len(cluster.agents)))
    a_round.expect(
        asked.returncode == UNREACHABLE,
        f"a run on all agents exits with {asked.returncode}: {asked.stderr[-200:]}",
    )
    cluster.agents.remove(agent)
    a_round.finish(a_round.begin())
    time.sleep(max(0.0, killed_s + cluster.lease_s + 2.0 - time.monotonic()))
    status = cluster.status()
    a_round.expect("agents 1: 1 idle" in status, f"the dead agent is still listed: {status}")


def deaf_runner(a_round: Round) -> None:
    """A stop of a run whose users do not end, in processes that SIGTERM does not end; twice."""
    cluster = a_round.cluster
    options = ("-d", "60s", "--stop-timeout", f"{DEAF_STOP_S:g}s")
    running = cluster.start_run("test_deaf", *options, users=USERS)
    cluster.wait_for_load()
    a_round.wait(0.5, 1.5)
    below = [pid for agent in cluster.agents for pid in family(agent.daemon.pid)]
    a_round.note("stops the run, twice")
    codes = [cluster.command("stop", cluster.run_id).returncode for _ in range(2)]
    a_round.expect(codes == [0, 0], f"loadgrpc stop exits with {codes}")
    left = alive_after(below, DEAF_STOP_S + DEAF_DEAD_S)
    a_round.expect(not left, f"{len(left)} deaf processes live on after the stop")
    a_round.finish(running)


def kill_process(pid: int) -> None:
    """SIGKILL of a process, if it still has work to do."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
