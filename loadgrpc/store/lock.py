"""One broker for one file.

Rule: the lock is the kernel's (`flock`), so a killed broker leaves none behind. The file that
carries it lies beside the database and stays: removing it would let two brokers lock two files
of one name. It holds the process id of whoever has the lock, for the error message only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from loadgrpc.store.error import StoreError


class FileLock:
    """The lock of a database file, from construction to `release`."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            who = f"process {holder}" if holder.isdecimal() else "another process"
            raise StoreError(f"{who} has it open") from error
        except OSError:
            os.close(self._descriptor)
            raise
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name in it
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next broker in."""
        os.close(self._descriptor)
