"""A small disk: a tmpfs that can be filled up, and freed again. Needs root."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from faults.command import CAP_SYS_ADMIN, CommandFailed, may, run

SIZE: Final = "32m"
BLOCK: Final = b"\0" * 65_536


def missing() -> str:
    """Why there can be no such disk here; empty: there can."""
    return "" if may(CAP_SYS_ADMIN) else "needs root, who may mount a small disk"


class Disk:
    """A mounted disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Fills it to the last byte."""
        with self._ballast.open("wb", buffering=0) as file:
            for block in (BLOCK, BLOCK[:1]):
                try:
                    while file.write(block):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Gives back what it was filled up with."""
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """A small disk at `folder`, for as long as the context lasts.

    Raises:
        CommandFailed: it cannot be mounted.
    """
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "faults", folder)
    try:
        yield Disk(folder)
    finally:
        try:
            run("umount", folder)
        except CommandFailed:
            run("umount", "--lazy", folder)  # somebody is still in there: the round says who
