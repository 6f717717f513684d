"""Unpacks a bundle into a folder, and nowhere else.

Rule: whatever is in the folder already, nothing outside of it is written: no symbolic link is
followed on the way, not even one that a test left there. What the bundle has replaces what was
there under its name; everything else stays.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from loadgrpc.bundle import archive
from loadgrpc.bundle.archive import Entry
from loadgrpc.errors import InvalidRequest

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OWN: Final = 0o700
"""What the owner of a folder may do in it, whatever its mode in the bundle."""


def unpack(file: IO[bytes], folder: Path, going_on: Callable[[], bool] = lambda: True) -> None:
    """Unpacks the bundle in `file` into a folder that is there, for as long as it is `going_on`.

    Raises:
        InvalidRequest: it is not a bundle, or something in the folder is in its way.
        OSError: the disk does not take it.
    """
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for entry in archive.entries(file):
            if not going_on():
                return
            try:
                _place(entry, top, file)
            except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
                raise InvalidRequest(
                    f"{entry.name!r} cannot be unpacked into {folder}: something else is in its way"
                ) from error
    finally:
        os.close(top)


def _place(entry: Entry, top: int, file: IO[bytes]) -> None:
    *above, name = entry.parts
    at = _folder_in(top, above)
    try:
        if entry.is_folder:
            os.close(_folder_in(at, [name], entry.mode))
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=at)  # a link itself, and not what it leads to
        descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=at)
        with open(descriptor, "wb", closefd=True) as out:  # noqa: PTH123 - it is open already
            _copy(file, entry, out)
            os.fchmod(out.fileno(), entry.mode)
    finally:
        os.close(at)


def _folder_in(top: int, parts: list[str], mode: int | None = None) -> int:
    """A descriptor of a folder below another, which is created if it does not exist.

    `mode`: what the last one gets; None: what it has.
    """
    at = os.dup(top)
    for part in parts:
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=at)
            below = os.open(part, _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = below
    if mode is not None:
        os.fchmod(at, mode | OWN)
    return at


def _copy(file: IO[bytes], entry: Entry, out: IO[bytes]) -> None:
    file.seek(entry.offset)
    left = entry.size
    while left and (data := file.read(min(left, archive.READ_BYTES))):
        out.write(data)
        left -= len(data)
