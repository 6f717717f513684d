"""Which iterations are in flight, in memory that survives the user process.

Rule: there is a row for each user of the process, which only that process writes: the iteration,
0 if there is none, and when it began (wall clock, nanoseconds). When the process is gone, the
link reads which iterations were cut off with it.
"""

from __future__ import annotations

import mmap
import os
from struct import Struct
from typing import Final, NamedTuple

FD_ENV: Final = "LOADGRPC_IN_FLIGHT_FD"
"""Names the descriptor of that memory to the user process."""
_ROW: Final = Struct("=QQ")


class Iteration(NamedTuple):
    """An iteration that has begun and not ended."""

    row: int
    iteration: int
    start_ns: int


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
    """The two numbers of a user."""
    return memoryview(memory)[at * _ROW.size : (at + 1) * _ROW.size].cast("Q")


def read(descriptor: int) -> list[Iteration]:
    """Those that are in flight."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return [
        Iteration(at, iteration, start_ns)
        for at, (iteration, start_ns) in enumerate(_ROW.iter_unpack(data))
        if iteration
    ]
