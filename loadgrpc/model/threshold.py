"""What became of a threshold, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ThresholdOutcome(IntEnum):
    """Whether a threshold holds."""

    PASS = 1
    FAIL = 2
    NO_DATA = 3


@dataclass(frozen=True, kw_only=True)
class FailedSpan:
    """A span of time in which windows of a threshold failed, one after the other."""

    start_ns: int
    """When the first of them starts (wall clock)."""
    length_ns: int
    """From there to the end of the last one."""
    windows: int
    """How many windows failed."""
    between_ns: int = 0
    """How much of it lies between them: several spans were joined."""

    @property
    def end_ns(self) -> int:
        """When the last of them ends (wall clock)."""
        return self.start_ns + self.length_ns


@dataclass(frozen=True, kw_only=True)
class ThresholdResult:
    """A threshold of a run, as it stands or as it was when the run was over."""

    text: str
    """The threshold, as it was written."""
    outcome: ThresholdOutcome
    failed: bool = False
    """Whether it fails the run: it does not hold, or there is no data and it does not allow that.
    """
    value: float | None = None
    """What was compared, of the worst window: times in seconds, shares in percent."""
    limit: float = 0.0
    """What it was compared with; likewise."""
    unit: str = ""
    """What both are measured in: `s`, `%`, `/s`, or nothing."""
    count: int = 0
    """On how many hits, iterations or other observations the value rests."""
    start_ns: int | None = None
    """When that window starts (wall clock). None: there is none."""
    length_ns: int = 0
    windows: int = 0
    """Windows that were judged."""
    windows_failed: int = 0
    """Of these, those in which it did not hold."""
    aborted: bool = False
    """Whether it stopped the run."""
    near: tuple[str, ...] = ()
    """If nothing was found of what it selects: the nearest names that there are."""
    message: str = ""
    """The evidence as a sentence."""
    failed_spans: tuple[FailedSpan, ...] = ()
    """When it did not hold, in the order of time."""


@dataclass(frozen=True, kw_only=True)
class CheckQuery:
    """What is to be judged, and by what."""

    run_id: str
    thresholds: tuple[str, ...] = ()
    """Empty: those of its plan."""
    from_ns: int | None = None
    """Only windows that lie from here on, whole (wall clock). None: from the beginning."""
    to_ns: int | None = None
    """Only windows that lie before here, whole (wall clock). None: to the end."""


@dataclass(frozen=True, kw_only=True)
class CheckedRun:
    """How a run is judged by thresholds, from its timeline."""

    results: tuple[ThresholdResult, ...]
    windows: tuple[tuple[int, int], ...] = ()
    """What was read: lengths of windows in seconds, and how many of each, the shortest first."""
    late_hits: int = 0
    """Hits that were reported when their window had closed, and count here all the same."""
    over: bool = True
    """Whether the run is."""
