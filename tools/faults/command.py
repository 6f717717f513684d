"""A command of this machine that has to work: `ip`, `tc`, `mount`, `createdb`; and who may."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

CAP_NET_ADMIN: Final = 12
CAP_SYS_ADMIN: Final = 21


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


def may(*capabilities: int) -> bool:
    """Whether this process has these capabilities; root has them, but not in every container."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return all(effective >> capability & 1 for capability in capabilities)
