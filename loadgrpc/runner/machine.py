"""What else the machine is doing, according to Linux: who uses the CPU.

Rule: it is read once a second and costs a tenth of a millisecond. Where `/proc/stat` cannot be
read, nothing is reported. Time that a hypervisor took away (steal) counts as used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc.clock import NS_PER_S

STAT: Final = Path("/proc/stat")
_USER, _NICE, _SYSTEM, _IDLE, _IOWAIT, _IRQ, _SOFTIRQ, _STEAL = range(8)


@dataclass(frozen=True)
class Used:
    """CPU time of the whole machine since it started, in nanoseconds."""

    total_ns: int
    """Of all its cores, used or not."""
    used_ns: int
    steal_ns: int


@dataclass(frozen=True)
class MachineShares:
    """Shares of the machine's CPU time between two looks, from 0 to 1."""

    machine_cpu: float
    steal: float
    other_cpu: float
    """What others than the runner used."""


def look(stat: Path = STAT) -> Used | None:
    """What was used up to now; None: the system does not report it."""
    try:
        with stat.open("rb") as file:
            fields = file.readline().split()
        ticks = [int(field) for field in fields[1:9]]
    except (OSError, ValueError):
        return None
    if fields[:1] != [b"cpu"] or len(ticks) <= _STEAL or not sum(ticks):
        return None
    tick_ns = NS_PER_S // os.sysconf("SC_CLK_TCK")
    total = sum(ticks)
    idle = ticks[_IDLE] + ticks[_IOWAIT]
    return Used(total * tick_ns, (total - idle) * tick_ns, ticks[_STEAL] * tick_ns)


def shares(before: Used | None, after: Used | None, ours_ns: int) -> MachineShares | None:
    """What happened between two looks, of which the runner used `ours_ns`; None: not known."""
    if before is None or after is None or after.total_ns <= before.total_ns:
        return None
    total_ns = after.total_ns - before.total_ns
    used_ns = after.used_ns - before.used_ns
    steal_ns = after.steal_ns - before.steal_ns
    return MachineShares(
        machine_cpu=_share(used_ns, total_ns),
        steal=_share(steal_ns, total_ns),
        other_cpu=_share(used_ns - steal_ns - ours_ns, total_ns),
    )


def _share(part_ns: int, total_ns: int) -> float:
    """From 0 to 1: counters of the system are not exact, and some run backwards."""
    return min(max(part_ns / total_ns, 0.0), 1.0)
