"""Faults of a broker whose runs wait: for their time, for their next attempt, for other runs."""

from __future__ import annotations

import signal
import time
from typing import Any, Final

from faults.daemon import LOOK_EVERY_S, Broken
from faults.judge import INCOMPLETE
from faults.kills import kill_process
from faults.round import END_S, USERS, Round

START_IN_S: Final = 2.0
BACKOFF_S: Final = 4.0
CAMPAIGN: Final = """\
title = "faults"
plan = {{test = "visit.TestVisit.test_visit", server_url = "{url}", duration = "{seconds:g}s"}}

[[steps]]
name = "load"
plan = {{agents = 1}}
map = {{users = [{users}, {users}]}}

[[steps]]
name = "after"
after = "load"
plan = {{agents = {agents}, users = {users}}}
"""
STEPS: Final = ("load-1", "load-2", "after")


def kill_scheduled(a_round: Round) -> None:
    """SIGKILL of the broker around the time at which a run is to start: it starts once."""
    running = a_round.begin("--start-in", f"{START_IN_S:g}s")
    a_round.wait(0.0, START_IN_S + 1.0)
    _replace_broker(a_round)
    a_round.finish(running)


def kill_between(a_round: Round) -> None:
    """SIGKILL of the broker between two attempts of a run: the second follows, once."""
    policy = f"2,initial-backoff={BACKOFF_S:g}s,max-backoff={BACKOFF_S:g}s"
    running = a_round.begin("--retry", policy)
    cluster = a_round.cluster
    a_round.in_the_load()
    agent = a_round.rng.choice(cluster.agents)
    a_round.note(f"SIGKILL of the link of {agent.agent_id}")
    kill_process(agent.runner()["link"])
    _wait_for(a_round, "RUN_STATE_SCHEDULED")
    a_round.judge_from_now(f"{cluster.run_id}.2")
    a_round.wait(0.0, BACKOFF_S / 2)
    _replace_broker(a_round)
    a_round.finish(running)
    first: dict[str, Any] = cluster.document("show", f"{cluster.run_id}.1", "--json")
    code = first.get("verdict", {}).get("exitCode")
    a_round.expect(code == INCOMPLETE, f"the first attempt is kept with exit code {code}")
    attempts = a_round.document.get("attempt")
    a_round.expect(attempts == 2, f"the run ended with attempt {attempts}")  # noqa: PLR2004


def kill_campaign(a_round: Round) -> None:
    """SIGKILL of the broker anywhere in a campaign: each of its runs is made, once."""
    cluster = a_round.cluster
    file = cluster.place.folder / "campaign.toml"
    cluster.users = USERS
    sizes = {"users": USERS, "agents": len(cluster.agents)}
    file.write_text(CAMPAIGN.format(url=cluster.url, seconds=a_round.seconds / 2, **sizes))
    running = cluster.start_campaign(str(file))
    a_round.note(f"campaign {cluster.campaign_id} begins")
    a_round.wait(0.0, a_round.seconds + 2.0)
    _replace_broker(a_round)
    a_round.exit_code = running.popen.wait(2 * END_S + cluster.lease_s)
    a_round.last_words = running.last_words
    steps = cluster.document("campaign", "show", cluster.campaign_id, "--json")["steps"]
    runs = {step["name"]: step["runId"] for step in steps}
    a_round.expect(tuple(runs) == STEPS, f"the campaign has the runs {runs}")
    listed = cluster.command("runs", "-n", "50").stdout
    known = sum(run_id in listed for run_id in runs.values())
    a_round.expect(known == len(STEPS), f"the broker has {known} of its runs: {listed}")
    cluster.run_id = runs[STEPS[-1]]
    for name in STEPS[:-1]:
        told = cluster.document("show", runs[name], "--json")
        a_round.expect(told["verdict"]["exitCode"] == 0, f"{name}: {told['verdict']}")
        a_round.count_before({part["agentId"]: int(part["hits"]) for part in told["agents"]})
    a_round.document = cluster.summary()


def _replace_broker(a_round: Round) -> None:
    """Kills it, and starts another one on the same store a while later."""
    a_round.note("SIGKILL of the broker")
    a_round.cluster.broker.signal(signal.SIGKILL)
    a_round.cluster.broker.popen.wait(END_S)
    a_round.wait(0.0, 2.0)
    a_round.cluster.start_broker()
    a_round.note("the broker is there again")


def _wait_for(a_round: Round, state: str) -> None:
    """Waits until the run is in a state."""
    deadline = time.monotonic() + a_round.seconds + END_S
    while (found := a_round.cluster.summary().get("state")) != state:
        if time.monotonic() > deadline:
            raise Broken(f"the run is {found}, and not {state}")
        time.sleep(LOOK_EVERY_S)
