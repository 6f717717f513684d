"""Whether what made a load kept up with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from loadgrpc.model.elapsed import ElapsedFigures


class Saturation(Enum):
    """Why a process did not keep up with its load."""

    AT_LIMIT = "it used all that it can of the processor"
    MACHINE_BUSY = "its machine was busy with other things"
    HELD_UP = "something held it up, or it is not known"


@dataclass(frozen=True, kw_only=True)
class CpuFigures:
    """How much of the CPU time available to them some processes used, from 0 to 1."""

    avg: float = 0.0
    """The mean of the shares that they reported, about once a second."""
    max: float = 0.0
    """The largest."""


@dataclass(frozen=True, kw_only=True)
class GeneratorFigures:
    """Whether processes that made a load kept up with it: see `stats/generator.py`."""

    saturated_ns: int = 0
    """How long the process was saturated that was so for the longest."""
    watched_ns: int = 0
    lag: ElapsedFigures = ElapsedFigures()
    worst_lag_ns: int = 0
    """The 99th percentile in the worst second of any process."""
    worst_lag_end_ns: int | None = None
    """When that second ended (wall clock); None: no lag was measured."""
    cpu: float = 0.0
    """Of the cores that the busiest process can use, from 0 to 1."""
    worst_cpu: float = 0.0
    """The same, in its busiest second."""
    gc_pauses: int = 0
    gc_ns: int = 0
    gc_max_ns: int = 0
    at_limit_ns: int = 0
    """How much of `saturated_ns` the process used all that it can of the processor."""
    machine_busy_ns: int = 0
    """How much of `saturated_ns` the machine was busy with other things."""
    worst_other_cpu: float = 0.0
    """How much of a machine others used, in the worst second of those in which it was busy."""
    worst_steal: float = 0.0
    """How much of a machine a hypervisor took away, likewise."""

    @property
    def saturated(self) -> bool:
        """Whether any second of any process was."""
        return self.saturated_ns > 0

    @property
    def cause(self) -> Saturation | None:
        """Why it was saturated for most of that time; None: it was not."""
        if not self.saturated_ns:
            return None
        held_up_ns = self.saturated_ns - self.at_limit_ns - self.machine_busy_ns
        times = {
            Saturation.AT_LIMIT: self.at_limit_ns,
            Saturation.MACHINE_BUSY: self.machine_busy_ns,
            Saturation.HELD_UP: held_up_ns,
        }
        return max(times, key=lambda cause: times[cause])
