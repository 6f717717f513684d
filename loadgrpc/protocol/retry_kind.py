"""The policy of retries as an option of a plan. Rule: as in `kinds.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadgrpc.model import RetryPolicy, RetryReason
from loadgrpc.protocol.kinds import Kind, SecondsKind


@dataclass(frozen=True)
class RetryKind(Kind):
    """Whether, when and how soon a run is tried again."""

    most: int
    """Attempts."""
    most_s: float
    """Of a backoff."""
    most_multiplier: float

    def get(self, message: Any, field: str) -> RetryPolicy | None:
        """See Kind. A reason that is not known here is a plain number."""
        if not message.HasField(field):
            return None
        of, known, default = getattr(message, field), list(RetryReason), RetryPolicy()
        first, longest = SecondsKind(self.most_s), SecondsKind(self.most_s)
        first_s, longest_s = first.get(of, "initial_backoff"), longest.get(of, "max_backoff")
        reasons = tuple(
            RetryReason(each) if each in known else each for each in dict.fromkeys(of.retry_on)
        )
        return RetryPolicy(
            max_attempts=of.max_attempts or default.max_attempts,
            initial_backoff_s=default.initial_backoff_s if first_s is None else first_s,
            multiplier=of.multiplier or default.multiplier,
            max_backoff_s=default.max_backoff_s if longest_s is None else longest_s,
            jitter=of.jitter,
            retry_on=reasons or default.retry_on,
        )

    def put(self, message: Any, field: str, value: RetryPolicy) -> None:
        """See Kind. All of it is written, so that readers need not know what the defaults are."""
        message.ClearField(field)
        of, seconds = getattr(message, field), SecondsKind(self.most_s)
        of.max_attempts = value.max_attempts
        seconds.put(of, "initial_backoff", value.initial_backoff_s)
        of.multiplier = value.multiplier
        seconds.put(of, "max_backoff", value.max_backoff_s)
        of.jitter = value.jitter
        of.retry_on.extend(int(reason) for reason in value.retry_on)

    def wrong(self, value: RetryPolicy) -> Iterator[tuple[str, str]]:
        """See Kind. The longest backoffs are in `bounds.py`."""
        if value.max_attempts > self.most:
            yield ".max_attempts", f"must be at most {self.most}"
        if not 1 <= value.multiplier <= self.most_multiplier:
            yield ".multiplier", f"must be from 1 to {self.most_multiplier:g}"
        if any(not isinstance(each, RetryReason) for each in value.retry_on):
            yield ".retry_on", "has one that is not known here"

    def __str__(self) -> str:
        return f"at most {self.most} attempts, as on the command line or as its fields"
