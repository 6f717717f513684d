"""Levels of a run, one after another: set live, left to settle, and judged on closed windows.

Rule: one run has the evidence of all levels. A level is measured in whole seconds of the broker's
clock, judged by the code that judges thresholds, on what all agents have reported. After one that
broke, nothing starts until what is in flight has ended, so that its queue is not the next one's.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from loadgrpc.cli import figures
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import RunFailed, Unavailable
from loadgrpc.judge.grammar import parse
from loadgrpc.judge.unit import Unit
from loadgrpc.model import (
    Change,
    ChangeKind,
    CheckedRun,
    LoadChangeKind,
    LoadOrder,
    LoadUnit,
    Run,
    Summary,
    ThresholdOutcome,
    ThresholdResult,
    TimelinePage,
    TimelineQuery,
    TimelineWindow,
)
from loadgrpc.stats.limit import Level, LevelOutcome, TriedLevel, grows

_Answer = TypeVar("_Answer")

MAX_LAG_MS: Final = 5
LAG_SHARE: Final = 10
"""A generator lags when it does so by more than this, and by more than such a part of what times in
the condition may be: less does not explain why they are not met."""
MAX_CPU: Final = "avg(cpu) < 90%"
APPLIES_NS: Final = NS_PER_S // 2
"""How long after it is in the log a change of the load applies."""
NS_PER_MS: Final = 1_000_000
LEVEL_LOOK_S: Final = 0.2
CLOSING_S: Final = 10.0
"""How long after its end windows of a level may take to close; then what there is counts."""
DRAIN_S: Final = 15.0
"""How long what is in flight after a level that broke may take to end."""
BROKER_AWAY_S: Final = 60.0
"""How long a broker may be away: agents go on with the level that they have."""
MAX_EXCESS: Final = 3.0
"""Of a value that cannot be compared with its limit by a ratio."""
BARELY: Final = 0.001
"""The least that a level is off its limit, on whichever side."""
GROWING: Final = 0.2
"""The excess of a level that held, but would not have for longer."""


class LevelClient(Protocol):
    """What levels need of a client."""

    async def get_run(self, run_id: str) -> Run:
        """The run."""

    async def get_summary(self, run_id: str) -> Summary:
        """Its figures so far."""

    async def list_changes(self, run_id: str) -> list[Change]:
        """Its log."""

    async def set_load(self, run_id: str, order: LoadOrder, request_id: str = "") -> list[Change]:
        """Changes its load."""

    async def get_timeline(self, query: TimelineQuery) -> TimelinePage:
        """Windows of it."""

    async def check_run(
        self, run_id: str, thresholds: Sequence[str] = (), span: Sequence[int | None] = (None, None)
    ) -> CheckedRun:
        """How a span of it is judged."""


@dataclass(frozen=True, kw_only=True)
class LevelEvidence:
    """What a level came to, and what that stands on."""

    tried: TriedLevel
    from_ns: int
    to_ns: int
    """What was measured of it (wall clock of the broker)."""
    results: tuple[ThresholdResult, ...]
    """Of each condition."""
    generator: tuple[ThresholdResult, ...]
    """How the generator kept up."""
    windows: tuple[TimelineWindow, ...]
    growing: bool = False
    """Whether it held, but its times grew from third to third."""


class Levels:
    """See the module."""

    def __init__(
        self,
        client: LevelClient,
        run_id: str,
        conditions: Sequence[str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        doing: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`doing` learns what goes on, as text, about once a second."""
        self._client = client
        self._run_id = run_id
        self._monotonic = monotonic
        self._sleep = sleep
        self._doing = doing
        self._conditions = tuple(conditions)
        self._keeps_up = keeps_up(conditions)
        self._begun_ns: int | None = None
        """When the level that the run began with did. None: another one was set since."""
        self._broke = False
        """Whether the last level did not hold."""
        self._asked = 0
        """Changes of the load so far."""

    async def _ask(self, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        return await patiently(call, self._doing, monotonic=self._monotonic, sleep=self._sleep)

    async def begin(self) -> None:
        """Wait for the load to begin.

        Raises:
            RunFailed: it does not.
        """
        while self._begun_ns is None:
            await self._check()
            self._doing("the run is starting")
            for change in await self._ask(lambda: self._client.list_changes(self._run_id)):
                if change.kind is ChangeKind.LOAD and change.cycle and self._begun_ns is None:
                    self._begun_ns = change.time_ns
            await self._sleep(LEVEL_LOOK_S)

    async def attempt(self, level: Level) -> LevelEvidence:
        """Set a level, and judge it.

        Raises:
            RunFailed: the run has ended.
        """
        began_ns = await self._set(level.rate)
        from_ns = math.ceil(began_ns / NS_PER_S + level.settle_s) * NS_PER_S
        to_ns = from_ns + math.ceil(level.measure_s) * NS_PER_S
        span_s = (to_ns - began_ns) / NS_PER_S
        windows = await self._closed(from_ns, to_ns, span_s, figures.rate(level.rate))
        thresholds = (*self._conditions, *self._keeps_up)
        checked = await self._ask(
            lambda: self._client.check_run(self._run_id, thresholds, (from_ns, to_ns))
        )
        results = checked.results[: len(self._conditions)]
        generator = checked.results[len(self._conditions) :]
        tried, growing = judged(level, results, generator, windows)
        self._broke = tried.outcome is not LevelOutcome.HELD
        return LevelEvidence(
            tried=tried,
            from_ns=from_ns,
            to_ns=to_ns,
            results=results,
            generator=generator,
            windows=windows,
            growing=growing,
        )

    async def _set(self, rate: float) -> int:
        """Have a level; from when on (wall clock of the broker)."""
        if self._begun_ns is not None:
            began_ns, self._begun_ns = self._begun_ns, None
            return began_ns
        if self._broke:
            await self._change(LoadOrder(LoadChangeKind.PAUSE))
            await self._drained()
        began_ns = await self._change(LoadOrder(LoadChangeKind.LEVEL, rate, LoadUnit.ARRIVALS))
        if self._broke:
            began_ns = await self._change(LoadOrder(LoadChangeKind.RESUME))
        return began_ns

    async def _change(self, order: LoadOrder) -> int:
        await self._check()
        self._asked += 1
        request_id = f"limit-{self._asked}"  # asking again changes nothing
        changes = await self._ask(lambda: self._client.set_load(self._run_id, order, request_id))
        return max(each.time_ns or 0 for each in changes) + APPLIES_NS

    async def _drained(self) -> None:
        """Wait until nothing is in flight, but not for long."""
        deadline = self._monotonic() + DRAIN_S
        await self._sleep(APPLIES_NS / NS_PER_S)
        while self._monotonic() < deadline:
            self._doing("waiting for what is in flight to end")
            summary = await self._ask(lambda: self._client.get_summary(self._run_id))
            of = summary.iterations
            if of.started <= of.ended and not of.waiting:
                return
            await self._check()
            await self._sleep(LEVEL_LOOK_S)

    async def _closed(
        self, from_ns: int, to_ns: int, wait_s: float, rate: str
    ) -> tuple[TimelineWindow, ...]:
        """The windows of a span, when all of them are closed."""
        due = self._monotonic() + max(wait_s, 0.0)
        query = TimelineQuery(
            run_id=self._run_id, from_ns=from_ns, to_ns=to_ns, resolution_s=1.0, series=False
        )
        while True:
            await self._check()
            left_s = due - self._monotonic()
            if left_s > 0:
                self._doing(f"{rate}: {math.ceil(left_s)} s left")
                await self._sleep(min(max(left_s, 0.01), 1.0))
                continue
            windows = (await self._ask(lambda: self._client.get_timeline(query))).windows
            closed = windows and windows[-1].end_ns >= to_ns and windows[-1].closed
            if closed or left_s < -CLOSING_S:
                return windows
            await self._sleep(LEVEL_LOOK_S)

    async def _check(self) -> None:
        """See that the run goes on.

        Raises:
            RunFailed: it does not.
        """
        run = await self._ask(lambda: self._client.get_run(self._run_id))
        if run.state.final:
            raise RunFailed(f"run {run.run_id} has ended: {run.reason or run.state.name.lower()}")


async def patiently(
    call: Callable[[], Awaitable[_Answer]],
    doing: Callable[[str], None],
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> _Answer:
    """What a call returns that may be repeated; a broker that is away is waited for.

    Raises:
        Unavailable: it was away for too long.
    """
    deadline = monotonic() + BROKER_AWAY_S
    while True:
        try:
            return await call()
        except Unavailable:
            if monotonic() >= deadline:
                raise
            doing("waiting for the broker")
            await sleep(LEVEL_LOOK_S)


def keeps_up(conditions: Sequence[str]) -> tuple[str, str]:
    """What holds for a generator that keeps up, as thresholds."""
    times = [each.limit for each in map(parse, conditions) if each.unit is Unit.TIME]
    lag_ms = min((float(each) / NS_PER_MS / LAG_SHARE for each in times), default=0.0)
    return f"p99(lag) < {max(lag_ms, MAX_LAG_MS):g}ms", MAX_CPU


def judged(
    level: Level,
    results: Sequence[ThresholdResult],
    generator: Sequence[ThresholdResult],
    windows: Sequence[TimelineWindow],
) -> tuple[TriedLevel, bool]:
    """What a level came to, and whether its times grew while it held."""
    excess = max(excess_of(each) for each in results)
    held = not any(each.failed for each in results)
    excess = min(excess, -BARELY) if held else max(excess, BARELY)
    slow = any(each.outcome is ThresholdOutcome.FAIL for each in generator)
    outcome = LevelOutcome.HELD if held else LevelOutcome.BROKEN
    growing = held and grows([_median_ns(each) for each in windows])
    if growing:
        outcome, excess = LevelOutcome.BROKEN, GROWING
    if slow and outcome is LevelOutcome.BROKEN:
        outcome = LevelOutcome.GENERATOR
    tried = TriedLevel(rate=level.rate, measured_s=level.measure_s, outcome=outcome, excess=excess)
    return tried, growing


def excess_of(result: ThresholdResult) -> float:
    """By how much a value misses its limit: ln of their ratio, below 0 if it holds."""
    value, limit = result.value, result.limit
    if value is None or result.outcome is ThresholdOutcome.NO_DATA:
        return MAX_EXCESS if result.failed else -MAX_EXCESS
    sign = {"<": 1, "<=": 1, ">": -1, ">=": -1}.get(parse(result.text).operator, 0)
    if not sign or value <= 0 or limit <= 0:
        return MAX_EXCESS if result.failed else -MAX_EXCESS
    return max(-MAX_EXCESS, min(sign * math.log(value / limit), MAX_EXCESS))


def _median_ns(window: TimelineWindow) -> float:
    times = window.hits.elapsed if window.hits.response is None else window.hits.response
    return float(times.p50_ns)
