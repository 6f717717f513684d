"""Whether the processes that make a load keep up with it.

Rule: a second of a process is saturated when the 99th percentile of its lag is above 5 ms, or
when it used more than 90 % of the CPU time it can use. A second that is not whole, because its
users have gone, counts as one in which nothing went on for the rest: a test that is over in 50 ms
is not busy for a second.

A saturated second has one cause. The process was at its limit when it used more than 90 % of what
it can of the processor. If not, its machine was busy when a hypervisor took away more than 5 % of
its CPU time, or when more than 90 % was in use, and more than 10 % by others than the runner. If
not, something held it up, such as a call that blocks; or it did not say.

Laws, as the histogram's: merging commutes, associates, and empty stats change nothing. What
has a worst keeps the first of several that are equal.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import GeneratorFigures, GeneratorState, Saturation
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import elapsed_figures

MAX_LAG_NS: Final = 5_000_000
"""What the 99th percentile of a second may be at most."""
MAX_CPU: Final = 0.9
"""How much of its CPU time a process may use at most."""
MAX_STEAL: Final = 0.05
"""How much of a machine's CPU time a hypervisor may take away at most."""
MAX_MACHINE_CPU: Final = 0.9
MAX_OTHER_CPU: Final = 0.1
"""A machine is busy when more than the first is in use, and more than the second by others."""


def lag_p99_ns(state: GeneratorState) -> int:
    """The 99th percentile of the lag, nearest-rank; what is missing of a second was on time."""
    lags = sorted(state.lags_ns)
    whole = max(len(lags), math.ceil(len(lags) * NS_PER_S / state.elapsed_ns))
    at = -(-99 * whole // 100) - (whole - len(lags)) - 1
    return lags[at] if at >= 0 and lags else 0


def cpu_share(state: GeneratorState) -> float:
    """Share of the CPU time available to it that it used."""
    return _share(state.cpu_ns or 0, _capacity_ns(state))


def machine_busy(state: GeneratorState) -> bool:
    """Whether its machine was busy with other things than the runner."""
    return (state.steal or 0) > MAX_STEAL or (
        (state.machine_cpu or 0) > MAX_MACHINE_CPU and (state.other_cpu or 0) > MAX_OTHER_CPU
    )


def saturation(state: GeneratorState) -> Saturation | None:
    """Why it did not keep up; None: it did."""
    late = lag_p99_ns(state) > MAX_LAG_NS
    if cpu_share(state) > MAX_CPU or (late and _share(state.cpu_ns or 0, _had_ns(state)) > MAX_CPU):
        return Saturation.AT_LIMIT
    if not late:
        return None
    return Saturation.MACHINE_BUSY if machine_busy(state) else Saturation.HELD_UP


def _capacity_ns(state: GeneratorState) -> int:
    return state.cores * max(state.elapsed_ns, NS_PER_S)


def _had_ns(state: GeneratorState) -> int:
    """As `_capacity_ns`, in the interval it covers, however short."""
    return state.cores * state.elapsed_ns


def _share(cpu_ns: int, capacity_ns: int) -> float:
    """At most 1: clock readings may give a little more."""
    return min(1.0, cpu_ns / capacity_ns) if capacity_ns else 0.0


@dataclass(slots=True)
class _Process:
    """Times of one process."""

    elapsed_ns: int = 0
    saturated_ns: int = 0
    at_limit_ns: int = 0
    machine_busy_ns: int = 0
    cpu_ns: int = 0
    capacity_ns: int = 0
    """What it could have used of the processor."""

    def merge(self, other: _Process) -> None:
        self.elapsed_ns += other.elapsed_ns
        self.saturated_ns += other.saturated_ns
        self.at_limit_ns += other.at_limit_ns
        self.machine_busy_ns += other.machine_busy_ns
        self.cpu_ns += other.cpu_ns
        self.capacity_ns += other.capacity_ns

    @property
    def cpu(self) -> float:
        """Its share, over all its seconds."""
        return _share(self.cpu_ns, self.capacity_ns)


@dataclass(slots=True)
class GeneratorStats:
    """What the states of some processes add up to."""

    lag: Histogram = field(default_factory=Histogram)
    worst_lag_ns: int = 0
    worst_lag_end_ns: int | None = None
    worst_cpu: float = 0.0
    gc_pauses: int = 0
    gc_ns: int = 0
    gc_max_ns: int = 0
    worst_other_cpu: float = 0.0
    """In the worst second of those in which a machine was busy, as `worst_steal`."""
    worst_steal: float = 0.0
    processes: dict[Hashable, _Process] = field(default_factory=dict)

    def add(self, process: Hashable, state: GeneratorState, end_ns: int) -> Saturation | None:
        """Adds a report of `process`, of an interval up to `end_ns`; why it was saturated."""
        lag_ns, cpu = lag_p99_ns(state), cpu_share(state)
        cause = saturation(state)
        if cause is Saturation.MACHINE_BUSY:
            self.worst_other_cpu = max(self.worst_other_cpu, state.other_cpu or 0)
            self.worst_steal = max(self.worst_steal, state.steal or 0)
        if state.lags_ns:
            self.lag.add(np.array(state.lags_ns, np.int64))
            self._note_lag(lag_ns, end_ns)
        self.worst_cpu = max(self.worst_cpu, cpu)
        self._note_gc(state.gc_pauses, state.gc_ns, state.gc_max_ns)
        self.processes.setdefault(process, _Process()).merge(
            _Process(
                elapsed_ns=state.elapsed_ns,
                saturated_ns=state.elapsed_ns if cause else 0,
                at_limit_ns=state.elapsed_ns if cause is Saturation.AT_LIMIT else 0,
                machine_busy_ns=state.elapsed_ns if cause is Saturation.MACHINE_BUSY else 0,
                cpu_ns=state.cpu_ns or 0,
                capacity_ns=0 if state.cpu_ns is None else _capacity_ns(state),
            )
        )
        return cause

    def merge(self, other: GeneratorStats, ahead_ns: int = 0) -> None:
        """Adds all that was added to `other`, whose clock is so far ahead of this one's."""
        self.lag.merge(other.lag)
        if other.worst_lag_end_ns is not None:
            self._note_lag(other.worst_lag_ns, other.worst_lag_end_ns - ahead_ns)
        self.worst_cpu = max(self.worst_cpu, other.worst_cpu)
        self.worst_other_cpu = max(self.worst_other_cpu, other.worst_other_cpu)
        self.worst_steal = max(self.worst_steal, other.worst_steal)
        self._note_gc(other.gc_pauses, other.gc_ns, other.gc_max_ns)
        for key, process in other.processes.items():
            self.processes.setdefault(key, _Process()).merge(process)

    def figures(self, ahead_ns: int = 0) -> GeneratorFigures | None:
        """The figures, by a clock that ours is ahead of by that much; None: no report came."""
        if not self.processes:
            return None
        end_ns = self.worst_lag_end_ns
        processes = self.processes.values()
        worst = max(processes, key=lambda each: (each.saturated_ns, each.at_limit_ns))
        return GeneratorFigures(
            saturated_ns=worst.saturated_ns,
            at_limit_ns=worst.at_limit_ns,
            machine_busy_ns=worst.machine_busy_ns,
            worst_other_cpu=self.worst_other_cpu,
            worst_steal=self.worst_steal,
            watched_ns=max(process.elapsed_ns for process in processes),
            lag=elapsed_figures(self.lag),
            worst_lag_ns=self.worst_lag_ns,
            worst_lag_end_ns=None if end_ns is None else end_ns - ahead_ns,
            cpu=max(process.cpu for process in processes),
            worst_cpu=self.worst_cpu,
            gc_pauses=self.gc_pauses,
            gc_ns=self.gc_ns,
            gc_max_ns=self.gc_max_ns,
        )

    def _note_lag(self, lag_ns: int, end_ns: int) -> None:
        held = self.worst_lag_end_ns
        if held is None or (lag_ns, -end_ns) > (self.worst_lag_ns, -held):
            self.worst_lag_ns, self.worst_lag_end_ns = lag_ns, end_ns

    def _note_gc(self, pauses: int, total_ns: int, longest_ns: int) -> None:
        self.gc_pauses += pauses
        self.gc_ns += total_ns
        self.gc_max_ns = max(self.gc_max_ns, longest_ns)
