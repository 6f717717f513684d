"""How readers of WebSockets run: as greenlets where gevent has patched threads, else as threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import gevent
from gevent import monkey

READS_IN_A_ROW: Final = 16
"""After this many reads others have their turn, however much there is to read."""


def start_reader(run: Callable[[], object]) -> None:
    """Runs a reader beside the test."""
    if monkey.is_module_patched("threading"):
        gevent.spawn(run)
    else:
        threading.Thread(target=run, name="WebSocket", daemon=True).start()


def take_turns(reads: int) -> int:
    """Lets others have their turn, after some `reads`; the number of reads since then."""
    if reads < READS_IN_A_ROW:
        return reads + 1
    time.sleep(0)
    return 0
