"""The summary document in a file: checked before the run, whole or not at all after it."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from loadgrpc.cli.failure import Failure

_DESCRIPTOR: Final = re.compile(r"/(?:dev/fd|proc/self/fd)/([0-9]{1,9})|/dev/(stdin|stdout|stderr)")


def check(path: Path) -> None:
    """See that the document can be written when the run is over.

    Raises:
        Failure: it cannot.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if (number := _descriptor(path)) is not None:
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
    except OSError as error:
        raise Failure(f"--json-file: cannot write {str(path)!r}: {error.strerror}") from error


def write(path: Path, text: str) -> None:
    """Write the document so that readers see the old file or the whole new one.

    Raises:
        Failure: it cannot be written after all.
    """
    try:
        if (number := _descriptor(path)) is not None:
            with suppress(AttributeError, OSError):
                sys.stdout.flush()  # what was printed there comes first
            _write(os.dup(number), text)
            return
        if _in_place(path):
            _write(os.open(path, os.O_WRONLY), text)
            return
        target = Path(os.path.realpath(path))
        draft = _beside(target)
        try:
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"--json-file: cannot write {str(path)!r}: {error.strerror}") from error


def _write(number: int, text: str) -> None:
    """Write to a pipe, a socket or a device, and close it; a reader may have seen enough."""
    with suppress(BrokenPipeError), open(number, "wb") as file:
        file.write(text.encode() + b"\n")


def _descriptor(path: Path) -> int | None:
    """The open descriptor that a path names, as a shell's `>(command)` does."""
    named = _DESCRIPTOR.fullmatch(str(path))
    if named is None:
        return None
    return int(named[1]) if named[1] else ("stdin", "stdout", "stderr").index(named[2])


def _in_place(path: Path) -> bool:
    """Whether this is a device or a pipe, which cannot be replaced."""
    return path.exists() and not stat.S_ISREG(path.stat().st_mode)


def _beside(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")
