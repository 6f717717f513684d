"""What is in a bundle: a tar of files and folders, all of them below one folder.

Rule: whoever made it, a bundle cannot name anything outside of its folder, and contains nothing
but files and folders. What else a tar may contain (absolute paths, `..`, links, devices, sparse
files, names that are there twice, set-uid bits) is refused by name. So is one that is too large,
or of too many entries. It is not compressed: what it unpacks to is as large as it is.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds

READ_BYTES: Final = 1 << 16
MAX_PART_BYTES: Final = 255
"""Of a single name: what file systems take."""
PERMISSIONS: Final = 0o777
_SPECIAL: Final = 0o7000
"""Set-uid, set-gid and sticky bits."""
_MAX_HEADER_BYTES: Final = 1 << 16
"""Of an extended header, which holds long names: one that is longer holds something else."""
_END: Final = tarfile.BLOCKSIZE
"""Zeros that end a tar, at least."""


@dataclass(frozen=True)
class Entry:
    """A file or a folder of a bundle."""

    name: str
    """Its path below the folder of the bundle, with `/` between the parts."""
    mode: int
    """Its permissions."""
    size: int = 0
    """Bytes of a file."""
    offset: int = 0
    """Where in the tar they begin."""
    is_folder: bool = False

    @property
    def parts(self) -> list[str]:
        """The names on its path."""
        return self.name.split("/")


def why_refused(name: str) -> str:
    """Why nothing in a bundle may have this name, as text; empty: it may."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    parts = name.split("/")
    longest = max(len(part.encode()) for part in parts)
    rules = (
        (name.startswith("/"), "is an absolute path"),
        (".." in parts, "leaves its folder by '..'"),
        ("" in parts or "." in parts or "\0" in name, "is not a plain relative path"),
        (size > bounds.MAX_PATH_BYTES, f"has more than {bounds.MAX_PATH_BYTES:,} bytes"),
        (longest > MAX_PART_BYTES, f"has a part of more than {MAX_PART_BYTES} bytes"),
        (len(parts) > bounds.MAX_PATH_DEPTH, f"is over {bounds.MAX_PATH_DEPTH} folders deep"),
    )
    return next((why for broken, why in rules if broken), "")


def entries(file: IO[bytes]) -> Iterator[Entry]:
    """What is in a bundle, in its order; those that read files may seek in `file` meanwhile.

    Raises:
        InvalidRequest: it is not a bundle; what is wrong is named. Entries before that came.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    headers = _Headers(file)
    seen: dict[str, bool] = {}
    try:
        with tarfile.open(fileobj=headers, mode="r:", errors="surrogateescape") as tar:  # type: ignore[call-overload]  # it reads, seeks and tells
            for count, member in enumerate(tar, 1):
                entry = _entry(member)
                if entry.offset + entry.size > size:
                    raise InvalidRequest(f"the bundle is cut off within {entry.name!r}")
                _place(entry, seen)
                if max(count, len(seen)) > bounds.MAX_BUNDLE_ENTRIES:
                    most = f"{bounds.MAX_BUNDLE_ENTRIES:,} files and folders"
                    raise InvalidRequest(f"the bundle has more than {most}")
                yield entry
                headers.reset()
            _check_end(file, tar.offset)
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise InvalidRequest(f"the bundle cannot be read as a tar: {error}") from None


def digest(file: IO[bytes]) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    file.seek(0)
    found = hashlib.sha256()
    while data := file.read(READ_BYTES):
        found.update(data)
    return found.hexdigest()


class _Headers:
    """A file of which a tar reads its headers: for each entry no more than one may need."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MAX_HEADER_BYTES
        self.seek = file.seek
        self.tell = file.tell

    def reset(self) -> None:
        """The headers of the next entry come."""
        self._left = _MAX_HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        """At most this many bytes, and no more than headers have."""
        if not 0 <= size <= self._left:
            raise tarfile.ReadError("it has a header that is too long")
        self._left -= size
        return self._file.read(size)


def _entry(member: tarfile.TarInfo) -> Entry:
    """A member of a tar as an entry of a bundle.

    Raises:
        InvalidRequest: it cannot be one.
    """
    name = member.name.removesuffix("/") if member.isdir() else member.name
    shown = name.encode(errors="replace").decode()[:200]
    if why := why_refused(name):
        raise InvalidRequest(f"the bundle has {shown!r}, which {why}")
    if what := _kind(member):
        raise InvalidRequest(f"the bundle has {shown!r}, which is {what}: only files and folders")
    if member.mode & _SPECIAL:
        raise InvalidRequest(f"the bundle has {shown!r} with the special mode {member.mode:o}")
    if member.size < 0 or (member.isdir() and member.size):
        raise InvalidRequest(f"the bundle has {shown!r} with a size of {member.size}")
    mode = member.mode & PERMISSIONS
    return Entry(name, mode, member.size, member.offset_data, is_folder=member.isdir())


def _kind(member: tarfile.TarInfo) -> str:
    """What a member is that is neither file nor folder; empty: it is one of these."""
    if member.issparse():
        return "a sparse file"
    if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
        return ""
    return {
        tarfile.SYMTYPE: "a symbolic link",
        tarfile.LNKTYPE: "a hard link",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
        tarfile.FIFOTYPE: "a pipe",
    }.get(member.type, f"of the unknown type {member.type!r}")


def _place(entry: Entry, seen: dict[str, bool]) -> None:
    """Notes an entry; `seen` says of each name whether it is a folder.

    Raises:
        InvalidRequest: it is there twice, or below a file.
    """
    if entry.name in seen and not (entry.is_folder and seen[entry.name]):
        raise InvalidRequest(f"the bundle has {entry.name!r} twice")
    parts = entry.parts
    for count in range(1, len(parts)):
        if not seen.setdefault("/".join(parts[:count]), True):
            raise InvalidRequest(f"the bundle has {entry.name!r} below a file")
    seen[entry.name] = entry.is_folder


def _check_end(file: IO[bytes], offset: int) -> None:
    """A tar ends in zeros; behind a header that is damaged there would be something else.

    Raises:
        InvalidRequest: this one does not.
    """
    file.seek(offset)
    zeros = 0
    while data := file.read(READ_BYTES):
        if data.strip(b"\0"):
            raise InvalidRequest(f"the bundle cannot be read as a tar from byte {offset:,} on")
        zeros += len(data)
    if zeros < _END:
        raise InvalidRequest("the bundle is cut off: a tar ends in zeros")
