"""The standard streams of a command, which may be closed, full, slow, or gone.

Rule: printing never raises. What cannot be written is dropped, and noted: a reader that went away
(`| head`, a closed window) has seen what it wanted, and changes no exit code; anything else, such
as a full disk, is reported at the end, and then a command does not exit with 0.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, Final, TextIO

from loadgrpc import verdict

_READER_GONE: Final = (errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.ENXIO)
"""A pipe or a socket without a reader; a terminal that was closed."""


class Descriptor(io.FileIO):
    """A descriptor that takes everything, whether or not it can be written."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self.failed: OSError | None = None
        """Why it takes nothing any more."""

    def write(self, data: Any, /) -> int:
        """Write, waiting for a reader that is slow; drop what cannot be written."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left and self.failed is None:
            try:
                written = super().write(left)
            except OSError as error:
                self.failed = error
            else:
                if written is None:  # it does not block, and is full
                    select.select([], [self], [])
                left = left[written or 0 :]
        return size


def is_gone(stream: TextIO) -> bool:
    """Whether the reader of a stream is gone."""
    failed = _failed(stream)
    return failed is not None and failed.errno in _READER_GONE


def set_up() -> None:
    """Make the standard streams such that printing never raises."""
    _occupy()
    for name, number, errors in (("stdout", 1, None), ("stderr", 2, "backslashreplace")):
        stream = getattr(sys, name)
        if stream is None or stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _stream(number, stream, errors))


def exit_code(code: int) -> int:
    """Flush the standard streams; the exit code, or another if output was lost."""
    sys.stdout.flush()
    failed = _failed(sys.stdout)
    if failed is None or failed.errno in _READER_GONE:
        return code
    message = failed.strerror or str(failed)
    print(f"loadgrpc: error: cannot write to standard output: {message}", file=sys.stderr)
    with suppress(OSError):
        sys.stderr.flush()
    return code or verdict.INCOMPLETE


def _failed(stream: TextIO) -> OSError | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.failed if isinstance(raw, Descriptor) else None


def _occupy() -> None:
    """See that 0, 1 and 2 are open: a socket that got such a number would be printed to."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # it takes the lowest that is free


def _stream(number: int, was: TextIO | None, errors: str | None) -> TextIO:
    if was is not None:
        with suppress(OSError):
            was.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Descriptor(number)),
        encoding=was.encoding if was is not None else "utf-8",
        errors=errors or "backslashreplace",
        line_buffering=was is not None and was.isatty(),
        write_through=number == 2,  # noqa: PLR2004 - stderr
    )
