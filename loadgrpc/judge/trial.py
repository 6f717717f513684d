"""One threshold and the windows of a run: judged as they come.

Rule: each window is judged once, in the order of time. A window is judged by itself only if it lies
within the run, whole; a threshold on the whole run counts everything. If the run is shorter than a
window, all of it is judged as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from loadgrpc.clock import NS_PER_S
from loadgrpc.judge.amount import NOTHING, Amount
from loadgrpc.judge.failed_spans import FailedSpans
from loadgrpc.judge.reading import RunFacts
from loadgrpc.judge.sliding import Slice, Sliding
from loadgrpc.judge.threshold import Threshold


@dataclass(frozen=True)
class Evidence:
    """A value that was judged."""

    value: Fraction
    holds: bool
    count: int
    start_ns: int
    length_ns: int


@dataclass(frozen=True)
class RunSpan:
    """When a run is judged: from the beginning of its load to the end of it (wall clock)."""

    start_ns: int
    until_ns: int | None = None
    """None: it goes on."""


class Trial:
    """See the module."""

    def __init__(self, threshold: Threshold) -> None:
        self.threshold = threshold
        self.seen = False
        """Whether there was anything of what it selects."""
        self.judged = 0
        """Windows that were judged, in steps."""
        self.failures = 0
        self.worst: Evidence | None = None
        self.spans = FailedSpans()
        """When it did not hold."""
        self.failed = False
        """Whether windows have decided that it does not hold."""

    def add(self, start_s: int, length_s: int, amount: Amount | None, span: RunSpan) -> None:
        """Takes what came in a window; None: nothing of what is meant."""
        raise NotImplementedError

    def add_late(self, start_s: int, amount: Amount, span: RunSpan) -> None:
        """Takes what came for a window that was judged already."""
        raise NotImplementedError

    def stand(self, facts: RunFacts, span: RunSpan, edge_s: int, *, over: bool) -> None:
        """Judges what is not a window by itself, as it is now.

        `edge_s`: all seconds before it have come; `over`: nothing more comes.
        """
        raise NotImplementedError

    def _note(self, found: Evidence) -> None:
        """Keeps the worst of what was judged."""
        worst = self.worst
        if worst is None or (
            self.threshold.worse(found.value, worst.value)
            if worst.holds is found.holds
            else worst.holds
        ):
            self.worst = found


def trial_of(threshold: Threshold) -> Trial:
    """The trial of a threshold."""
    return _OfWholeRun(threshold) if threshold.over_s is None else _OfWindows(threshold)


class _OfWholeRun(Trial):
    """Of a threshold over the whole run: one window that grows."""

    def __init__(self, threshold: Threshold) -> None:
        super().__init__(threshold)
        self._total = NOTHING

    def add(self, start_s: int, length_s: int, amount: Amount | None, span: RunSpan) -> None:
        """See Trial."""
        del length_s
        if amount is not None:
            self.add_late(start_s, amount, span)

    def add_late(self, start_s: int, amount: Amount, span: RunSpan) -> None:
        """See Trial."""
        skip_ns = self.threshold.skip_ns
        if not skip_ns or start_s * NS_PER_S >= span.start_ns + skip_ns:
            self.seen = True
            self._total += amount

    def stand(self, facts: RunFacts, span: RunSpan, edge_s: int, *, over: bool) -> None:
        """See Trial."""
        threshold = self.threshold
        if threshold.metric.of_run is not None:
            self._total = threshold.metric.of_run(facts)
            self.seen = self.seen or self._total is not NOTHING
        if not self.seen:
            return
        length_ns = facts.duration_ns if over else edge_s * NS_PER_S - span.start_ns
        length_ns = max(length_ns - threshold.skip_ns, 0)
        value = threshold.value(self._total, length_ns)
        if value is None:
            return
        start_ns = span.start_ns + threshold.skip_ns
        holds = threshold.holds(value)
        found = Evidence(value, holds, self._total.observed, start_ns, length_ns)
        self.judged, self.failures, self.worst, self.failed = 1, int(not holds), found, not holds
        self.spans = FailedSpans()
        if not holds:
            self.spans.add(start_ns, length_ns)


class _OfWindows(Trial):
    """Of a threshold over windows, which end a step apart."""

    def __init__(self, threshold: Threshold) -> None:
        super().__init__(threshold)
        assert threshold.over_s is not None  # noqa: S101 - else it is of the other kind
        self._step_s = threshold.step_s
        self._sliding = Sliding(threshold.over_s)
        self._slice: Slice | None = None
        """The step that is not whole yet."""
        self._streak = 0
        self._first = NOTHING
        """All there is while no window is whole yet."""
        self._first_s: int | None = None

    def add(self, start_s: int, length_s: int, amount: Amount | None, span: RunSpan) -> None:
        """See Trial."""
        self.seen = self.seen or amount is not None
        if not self.seen:
            return
        amount = amount or NOTHING
        if not self.judged and start_s >= self._from_ns(span) // NS_PER_S:
            self._first += amount
            self._first_s = start_s if self._first_s is None else self._first_s
        if length_s >= self._step_s:
            self._push(Slice(start_s, length_s, amount), span)
            return
        at_s = start_s - start_s % self._step_s
        if self._slice is None or self._slice.start_s != at_s:
            self._slice = Slice(at_s, 0, NOTHING)
        self._slice = self._slice._replace(amount=self._slice.amount + amount)
        if start_s + length_s >= at_s + self._step_s:
            whole = self._slice._replace(length_s=self._step_s)
            self._slice = None
            self._push(whole, span)

    def add_late(self, start_s: int, amount: Amount, span: RunSpan) -> None:
        """See Trial. Windows are judged once: what comes later does not count in them."""

    def _from_ns(self, span: RunSpan) -> int:
        return span.start_ns + self.threshold.skip_ns

    def _push(self, slice_: Slice, span: RunSpan) -> None:
        until_ns, end_s = span.until_ns, slice_.start_s + slice_.length_s
        if slice_.start_s * NS_PER_S < self._from_ns(span):
            return
        if until_ns is not None and end_s * NS_PER_S > until_ns:
            return
        sliding = self._sliding
        sliding.push(slice_)
        if sliding.full:
            length_ns = sliding.covered_s * NS_PER_S
            start_ns = sliding.start_s * NS_PER_S
            self._judge(sliding.total, start_ns, length_ns, slice_.length_s // self._step_s)

    def _judge(self, amount: Amount, start_ns: int, length_ns: int, steps: int) -> None:
        """Judges a window, which stands for `steps` of them."""
        threshold = self.threshold
        value = threshold.value(amount, length_ns)
        if value is None:
            return
        found = Evidence(value, threshold.holds(value), amount.observed, start_ns, length_ns)
        self._first = NOTHING
        self.judged += steps
        if not found.holds:
            self.failures += steps
            self.spans.add(start_ns, length_ns, steps)
        self._streak = 0 if found.holds else self._streak + steps
        if threshold.share is None and self._streak >= threshold.strikes:
            self.failed = True
        self._note(found)

    def stand(self, facts: RunFacts, span: RunSpan, edge_s: int, *, over: bool) -> None:
        """See Trial."""
        del facts
        if over and not self.judged and self._first_s is not None:
            start_ns = max(self._first_s * NS_PER_S, self._from_ns(span))
            end_ns = min(span.until_ns or edge_s * NS_PER_S, edge_s * NS_PER_S)
            strikes, self._streak = self.threshold.strikes, 0
            self._judge(self._first, start_ns, max(end_ns - start_ns, 0), strikes)
            self.judged, self.failures = min(self.judged, 1), min(self.failures, 1)
            self.spans = FailedSpans()
            if self.failures:
                self.spans.add(start_ns, max(end_ns - start_ns, 0))
        share = self.threshold.share
        if share is not None and self.judged:
            held = Fraction(100 * (self.judged - self.failures), self.judged)
            self.failed = held < share
