"""The timeline of a run: windows of one second, rolled up to longer ones as they grow old.

    added to ──▶ closed ──▶ recent, 1 s ──▶ 10 s ──▶ 1 min, 10 min, 1 h
                            10 min of them    2 h      12 h, 5 days, for good

Windows of 1 s and 10 s are in memory, sealed except for the newest. A window of 10 s that is two
hours old is added to those of 1 min, 10 min and 1 h that it lies in; these leave as *rows*, to be
stored, as soon as time has passed them. So each moment is in one place or, among the longer ones,
in one place for each length that is kept: reading one length returns everything there is.

Rule: pure, and bounded whatever comes in whatever order. Hits that come for a closed window are
added all the same, wherever that window is by now, and counted in it as late data; if it has left
already, they make another row of the same span, and such rows add up. Sums hold: all windows
together have everything that was added, and no hit is in two of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from loadgrpc.clock import NS_PER_S
from loadgrpc.stats.alive import Alive
from loadgrpc.stats.busiest import Busiest
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.measures import StatsByName, add
from loadgrpc.stats.rows import COARSE, Row
from loadgrpc.stats.rules import RuleName, RuleStats, is_other_rule
from loadgrpc.stats.sealed import seal, unseal
from loadgrpc.stats.watermark import Watermark
from loadgrpc.stats.window import HitName, Series, Window, is_other, merged

FIRST_NUMBER: Final = 1
"""Of what leaves memory for the store."""
MAX_NAMES: Final = 100
"""Names with series of their own; the others are counted together."""
MAX_RULES: Final = 100
"""Rules of decision tables that windows tell apart, likewise."""
SPAN_S: Final = 5
"""Live figures look back this many closed seconds."""
FINE_S: Final = 600
"""Windows of one second are kept for this long."""
MIDDLE_S: Final = 10
"""The length of the windows that these are rolled up to."""
MIDDLE_KEPT_S: Final = 7_200
"""Windows of ten seconds are kept for this long."""
KEPT_S: Final = {60: 43_200, 600: 432_000}
"""For how long longer windows are kept, by their length; the longest ones for good."""
MAX_MISSED: Final = 60
"""At most this many windows for a watcher who has not looked for a while."""
MAX_OPEN: Final = 128
"""At most this many windows are open at a time; for one more, the oldest is closed."""
_END_S: Final = 1 << 62
OPEN_COARSE: Final = 2
"""At most this many windows of each longer length are open; for one more, the oldest leaves."""


class Recent(NamedTuple):
    """The last closed seconds: `seconds` of them, up to `end_s`, as one window."""

    end_s: int
    seconds: int
    window: Window


class Timeline:
    """See the module. Nothing is from before `first_s`: whatever seems to be is put there."""

    def __init__(self, first_s: int = 0) -> None:
        self.first_s = first_s
        self.watermark = Watermark()
        self.alive = Alive()
        self.names: Busiest[HitName] = Busiest(MAX_NAMES, leave_out=is_other)
        self.rules: Busiest[RuleName] = Busiest(MAX_RULES, leave_out=is_other_rule)
        self._hits: dict[Series, HitStats] = {}
        """All that is closed."""
        self._rules: dict[RuleName, RuleStats] = {}
        """The same by rule."""
        self._cycles: dict[tuple[int, str], HitStats] = {}
        """The same by cycle and scenario."""
        self._measures: StatsByName = {}
        """What tests measured beside hits, likewise."""
        self._open: dict[tuple[int, int], Window] = {}
        """Windows that are added to, by second and cycle: what is in them is nowhere else."""
        self._recent: dict[int, Window] = {}
        """The last closed windows, by their second."""
        self._fine: dict[int, bytes] = {}
        self._middle: dict[int, bytes] = {}
        self._coarse: dict[int, dict[int, Window]] = {length_s: {} for length_s in COARSE}
        self._edge_s = first_s
        """All seconds before this one are closed."""
        self._fine_from_s = first_s
        self._middle_from_s = first_s
        self.kept_from_s: dict[int, int] = dict.fromkeys(KEPT_S, 0)
        """By length: rows of longer windows that start before this are not needed any more."""
        self.leaving: dict[int, Row] = {}
        """Rows by number, until somebody says that they are stored."""
        self.next_number = FIRST_NUMBER
        self._over = False
        self.on_closed: Callable[[Window], None] | None = None
        """Is called with each window of a second that closes, in order, and with what comes for
        one later. It may look at the window, and not keep it."""

    # Adding

    def window(self, second: int, cycle: int = 0) -> Window:
        """The window of a second, to be added to before anything else happens here.

        `cycle` is that of the hits, 0 if they belong to none.
        """
        key = max(second, self.first_s), cycle
        found = self._open.get(key)
        if found is None:
            if len(self._open) >= MAX_OPEN:
                self._close(min(self._open))
            found = self._open[key] = Window(key[0])
        return found

    def close(self, now_ns: int, *, stored: bool = True) -> None:
        """Closes the seconds of which nothing more is expected, and rolls up what has grown old.

        Args:
            now_ns: The broker's wall clock.
            stored: Whether what is reported is counted; if not, it waits for the store.
        """
        self.watermark.advance(now_ns, stored=stored)
        self._close_before(self.watermark.closed_s or 0)

    def end(self) -> None:
        """Nothing more comes: all windows are closed, and leave."""
        if self._over:
            return
        seconds = [second for second, _ in self._open] + self.alive.seconds(_END_S)
        self._over = True  # the last windows stay in memory, for live figures
        self._close_before(max((second + 1 for second in seconds), default=self._edge_s))
        for start_s, window in sorted(self._recent.items()):
            if start_s in self._fine:
                window.merge(unseal(self._fine.pop(start_s)))
            self._leave(1, start_s, self._sealed(window))
        for length_s, shelf in ((1, self._fine), (MIDDLE_S, self._middle)):
            for start_s, sealed in sorted(shelf.items()):
                self._leave(length_s, start_s, sealed)
            shelf.clear()
        for length_s, windows in self._coarse.items():
            for start_s in sorted(windows):
                self._leave(length_s, start_s, self._sealed(windows.pop(start_s)))

    def stored(self, numbers: list[int]) -> None:
        """These rows are in the store."""
        for number in numbers:
            self.leaving.pop(number, None)

    # Reading

    def hits(self) -> Iterator[tuple[Series, HitStats]]:
        """All hits since the start, by series; a series may come several times."""
        yield from self._hits.items()
        for window in self._open.values():
            yield from window.series.items()

    def cycles(self) -> dict[tuple[int, str], HitStats]:
        """All hits since the start, by cycle and scenario."""
        found: dict[tuple[int, str], HitStats] = {}
        parts = [*self._cycles.items()]
        for (_, cycle), window in self._open.items():
            parts += [((cycle, each.scenario), stats) for each, stats in window.series.items()]
        for key, stats in parts:
            found.setdefault(key, HitStats()).merge(stats)
        return found

    def measures(self) -> StatsByName:
        """What tests measured beside hits, since the start."""
        found: StatsByName = {}
        for each in (self._measures, *(window.measures for window in self._open.values())):
            for name, stats in each.items():
                add(found, name, stats)
        return found

    def of_rules(self) -> Iterator[tuple[RuleName, RuleStats]]:
        """What came of iterations that were fed with cases; a rule may come several times."""
        yield from self._rules.items()
        for window in self._open.values():
            yield from window.rules.items()

    def recent(self, since_ns: int | None) -> Recent | None:
        """The last whole closed seconds of a run that began then; None: there is none yet."""
        closed_s = self.watermark.closed_s
        if since_ns is None or closed_s is None:
            return None
        first_s = max(closed_s - SPAN_S, -(-since_ns // NS_PER_S))
        if closed_s <= first_s:
            return None
        windows = [self._recent[each] for each in range(first_s, closed_s) if each in self._recent]
        seconds = closed_s - first_s
        return Recent(closed_s, seconds, merged(windows, first_s, seconds))

    def closed_since(self, second: int) -> list[Window]:
        """The windows from a second on that are closed, the newest MAX_MISSED at most."""
        seconds = sorted(each for each in {*self._recent, *self._fine} if each >= second)
        return [self._closed(each) for each in seconds[-MAX_MISSED:]]

    def _closed(self, second: int) -> Window:
        recent = self._recent.get(second)
        return unseal(self._fine[second]) if recent is None else recent

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self._over

    @property
    def closed_s(self) -> int:
        """All seconds before this one are closed."""
        return self._edge_s

    def rows(self) -> list[Row]:
        """Everything that is not stored yet, whether it is leaving or not: for `rows.buckets`.

        Those of one second that are not closed are among them.
        """
        found = list(self.leaving.values())
        if self._over:
            return found
        found += [Row(0, MIDDLE_S, start_s, sealed) for start_s, sealed in self._middle.items()]
        found += [Row(0, 1, start_s, sealed) for start_s, sealed in self._fine.items()]
        growing = [*self._recent.values(), *self._open.values()]
        growing += [each for windows in self._coarse.values() for each in windows.values()]
        for window in growing:
            copy = merged([window], window.start_s, window.length_s)
            copy.fold(self.names.names, self.rules.names)
            found.append(Row(0, window.length_s, window.start_s, copy))
        return found

    # How windows grow old

    def _close_before(self, end_s: int) -> None:
        if end_s > self._edge_s:
            self._note_users(end_s)
        elif all(second >= self._edge_s for second, _ in self._open):
            return
        for key in sorted(each for each in self._open if each[0] < end_s):
            self._close(key)
        before_s, self._edge_s = self._edge_s, max(self._edge_s, end_s)
        if self.on_closed is not None:
            for second in sorted(each for each in {*self._recent, *self._fine} if each >= before_s):
                self.on_closed(self._closed(second))
        if self.names.full:
            counts: Counter[HitName] = Counter()
            for series, stats in self._hits.items():
                counts[series.of_name] += stats.count
            self.names.look(counts)
        if self.rules.full:
            self.rules.look({name: of.outcomes.total() for name, of in self._rules.items()})
        self._roll()

    def _note_users(self, end_s: int) -> None:
        """Seconds in which users are alive are windows, whether a hit ended in them or not."""
        alive = self.alive
        reported = alive.seconds(end_s)
        if not reported and not alive.now:
            return
        at = max(self._edge_s, end_s - FINE_S) if alive.now else max(self._edge_s, reported[0])
        for second in range(max(at, end_s - FINE_S), end_s):
            if users := alive.take(second):
                self.window(second).users = users

    def _close(self, key: tuple[int, int]) -> None:
        """Adds an open window to the totals, and puts it where it belongs."""
        window = self._open.pop(key)
        second, cycle = key
        for series, stats in window.series.items():
            self.names.meet(series.of_name)
            self._hits.setdefault(series, HitStats()).merge(stats)
            if cycle:
                self._cycles.setdefault((cycle, series.scenario), HitStats()).merge(stats)
        for name, measured in window.measures.items():
            add(self._measures, name, measured)
        for rule, came in window.rules.items():
            self.rules.meet(rule)
            self._rules.setdefault(rule, RuleStats()).merge(came)
        if second < self._edge_s:
            window.late_data = window.hits
            if self.on_closed is not None:
                self.on_closed(window)
        self._file(window)

    def _file(self, window: Window) -> None:
        second = window.start_s
        if second in self._recent:
            self._recent[second].merge(window)
        elif second >= self._edge_s - SPAN_S and len(self._recent) < MAX_OPEN:
            self._recent[second] = window
        elif second >= self._fine_from_s:
            self._put(self._fine, second, 1, window)
        elif second >= self._middle_from_s:
            self._put(self._middle, _floor(second, MIDDLE_S), MIDDLE_S, window)
        else:
            self._add_to_coarse(window)

    def _put(self, shelf: dict[int, bytes], start_s: int, length_s: int, window: Window) -> None:
        held = [unseal(shelf[start_s])] if start_s in shelf else []
        shelf[start_s] = self._sealed(merged([*held, window], start_s, length_s))

    def _roll(self) -> None:
        """Moves what has grown old to where it belongs now."""
        edge_s = self._edge_s
        if self._over:
            return
        for length_s, kept_s in KEPT_S.items():  # first: what is too old is not added to them
            from_s = max(self.kept_from_s[length_s], _floor(edge_s - kept_s, COARSE[-1]))
            self.kept_from_s[length_s] = from_s
            for start_s in [each for each in self._coarse[length_s] if each < from_s]:
                del self._coarse[length_s][start_s]
        for second in [each for each in self._recent if each < edge_s - SPAN_S]:
            self._put(self._fine, second, 1, self._recent.pop(second))
        self._fine_from_s = max(self._fine_from_s, _floor(edge_s - FINE_S, MIDDLE_S))
        old = sorted(each for each in self._fine if each < self._fine_from_s)
        for start_s in sorted({_floor(second, MIDDLE_S) for second in old}):
            seconds = [each for each in old if start_s <= each < start_s + MIDDLE_S]
            windows = [unseal(self._fine.pop(each)) for each in seconds]
            self._put(self._middle, start_s, MIDDLE_S, merged(windows, start_s, MIDDLE_S))
        self._middle_from_s = max(self._middle_from_s, _floor(edge_s - MIDDLE_KEPT_S, MIDDLE_S))
        for start_s in sorted(each for each in self._middle if each < self._middle_from_s):
            self._add_to_coarse(unseal(self._middle.pop(start_s)))

    def _add_to_coarse(self, window: Window) -> None:
        for length_s, windows in self._coarse.items():
            start_s = _floor(window.start_s, length_s)
            if start_s < self.kept_from_s.get(length_s, 0):
                continue
            if start_s not in windows and len(windows) >= OPEN_COARSE:
                oldest_s = min(windows)
                self._leave(length_s, oldest_s, self._sealed(windows.pop(oldest_s)))
            windows.setdefault(start_s, Window(start_s, length_s)).merge(window)

    def _leave(self, length_s: int, start_s: int, sealed: bytes) -> None:
        self.leaving[self.next_number] = Row(self.next_number, length_s, start_s, sealed)
        self.next_number += 1

    def _sealed(self, window: Window) -> bytes:
        window.fold(self.names.names, self.rules.names)
        return seal(window)


def _floor(second: int, length_s: int) -> int:
    return second - second % length_s
