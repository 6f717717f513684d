"""Whether a run has reached one of its limits, and what the kernel bounds of a process.

Rule: pure. A run that has more than it may is ended, and says which limit it was. That is looked at
several times a second (`watchdog.py`); what a process could take in between, the kernel refuses it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from loadgrpc.model import Limits
from loadgrpc.stats.load_text import span
from loadgrpc.text import counted

THREADS_EACH: Final = 64
"""The kernel counts threads, of all processes of a user; each process may have this many."""
SLACK_BYTES: Final = 1 << 30
"""What a process may reserve beyond its limit of memory: stacks of threads are hardly used."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a run takes on this agent."""

    memory_bytes: int = 0
    processes: int = 0
    files: int = 0
    """Open files of the process that has most."""
    time_s: float = 0.0


def is_over_time(limits: Limits, usage: Usage) -> bool:
    """Whether a run has had all the time that it may."""
    return limits.time_s is not None and usage.time_s >= limits.time_s


def why_over(limits: Limits, usage: Usage) -> str:
    """Which limit has been reached, as a sentence. Empty: none."""
    if limits.time_s is not None and is_over_time(limits, usage):
        return f"it has had {span(limits.time_s)}, which is its limit on this agent"
    if limits.memory_bytes is not None and usage.memory_bytes > limits.memory_bytes:
        has, most = _megabytes(usage.memory_bytes), _megabytes(limits.memory_bytes)
        return f"its processes had {has} of memory together; the limit on this agent is {most}"
    if limits.processes is not None and usage.processes > limits.processes:
        has = counted(usage.processes, "process", "processes")
        return f"it had {has}; the limit on this agent is {limits.processes:,}"
    if limits.files is not None and usage.files >= limits.files:
        return f"a process had {usage.files:,} files open, which is the limit on this agent"
    return ""


def of_kernel(limits: Limits, *, alone: bool) -> Iterator[tuple[int, int]]:
    """What the kernel bounds of each process: which resource, and how much of it.

    `alone`: nothing but runners is run as their user.
    """
    if limits.files is not None:
        yield resource.RLIMIT_NOFILE, limits.files
    if limits.memory_bytes is not None:
        yield resource.RLIMIT_DATA, limits.memory_bytes + SLACK_BYTES
    if limits.processes is not None and alone:
        yield resource.RLIMIT_NPROC, THREADS_EACH * limits.processes


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
