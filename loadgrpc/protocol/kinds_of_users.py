"""What the value of an option about users may be: how long they wait, and what they call.

Rule: as in `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.model import Between, Constant, Exponential, Lognormal, Wait, WeightedTest
from loadgrpc.protocol.kinds import Kind, put_span, span_s

TEST_CHARS: Final = 1_024
"""Of the name of a test."""


@dataclass(frozen=True)
class WaitKind(Kind):
    """How long users wait: a time, or a distribution of times."""

    def get(self, message: Any, field: str) -> Wait | None:
        """See Kind. One of a kind that is not known here is a plain Wait."""
        if not message.HasField(field):
            return None
        wait = getattr(message, field)
        match wait.WhichOneof("distribution"):
            case "constant":
                return Constant(span_s(wait.constant))
            case "between":
                return Between(span_s(wait.between.least), span_s(wait.between.most))
            case "exponential":
                return Exponential(span_s(wait.exponential))
            case "lognormal":
                return Lognormal(span_s(wait.lognormal.median), wait.lognormal.sigma)
        return Wait()

    def put(self, message: Any, field: str, value: Wait) -> None:
        """See Kind."""
        message.ClearField(field)
        wait = getattr(message, field)
        times: tuple[tuple[Any, float], ...] = ()
        match value:
            case Constant(each_s):
                times = ((wait.constant, each_s),)
            case Between(least_s, most_s):
                times = ((wait.between.least, least_s), (wait.between.most, most_s))
            case Exponential(mean_s):
                times = ((wait.exponential, mean_s),)
            case Lognormal(median_s, sigma):
                wait.lognormal.sigma = sigma
                times = ((wait.lognormal.median, median_s),)
        wait.SetInParent()
        for duration, seconds in times:
            put_span(duration, seconds)
            duration.SetInParent()

    def wrong(self, value: Wait) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if wrong := value.wrong():
            yield "", wrong

    def shown(self, value: Wait) -> Wait:
        """See Kind. There are no secrets in it."""
        return value

    def __str__(self) -> str:
        return "a time, a range such as 1s..3s, or a distribution, of at most 1 day"


@dataclass(frozen=True)
class TestsKind(Kind):
    """Several tests, each with a weight. Whether their names are right is seen in `plans.py`."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    entries: int
    total: int
    """What the weights sum to at most."""

    def get(self, message: Any, field: str) -> tuple[WeightedTest, ...] | None:
        """See Kind."""
        found = (WeightedTest(each.test, each.weight or 1) for each in getattr(message, field))
        return tuple(found) or None

    def put(self, message: Any, field: str, value: tuple[WeightedTest, ...]) -> None:
        """See Kind."""
        message.ClearField(field)
        for each in value:
            getattr(message, field).add(test=each.test, weight=each.weight)

    def wrong(self, value: tuple[WeightedTest, ...]) -> Iterator[tuple[str, str]]:
        """See Kind."""
        seen: set[str] = set()
        for at, each in enumerate(value):
            if each.test in seen:
                yield f"[{at}].test", f"{each.test!r} is there twice: give it a weight"
            seen.add(each.test)
        if (total := sum(each.weight for each in value)) > self.total:
            yield "", f"have weights of {total:,} together: at most {self.total:,}"

    def __str__(self) -> str:
        return f"at most {self.entries}, each `TEST`, `TEST=WEIGHT`, or with `test` and `weight`"
