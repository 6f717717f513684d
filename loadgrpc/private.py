"""Files and folders that only their owner can read.

Rule: whatever loadgrpc keeps is created with modes 0600 and 0700, whatever the umask is: it
contains plans, addresses with tokens and the output of tests. No symbolic link is followed to a
file that is written, and no more is read from a file than it may hold. The modes of what a user
created stay as they are.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def folder(path: Path) -> None:
    """Makes a folder, and those above it that are missing.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        each.mkdir(FOLDER_MODE, exist_ok=True)


def open_file(path: Path, flags: int) -> int:
    """A descriptor of a file, which is made if it is missing and `flags` say so.

    Raises:
        OSError: it cannot be opened, or is a symbolic link.
    """
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def write(path: Path, data: bytes) -> None:
    """Writes a whole file.

    Raises:
        OSError: it cannot be written, or is a symbolic link.
    """
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, most: int, *, follow: bool = True) -> bytes | None:
    """All of a file; None: it has more than `most` bytes, or is no file.

    `follow`: also through a symbolic link, which must not be anybody else's.

    Raises:
        OSError: it cannot be opened.
    """
    # Who opens a pipe that nobody writes to would wait for that.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        data = file.read(most + 1)
    return data if len(data) <= most else None


def replace(path: Path, data: bytes) -> None:
    """Writes a whole file in one step: whoever reads it gets the former one or this one.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    write(new, data)
    new.replace(path)


def state_home() -> Path | None:
    """Where this user's programs keep their state, by the XDG rules; None: the user has no home."""
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home) / "loadgrpc"
    try:
        return Path.home() / ".local" / "state" / "loadgrpc"
    except RuntimeError:  # a user that no passwd file knows, in a container for example
        return None
