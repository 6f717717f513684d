"""Memory that was needed for a while is given back to the machine.

Rule: the C library keeps what many connections at once had needed, spread over its threads, and
would keep it for as long as the broker runs. It is asked to let go of it when there is much of it,
in a thread: nobody waits for that.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from loadgrpc.broker.work import Guard

MEMORY_S: Final = 5.0
"""How often it is looked at."""
MUCH_BYTES: Final = 64 << 20
"""More than there was after it was last given back."""
_STATM: Final = Path("/proc/self/statm")

_log = logging.getLogger(__name__)


class Memory:
    """What this process has of the machine's. `trim` has the C library let go of what is unused."""

    def __init__(self, used: Callable[[], int], trim: Callable[[], object]) -> None:
        self._used = used
        self._trim = trim
        self._least = used()

    def look(self) -> None:
        """Gives back what is unused, if there may be much of it."""
        before = self._used()
        self._least = min(self._least, before)
        if before < self._least + MUCH_BYTES:
            return
        self._trim()
        self._least = after = self._used()
        _log.debug("memory: %d MiB of %d MiB were given back", (before - after) >> 20, before >> 20)


async def give_back() -> None:
    """Looks at it again and again, until it is cancelled; at once, where that is not known."""
    trim = _malloc_trim()
    if trim is None or not _STATM.exists():
        return
    memory = Memory(_used, lambda: trim(0))
    guard = Guard()
    while True:
        await asyncio.sleep(MEMORY_S)
        with guard("giving memory back"):
            await asyncio.to_thread(memory.look)


def _used() -> int:
    """Bytes of the machine's memory that this process has."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _malloc_trim() -> Any:
    """The function of glibc; None: this is another C library."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
