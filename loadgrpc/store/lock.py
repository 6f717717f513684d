"""One broker for one file.

Rule: the lock is the kernel's (`flock`), so a killed broker leaves none behind. The file that
carries it lies beside the database and stays: removing it would let two brokers lock two files of
one name. It contains the process id of the holder, for the error message only. The database
itself is locked as well, in case it is opened under another name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from loadgrpc import private
from loadgrpc.store.error import Outage, StoreError


class FileLock:
    """The lock of a database file, from construction to `release`."""

    def __init__(self, database: Path) -> None:
        self._path = database
        path = database.with_name(database.name + ".lock")
        try:
            self._descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise StoreError(f"its lock {path} is a symbolic link: remove it") from error
            raise
        try:
            os.fchmod(self._descriptor, private.FILE_MODE)  # who can read it could hold it
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
        try:
            self._file = _locked(database)
        except BaseException:
            os.close(self._descriptor)
            raise

    def check(self) -> None:
        """See that the file is still there.

        Raises:
            Outage: its name is gone, or another file has it.
        """
        if message := gone(self._path, os.fstat(self._file)):
            raise Outage(message)

    def release(self) -> None:
        """Let the next broker in; when the database is closed: SQLite's own locks go with it."""
        os.close(self._file)
        os.close(self._descriptor)


def gone(path: Path, known: os.stat_result) -> str:
    """What happened to a file that was opened under a name; empty: it is still there."""
    try:
        found = path.stat()
    except OSError as error:
        return f"the store {path} is gone ({error.strerror}): what is in it ends with this broker"
    if os.path.samestat(found, known):
        return ""
    return f"the store {path} was replaced by another file: what is in it ends with this broker"


def _locked(database: Path) -> int:
    """The database file itself, made if it is missing, and locked: it may have several names."""
    file = private.open_file(database, os.O_RDONLY | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StoreError("another process has it open, under another name (a hard link)") from error
    except OSError:
        os.close(file)
        raise
    return file
