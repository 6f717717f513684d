"""Everything that the events of a run add up to.

Rule: pure, and bounded: what exceeds a limit is counted together in one entry that says so. Only
committed events are added, and the ledger ensures that none is added twice. Hits are added up by
second (`hits.py`), what went wrong by similarity (`causes.py`), the rest by agent (`share.py`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadgrpc.broker.causes import Causes
from loadgrpc.broker.custom_states import CustomStates
from loadgrpc.broker.cycles import Cycles
from loadgrpc.broker.figures_by_agent import FiguresByAgent
from loadgrpc.broker.figures_by_test import FiguresByTest
from loadgrpc.broker.hits import SECONDS_A_TURN, RunHits
from loadgrpc.broker.measures import RunMeasures
from loadgrpc.broker.part import Key
from loadgrpc.broker.rule_figures import RuleFigures
from loadgrpc.broker.share import Share, TimeSpan
from loadgrpc.broker.sockets import RunSockets
from loadgrpc.broker.taken_data import TakenData
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    OTHER,
    GeneratorFigures,
    GeneratorState,
    IterationFigures,
    OutputFigures,
    Plan,
    Saturation,
    TestOutcome,
)
from loadgrpc.protocol.decoded import Decoded, Hits, IterationLabel, Iterations
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.generator import GeneratorStats, cpu_share
from loadgrpc.stats.hits import LATE_NS
from loadgrpc.stats.timeline import Timeline
from loadgrpc.stats.window import CPU, Counted, Occurrence, Window

MAX_COUNTERS: Final = 1_000
WRONG: Final = {
    TestOutcome.FAILURE: Occurrence.FAILURES,
    TestOutcome.ERROR: Occurrence.ERRORS,
}
_MAX_COUNT: Final = 2**63 - 1
NOW_NS: Final = 2_500_000_000
"""A process that reported saturation counts as saturated for this long; it reports each second."""


class _Ended(NamedTuple):
    """Iterations that ended in one second, by label."""

    second: int
    cycle: int
    scenario: str
    labels: Sequence[IterationLabel]
    counts: list[int]
    late: int = 0
    """Of these, those that had started late."""


class Aggregate:
    """The figures of a run of this plan, which was created at `first_ns`.

    Shares are found by agent and scenario.
    """

    def __init__(self, first_ns: int = 0, plan: Plan | None = None) -> None:
        self._shares: dict[Key, Share] = {}
        self.counters: Counter[str] = Counter()
        self._lines = self._lines_left_out = 0
        self.data = TakenData()
        several = (each.name for each in plan.scenarios if each.tests) if plan else ()
        self.tests = FiguresByTest(frozenset(several))
        self._timeline = Timeline(first_ns // NS_PER_S)
        self.rules = RuleFigures(self._timeline)
        self.agents = FiguresByAgent(self._timeline)
        self.causes = Causes()
        self.hits = RunHits(self._timeline, self.causes)
        self.cycles = Cycles()
        self.sockets = RunSockets()
        self.measures = RunMeasures(self._timeline)
        self.custom_states = CustomStates()
        self._put_off: deque[_Ended] = deque()
        """Iterations that `catch_up` is to count."""
        self._saturated_ns: dict[bool, int] = {}
        """When a process last reported that it was saturated (wall clock of the arrival), by
        whether its machine was busy with other things.
        """

    def add(
        self, key: Key, runner_id: str, events: Decoded, *, arrival_ns: int, ahead_ns: int = 0
    ) -> None:
        """Adds the valid events of a batch, which arrived at `arrival_ns` (wall clock).

        The clock of its agent is `ahead_ns` ahead of ours.
        """
        share = self._shares.setdefault(key, Share())
        agent_id, scenario = key
        newest_ns = events.last_ns or 0
        for block in events.hits:
            newest_ns = max(newest_ns, self._add_hits(share, scenario, block, arrival_ns, ahead_ns))
        for iterations in events.iterations:
            self._add_iterations(share, scenario, iterations, arrival_ns, ahead_ns)
        share.runner_hits[runner_id] += events.hit_count
        share.starts += events.starts
        share.stops += events.stops
        for label in events.outcomes:
            share.outcomes[label.outcome] += 1
            self.tests.add(scenario, label, 1)
            self.causes.add_iterations(label, 1)
            ended_ns = min((events.last_ns or arrival_ns) - ahead_ns, arrival_ns)
            _count(self._timeline.window(ended_ns // NS_PER_S), scenario, label.outcome, 1)
        if events.first_ns is not None and events.last_ns is not None:
            share.span.add(events.first_ns, events.last_ns)
        self.data.add(scenario, events.data)
        self.rules.add(scenario, events, arrival_ns=arrival_ns, ahead_ns=ahead_ns)
        self.agents.add(key, events, arrival_ns=arrival_ns, ahead_ns=ahead_ns)
        self._add_fixtures(share, scenario, events)
        if events.sockets:
            newest_ns = max(newest_ns, self._add_sockets(scenario, events, arrival_ns, ahead_ns))
        for measured in events.measures:
            newest_ns = max(newest_ns, measured.time_ns)
            end_ns = min(measured.time_ns - ahead_ns, arrival_ns)
            self.measures.add(scenario, measured, end_ns // NS_PER_S)
        self.custom_states.add(key, events.custom_states)
        self._lines += events.lines
        self._lines_left_out += events.lines_left_out
        for state, end_ns in events.generator:
            newest_ns = max(newest_ns, end_ns)
            process = agent_id, runner_id, state.process
            if (cause := share.generator.add(process, state, end_ns)) is not None:
                self._saturated_ns[cause is Saturation.MACHINE_BUSY] = arrival_ns
            self._add_state(state, min(end_ns - ahead_ns, arrival_ns))
        newest_ns = max(newest_ns, self._add_arrivals(share, events, arrival_ns, ahead_ns))
        share.add_pools(runner_id, events)
        # A batch that says nothing else is of the time of its arrival.
        newest_ns = min(newest_ns - ahead_ns, arrival_ns) if newest_ns else arrival_ns
        self._add_counters(scenario, events, newest_ns // NS_PER_S)
        for told in events.users:
            share.active_users[runner_id] = told.active
            self._timeline.alive.report((key, runner_id), told.active, newest_ns // NS_PER_S)
        self._timeline.watermark.reported((key, runner_id), newest_ns)

    def _add_fixtures(self, share: Share, scenario: str, events: Decoded) -> None:
        """Adds how users were set up and torn down."""
        for first_ns, last_ns in self.tests.add_fixtures(scenario, events):
            share.span.add(first_ns, last_ns)

    def opened(self, key: Key, runner_id: str) -> None:
        """A runner will report."""
        self._shares.setdefault(key, Share()).runner_hits[runner_id] += 0
        self._timeline.watermark.opened((key, runner_id))

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

    def ended(self, key: Key, now_ns: int) -> None:
        """A part is over: none of its users lives any more."""
        if key in self._shares:
            for runner_id in self._shares[key].runner_hits:
                self.runner_ended(key, runner_id, now_ns)

    def runner_ended(self, key: Key, runner_id: str, now_ns: int) -> None:
        """A runner has ended, and with it its users."""
        if key in self._shares:
            self._shares[key].active_users.pop(runner_id, None)
        self._timeline.watermark.ended((key, runner_id))
        self._timeline.alive.report((key, runner_id), 0, now_ns // NS_PER_S)

    def retire(self, key: Key, runner_id: str) -> None:
        """Nothing is asked about a runner any more: its hits are those of its part."""
        if (share := self._shares.get(key)) is not None and runner_id:
            share.runner_hits[""] += share.runner_hits.pop(runner_id, 0)

    def _add_hits(
        self, share: Share, scenario: str, block: Hits, arrival_ns: int, ahead_ns: int
    ) -> int:
        """Adds hits; when the last of them ended, by the clock of their agent."""
        newest_ns = 0
        for cycle, hits in self.cycles.of_hits(block, ahead_ns):
            added = self.hits.add(scenario, cycle, hits, arrival_ns=arrival_ns, ahead_ns=ahead_ns)
            share.span.add(*added)
            self.cycles.widen(cycle, scenario, *added, ahead_ns)
            newest_ns = max(newest_ns, added.last_ns)
        return newest_ns

    def _add_counters(self, scenario: str, events: Decoded, second: int) -> None:
        for name, increment in events.counters:
            known = name in self.counters or len(self.counters) < MAX_COUNTERS
            counter = name if known else OTHER
            total = self.counters[counter] + increment
            self.counters[counter] = max(-_MAX_COUNT, min(_MAX_COUNT, total))  # they stop there
            counted = Counted(Occurrence.COUNTER, scenario, counter)
            self._timeline.window(second).count(counted, increment)

    def _add_state(self, state: GeneratorState, end_ns: int) -> None:
        if state.lags_ns or state.cpu_ns is not None:
            window = self._timeline.window(end_ns // NS_PER_S)
            window.lag.add(np.array(state.lags_ns, np.int64))
            if state.cpu_ns is not None:
                window.gauge(CPU).add(round(cpu_share(state) * 1e6))

    def _add_sockets(self, scenario: str, events: Decoded, arrival_ns: int, ahead_ns: int) -> int:
        """Adds reports of sockets; when the last was made, by the clock of their agent."""
        for sockets in events.sockets:
            end_ns = min(sockets.time_ns - ahead_ns, arrival_ns)
            self.sockets.add(scenario, sockets, end_ns // NS_PER_S)
        return max(sockets.time_ns for sockets in events.sockets)

    def _add_arrivals(self, share: Share, events: Decoded, arrival_ns: int, ahead_ns: int) -> int:
        """Adds what became of arrivals; the newest moment, by the clock of their agent, or 0."""
        for arrived, moment_ns in events.arrivals:
            second = min(moment_ns - ahead_ns, arrival_ns) // NS_PER_S
            share.arrivals.add(arrived, second)
            self._timeline.window(second).arrivals.add(arrived, second)
        return max((moment_ns for _, moment_ns in events.arrivals), default=0)

    def _add_iterations(
        self,
        share: Share,
        scenario: str,
        iterations: Iterations,
        arrival_ns: int,
        ahead_ns: int,
    ) -> None:
        if not len(iterations.label):
            return
        end_ns = iterations.start_ns + iterations.elapsed_ns
        first_ns, last_ns = int(iterations.start_ns.min()), int(end_ns.max())
        share.span.add(first_ns, last_ns)
        cycle = self.cycles.of_iterations(iterations, ahead_ns)
        self.cycles.widen(cycle, scenario, first_ns, last_ns, ahead_ns)
        share.starts += len(iterations.label)
        share.stops += len(iterations.label)
        self.tests.add_times(scenario, iterations)
        labels = iterations.labels
        counts = np.bincount(iterations.label, minlength=len(labels)).tolist()
        for label, count in zip(labels, counts, strict=True):
            share.outcomes[label.outcome] += count
            self.tests.add(scenario, label, count)
            self.causes.add_iterations(label, count)
        if iterations.delay_ns is not None or share.planned is not None:
            _add_planned(share, iterations)
        ahead_ns = max(ahead_ns, last_ns - arrival_ns)
        last_s = (last_ns - ahead_ns) // NS_PER_S
        late: dict[int, int] = {}
        if iterations.delay_ns is not None:
            late = _late_by_second((end_ns - ahead_ns) // NS_PER_S, iterations)
        if int(end_ns.min()) - ahead_ns >= last_s * NS_PER_S:
            by_second = [(last_s, counts)]
        else:
            by_second = list(_by_second((end_ns - ahead_ns) // NS_PER_S, iterations))
        ended = [
            _Ended(second, cycle, scenario, labels, of_label, late.get(second, 0))
            for second, of_label in by_second
        ]
        for each in ended[:SECONDS_A_TURN]:
            self._count(each)
        self._put_off.extend(ended[SECONDS_A_TURN:])

    def _count(self, ended: _Ended) -> None:
        """Counts iterations in the window in which they ended."""
        window = self._timeline.window(ended.second, ended.cycle)
        for label, count in zip(ended.labels, ended.counts, strict=True):
            if count:
                _count(window, ended.scenario, label.outcome, count)
        if ended.late:
            window.count(Counted(Occurrence.LATE, ended.scenario), ended.late)

    def catch_up(self) -> bool:
        """Adds up some of what was put off; whether there is more: see `RunHits.catch_up`."""
        for _ in range(min(SECONDS_A_TURN, len(self._put_off))):
            self._count(self._put_off.popleft())
        more = [each.catch_up() for each in (self.hits, self.rules, self.agents)]
        return any(more) or bool(self._put_off)

    # What it adds up to

    @property
    def timeline(self) -> Timeline:
        """The run by time."""
        return self.hits.timeline

    def duration_ns(self, ahead_ns: Mapping[str, int]) -> int:
        """From the first user's start to the last user's end.

        The clocks of agents are so far ahead of one that is common to all.
        """
        total = TimeSpan()
        for (agent_id, _), share in self._shares.items():
            total.merge(share.span, ahead_ns.get(agent_id, 0))
        return total.duration_ns

    @property
    def active_users(self) -> int:
        """Virtual users alive, as their runners last said."""
        return sum(sum(share.active_users.values()) for share in self._shares.values())

    def saturated(self, now_ns: int) -> dict[bool, bool]:
        """Whether a process currently cannot keep up, by whether its machine is busy otherwise."""
        return {
            busy: now_ns - self._saturated_ns.get(busy, -NOW_NS) < NOW_NS for busy in (False, True)
        }

    def output(self) -> OutputFigures:
        """How much was printed."""
        return OutputFigures(lines=self._lines, left_out=self._lines_left_out)

    def generator(self, ahead_ns: Mapping[str, int]) -> GeneratorFigures | None:
        """How all processes kept up; None: none of them reported it. Clocks as in `duration_ns`."""
        total = GeneratorStats()
        for (agent_id, _), share in self._shares.items():
            total.merge(share.generator, ahead_ns.get(agent_id, 0))
        return total.figures()

    def arrivals(self, key: Key) -> ArrivalCounts:
        """What became of the arrivals of a part."""
        share = self._shares.get(key)
        return share.arrivals if share is not None else ArrivalCounts()

    def iterations(self, key: Key | None = None) -> IterationFigures:
        """All iterations together, or those of a part; nothing is said of what was planned."""
        shares = self._shares.values() if key is None else [self._shares.get(key, Share())]
        return IterationFigures.total(share.iterations() for share in shares)


def _by_second(
    second: NDArray[np.int64], iterations: Iterations
) -> Iterator[tuple[int, list[int]]]:
    """How many iterations ended in each second, by label."""
    labels = len(iterations.labels)
    order = np.argsort(second, kind="stable")
    label = iterations.label[order]
    seconds, firsts = np.unique(second[order], return_index=True)
    ends = [*firsts[1:].tolist(), len(label)]
    for each, first, end in zip(seconds.tolist(), firsts.tolist(), ends, strict=True):
        yield each, np.bincount(label[first:end], minlength=labels).tolist()


def _count(window: Window, scenario: str, outcome: TestOutcome, number: int) -> None:
    """Counts iterations that ended in a window; those that were cut off have not."""
    if outcome is not TestOutcome.INTERRUPTED:
        window.count(Counted(Occurrence.ITERATIONS, scenario), number)
    if outcome in WRONG:
        window.count(Counted(WRONG[outcome], scenario), number)


def _add_planned(share: Share, iterations: Iterations) -> None:
    """Adds the times of iterations of which some had a planned start."""
    delay_ns = iterations.delay_ns
    if delay_ns is None:
        delay_ns = np.zeros(len(iterations.label), np.int64)
    share.planned_times().add(iterations.elapsed_ns, delay_ns, _ended(iterations))


def _ended(iterations: Iterations) -> NDArray[np.bool_] | None:
    """Which iterations ended, those that were not cut off; None: all of them."""
    own = [label.outcome is not TestOutcome.INTERRUPTED for label in iterations.labels]
    return None if all(own) else np.array(own)[iterations.label]


def _late_by_second(second: NDArray[np.int64], iterations: Iterations) -> dict[int, int]:
    """How many iterations with a planned start ended in each second that had started late."""
    assert iterations.delay_ns is not None  # noqa: S101 - asked by the caller
    late = iterations.delay_ns > LATE_NS
    if (ended := _ended(iterations)) is not None:
        late &= ended
    seconds, counts = np.unique(second[late], return_counts=True)
    return dict(zip(seconds.tolist(), counts.tolist(), strict=True))
