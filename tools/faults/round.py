"""A round while it is played, and what a fault is."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from faults.cluster import Cluster
from faults.daemon import Daemon, alive_after
from faults.evidence import Verdict, read_summary
from faults.judge import Holds
from faults.place import Place, plain

USERS: Final = 10
LEASE_S: Final = 30.0
END_S: Final = 60.0
"""In which a run must end after its time, beside the lease."""
SETTLED_S: Final = 0.5
GONE_WITHIN_S: Final = 5.0
"""In which what a dead agent or runner has started must be dead, too."""


@dataclass
class Round:
    """One round while it is played."""

    cluster: Cluster
    rng: random.Random
    seconds: float
    """How long the load lasts."""
    pause_s: float
    """How long what is stopped or cut stays so."""
    gear: Any = None
    """What the place of the cluster has to strike with: a cable, a disk, a PostgreSQL."""
    exit_code: int = 0
    last_words: str = ""
    """Of `loadgrpc run`."""
    document: dict[str, Any] = field(default_factory=dict)
    victims: tuple[str, ...] = ()
    before: Counter[str] = field(default_factory=Counter)
    """Requests by agent that are not of the run, or the attempt, that is judged."""
    attempt_id: str = ""
    """The attempt that is judged; empty: the run has one."""
    complaints: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What was done, and when, in words."""

    def note(self, words: str) -> None:
        """Tells what is done now."""
        self.told.append(f"{time.strftime('%H:%M:%S')} {words}")

    def expect(self, holds: bool, words: str) -> None:  # noqa: FBT001 - it reads like assert
        """Complains if something does not hold."""
        if not holds:
            self.complaints.append(words)

    def expect_gone(self, below: Mapping[int, str]) -> None:
        """Complains of those that a kill should have taken along."""
        left = alive_after(below, GONE_WITHIN_S)
        told = ", ".join(below[pid] for pid in left)
        self.expect(not left, f"still there {GONE_WITHIN_S:g} s after the kill: {told}")

    def expect_standstill(self, least_s: float, most_s: float) -> None:
        """Waits for a random time, in which load goes on and nothing must be stored."""
        time.sleep(SETTLED_S)  # what was on its way is stored by now
        stored, requests = self._hits(), self._requests()
        self.wait(least_s - SETTLED_S, most_s - SETTLED_S)
        self.expect(self._hits() == stored, "hits were stored all the time: nothing was tried")
        self.expect(self._requests() > requests, "there was no load meanwhile: nothing was tried")

    def _hits(self) -> int:
        """Those that the broker shows by now."""
        return int(self.cluster.summary().get("hits", {}).get("count", 0))

    def _requests(self) -> int:
        return sum(seen.requests for seen in self.cluster.seen().values())

    def expect_unreachable(self) -> None:
        """Complains if no agent is unreachable."""
        status = self.cluster.status()
        self.expect("unreachable" in status, f"no agent is unreachable: {status}")

    def expect_lost(self) -> None:
        """Complains if a victim is not lost."""
        for agent_id in self.victims:
            part = self.verdict.parts[agent_id]
            self.expect(part.state == "LOST", f"{agent_id} is {part.state}: {part.reason}")

    def begin(self, *options: str, seconds: float = 0.0) -> Daemon:
        """Starts a run of the usual load."""
        duration = f"{seconds or self.seconds:g}s"
        running = self.cluster.start_run("test_visit", "-d", duration, *options, users=USERS)
        self.note(f"run {self.cluster.run_id} of {duration} begins")
        return running

    def judge_from_now(self, attempt_id: str) -> None:
        """What came so far is not of the attempt that is judged."""
        self.attempt_id = attempt_id
        self.count_before({agent: seen.requests for agent, seen in self.cluster.seen().items()})

    def count_before(self, requests: Mapping[str, int]) -> None:
        """So many requests of agents are of others than the run that is judged."""
        self.before.update(requests)

    def wait(self, least_s: float, most_s: float) -> None:
        """Waits for a random time."""
        moment_s = self.rng.uniform(least_s, most_s)
        self.note(f"waits for {moment_s:.2f} s")
        time.sleep(moment_s)

    def in_the_load(self) -> None:
        """Waits for a random moment at which all agents make load."""
        self.cluster.wait_for_load()
        self.wait(0.0, max(self.seconds - 1.0, 0.2))

    def finish(self, running: Daemon) -> None:
        """Waits for the end of the run."""
        within_s = self.seconds + END_S + self.cluster.lease_s
        self.exit_code, self.document = self.cluster.wait_for_end(running, within_s)
        self.last_words = running.last_words
        self.note(f"the run is over, loadgrpc run: {self.last_words}")

    @property
    def verdict(self) -> Verdict:
        """What the summary says."""
        return read_summary(self.document)


def nothing_is_missing() -> str:
    """What a fault needs that needs nothing."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A row of the catalogue."""

    name: str
    does: str
    play: Callable[[Round], None]
    holds: Holds
    rounds: int
    lease_s: float = LEASE_S
    agents: int = 2
    place: Callable[[Path], AbstractContextManager[tuple[Place, Any]]] = plain
    missing: Callable[[], str] = nothing_is_missing
    """Why it cannot be played here; empty: it can."""
