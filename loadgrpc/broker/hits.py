"""The hits of a run: batches of columns become series by second, in its timeline.

Rule: pure, and bounded: series and statuses over their limit are counted together, in one that
says so. Each hit is counted once, in the window in which it ended; figures since the start are the
sum of all windows. Small batches wait for each other, and are added up when there are enough, or
when somebody looks: the work is that of hits and series, not of batches, blocks and labels.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadgrpc.broker.causes import Causes
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import OTHER, HitFigures, NameFigures, TagFigures
from loadgrpc.protocol.decoded import HitLabel, Hits, Tags
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.timeline import Timeline
from loadgrpc.stats.window import HitName, Series, is_other, status_class

MAX_SERIES: Final = 1_000
MAX_TAG_SETS: Final = 50
OTHER_TAGS: Final[Tags] = ((OTHER, ""),)
"""Those of hits with further sets of tags."""
MAX_OTHER_STATUSES: Final = 100
"""Statuses told apart among hits over MAX_SERIES; answers with others are counted as those without
one are, at 0."""
ENOUGH_HITS: Final = 8_192
MAX_WAITING: Final = 512
"""Most hits, or batches, that wait before they are added up together."""
MAX_GROUPS: Final = 10_000
"""Labels of hits that wait, at most, and those of one batch: their numbers have 16 bits."""
MANY_SECONDS: Final = 64
"""Hits of one batch that span more are added up in several turns, SECONDS_A_TURN in each."""
SECONDS_A_TURN: Final = 16
FEW_SECONDS: Final = 4
"""Up to this many seconds, hits are split by comparing, which needs no sorting."""


class Exact(NamedTuple):
    """Hits of one name and one status. Status 0: no answer, or an answer without a status."""

    scenario: str
    name: str
    method: str
    protocol: str
    status: int

    @property
    def of_name(self) -> HitName:
        """Their name, whatever the status."""
        return HitName(*self[:-1])


class _Group(NamedTuple):
    """Hits that can be added together."""

    exact: Exact
    series: Series
    answered: bool
    failed: bool
    has_reason: bool
    """Whether their runner says why they failed, so that they are counted by that."""
    cycle: int


class _Columns(NamedTuple):
    """Hits as columns."""

    group: NDArray[np.int16]
    """The number of the group of each."""
    end_ns: NDArray[np.int64]
    """When each ended, by our clock."""
    elapsed_ns: NDArray[np.int64]
    bytes_sent: NDArray[np.int64]
    bytes_received: NDArray[np.int64]
    delay_ns: NDArray[np.int64] | None
    """How long after its plan each started. None: none of them did."""

    def some(self, which: NDArray[Any] | slice) -> _Columns:
        """Those of them that are meant."""
        return _Columns(
            self.group[which],
            self.end_ns[which],
            self.elapsed_ns[which],
            self.bytes_sent[which],
            self.bytes_received[which],
            None if self.delay_ns is None else self.delay_ns[which],
        )


class Added(NamedTuple):
    """What was added, by the clock of its agent."""

    first_ns: int
    """When the first hit started."""
    last_ns: int
    """When the last one ended."""


class RunHits:
    """See the module."""

    def __init__(self, timeline: Timeline, causes: Causes) -> None:
        self._timeline = timeline
        self._causes = causes
        self._answered: dict[Exact, int] = {}
        """Answers, by name and status; of those that had none the status is 0."""
        self._failed: Counter[Exact] = Counter()
        self._retries: Counter[HitName] = Counter()
        """Hits that were not the first attempt at their request."""
        self._tag_sets: set[Tags] = set()
        self._waiting: list[_Columns] = []
        """What is not added up yet."""
        self._waiting_hits = 0
        self._put_off_hits: deque[tuple[list[_Group], _Columns]] = deque()
        """What `catch_up` is to add up, with its groups."""
        self._first_ns = 0
        """No hit that waits ended before this."""
        self._groups: list[_Group] = []
        """The groups of hits that wait, by their number."""
        self._numbers: dict[tuple[str, int], dict[HitLabel, int]] = {}
        """The number of the group of each label, by scenario and cycle."""

    @property
    def timeline(self) -> Timeline:
        """All hits by second."""
        self._add_up()
        return self._timeline

    def add(
        self, scenario: str, cycle: int, hits: Hits, *, arrival_ns: int, ahead_ns: int
    ) -> Added:
        """Adds hits, one at least.

        Args:
            scenario: That of all of them.
            cycle: Likewise.
            hits: The hits, by the clock of their agent.
            arrival_ns: When they came (wall clock). Nothing ends after that, whatever a clock says.
            ahead_ns: How far the clock of their agent is ahead of ours.
        """
        end_ns = hits.start_ns + hits.elapsed_ns
        added = Added(int(hits.start_ns.min()), int(end_ns.max()))
        if (ahead_ns := max(ahead_ns, added.last_ns - arrival_ns)) != 0:
            end_ns -= ahead_ns
        first_ns, begun_ns = added.first_ns - ahead_ns, self._timeline.first_s * NS_PER_S
        if first_ns < begun_ns:  # no hit is from before the run, whatever a clock says
            end_ns, first_ns = np.maximum(end_ns, begun_ns), begun_ns
        if wide := int(end_ns.max()) - first_ns > MANY_SECONDS * NS_PER_S:
            self._add_up()  # what waits has come before, and is not put off
        self._first_ns = min(self._first_ns, first_ns) if self._waiting else first_ns
        self._waiting.append(
            _Columns(
                self._groups_of(scenario, cycle, hits),
                end_ns,
                hits.elapsed_ns,
                hits.bytes_sent,
                hits.bytes_received,
                hits.delay_ns,
            )
        )
        if hits.attempt is not None:
            self._add_retries(scenario, hits, hits.attempt > 1)
        self._waiting_hits += len(end_ns)
        full = len(self._groups) > MAX_GROUPS or len(self._waiting) >= MAX_WAITING
        if wide:
            self._put_off()
        elif full or self._waiting_hits >= ENOUGH_HITS:
            self._add_up()
        return added

    def catch_up(self) -> bool:
        """Adds up some of what was put off; whether there is more.

        Hits of one batch that ended in many different seconds are work for more than one turn.
        """
        if self._put_off_hits:
            groups, hits = self._put_off_hits.popleft()
            for second, some in _sorted_by_second(hits):
                self._add_second(second, groups, some)
        return bool(self._put_off_hits)

    def _put_off(self) -> None:
        """Takes what waits apart, a few seconds at a time, for `catch_up`."""
        groups, hits = self._take()
        hits = hits.some(np.argsort(hits.end_ns, kind="stable"))
        firsts = _firsts(hits)[::SECONDS_A_TURN]
        for first, end in zip(firsts, [*firsts[1:], len(hits.end_ns)], strict=True):
            self._put_off_hits.append((groups, hits.some(slice(first, end))))

    def _add_up(self) -> None:
        """Adds up what waits."""
        if not self._waiting:
            return
        groups, hits = self._take()
        for second, some in _by_second(hits, self._first_ns // NS_PER_S):
            self._add_second(second, groups, some)

    def _take(self) -> tuple[list[_Group], _Columns]:
        """Takes what waits."""
        hits = self._waiting[0] if len(self._waiting) == 1 else _joined(self._waiting)
        groups = self._groups
        self._waiting, self._waiting_hits = [], 0
        self._groups, self._numbers = [], {}
        return groups, hits

    def _add_second(self, second: int, groups: list[_Group], hits: _Columns) -> None:
        """Adds hits that ended in one second of our clock."""
        group, _, elapsed_ns, sent_bytes, received_bytes, delay_ns = hits
        if len(groups) == 1:
            firsts, ends, present = [0], [len(group)], [1]
            sent, received = [int(sent_bytes.sum())], [int(received_bytes.sum())]
        else:
            # By group; numbers of 16 bits are sorted in a time that grows with their number only.
            order = np.argsort(group, kind="stable")
            elapsed_ns = elapsed_ns[order]
            delay_ns = None if delay_ns is None else delay_ns[order]
            counts = np.bincount(group)
            present = np.flatnonzero(counts).tolist()
            ends = np.cumsum(counts[present]).tolist()
            firsts = [0, *ends[:-1]]
            sent = np.add.reduceat(sent_bytes[order], firsts).tolist()
            received = np.add.reduceat(received_bytes[order], firsts).tolist()
        for at, first, end, *sizes in zip(present, firsts, ends, sent, received, strict=True):
            exact, series, answered, failed, has_reason, cycle = groups[at - 1]
            count = end - first
            delays_ns = None if delay_ns is None else delay_ns[first:end]
            self._timeline.window(second, cycle).stats(series).add(
                elapsed_ns=elapsed_ns[first:end],
                failed=count if failed else 0,
                answered=answered,
                bytes_sent=sizes[0],
                bytes_received=sizes[1],
                delay_ns=delays_ns if delays_ns is not None and delays_ns.any() else None,
            )
            if answered:
                self._answered[exact] += count
                if failed and not has_reason:
                    self._failed[exact] += count

    def _groups_of(self, scenario: str, cycle: int, hits: Hits) -> NDArray[np.int16]:
        """The number of the group of each hit."""
        numbers = self._numbers.setdefault((scenario, cycle), {})
        labels, found = hits.labels, []
        if len(labels) == 1:
            counts = [len(hits.label)]
        else:
            counts = np.bincount(hits.label, minlength=len(labels)).tolist()
        for label, count in zip(labels, counts, strict=True):
            number = numbers.get(label, 0)
            if number == 0 and count:
                number = numbers[label] = self._number(scenario, cycle, label)
            found.append(number)
            if count and label.failed and (label.error_message or not label.answered):
                self._causes.add_hits(label, count)
        if len(labels) == 1:
            return np.full(len(hits.label), found[0], np.int16)
        return np.array(found, np.int16)[hits.label]

    def _add_retries(self, scenario: str, hits: Hits, which: NDArray[np.bool_]) -> None:
        """Counts those of the hits that are retries, by name."""
        counts = np.bincount(hits.label[which], minlength=len(hits.labels)).tolist()
        for label, count in zip(hits.labels, counts, strict=True):
            if count:
                self._retries[self._exact(scenario, label).of_name] += count

    def _number(self, scenario: str, cycle: int, label: HitLabel) -> int:
        """The number of the group of a label that is new among those that wait; from 1."""
        exact = self._exact(scenario, label)
        tags = self._bounded_tags(label.tags) if label.tags else ()
        series = Series(*exact[:-1], status_class(exact.status), tags)
        has_reason = bool(label.error_message)
        self._groups.append(_Group(exact, series, label.answered, label.failed, has_reason, cycle))
        return len(self._groups)

    def _exact(self, scenario: str, label: HitLabel) -> Exact:
        """What hits of a label are counted in, which there is from now on."""
        status = label.status if label.answered else 0
        known = self._answered
        exact = Exact(scenario, label.name, label.method, label.protocol, status)
        if exact not in known and len(known) >= MAX_SERIES:
            other = exact._replace(name=OTHER, method="", protocol="")
            most = MAX_SERIES + MAX_OTHER_STATUSES
            exact = _bounded(known, other, other._replace(status=0), most)
        known.setdefault(exact, 0)
        return exact

    # What they add up to

    def total(self, scenario: str | None = None) -> HitStats:
        """All hits together, or those of a scenario."""
        total = HitStats()
        for series, stats in self.timeline.hits():
            if scenario in (None, series.scenario):
                total.merge(stats)
        return total

    def by_name(self) -> dict[HitName, HitStats]:
        """Hits by name, of all statuses together."""
        return self._of({exact.of_name for exact in self._answered})

    def busiest(self, limit: int) -> dict[HitName, HitStats]:
        """The names with most hits, the busiest first: their hits, of all statuses together."""
        counts: Counter[HitName] = Counter()
        for series, stats in self.timeline.hits():
            counts[series.of_name] += stats.count
        return self._of([name for name, _ in counts.most_common(limit)])

    def _of(self, names: Collection[HitName]) -> dict[HitName, HitStats]:
        found = {name: HitStats() for name in names}
        for series, stats in self.timeline.hits():
            if (total := found.get(series.of_name)) is not None:
                total.merge(stats)
        return found

    def _bounded_tags(self, tags: Tags) -> Tags:
        """The tags, or that of all further sets when there are many."""
        known = self._tag_sets
        if tags not in known:
            if len(known) >= MAX_TAG_SETS:
                return OTHER_TAGS
            known.add(tags)
        return tags

    def by_tag(self, duration_ns: int) -> list[TagFigures]:
        """Figures by tag, sorted."""
        found: dict[tuple[str, str, str], HitStats] = {}
        for series, stats in self.timeline.hits():
            for name, value in series.tags:
                key = name, value, series.scenario
                found.setdefault(key, HitStats()).merge(stats)
        return [
            TagFigures(name=name, value=value, scenario=scenario, hits=stats.figures(duration_ns))
            for (name, value, scenario), stats in sorted(found.items())
        ]

    def failed_answers(self) -> list[tuple[int, int, str]]:
        """How many hits failed with an answer: count, status, and where, as `GET /`."""
        self._add_up()
        return [
            (count, exact.status, f"{exact.method} {exact.name}".strip())
            for exact, count in self._failed.items()
            if exact.status
        ]

    def figures(self, duration_ns: int, scenario: str | None = None) -> HitFigures:
        """Figures of all hits together, or those of a scenario, with the rate over a duration."""
        return self.total(scenario).figures(duration_ns)

    def names(self, duration_ns: int) -> list[NameFigures]:
        """Figures by name, sorted; those of `(other)` come last."""
        self._add_up()
        statuses: dict[HitName, dict[int, int]] = {}
        failed: dict[HitName, dict[int, int]] = {}
        for exact, answered in sorted(self._answered.items()):
            of_name = statuses.setdefault(exact.of_name, {})
            if answered:
                of_name[exact.status] = answered
            if count := self._failed[exact]:
                failed.setdefault(exact.of_name, {})[exact.status] = count
        found = sorted(self.by_name().items(), key=lambda each: (is_other(each[0]), each[0]))
        return [
            NameFigures(
                scenario=name.scenario,
                name=name.name,
                method=name.method,
                hits=stats.figures(duration_ns),
                statuses=statuses[name],
                protocol=name.protocol,
                failed_statuses=failed.get(name, {}),
                retries=self._retries[name],
            )
            for name, stats in found
        ]


def _joined(waiting: list[_Columns]) -> _Columns:
    """Hits end to end."""
    delays_ns = None
    if any(hits.delay_ns is not None for hits in waiting):
        delays_ns = np.concatenate(
            [
                np.zeros(len(hits.end_ns), np.int64) if hits.delay_ns is None else hits.delay_ns
                for hits in waiting
            ]
        )
    group, end_ns, elapsed_ns, sent, received, _ = zip(*waiting, strict=True)
    return _Columns(
        np.concatenate(group),
        np.concatenate(end_ns),
        np.concatenate(elapsed_ns),
        np.concatenate(sent),
        np.concatenate(received),
        delays_ns,
    )


def _by_second(hits: _Columns, first_s: int) -> Iterator[tuple[int, _Columns]]:
    """The hits by the second of their end, none of which is before `first_s`."""
    second = last_s = int(hits.end_ns.max()) // NS_PER_S
    while first_s < second:
        if last_s - second >= FEW_SECONDS:
            yield from _sorted_by_second(hits)
            return
        earlier = hits.end_ns < second * NS_PER_S
        if not earlier.any():
            break
        yield second, hits.some(~earlier)
        hits = hits.some(earlier)
        second = int(hits.end_ns.max()) // NS_PER_S
    yield second, hits


def _sorted_by_second(hits: _Columns) -> Iterator[tuple[int, _Columns]]:
    hits = hits.some(np.argsort(hits.end_ns, kind="stable"))
    firsts = _firsts(hits)
    for first, end in zip(firsts, [*firsts[1:], len(hits.end_ns)], strict=True):
        yield int(hits.end_ns[first]) // NS_PER_S, hits.some(slice(first, end))


def _firsts(hits: _Columns) -> list[int]:
    """Where the hits of each second begin; they are sorted by their end."""
    return [0, *(np.flatnonzero(np.diff(hits.end_ns // NS_PER_S)) + 1).tolist()]


def _bounded(known: Collection[Exact], key: Exact, other: Exact, limit: int) -> Exact:
    """`key`, or `other` when it is new and `known` is full."""
    return key if key in known or len(known) < limit else other
