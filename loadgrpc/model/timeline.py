"""A run by time: windows, and the figures of what ended in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadgrpc.model.elapsed import ElapsedFigures
from loadgrpc.model.generator import CpuFigures
from loadgrpc.model.measures import Measures
from loadgrpc.model.summary import CaseFigures, HitFigures

WINDOW_LENGTHS_S: Final = (1, 10, 60, 600, 3_600)
"""How long windows can be."""
MAX_RESOLUTION_S: Final = WINDOW_LENGTHS_S[-1]
"""How long windows may be asked to be."""
MAX_TIMELINE_NAMES: Final = 100
"""Names that may be asked for at once."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """How many values are how large: eight buckets to a factor of two.

    Bucket i counts the values above 2 ** (i / 8) ns, up to 2 ** ((i + 1) / 8).
    """

    first: int
    """The number of the first bucket."""
    counts: tuple[int, ...]
    """How many values are in each, from there on; the first and the last are not 0."""


@dataclass(frozen=True, kw_only=True)
class WindowSeries:
    """Hits of a window that belong together; their rate is over the length of the window."""

    name: str
    method: str
    scenario: str = ""
    protocol: str = ""
    status_class: int = 0
    """The hundreds of their status, at most 9. 0: no answer, or a status below 100."""
    hits: HitFigures = HitFigures()
    late: int = 0
    """Of these, those that started more than 10 ms after their planned start."""
    tags: tuple[tuple[str, str], ...] = ()
    """Names and values, sorted."""
    distribution: Distribution | None = None
    """Of response times, if it was asked for. None: it was not, or none was answered."""


@dataclass(frozen=True, kw_only=True)
class TimelineWindow:
    """A span of time of a run, and what ended in it, by the broker's clock."""

    start_ns: int
    """When it starts (wall clock): a multiple of its length."""
    length_ns: int
    closed: bool = True
    """Whether nothing more is expected in it."""
    hits: HitFigures = HitFigures()
    """All of them; the rate is over the length of the window."""
    series: tuple[WindowSeries, ...] = ()
    """The same hits, by series."""
    users: int = 0
    """The most virtual users that were alive in it at a time."""
    late: int = 0
    """Of the hits, those that started more than 10 ms after their planned start."""
    late_data: int = 0
    """Of the hits, those that were reported when the window was closed already."""
    planned: int = 0
    """Arrivals of open loads that were planned in it."""
    started: int = 0
    """Iterations of open loads that were started in it."""
    dropped: int = 0
    """Arrivals that were dropped in it."""
    waiting: int = 0
    """Arrivals that waited for a user at its end."""
    cases: tuple[CaseFigures, ...] = ()
    """What came of iterations that were fed with cases, by rule; rates are as those above."""
    lag: ElapsedFigures | None = None
    """How late the processes were that made the load. None: none reported it."""
    cpu: CpuFigures | None = None
    """How busy they were. None: none reported it."""
    measures: Measures = Measures()
    """What the test measured beside hits, as it was reported in it."""
    distribution: Distribution | None = None
    """Of response times, if it was asked for. None: it was not, or no hit was answered."""

    @property
    def end_ns(self) -> int:
        """When it ends (wall clock)."""
        return self.start_ns + self.length_ns


@dataclass(frozen=True, kw_only=True)
class TimelineQuery:
    """Which windows of a run are wanted."""

    run_id: str
    from_ns: int | None = None
    """Only windows that end after this (wall clock). None: from the beginning of the run."""
    to_ns: int | None = None
    """Only windows that start before this (wall clock). None: to its end."""
    resolution_s: float = 0.0
    """How long they are to be; rounded up to a length that windows have."""
    names: tuple[str, ...] = ()
    """Only hits with one of these names. Empty: all."""
    series: bool = True
    """Whether windows have series, too."""
    distribution: bool = False
    """Whether windows have the distribution of response times, too."""
    by_name: bool = False
    """Whether series of one name are one, whatever their status and tags."""
    page_size: int = 0
    """At most this many windows. 0: as many as there may be."""
    page_token: str = ""
    """From the page before. Empty: the first page."""


@dataclass(frozen=True, kw_only=True)
class TimelinePage:
    """Some windows of a run, in the order of time."""

    windows: tuple[TimelineWindow, ...] = ()
    resolution_s: int = 1
    next_token: str = ""
    """Empty: this is the last page."""
