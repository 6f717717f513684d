"""The summary document in a file: checked before the run, whole or not at all after it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from loadgrpc.cli.failure import Failure


def check(path: Path) -> None:
    """See that the document can be written when the run is over.

    Raises:
        Failure: it cannot.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        if _in_place(path):
            with path.open("ab"):
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
    target = Path(os.path.realpath(path))
    try:
        if _in_place(target):
            target.write_text(text + "\n", encoding="utf-8")
            return
        draft = _beside(target)
        try:
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"--json-file: cannot write {str(path)!r}: {error.strerror}") from error


def _in_place(path: Path) -> bool:
    """Whether this is a device or a pipe, which cannot be replaced."""
    return path.exists() and not stat.S_ISREG(path.stat().st_mode)


def _beside(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")
