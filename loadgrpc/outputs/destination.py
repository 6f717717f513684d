"""A file that an output goes to: checked before the run, whole or not at all after it.

Rule: readers see the old file or the whole new one. It is written to a draft beside it, which
takes its place at the end; only devices, pipes and open descriptors are written in place. What
is interrupted, or does not fit on the disk, leaves no draft behind.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

STDOUT: Final = "-"
_LEVEL: Final = 6
"""Of compression: a third of the time of 9, and nearly as small."""
_DESCRIPTOR: Final = re.compile(r"/(?:dev/fd|proc/self/fd)/([0-9]{1,9})|/dev/(stdin|stdout|stderr)")


class Destination:
    """See the module. A path that ends in `.gz` is compressed; `-` is standard output."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __str__(self) -> str:
        return self.path

    @property
    def is_stdout(self) -> bool:
        """Whether it goes to standard output."""
        return self.path == STDOUT or _descriptor(self.path) == 1

    @property
    def real_path(self) -> str:
        """What tells it from others: two of the same are one file."""
        return STDOUT if self.is_stdout else os.path.realpath(self.path)

    def check(self) -> None:
        """Sees that the file can be written; what is there stays as it is.

        Raises:
            OSError: it cannot; its `filename` is the path.
        """
        try:
            self._check()
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from error

    def _check(self) -> None:
        if self.is_stdout:
            return
        path = Path(self.path)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if (number := _descriptor(self.path)) is not None:
            os.fstat(number)
            return
        if _in_place(path):
            # Not opened: of a pipe that would wait for a reader, and show him an end.
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        trial = _beside(path)
        trial.touch()
        trial.unlink()

    @contextmanager
    def open(self, newline: str = "\n") -> Iterator[TextIO]:
        """The file to write to, as UTF-8. It is there when the block ends well.

        Raises:
            OSError: it cannot be written after all; its `filename` is the path.
        """
        try:
            with self._open(newline) as file:
                yield file
        except OSError as error:
            named = str(error.filename or self.path)
            elsewhere = isinstance(error, ConnectionError | TimeoutError)
            if elsewhere or named not in (str(_beside(Path(self.path))), self.path):
                raise  # of something else that is done while the file is open
            raise OSError(error.errno, error.strerror, self.path) from error

    @contextmanager
    def _open(self, newline: str) -> Iterator[TextIO]:
        if self.is_stdout:
            yield sys.stdout
            sys.stdout.flush()
            return
        path = Path(self.path)
        if (number := _descriptor(self.path)) is not None:
            with suppress(AttributeError, OSError):
                sys.stdout.flush()  # what was printed there comes first
            with self._in_place(os.dup(number), newline) as file:
                yield file
        elif _in_place(path):
            with self._in_place(os.open(path, os.O_WRONLY), newline) as file:
                yield file
        else:
            target = Path(os.path.realpath(path))
            draft = _beside(target)
            try:
                with ExitStack() as stack:
                    yield self._text(stack, draft.open("wb"), newline)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)

    @contextmanager
    def _in_place(self, number: int, newline: str) -> Iterator[TextIO]:
        """A pipe, a socket or a device; a reader may have seen enough."""
        with suppress(BrokenPipeError), ExitStack() as stack:
            yield self._text(stack, open(number, "wb"), newline)  # noqa: SIM115 - the stack closes it

    def _text(self, stack: ExitStack, raw: io.BufferedWriter, newline: str) -> TextIO:
        """A text file over `raw`; the stack closes both."""
        stack.enter_context(raw)
        if not self.path.endswith(".gz"):
            return stack.enter_context(io.TextIOWrapper(raw, "utf-8", newline=newline))
        packed = stack.enter_context(gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0))
        return stack.enter_context(io.TextIOWrapper(packed, "utf-8", newline=newline))


def _descriptor(path: str) -> int | None:
    """The open descriptor that a path names, as a shell's `>(command)` does."""
    named = _DESCRIPTOR.fullmatch(path)
    if named is None:
        return None
    return int(named[1]) if named[1] else ("stdin", "stdout", "stderr").index(named[2])


def _in_place(path: Path) -> bool:
    """Whether this is a device or a pipe, which cannot be replaced."""
    return path.exists() and not stat.S_ISREG(path.stat().st_mode)


def _beside(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")
