"""The file in which the processes of a runner count what they have produced.

Rule: it survives the processes, so that the loss of a killed process is known. It has a row for
each process: two unsigned 64-bit integers, events and hits; runner.proto describes it for
strangers. Only its own process writes a row.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

from loadgrpc import private

NAME: Final = "produced"
RUN_DIR_ENV: Final = "LOADGRPC_RUN_DIR"
_ROW: Final = struct.Struct("=QQ")
MAX_ROWS: Final = 4_096
"""A file with more is not read: it is not known what its runner has produced."""
_MOST: Final = 2**64 - 1


class Produced(NamedTuple):
    """What a process, or all of a runner, has produced."""

    events: int
    hits: int


def create(folder: Path, rows: int) -> None:
    """Makes the file, with a row for each process, which have produced nothing yet.

    Raises:
        OSError: it cannot be made; there is no file then.
    """
    path = folder / NAME
    descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        # Who writes to mapped memory that the disk has no room for is killed.
        os.posix_fallocate(descriptor, 0, rows * _ROW.size)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def row(folder: Path | None, at: int) -> memoryview:
    """The two numbers of a process, to be written to; without a file, kept in memory only."""
    try:
        if folder is None:
            raise FileNotFoundError(NAME)
        with (folder / NAME).open("r+b") as file:
            mapped = mmap.mmap(file.fileno(), 0)
    except OSError:
        return memoryview(bytearray(_ROW.size)).cast("Q")
    return memoryview(mapped)[at * _ROW.size : (at + 1) * _ROW.size].cast("Q")


def read(folder: Path) -> list[Produced] | None:
    """The rows of all processes; None: the runner does not count, or in too many."""
    try:
        data = private.read(folder / NAME, MAX_ROWS * _ROW.size, follow=False)
    except OSError:
        return None
    if data is None:
        return None
    whole = data[: len(data) - len(data) % _ROW.size]
    return [Produced(*numbers) for numbers in _ROW.iter_unpack(whole)] or None


def total(rows: list[Produced]) -> Produced:
    """All processes together; a sum beyond the range of a message becomes its limit."""
    events, hits = sum(each.events for each in rows), sum(each.hits for each in rows)
    return Produced(min(events, _MOST), min(hits, _MOST))
