"""Places for processes that run one user each: an agent has a fixed number of them.

Rule: a place is taken before anything is made for a process, and freed when the process has
ended. Users whose turn comes while no place is free wait, in the order in which they asked, and
cost nothing meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import resource
from pathlib import Path
from typing import Final

PER_CORE: Final = 100
"""Processes that one core can start and serve: most of them wait for an answer."""
BYTES_EACH: Final = 64 << 20
"""Memory of a keeper and a small runner."""
DESCRIPTORS_EACH: Final = 8
"""Three pipes, and what starting a process needs for a moment."""
LEAST: Final = 32
"""Every machine is trusted with this many."""
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


class Places:
    """See the module."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = asyncio.Semaphore(most)

    @property
    def full(self) -> bool:
        """Whether whoever asks now has to wait."""
        return self._free.locked()

    async def take(self) -> None:
        """Waits for a place, and takes it."""
        await self._free.acquire()

    def free(self) -> None:
        """Gives one back."""
        self._free.release()


def default_places() -> int:
    """How many this machine has room for, by its cores, its memory, and open files."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return places_for(
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=_memory_bytes(_CGROUP_LIMIT),
        descriptors=descriptors if descriptors != resource.RLIM_INFINITY else 1 << 30,
    )


def places_for(*, cores: int, memory_bytes: int, descriptors: int) -> int:
    """How many a machine with these has room for."""
    room = (cores * PER_CORE, memory_bytes // BYTES_EACH, descriptors // DESCRIPTORS_EACH)
    return max(LEAST, min(room))


def _memory_bytes(limit: Path) -> int:
    """The memory of this machine, or what this process may have of it."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(whole, int(limit.read_text()))
    except (OSError, ValueError):  # there is no limit
        return whole
