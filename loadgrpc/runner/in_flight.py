"""Which iterations are in flight, in memory that survives the user process.

Rule: there is a row for each user of the process, which only that process writes: the iteration,
0 if there is none, when it began (wall clock, nanoseconds), and the number of the user, 0 for the
one that the row is for. When the process is gone, the link reads which iterations were cut off
with it.
"""

from __future__ import annotations

import mmap
import os
from struct import Struct
from typing import Final, NamedTuple

FD_ENV: Final = "LOADGRPC_IN_FLIGHT_FD"
"""Names the descriptor of that memory to the user process."""
_ROW: Final = Struct("=QQQ")


class Iteration(NamedTuple):
    """An iteration that has begun and not ended."""

    row: int
    iteration: int
    start_ns: int
    user: int = 0
    """0: the one that the row is for."""


def create(rows: int) -> int:
    """The descriptor of memory for a number of users.

    Raises:
        OSError: there is no memory, or no descriptor.
    """
    descriptor = os.memfd_create("loadgrpc-in-flight")
    os.ftruncate(descriptor, rows * _ROW.size)
    return descriptor


def mapped(descriptor: int) -> mmap.mmap:
    """The memory, to be written to."""
    return mmap.mmap(descriptor, 0)


def row(memory: mmap.mmap, at: int) -> memoryview:
    """The three numbers of a user."""
    return memoryview(memory)[at * _ROW.size : (at + 1) * _ROW.size].cast("Q")


def read(descriptor: int) -> list[Iteration]:
    """Those that are in flight."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return [
        Iteration(at, iteration, start_ns, user)
        for at, (iteration, start_ns, user) in enumerate(_ROW.iter_unpack(data))
        if iteration
    ]
