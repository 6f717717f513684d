"""Packs the files that a test needs into a bundle.

Rule: the same files make the same bundle, byte for byte, on any machine and at any time: sorted
by name, without times and owners. Its SHA-256 is its name.
"""

from __future__ import annotations

import os
import stat
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from loadgrpc.bundle import archive
from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds

IN_MEMORY_BYTES: Final = 8 << 20
"""Of a bundle that is packed; a larger one is on the disk meanwhile."""


@dataclass(frozen=True)
class Bundle:
    """A bundle, packed."""

    sha256: str
    size: int
    file: IO[bytes]
    """What is in it, until it is closed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """It is not needed any more."""
        self.file.close()


def pack(files: Mapping[str, Path]) -> Bundle:
    """The bundle of these files and folders, by the names that they get in it.

    Raises:
        InvalidRequest: one cannot be in a bundle, or all are too large; it is named.
    """
    file = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - the bundle keeps it
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _add_all(tar, files)
        size = file.tell()
        for _ in archive.entries(file):
            pass  # it is checked as those do that receive it
    except BaseException:
        file.close()
        raise
    return Bundle(archive.digest(file), size, file)


def _add_all(tar: tarfile.TarFile, files: Mapping[str, Path]) -> None:
    total = tarfile.RECORDSIZE
    for name, path in sorted(files.items()):
        total += _add(tar, name, path)
        if total > bounds.MAX_BUNDLE_BYTES:
            most = f"{bounds.MAX_BUNDLE_BYTES >> 20} MiB"
            raise InvalidRequest(f"the files of the test have more than {most} together")


def _add(tar: tarfile.TarFile, name: str, path: Path) -> int:
    """Adds a file or folder; how many bytes it takes."""
    if why := archive.why_refused(name):
        raise InvalidRequest(f"{str(path)!r} cannot be shipped: {name!r} {why}")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", closefd=True) as file:  # noqa: PTH123 - it is open already
            return _add_open(tar, name, path, file)
    except IsADirectoryError:
        return _add_folder(tar, name, path)
    except OSError as error:
        raise InvalidRequest(f"cannot read {str(path)!r}: {error.strerror or error}") from error


def _add_open(tar: tarfile.TarFile, name: str, path: Path, file: IO[bytes]) -> int:
    there = os.fstat(file.fileno())
    if not stat.S_ISREG(there.st_mode):
        raise InvalidRequest(f"{str(path)!r} cannot be shipped: it is neither a file nor a folder")
    member = _member(name, there.st_mode)
    member.size = there.st_size
    if member.size <= bounds.MAX_BUNDLE_BYTES:
        tar.addfile(member, file)
    return member.size + tarfile.BLOCKSIZE


def _add_folder(tar: tarfile.TarFile, name: str, path: Path) -> int:
    member = _member(name, path.stat().st_mode)
    member.type = tarfile.DIRTYPE
    tar.addfile(member)
    return tarfile.BLOCKSIZE


def _member(name: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode = mode & archive.PERMISSIONS
    return member
