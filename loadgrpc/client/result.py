"""What a run came to, for people, notebooks and asserts: times are in seconds.

assert result.successful, result.reason
assert result.hits.p95 < 0.3
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loadgrpc import verdict
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import RunFailed, TestNotLoaded
from loadgrpc.model import ElapsedFigures, HitFigures, IterationFigures, RunState, Summary


@dataclass(frozen=True)
class HitTimes:
    """Figures of a set of hits.

    Times are in seconds, from the start of a hit to its end; all 0 when none was answered.
    """

    figures: HitFigures

    @property
    def count(self) -> int:
        """Hits."""
        return self.figures.count

    @property
    def failed(self) -> int:
        """Of these, failed."""
        return self.figures.failed

    @property
    def failed_share(self) -> float:
        """Failed hits as a share of all, from 0 to 1; 0 if there are none."""
        return self.failed / self.count if self.count else 0.0

    @property
    def rate(self) -> float:
        """Hits per second."""
        return self.figures.rate

    @property
    def _elapsed(self) -> ElapsedFigures:
        return self.figures.elapsed

    @property
    def avg(self) -> float:
        """The mean time, in seconds."""
        return self._elapsed.avg_ns / NS_PER_S

    @property
    def min(self) -> float:
        """The shortest time, in seconds."""
        return self._elapsed.min_ns / NS_PER_S

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return self._elapsed.p50_ns / NS_PER_S

    @property
    def p90(self) -> float:
        """The 90th percentile, in seconds."""
        return self._elapsed.p90_ns / NS_PER_S

    @property
    def p95(self) -> float:
        """The 95th percentile, in seconds."""
        return self._elapsed.p95_ns / NS_PER_S

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return self._elapsed.p99_ns / NS_PER_S

    @property
    def max(self) -> float:
        """The longest time, in seconds."""
        return self._elapsed.max_ns / NS_PER_S


@dataclass(frozen=True)
class LoadResult:
    """See the module. `summary` has everything, in the units of `loadgrpc.model`."""

    summary: Summary

    @property
    def run_id(self) -> str:
        """The run."""
        return self.summary.run_id

    @property
    def state(self) -> RunState:
        """Its final state."""
        return self.summary.state

    @property
    def exit_code(self) -> int:
        """What `loadgrpc run` would exit with; 0: it passed."""
        return self.summary.verdict.exit_code

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return self.summary.verdict.reason

    @property
    def successful(self) -> bool:
        """Whether it passed: all planned work was done, and every iteration passed."""
        return self.exit_code == verdict.PASSED

    @property
    def failed(self) -> bool:
        """Whether it did not."""
        return not self.successful

    @property
    def iterations(self) -> IterationFigures:
        """Its iterations, by outcome."""
        return self.summary.iterations

    @property
    def counters(self) -> Mapping[str, int]:
        """The counters of the test."""
        return self.summary.counters

    @cached_property
    def hits(self) -> HitTimes:
        """All its hits."""
        return HitTimes(self.summary.hits)

    @cached_property
    def names(self) -> Mapping[str, HitTimes]:
        """Its hits by method and name, such as `GET http://127.0.0.1:8000/basket`.

        Of a plan with several scenarios, the scenario and a colon come first.
        """
        found: dict[str, HitTimes] = {}
        for each in self.summary.names:
            name = f"{each.method} {each.name}".strip()
            found[f"{each.scenario}: {name}" if each.scenario else name] = HitTimes(each.hits)
        return found

    @property
    def retries(self) -> int:
        """Of the hits, those that were not the first attempt at their request."""
        return sum(each.retries for each in self.summary.names)

    @property
    def errors(self) -> list[str]:
        """What iterations failed with, the most frequent first: its text and how often."""
        groups = sorted(
            (*self.summary.failures, *self.summary.errors), key=lambda group: -group.count
        )
        return [
            f"{group.exception.type}: {group.exception.message} ({_times(group.count)})"
            for group in groups
        ]

    def raise_for_verdict(self) -> LoadResult:
        """It, if the run passed.

        Raises:
            TestNotLoaded: the test could not be loaded.
            RunFailed: anything else was wrong; the exception has the first error and its traceback.
        """
        if self.successful:
            return self
        if self.exit_code == verdict.NOT_LOADED:
            error = next((e.load_error for e in self.summary.agents if e.load_error), None)
            if error is None:
                raise TestNotLoaded(self.reason)
            raise TestNotLoaded(error.message, cause=error.type, traceback=error.traceback)
        raise RunFailed("\n".join([self.reason, *self.errors[:3]]), self.summary)

    def __repr__(self) -> str:
        passed = "passed" if self.successful else f"exit {self.exit_code}: {self.reason}"
        return f"<result of {self.run_id}: {self.hits.count} hits, {passed}>"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
