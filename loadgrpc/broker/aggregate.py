"""All that the events of a run add up to.

Rule: pure, and bounded: names, groups and counters over their limit are counted together
in one entry that says so. What is added here has been committed; nothing is added twice,
the ledger sees to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from loadgrpc.broker import likeness
from loadgrpc.broker.groups import Groups
from loadgrpc.broker.part import Key
from loadgrpc.model import (
    ExceptionInfo,
    GeneratorFigures,
    HitError,
    HitErrorGroup,
    HitFigures,
    IterationErrorGroup,
    IterationFigures,
    NameFigures,
    Saturation,
    TestOutcome,
)
from loadgrpc.protocol.columns import Decoded, HitLabel, Hits, IterationLabel, Iterations
from loadgrpc.stats.generator import GeneratorStats
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.window import MAX_SECONDS, NS, RateWindow

MAX_SERIES: Final = 1_000
MAX_GROUPS: Final = 500
"""Groups told apart, of failures, of errors, and of each kind of hits without an answer."""
MAX_REPORTED_GROUPS: Final = 100
MAX_TRACEBACKS: Final = 20
MAX_SHORT_MESSAGE_CHARS: Final = 512
MAX_COUNTERS: Final = 1_000
MAX_OTHER_STATUSES: Final = 100
"""Statuses told apart among hits over MAX_SERIES; answers with others are counted as those without
one are, as 0."""
OTHER: Final = "(other)"
_MAX_COUNT: Final = 2**63 - 1
NOW_NS: Final = 2_500_000_000
"""For so long a process that told it was saturated is taken to be: it tells once a second."""

_Bounded = TypeVar("_Bounded", bound=Hashable)
_Number = TypeVar("_Number", bound=np.integer[Any])


Name = tuple[str, str, str]
"""Scenario, name and method of hits."""
_Series = tuple[str, str, str, int]
"""Scenario, name, method and status of the hits of one series. Status 0: they had no answer, or an
answer without a status."""
_Group = tuple[_Series, bool, bool]
"""Hits that can be added together: of a series, answered or not, failed or not."""


@dataclass
class Span:
    """From the first to the last moment that events of one clock name."""

    first_ns: int | None = None
    last_ns: int | None = None

    def add(self, first_ns: int, last_ns: int) -> None:
        """Widens the span."""
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)

    @property
    def duration_ns(self) -> int:
        """Its length."""
        if self.first_ns is None or self.last_ns is None:
            return 0
        return self.last_ns - self.first_ns


@dataclass
class Share:
    """What came from one agent for one scenario, or of several such."""

    runner_hits: Counter[str] = field(default_factory=Counter)
    """Hits, by runner."""
    starts: int = 0
    stops: int = 0
    outcomes: Counter[TestOutcome] = field(default_factory=Counter)
    span: Span = field(default_factory=Span)
    active_users: dict[str, int] = field(default_factory=dict)
    """Users alive, by runner."""
    generator: GeneratorStats = field(default_factory=GeneratorStats)
    """How its processes kept up."""

    @property
    def hits(self) -> int:
        """Hits of all its runners."""
        return self.runner_hits.total()

    def iterations(self) -> IterationFigures:
        """Iterations that came.

        Rows tell starts, outcomes and stops apart: an iteration that stopped without an
        outcome was interrupted, and no more can have ended than have started.
        """
        ended = sum(self.outcomes.values())
        cut = max(0, self.stops - (ended - self.outcomes[TestOutcome.INTERRUPTED]))
        interrupted = max(cut, self.outcomes[TestOutcome.INTERRUPTED])
        success = self.outcomes[TestOutcome.SUCCESS]
        failure = self.outcomes[TestOutcome.FAILURE]
        error = self.outcomes[TestOutcome.ERROR]
        return IterationFigures(
            started=max(self.starts, success + failure + error + interrupted),
            success=success,
            failure=failure,
            error=error,
            interrupted=interrupted,
        )

    def merge(self, other: Share) -> None:
        """Adds another share."""
        self.runner_hits.update(other.runner_hits)
        self.starts += other.starts
        self.stops += other.stops
        self.outcomes.update(other.outcomes)
        if other.span.first_ns is not None and other.span.last_ns is not None:
            self.span.add(other.span.first_ns, other.span.last_ns)
        self.active_users.update(other.active_users)
        self.generator.merge(other.generator)


class _Ended(NamedTuple):
    """Hits of a batch, and when they ended (wall clock of their agent)."""

    groups: list[_Group]
    counts: list[int]
    """How many hits each group has."""
    group: NDArray[np.int16]
    """The number of the group of each hit."""
    end_ns: NDArray[np.int64]
    first_ns: int
    """When the first of them started."""
    last_ns: int
    """When the last of them ended."""


class Aggregate:
    """The figures of a run. Shares are found by agent and scenario."""

    def __init__(self) -> None:
        self._shares: dict[Key, Share] = {}
        self.counters: Counter[str] = Counter()
        self._series: dict[_Series, HitStats] = {}
        self._hit_errors: dict[HitError, Groups[HitLabel]] = {}
        self._raised: dict[TestOutcome, Groups[IterationLabel]] = {}
        self.window: RateWindow[_Group] = RateWindow()
        self._saturated_ns: dict[bool, int] = {}
        """When a process last told that it was saturated (wall clock of the arrival), by whether
        its machine was busy with other things."""

    def add(
        self, key: Key, runner_id: str, events: Decoded, *, arrival_ns: int, ahead_ns: int = 0
    ) -> None:
        """Adds the valid events of a batch, which arrived at `arrival_ns` (wall clock).

        The clock of its agent is `ahead_ns` ahead of ours.
        """
        share = self._shares.setdefault(key, Share())
        agent_id, scenario = key
        newest_ns = events.last_ns or 0
        if blocks := [hits for hits in events.hits if len(hits.label)]:
            ended = self._add_hits(share, scenario, blocks)
            # Nothing ends after it was told, whatever a clock says.
            self._add_to_window(ended, max(ahead_ns, ended.last_ns - arrival_ns))
            newest_ns = max(newest_ns, ended.last_ns)
        for iterations in events.iterations:
            self._add_iterations(share, iterations)
        share.runner_hits[runner_id] += events.hit_count
        share.starts += events.starts
        share.stops += events.stops
        for label in events.outcomes:
            share.outcomes[label.outcome] += 1
            self._count_raised(label, 1)
        if events.first_ns is not None and events.last_ns is not None:
            share.span.add(events.first_ns, events.last_ns)
        for name, increment in events.counters:
            counter = _bounded(self.counters, name, OTHER, MAX_COUNTERS)
            total = self.counters[counter] + increment
            self.counters[counter] = max(-_MAX_COUNT, min(_MAX_COUNT, total))  # they stop there
        for told in events.users:
            share.active_users[runner_id] = told.active
        for state, end_ns in events.generator:
            newest_ns = max(newest_ns, end_ns)
            cause = share.generator.add((agent_id, runner_id, state.process), state, end_ns)
            if cause is not None:
                self._saturated_ns[cause is Saturation.MACHINE_BUSY] = arrival_ns
        self.window.reported((key, runner_id), min(newest_ns - ahead_ns, arrival_ns))

    def opened(self, key: Key, runner_id: str) -> None:
        """A runner will report."""
        self._shares.setdefault(key, Share()).runner_hits[runner_id] += 0
        self.window.opened((key, runner_id))

    def hits_of(self, key: Key, runner_id: str) -> int:
        """Hits of a runner."""
        share = self._shares.get(key)
        return share.runner_hits[runner_id] if share else 0

    def hits_of_part(self, key: Key) -> int:
        """Hits of a part."""
        share = self._shares.get(key)
        return share.hits if share else 0

    def of_parts(self, keys: Iterable[Key]) -> Share:
        """What came for some parts together."""
        shares = [self._shares[key] for key in keys if key in self._shares]
        if len(shares) == 1:
            return shares[0]
        total = Share()
        for share in shares:
            total.merge(share)
        return total

    def ended(self, key: Key) -> None:
        """A part is over: none of its users lives any more."""
        if key in self._shares:
            self._shares[key].active_users.clear()
            for runner_id in self._shares[key].runner_hits:
                self.window.ended((key, runner_id))

    def runner_ended(self, key: Key, runner_id: str) -> None:
        """A runner has ended, and with it its users."""
        if key in self._shares:
            self._shares[key].active_users.pop(runner_id, None)
        self.window.ended((key, runner_id))

    def _add_hits(self, share: Share, scenario: str, blocks: list[Hits]) -> _Ended:
        """Adds the hits of a batch, all those of a group together, whatever block they are in.

        So the work is that of its hits and its groups, not of its blocks and its labels.
        """
        groups: dict[_Group, int] = {}
        group = _joined([self._groups_of(scenario, block, groups) for block in blocks])
        start_ns = _joined([block.start_ns for block in blocks])
        elapsed_ns = _joined([block.elapsed_ns for block in blocks])
        end_ns = start_ns + elapsed_ns
        first_ns, last_ns = int(start_ns.min()), int(end_ns.max())
        share.span.add(first_ns, last_ns)
        sent_bytes = _joined([block.bytes_sent for block in blocks])
        received_bytes = _joined([block.bytes_received for block in blocks])
        if len(groups) == 1:  # that of most small batches
            firsts, ends = [0], [len(group)]
            sent, received = [int(sent_bytes.sum())], [int(received_bytes.sum())]
        else:
            # By group; numbers of 16 bits are sorted in a time that grows with their number only.
            order = np.argsort(group, kind="stable")
            elapsed_ns = elapsed_ns[order]
            ends = np.cumsum(np.bincount(group)).tolist()
            firsts = [0, *ends[:-1]]
            sent = np.add.reduceat(sent_bytes[order], firsts).tolist()
            received = np.add.reduceat(received_bytes[order], firsts).tolist()
        for (series, answered, failed), at in groups.items():
            first, end = firsts[at], ends[at]
            self._series[series].add(
                elapsed_ns=elapsed_ns[first:end],
                failed=end - first if failed else 0,
                answered=answered,
                bytes_sent=sent[at],
                bytes_received=received[at],
            )
        counts = [end - first for first, end in zip(firsts, ends, strict=True)]
        return _Ended(list(groups), counts, group, end_ns, first_ns, last_ns)

    def _add_to_window(self, hits: _Ended, ahead_ns: int) -> None:
        """Adds hits to the seconds of their ends, by a clock that is so far ahead of ours.

        Most batches are of one second; of one that spans many, only the last seconds count.
        """
        group, end_ns, counts = hits.group, hits.end_ns, hits.counts
        second = last_s = (hits.last_ns - ahead_ns) // NS
        if (hits.first_ns - ahead_ns) // NS == last_s:
            self.window.add(last_s, hits.groups, counts)
            return
        while last_s - second < MAX_SECONDS:
            earlier = end_ns < second * NS + ahead_ns
            group, end_ns = group[earlier], end_ns[earlier]
            before = np.bincount(group, minlength=len(counts)).tolist()
            ended = [every - some for every, some in zip(counts, before, strict=True)]
            self.window.add(second, hits.groups, ended)
            if not len(end_ns):
                return
            second, counts = (int(end_ns.max()) - ahead_ns) // NS, before

    def _groups_of(
        self, scenario: str, block: Hits, groups: dict[_Group, int]
    ) -> NDArray[np.int16]:
        """The number of the group of each hit of a block; `groups` grows by those that are new."""
        counts = np.bincount(block.label, minlength=len(block.labels)).tolist()
        numbers = [0] * len(counts)
        for at, (label, count) in enumerate(zip(block.labels, counts, strict=True)):
            if not count:
                continue
            answered = label.answered
            group = (self._series_of(scenario, label), answered, label.failed)
            numbers[at] = groups.setdefault(group, len(groups))
            if not answered:
                errors = self._hit_errors.setdefault(label.error, Groups(MAX_GROUPS))
                errors.add(likeness.of_hit_error(label), label, count)
        # 16 bits are enough: there are fewer groups than MAX_SERIES * 5.
        return np.array(numbers, np.int16)[block.label]

    def _series_of(self, scenario: str, label: HitLabel) -> _Series:
        """The series that hits of a label are counted in, which there is from now on."""
        status = label.status if label.answered else 0
        series = (scenario, label.name, label.method, status)
        if series not in self._series and len(self._series) >= MAX_SERIES:
            other = (scenario, OTHER, "", status)
            most = MAX_SERIES + MAX_OTHER_STATUSES
            series = _bounded(self._series, other, (scenario, OTHER, "", 0), most)
        if series not in self._series:
            self._series[series] = HitStats()
        return series

    def _add_iterations(self, share: Share, iterations: Iterations) -> None:
        if not len(iterations.label):
            return
        start_ns = iterations.start_ns
        share.span.add(int(start_ns.min()), int((start_ns + iterations.elapsed_ns).max()))
        share.starts += len(iterations.label)
        share.stops += len(iterations.label)
        counts = np.bincount(iterations.label, minlength=len(iterations.labels))
        for label, count in zip(iterations.labels, counts.tolist(), strict=True):
            share.outcomes[label.outcome] += count
            self._count_raised(label, count)

    def _count_raised(self, label: IterationLabel, count: int) -> None:
        if label.exception is None or not count:
            return
        raised = self._raised.setdefault(label.outcome, Groups(MAX_GROUPS))
        raised.add(likeness.of_exception(label), label, count)

    # What it adds up to

    def duration_ns(self, ahead_ns: Mapping[str, int]) -> int:
        """From the first user's start to the last user's end.

        The clocks of agents are so far ahead of one that is common to all.
        """
        total = Span()
        for (agent_id, _), share in self._shares.items():
            span, ahead = share.span, ahead_ns.get(agent_id, 0)
            if span.first_ns is not None and span.last_ns is not None:
                total.add(span.first_ns - ahead, span.last_ns - ahead)
        return total.duration_ns

    @property
    def active_users(self) -> int:
        """Virtual users alive, as their runners last said."""
        return sum(sum(share.active_users.values()) for share in self._shares.values())

    def saturated(self, now_ns: int) -> dict[bool, bool]:
        """Whether a process cannot keep up just now, by whether its machine is busy otherwise."""
        return {
            busy: now_ns - self._saturated_ns.get(busy, -NOW_NS) < NOW_NS for busy in (False, True)
        }

    def busiest(self, limit: int) -> dict[Name, HitStats]:
        """The names with most hits, the busiest first: their hits, of all statuses together."""
        counts: Counter[Name] = Counter()
        for (scenario, name, method, _), stats in self._series.items():
            counts[scenario, name, method] += stats.count
        found = {name: HitStats() for name, _ in counts.most_common(limit)}
        for (scenario, name, method, _), stats in self._series.items():
            if (total := found.get((scenario, name, method))) is not None:
                total.merge(stats)
        return found

    def failed_answers(self) -> list[tuple[int, int, str]]:
        """How many hits failed with an answer: count, status, and where, as `GET /`."""
        return [
            (stats.failed, status, f"{method} {name}".strip())
            for (_, name, method, status), stats in self._series.items()
            if status and stats.failed
        ]

    def generator(self, ahead_ns: Mapping[str, int]) -> GeneratorFigures | None:
        """How all processes kept up; None: none of them told. Clocks as in `duration_ns`."""
        total = GeneratorStats()
        for (agent_id, _), share in self._shares.items():
            total.merge(share.generator, ahead_ns.get(agent_id, 0))
        return total.figures()

    def hits(self, scenario: str | None = None) -> HitStats:
        """All hits together, or those of a scenario."""
        total = HitStats()
        for (of_scenario, *_), stats in self._series.items():
            if scenario in (None, of_scenario):
                total.merge(stats)
        return total

    def iterations(self, key: Key | None = None) -> IterationFigures:
        """All iterations together, or those of a part; nothing is said of what was planned."""
        shares = self._shares.values() if key is None else [self._shares.get(key, Share())]
        return IterationFigures.total(share.iterations() for share in shares)

    def figures(self, duration_ns: int, scenario: str | None = None) -> HitFigures:
        """Figures of all hits together, or those of a scenario, with the rate over a duration."""
        return self.hits(scenario).figures(duration_ns)

    def names(self, duration_ns: int) -> list[NameFigures]:
        """Figures by scenario, name and method, sorted; those of `(other)` come last."""
        merged: dict[tuple[str, str, str], HitStats] = {}
        statuses: dict[tuple[str, str, str], dict[int, int]] = {}
        for (scenario, name, method, status), stats in sorted(self._series.items()):
            key = (scenario, name, method)
            merged.setdefault(key, HitStats()).merge(stats)
            by_status = statuses.setdefault(key, {})
            if answered := stats.elapsed.count:
                by_status[status] = by_status.get(status, 0) + answered
        return [
            NameFigures(
                scenario=scenario,
                name=name,
                method=method,
                hits=stats.figures(duration_ns),
                statuses=statuses[scenario, name, method],
            )
            for (scenario, name, method), stats in sorted(
                merged.items(), key=lambda entry: (entry[0][1] == OTHER, entry[0])
            )
        ]

    def raised(self, outcome: TestOutcome) -> list[IterationErrorGroup]:
        """What iterations of an outcome raised, the most frequent first, and the rest at the end.

        Whole tracebacks go with the first of them only: the document is to stay below what
        gRPC clients take, 4 MiB.
        """
        raised = self._raised.get(outcome, Groups(MAX_GROUPS))
        groups = [
            IterationErrorGroup(count=count, test=label.test, exception=label.exception)
            for count, label in raised.most_common()
            if label.exception is not None
        ]
        if raised.rest or len(groups) > MAX_REPORTED_GROUPS:
            del groups[MAX_REPORTED_GROUPS - 1 :]
            rest = raised.total - sum(group.count for group in groups)
            groups.append(
                IterationErrorGroup(count=rest, test=OTHER, exception=ExceptionInfo(type=OTHER))
            )
        whole, short = groups[:MAX_TRACEBACKS], groups[MAX_TRACEBACKS:]
        return whole + [replace(group, exception=_shortened(group.exception)) for group in short]

    def hit_errors(self) -> list[HitErrorGroup]:
        """Why hits had no answer, the most frequent first; at the end the rest of each kind."""
        groups = [
            HitErrorGroup(
                count=count,
                name=label.name,
                method=label.method,
                error=label.error,
                error_message=label.error_message,
            )
            for of_kind in self._hit_errors.values()
            for count, label in of_kind.most_common()
        ]
        groups.sort(key=lambda group: -group.count)
        left = {kind: of_kind.total for kind, of_kind in self._hit_errors.items()}
        if len(groups) > MAX_REPORTED_GROUPS or any(e.rest for e in self._hit_errors.values()):
            del groups[MAX_REPORTED_GROUPS - len(left) :]
        for group in groups:
            left[group.error] -= group.count
        others = [
            HitErrorGroup(count=count, name=OTHER, method="", error=kind, error_message="")
            for kind, count in sorted(left.items())
            if count
        ]
        return groups + others


def _joined(columns: list[NDArray[_Number]]) -> NDArray[_Number]:
    """Columns end to end."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def _bounded(known: Collection[_Bounded], key: _Bounded, other: _Bounded, limit: int) -> _Bounded:
    """`key`, or `other` when it is new and `known` is full."""
    return key if key in known or len(known) < limit else other


def _shortened(exception: ExceptionInfo) -> ExceptionInfo:
    return replace(exception, message=exception.message[:MAX_SHORT_MESSAGE_CHARS], traceback="")
