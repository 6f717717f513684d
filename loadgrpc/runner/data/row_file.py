"""A file of rows: CSV with a header, or JSON lines.

Rule: a file is read once, from its beginning to its end, when it is opened; whatever is wrong with
a line is said then, with the number of the line. What is kept is where each row begins, 8 bytes a
row; a row itself is read again whenever it is taken, so a file may be larger than memory.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from loadgrpc.model import did_you_mean

CSV_SUFFIXES: Final = {".csv": ",", ".tsv": "\t"}
"""With what separates fields."""
JSON_SUFFIXES: Final = (".jsonl", ".ndjson")
_SHOWN_CHARS: Final = 60


class BadDataFile(ValueError):
    """A file of rows cannot be read; the sentence names the file, and the line if it is one's."""


class RowFile:
    """See the module. Rows are numbered from 0. May be used by several threads."""

    def __init__(self, path: Path, delimiter: str = "") -> None:
        """Reads all of a file. `delimiter` of CSV; empty: that of its suffix.

        Raises:
            BadDataFile: it is not there, not of a known kind, or something in it is wrong.
        """
        self.path = path
        suffix = path.suffix.lower()
        if suffix not in CSV_SUFFIXES and suffix not in JSON_SUFFIXES:
            known = ", ".join((*CSV_SUFFIXES, *JSON_SUFFIXES))
            raise BadDataFile(f"{path}: its name must end in one of {known}")
        self._delimiter = delimiter or CSV_SUFFIXES.get(suffix, ",")
        self._dialect = _dialect(self._delimiter)
        self._names: list[str] | None = None
        """The fields of CSV, by its header; None: they are JSON objects."""
        self._line = 0
        self._at = 0
        self._crc = 0
        self._starts = array("Q")
        self._descriptor = _opened(path)
        try:
            with open(self._descriptor, "rb", closefd=False) as file:
                self._read(file, is_csv=suffix in CSV_SUFFIXES)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def digest(self) -> int:
        """What tells copies of different contents apart; never 0."""
        return (self._at << 32 | self._crc) & 0x7FFF_FFFF_FFFF_FFFF or 1

    def row(self, at: int) -> dict[str, Any]:
        """A row by its number: a dictionary of its own. Of CSV all values are strings.

        Raises:
            BadDataFile: the file is not any more what it was when it was opened.
        """
        start, end = self._starts[at], self._starts[at + 1]
        data = os.pread(self._descriptor, end - start, start)
        try:
            if len(data) != end - start:
                raise ValueError("it is shorter")  # noqa: TRY301 - said as all that is wrong
            if self._names is None:
                row: dict[str, Any] = json.loads(data.decode("utf-8-sig"))
                return row
            text = data.decode()
            if '"' in text:
                fields = next(csv.reader(io.StringIO(text, newline=""), self._dialect))
            else:
                fields = text.rstrip("\r\n").split(self._delimiter)
            return dict(zip(self._names, fields, strict=True))
        except (ValueError, csv.Error, StopIteration) as error:
            raise BadDataFile(f"{self.path} was changed while the run used it: {error}") from error

    def close(self) -> None:
        """Closes the file; no row can be taken any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # Reading it once

    def _read(self, file: io.BufferedReader, *, is_csv: bool) -> None:
        lines = self._lines(file)
        try:
            if is_csv:
                self._read_csv(lines)
            else:
                self._read_json(lines)
        except UnicodeDecodeError as error:
            self._wrong(f"is not UTF-8: {error.reason}")
        except csv.Error as error:
            self._wrong(f"is not CSV: {error}")
        except json.JSONDecodeError as error:
            self._wrong(f"is not JSON: {error.msg} (column {error.colno})")
        except RecursionError:
            self._wrong("is nested too deeply")
        if not self._starts:
            raise BadDataFile(f"{self.path} has no rows")
        self._starts.append(self._at)

    def _lines(self, file: io.BufferedReader) -> Iterator[str]:
        for data in file:
            self._line += 1
            text = data.decode("utf-8-sig" if self._line == 1 else "utf-8")
            self._at += len(data)
            self._crc = zlib.crc32(data, self._crc)
            yield text

    def _read_csv(self, lines: Iterator[str]) -> None:
        reader = csv.reader(lines, self._dialect)
        names: list[str] = []
        while not names:
            names = next(reader, [])
            if not names and self._at == os.fstat(self._descriptor).st_size:
                raise BadDataFile(f"{self.path} has no header: its first line names the fields")
        self._names = names
        if not all(name.strip() for name in names):
            self._wrong(f"names a field without a name: {_short(self._delimiter.join(names))}")
        if twice := [name for name in names if names.count(name) > 1]:
            self._wrong(f"names the field {twice[0]!r} twice")
        start, count = self._at, len(names)
        for fields in reader:
            if fields:
                if len(fields) != count:
                    there = _short(self._delimiter.join(fields))
                    found = f"{len(fields)} field{'s' * (len(fields) != 1)}"
                    self._wrong(f"has {found} instead of {count}: {there}")
                self._starts.append(start)
            start = self._at

    def _read_json(self, lines: Iterator[str]) -> None:
        start = 0
        for line in lines:
            if not line.isspace():
                if not isinstance(json.loads(line), dict):
                    self._wrong(f"is not a JSON object: {_short(line)}")
                self._starts.append(start)
            start = self._at

    def _wrong(self, what: str) -> None:
        raise BadDataFile(f"{self.path}, line {self._line} {what}")


def _dialect(separator: str) -> type[csv.Dialect]:
    class Dialect(csv.excel):
        delimiter = separator
        strict = True

    return Dialect


def _opened(path: Path) -> int:
    """The descriptor of a file.

    Raises:
        BadDataFile: it cannot be read, or is no file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BadDataFile(f"no file {path.name!r} in {path.parent}{_near(path)}") from None
    except OSError as error:
        raise BadDataFile(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadDataFile(f"{path} is not a file")
    return descriptor


def _near(path: Path) -> str:
    """The end of a sentence: files there of a similar name, or of the same kind."""
    try:
        there = sorted(each.name for each in path.parent.iterdir())
    except OSError:
        return ", which cannot be read"
    known = (*CSV_SUFFIXES, *JSON_SUFFIXES)
    files = [name for name in there if name.lower().endswith(known)]
    if meant := did_you_mean(path.name, files):
        return meant
    return f"; it has {', '.join(files[:5])}" if files else ""


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}…"
