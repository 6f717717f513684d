"""A command of this machine that has to work: `ip`, `tc`, `mount`, `createdb`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any


class CommandFailed(Exception):
    """It did not; the words are its own."""


def run(*command: object, settings: Mapping[str, Any] | None = None) -> str:
    """What a command prints.

    Raises:
        CommandFailed: it exits with something else than 0.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=60, **(settings or {})
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return str(done.stdout)
