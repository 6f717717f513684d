"""Attempts of runs: the current ones by id, and whether another one follows.

Rule: pure. An attempt is known to agents, runners and the store by an id of its own, so that what
is late of one attempt is never taken for the next. What a client asks for is the run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, ValuesView
from dataclasses import replace
from typing import Any, NamedTuple

from loadgrpc import verdict
from loadgrpc.broker.part import Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.state import RunEvent, step
from loadgrpc.model import (
    AssignmentState,
    ChangeKind,
    RetryPolicy,
    RetryReason,
    RunAttempt,
    RunState,
    Verdict,
    run_id_of,
)
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, kept_chars
from loadgrpc.protocol.runs import verdict_from_proto
from loadgrpc.store import AttemptRecord
from loadgrpc.v1 import run_pb2

_BY_EXIT_CODE = {
    verdict.NOT_LOADED: RetryReason.NOT_LOADED,
    verdict.INCOMPLETE: RetryReason.INCOMPLETE,
    verdict.TEST_FAILED: RetryReason.TEST_FAILED,
    verdict.REQUIREMENT: RetryReason.REQUIREMENT,
}
"""The reasons that a verdict is one of."""


class Attempts(Mapping[str, ActiveRun]):
    """The active runs by the ids of their current attempts; `runs` has them by their own."""

    def __init__(self, runs: Mapping[str, ActiveRun]) -> None:
        self._runs = runs

    def __getitem__(self, attempt_id: str) -> ActiveRun:
        run: ActiveRun | None = self.get(attempt_id)
        if run is None:
            raise KeyError(attempt_id)
        return run

    def get(self, attempt_id: str, default: Any = None) -> Any:
        """The run whose current attempt has that id."""
        run = self._runs.get(run_id_of(attempt_id))
        return run if run is not None and run.run.attempt_id == attempt_id else default

    def values(self) -> ValuesView[ActiveRun]:
        """The runs themselves."""
        return self._runs.values()

    def __iter__(self) -> Iterator[str]:
        return (run.run.attempt_id for run in self._runs.values())

    def __len__(self) -> int:
        return len(self._runs)


def reasons(run: ActiveRun, judged: Verdict) -> frozenset[RetryReason]:
    """What another attempt of a run whose attempt is over, and so judged, may be made for."""
    found = set()
    if judged.exit_code in _BY_EXIT_CODE:
        found.add(_BY_EXIT_CODE[judged.exit_code])
    lost = any(part.state is AssignmentState.LOST for part in run.parts.values())
    if judged.exit_code == verdict.INCOMPLETE:
        if lost:
            found.add(RetryReason.AGENT_LOST)
        if not run.cycle:
            found.add(RetryReason.NOT_STARTED)
        if run.resumed:
            found.add(RetryReason.BROKER_GONE)
    return frozenset(found)


def follows(
    policy: RetryPolicy | None, attempt: int, why: frozenset[RetryReason], *, stopped: bool
) -> bool:
    """Whether another attempt follows on one that is over, for these reasons."""
    if policy is None or stopped or attempt >= policy.max_attempts:
        return False
    return not why.isdisjoint(policy.retry_on)


class Next(NamedTuple):
    """The attempt that follows."""

    ended: RunAttempt
    """The one before it."""
    due_ns: int
    """When it is to be queued (wall clock)."""
    reason: str
    """As a sentence."""


def next_of(run: ActiveRun, judged: Verdict) -> Next | None:
    """The attempt that follows on the one of a run that is over; None: none does."""
    over, policy = run.run, run.run.plan.retry
    stopped = over.state not in (RunState.FINISHED, RunState.FAILED)
    if policy is None or not follows(policy, over.attempt, reasons(run, judged), stopped=stopped):
        return None
    ended = RunAttempt(
        attempt=over.attempt,
        state=over.state,
        reason=over.reason or judged.reason,
        verdict=judged,
        start_time_ns=over.start_time_ns,
        end_time_ns=over.end_time_ns,
        agent_ids=over.agent_ids,
    )
    # Drawn from what it is of, so that a restarted broker comes to the same.
    backoff_s = policy.backoff_s(over.attempt, random.Random(over.attempt_id))  # noqa: S311 - jitter
    due_ns = (over.end_time_ns or 0) + round(backoff_s * 1e9)
    reason = f"attempt {over.attempt + 1} of {policy.max_attempts} in {backoff_s:.3g} s"
    return Next(ended, due_ns, reason)


def begin(run: ActiveRun, agent_ids: tuple[str, ...], parts: list[Part], now_wall_ns: int) -> None:
    """A run has waited long enough: these agents run it, and have these parts."""
    run.begin_attempt(parts)
    run.change(RunEvent.CHOSEN, now_wall_ns=now_wall_ns, agent_ids=agent_ids)


def began_ns(run: ActiveRun) -> int:
    """When the agents of the current attempt were chosen (wall clock); 0: they were not."""
    return max(
        (
            change.time_ns or 0
            for change in run.log.after(0)
            if change.kind is ChangeKind.STATE and change.state is RunState.STARTING
        ),
        default=0,
    )


def try_again(run: ActiveRun, following: Next, record: AttemptRecord) -> None:
    """An attempt of a run is over, as its `record` says, and this one follows."""
    ended, due_ns, reason = following
    before, now_wall_ns = run.going_on, ended.end_time_ns or 0
    run.log.add(ChangeKind.ATTEMPT, before.state, now_wall_ns, ended.reason)
    run.ended_attempts.append(record)
    run.run = run.going_on = replace(
        before,
        state=step(before.state, RunEvent.RETRIED),
        reason=reason,
        attempt=before.attempt + 1,
        attempts=(*before.attempts, ended),
        agent_ids=(),
        start_time_ns=None,
        due_time_ns=due_ns,
        queue_time_ns=None,
        expire_time_ns=None,
    )
    run.log.attempt = run.run.attempt
    run.log.add(ChangeKind.STATE, run.run.state, now_wall_ns, reason, due_time_ns=due_ns)
    run.begin_attempt([])


def name_all(run: ActiveRun, result: run_pb2.RunSummary) -> Verdict:
    """The verdict on a run that is over; if no attempt was left, its reasons name all of them."""
    judged = verdict_from_proto(result.verdict)
    if not run.run.attempts or judged.exit_code in {verdict.PASSED, verdict.STOPPED}:
        return judged
    before = "; ".join(f"attempt {each.attempt}: {each.reason}" for each in run.run.attempts)
    told = f" (attempt {run.run.attempt} of {run.run.attempt}; {before})"

    def whole(reason: str) -> str:
        return kept_chars(f"{reason}{told}", MAX_REASON_CHARS)

    run.run = replace(run.run, reason=whole(run.run.reason or judged.reason))
    result.reason = run.run.reason
    result.verdict.reason = whole(judged.reason)
    return replace(judged, reason=result.verdict.reason)
