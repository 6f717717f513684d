"""Messages of a source on the agent's disk: those the broker has not committed in time.

Rule: what `append` has given a place to is on disk. A record is its length, a checksum, its
numbers and the message; one that is torn or damaged is cut off, with everything after it in its
file. Files are closed at SEGMENT_BYTES and deleted when everything in them is committed. Every
method waits for the disk: call them in a thread, one at a time per spool.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc import private

DEFAULT_SPOOL_BYTES: Final = 1_000_000_000
SEGMENT_BYTES: Final = 16 << 20
_HEAD: Final = struct.Struct("<II")
"""Bytes of numbers and message together, and their CRC-32."""
_NUMBERS: Final = struct.Struct("<QQ")
_SUFFIX: Final = ".events"


class Full(Exception):
    """The spools of this agent hold as much as they may."""


class SpoolRoom:
    """What all spools of an agent may take together. Used by several threads."""

    def __init__(self, max_bytes: int = DEFAULT_SPOOL_BYTES) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Reserves bytes.

        Raises:
            Full: they are not there.
        """
        with self._lock:
            if self.used_bytes + count > self.max_bytes:
                raise Full(f"the spool holds {self.used_bytes} of {self.max_bytes} bytes")
            self.used_bytes += count

    def give_back(self, count: int) -> None:
        """Gives bytes back; a negative count reserves them, whatever the bound."""
        with self._lock:
            self.used_bytes -= count


@dataclass(frozen=True)
class Message:
    """A batch or a skip as it came, and its numbers."""

    first_sequence: int
    last_sequence: int
    request: bytes


@dataclass(frozen=True)
class Place:
    """Where a record is."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Found:
    """A record that was there when the spool was opened."""

    first_sequence: int
    last_sequence: int
    size: int
    """Bytes of the message."""
    place: Place


@dataclass
class _Segment:
    """A file."""

    path: Path
    size: int
    last_sequence: int


class Spool:
    """See the module. `folder` is made when it is needed."""

    def __init__(self, folder: Path, room: SpoolRoom) -> None:
        self._folder = folder
        self._room = room
        self._segments: list[_Segment] = []
        self._file: int | None = None
        """The last segment, open for writing."""
        self._doubtful = False
        """Whether syncing it failed: the kernel reports that once, and afterwards success."""

    def recover(self) -> list[Found]:
        """What is there, in order; what is torn or damaged is cut off."""
        found: list[Found] = []
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            data = path.read_bytes()
            size = 0
            for message, place in _records(path, data):
                numbers = (message.first_sequence, message.last_sequence)
                found.append(Found(*numbers, len(message.request), place))
                size = place.offset + place.size
            if size < len(data):
                os.truncate(path, size)
            if size:
                self._segments.append(_Segment(path, size, found[-1].last_sequence))
                self._room.give_back(-size)
            else:
                path.unlink()
        return found

    def append(self, messages: Iterable[Message]) -> tuple[list[Place], Exception | None]:
        """Puts messages on disk; the places of the first of them, and why not of all.

        The reason is Full or an OSError; None: nothing is wrong.
        """
        places: list[Place] = []
        trouble: Exception | None = None
        try:
            for message in messages:
                places.append(self._write(message))  # noqa: PERF401 - what was placed stays
        except (OSError, Full) as error:
            trouble = error
        try:
            self._sync()
        except OSError as error:
            trouble = error
            places = self._unwrite(places)
        return places, trouble

    def read(self, place: Place) -> bytes | None:
        """The message at a place; None: it is damaged, or was dropped."""
        try:
            with place.path.open("rb") as file:
                file.seek(place.offset)
                data = file.read(place.size)
        except OSError:
            return None
        for message, _ in _records(place.path, data):
            return message.request
        return None

    def drop(self, upto: int) -> None:
        """Lets go of files that hold nothing above a number."""
        while self._segments and self._segments[0].last_sequence <= upto:
            if len(self._segments) == 1:
                self.close()
            segment = self._segments.pop(0)
            with contextlib.suppress(OSError):  # then it is found, sent again, and recognised
                segment.path.unlink()
            self._room.give_back(segment.size)

    def droppable(self, upto: int) -> bool:
        """Whether `drop` would let go of anything. Does not wait for the disk."""
        return bool(self._segments) and self._segments[0].last_sequence <= upto

    def close(self) -> None:
        """Closes the file that is written to; what is appended later goes into another."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, message: Message) -> Place:
        record = _record(message)
        self._room.take(len(record))
        try:
            segment = self._segment_for(message)
            place = Place(segment.path, segment.size, len(record))
            assert self._file is not None  # noqa: S101 - by the line before the last
            try:
                rest = memoryview(record)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
            except OSError:
                self._cut_off(self._file, segment.size)
                raise
        except OSError:
            self._room.give_back(len(record))
            raise
        segment.size += len(record)
        segment.last_sequence = message.last_sequence
        return place

    def _cut_off(self, file: int, size: int) -> None:
        """Takes half a record back."""
        try:
            os.ftruncate(file, size)
        except OSError:
            self.close()  # nothing must come after it

    def _segment_for(self, message: Message) -> _Segment:
        """The file to write to, open."""
        if self._file is not None and self._segments[-1].size < SEGMENT_BYTES:
            return self._segments[-1]
        self._sync()
        self.close()
        private.folder(self._folder)
        path = self._folder / f"{message.first_sequence:020}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        file = private.open_file(path, flags)
        try:
            sync_folder(self._folder)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._segments.append(_Segment(path, 0, message.first_sequence - 1))
        return self._segments[-1]

    def _sync(self) -> None:
        if self._file is None:
            return
        if self._doubtful:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            os.fsync(self._file)
        except OSError:
            self._doubtful = True
            raise

    def _unwrite(self, places: list[Place]) -> list[Place]:
        """Takes back what of the last file is not on disk; the places of what is."""
        unsure = [place for place in places if place.path == self._segments[-1].path]
        self.close()
        self._doubtful = False
        if unsure:
            segment = self._segments[-1]
            self._room.give_back(segment.size - unsure[0].offset)
            segment.size = unsure[0].offset
            with contextlib.suppress(OSError):  # then it is sent twice after a restart, and
                os.truncate(segment.path, segment.size)  # the broker counts it once
            if not segment.size:  # the next file may have its name
                self._segments.pop()
        return places[: len(places) - len(unsure)]


def _record(message: Message) -> bytes:
    body = _NUMBERS.pack(message.first_sequence, message.last_sequence) + message.request
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _records(path: Path, data: bytes) -> Iterator[tuple[Message, Place]]:
    """The records of a file, up to the first that is not whole."""
    at = 0
    while len(data) - at >= _HEAD.size:
        length, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if not _NUMBERS.size <= length == len(body) or zlib.crc32(body) != checksum:
            return
        first, last = _NUMBERS.unpack_from(body)
        size = _HEAD.size + length
        yield Message(first, last, body[_NUMBERS.size :]), Place(path, at, size)
        at += size


def sync_folder(folder: Path) -> None:
    """Makes sure that the names in a folder, and its own, are on disk."""
    for each in (folder, folder.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
