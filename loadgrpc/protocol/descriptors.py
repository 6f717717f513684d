"""Open files, of which each connection takes one: as many as the machine gives, and how many."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

UNLIMITED: Final = 1 << 20
"""What counts as their number where there is no limit."""


def available() -> int:
    """How many this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if soft == resource.RLIM_INFINITY else soft


def raise_limit() -> None:
    """Lets this process, and those that it starts, have as many as they may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # then they have what they have
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
