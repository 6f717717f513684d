"""All thresholds of a run, and its windows: each is judged when it has closed.

Rule: pure, and the same live and afterwards: windows come in, in the order of time and of whatever
length they are kept in; results come out. What comes for a window that was judged already counts
for thresholds on the whole run, and in no window.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.judge.amount import Amount
from loadgrpc.judge.grammar import parse
from loadgrpc.judge.metrics import METRICS, Metric
from loadgrpc.judge.reading import COUNTERS, Reading, RunFacts, ToldApart, names_in
from loadgrpc.judge.said import message
from loadgrpc.judge.trial import RunSpan, Trial, trial_of
from loadgrpc.judge.unit import published
from loadgrpc.judge.where import Where
from loadgrpc.model import ThresholdOutcome, ThresholdResult
from loadgrpc.stats.rules import RuleName
from loadgrpc.stats.window import HitName, Window, merged

MAX_NAMES: Final = 1_000
"""Names that are remembered, for whoever has misspelt one."""
NEAR: Final = 3
MAX_EARLY: Final = 600
"""Windows from before the load began, which count for thresholds on the whole run only."""


class Judging:
    """See the module."""

    def __init__(self, texts: Iterable[str]) -> None:
        """`texts`: the thresholds.

        Raises:
            BadThreshold: one of them cannot be read.
        """
        self._trials = [trial_of(parse(text)) for text in texts]
        self._span: RunSpan | None = None
        self._next_s: int | None = None
        """All seconds before this one are judged."""
        self._waiting: dict[int, list[Window]] = {}
        """Windows that came and are not judged yet, by their start."""
        self._names: set[tuple[str, str]] = set()
        self._facts = RunFacts()
        self._over = False
        self._decided: dict[int, ThresholdResult] = {}
        """Thresholds that have failed for good, by their number."""

    def __bool__(self) -> bool:
        return bool(self._trials)

    @property
    def of_run(self) -> bool:
        """Whether one of them asks for what is known of the run as a whole only."""
        return any(each.threshold.metric.of_run is not None for each in self._trials)

    def tells_apart(self, name: HitName) -> bool:
        """Whether a threshold names hits that are called that."""
        return any(name.name in each.threshold.where.values("name") for each in self._trials)

    def tells_rule_apart(self, name: RuleName) -> bool:
        """Whether a threshold names cases of that rule."""
        return any(name.rule in each.threshold.where.values("case") for each in self._trials)

    @property
    def by_agent(self) -> bool:
        """Whether one of them selects by agent."""
        return any(each.threshold.where.of == "agent" for each in self._trials)

    # What comes in

    def begin(self, start_ns: int) -> None:
        """The load begins (wall clock)."""
        if self._span is None:
            self._span = RunSpan(start_ns)

    def stop(self, until_ns: int) -> None:
        """The load ends: later windows are not judged by themselves. The first such time counts."""
        span = self._span
        if span is not None and (span.until_ns is None or until_ns < span.until_ns):
            self._span = RunSpan(span.start_ns, until_ns)

    def add(self, window: Window) -> None:
        """A window, or a part of one; not to be changed before `close`."""
        if not self._trials:
            return
        if self._span is None:  # it waits for longer
            window = merged([window], window.start_s, window.length_s)
            if len(self._waiting) >= MAX_EARLY:
                self._waiting.pop(min(self._waiting))
        if self._next_s is None or window.start_s >= self._next_s:
            self._waiting.setdefault(window.start_s, []).append(window)
        else:
            self._add_late(window)

    def close(
        self,
        edge_s: int,
        facts: RunFacts,
        told_apart: ToldApart | None = None,
    ) -> list[int]:
        """Judges all windows before a second; the numbers of thresholds that have failed by that.

        Args:
            edge_s: The second.
            facts: What is known of the run as a whole by now.
            told_apart: What windows will tell apart when they are kept. None: all that they do.
        """
        self._facts = facts
        if not self._trials or self._span is None:
            return []
        failed: list[int] = []
        first_s = self._span.start_ns // NS_PER_S
        self._next_s = min(first_s, edge_s) if self._next_s is None else self._next_s
        for start_s in sorted(each for each in self._waiting if each < edge_s):
            failed += self._fill(start_s, self._span)
            windows = self._waiting.pop(start_s)
            self._judge(windows, self._span, told_apart)
            self._next_s = max(start_s + windows[0].length_s, self._next_s)
            failed += self._newly_failed(self._span)
        return failed + self._fill(edge_s, self._span)

    def finish(
        self,
        edge_s: int,
        facts: RunFacts,
        told_apart: ToldApart | None = None,
    ) -> list[int]:
        """The run is over: as `close`, and nothing more comes. The verdict on the whole run."""
        failed = self.close(edge_s, self._facts, told_apart)
        self._facts, self._over = facts, True
        return failed if self._span is None else failed + self._newly_failed(self._span)

    def decide(self, result: ThresholdResult) -> None:
        """A threshold has failed for good, as an earlier broker saw, or stops the run by that."""
        for number, trial in enumerate(self._trials):
            if trial.threshold.text == result.text:
                self._decided[number] = result

    def _fill(self, end_s: int, span: RunSpan) -> list[int]:
        """Judges seconds in which nothing came; the numbers of thresholds that fail by that."""
        failed: list[int] = []
        assert self._next_s is not None  # noqa: S101 - `close` has seen to it
        for second in range(self._next_s, end_s):
            for trial in self._trials:
                trial.add(second, 1, None, span)
            self._next_s = second + 1
            failed += self._newly_failed(span)
        return failed

    def _judge(
        self, windows: Sequence[Window], span: RunSpan, told_apart: ToldApart | None
    ) -> None:
        reading = Reading(windows, told_apart)
        for window in windows if len(self._names) < MAX_NAMES else ():
            self._names |= names_in(window)
        amounts: dict[tuple[Metric, Where], Amount | None] = {}
        for trial in self._trials:
            amount = _amount(trial, reading, amounts)
            trial.add(reading.start_s, reading.length_s, amount, span)

    def _add_late(self, window: Window) -> None:
        reading = Reading([window])
        for trial in self._trials:
            amount = _amount(trial, reading, {})
            if amount is not None and self._span is not None:
                trial.add_late(window.start_s, amount, self._span)

    # What comes out

    def _newly_failed(self, span: RunSpan) -> list[int]:
        """Thresholds that have failed for good, and had not before."""
        return [
            number
            for number, trial in enumerate(self._trials)
            if number not in self._decided and self._fails(number, trial, span)
        ]

    def _fails(self, number: int, trial: Trial, span: RunSpan) -> bool:
        """Whether a threshold has failed for good; what it stands on is kept then."""
        threshold = trial.threshold
        if self._over or (threshold.grows and threshold.abort):
            self._stand(trial, span)
        if not self._over and (not trial.failed or (threshold.grows and not threshold.abort)):
            return False
        result = self._result(number, span)
        if result.failed:
            self._decided[number] = result
        return result.failed

    def _stand(self, trial: Trial, span: RunSpan) -> None:
        """Brings a trial up to date."""
        trial.stand(self._facts, span, self._next_s or 0, over=self._over)

    def results(self) -> tuple[ThresholdResult, ...]:
        """How each threshold stands, as of the last window that was judged."""
        found = []
        span = self._span or RunSpan(0)
        for number, trial in enumerate(self._trials):
            decided = self._decided.get(number)
            if decided is None or not trial.threshold.grows:
                self._stand(trial, span)
                result = self._result(number, span)
                if decided is None:
                    decided = result
                elif result.failed:
                    decided = replace(result, aborted=decided.aborted)
            found.append(decided)
        return tuple(found)

    def aborting(self, number: int) -> bool:
        """Whether a threshold stops the run when it has failed."""
        return self._trials[number].threshold.abort

    def _result(self, number: int, span: RunSpan) -> ThresholdResult:
        trial = self._trials[number]
        threshold, worst = trial.threshold, trial.worst
        near = () if trial.seen else self._near(trial)
        outcome = ThresholdOutcome.FAIL if trial.failed else ThresholdOutcome.PASS
        outcome = ThresholdOutcome.NO_DATA if worst is None else outcome
        allowed = outcome is ThresholdOutcome.NO_DATA and threshold.or_no_data
        apart = (
            threshold.where.of != "agent"
            or not self._names
            or any(key == "agent" for key, _ in self._names)
        )
        return ThresholdResult(
            text=threshold.text,
            outcome=outcome,
            failed=outcome is not ThresholdOutcome.PASS and not allowed,
            value=None if worst is None else published(worst.value, threshold.unit),
            limit=published(threshold.limit, threshold.unit),
            unit=threshold.unit.value,
            count=0 if worst is None else worst.count,
            start_ns=None if worst is None else worst.start_ns,
            length_ns=0 if worst is None else worst.length_ns,
            windows=trial.judged,
            windows_failed=trial.failures,
            near=near,
            message=message(trial, outcome, span, near, apart=apart),
            failed_spans=trial.spans.spans,
        )

    def _near(self, trial: Trial) -> tuple[str, ...]:
        threshold = trial.threshold
        known: dict[str, set[str]] = {}
        for key, name in self._names:
            known.setdefault(key, set()).add(name)
        if threshold.metric.name not in METRICS:
            return _nearest(threshold.metric.name, {*known.get(COUNTERS, ()), *METRICS})
        for pick in threshold.where.picks:
            others = known.get(pick.key, set())
            if not any(map(pick.takes, others)):
                return _nearest(pick.pattern, others)
        return ()


def _amount(
    trial: Trial, reading: Reading, known: dict[tuple[Metric, Where], Amount | None]
) -> Amount | None:
    """What the metric of a trial comes to; read once for all who want the same."""
    metric, where = trial.threshold.metric, trial.threshold.where
    if metric.read is None:
        return None
    key = metric, where
    if key not in known:
        known[key] = metric.read(reading, where)
    return known[key]


def _nearest(text: str, names: Iterable[str]) -> tuple[str, ...]:
    def likeness(name: str) -> float:
        return difflib.SequenceMatcher(None, text.lower(), name.lower()).ratio()

    return tuple(sorted(filter(None, names), key=lambda name: (-likeness(name), name))[:NEAR])
