"""Plays a round: a place, a cluster, a fault, and then the three witnesses are heard.

Rule: whatever happens, nothing of the round is left: no process, no mount, no namespace. What
breaks a round is a complaint like others.
"""

from __future__ import annotations

import random
import time
import traceback
import uuid
from pathlib import Path
from typing import Final

from faults.cluster import Cluster
from faults.daemon import clear_away
from faults.evidence import Evidence, read_store, since
from faults.judge import judge
from faults.page import Played
from faults.round import Fault, Round

LEFT_WITHIN_S: Final = 3.0
"""How long processes of a round may take to end after it."""


class Game:
    """One round of a fault, from an empty folder to the verdict."""

    def __init__(
        self,
        fault: Fault,
        number: int,
        seed: int,
        *,
        seconds: float,
        pause_s: float,
        folder: Path,
    ) -> None:
        self._fault = fault
        self._number = number
        self._seconds, self._pause_s = seconds, pause_s
        self._folder = folder
        self._rng = random.Random(f"{seed} {fault.name} {number}")  # noqa: S311 - to be repeated
        self._complaints: list[str] = []
        self._left: list[str] = []
        self._round: Round | None = None

    def play(self) -> Played:
        """Plays it, and judges."""
        began_s = time.monotonic()
        evidence: Evidence | None = None
        try:
            evidence = self._evidence()
        except Exception as error:  # noqa: BLE001 - a round that breaks is a round that failed
            self._complaints.append(f"{type(error).__name__}: {error}")
            (self._folder / "traceback.log").write_text(traceback.format_exc())
        if self._round is not None:
            self._complaints += self._round.complaints
            told = "".join(f"{line}\n" for line in self._round.told)
            (self._folder / "round.log").write_text(told)
        return self._judged(evidence, time.monotonic() - began_s)

    def _evidence(self) -> Evidence:
        """Plays the round; what the witnesses say of it."""
        fault, mark = self._fault, uuid.uuid4().hex
        with fault.place(self._folder) as (place, gear):
            cluster = Cluster(place, agents=fault.agents, lease_s=fault.lease_s, mark=mark)
            try:
                with cluster:
                    self._round = Round(cluster, self._rng, self._seconds, self._pause_s, gear)
                    fault.play(self._round)
                    seen = since(cluster.seen(), self._round.before)
            finally:
                self._left = clear_away(mark, LEFT_WITHIN_S)
                self._complaints += cluster.drains
            stored = read_store(place.store, self._round.attempt_id or cluster.run_id)
        return Evidence(
            seen=seen,
            stored=stored,
            verdict=self._round.verdict,
            exit_code=self._round.exit_code,
            last_words=self._round.last_words,
            left=tuple(self._left),
        )

    def _judged(self, evidence: Evidence | None, seconds: float) -> Played:
        folder = str(self._folder)
        if evidence is None or self._round is None:
            self._complaints += [f"left behind: {process}" for process in self._left]
            complaints = tuple(self._complaints)
            return Played(
                self._number,
                folder,
                seconds,
                left=len(self._left),
                stood=self._round is not None,
                complaints=complaints,
            )
        users = self._round.cluster.users
        found = judge(self._fault.holds, evidence, self._round.victims, users)
        requests = sum(one.requests for one in evidence.seen.values())
        committed = sum(one.hits for one in evidence.stored.values())
        return Played(
            self._number,
            folder,
            seconds,
            requests=requests,
            committed=committed,
            lost=requests - committed,
            duplicated=sum(one.duplicated for one in evidence.stored.values()),
            resent=evidence.verdict.resent,
            left=len(self._left),
            complaints=(*self._complaints, *found),
        )
