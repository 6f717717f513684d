"""Runs that are tried again: the policy, and what their attempts are called."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class RetryReason(IntEnum):
    """Why an attempt of a run may be followed by another one."""

    AGENT_LOST = 1
    NOT_STARTED = 2
    BROKER_GONE = 3
    NOT_LOADED = 4
    INCOMPLETE = 5
    TEST_FAILED = 6
    REQUIREMENT = 7


INFRASTRUCTURE: Final = (
    RetryReason.AGENT_LOST,
    RetryReason.NOT_STARTED,
    RetryReason.BROKER_GONE,
)
"""What a run is tried again for unless its policy says otherwise."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """When a run is tried again, and how soon."""

    max_attempts: int = 3
    """The first included."""
    initial_backoff_s: float = 1.0
    multiplier: float = 2.0
    max_backoff_s: float = 300.0
    jitter: bool = False
    """Whether a backoff is a random time from 0 to what it would be."""
    retry_on: tuple[RetryReason, ...] = INFRASTRUCTURE

    def backoff_s(self, attempt: int, random_: random.Random | None = None) -> float:
        """How long to wait after an attempt, counted from 1; `random_` draws the jitter."""
        backoff_s = self.initial_backoff_s
        for _ in range(attempt - 1):
            backoff_s *= self.multiplier
            if backoff_s >= self.max_backoff_s:
                break
        backoff_s = min(backoff_s, self.max_backoff_s)
        if not self.jitter:
            return backoff_s
        return (random_ or random.Random()).uniform(0.0, backoff_s)  # noqa: S311 - jitter


def attempt_id(run_id: str, attempt: int) -> str:
    """What agents, runners and the store know an attempt of a run by."""
    return run_id if attempt == 1 else f"{run_id}.{attempt}"


def run_id_of(attempt_id: str) -> str:
    """The run of an attempt."""
    return attempt_id.partition(".")[0]
