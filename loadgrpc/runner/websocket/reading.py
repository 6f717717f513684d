"""How readers of WebSockets run: as greenlets where gevent has patched threads, else as threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from loadgrpc.clock import Clock
from loadgrpc.runner.poll_clock import PollClock

IN_A_ROW: Final = 50
"""After this many reads and messages others have their turn, however much there is to read."""


def start_reader(run: Callable[[], object]) -> None:
    """Runs a reader beside the test."""
    if _patched():
        _loaded("gevent").spawn(run)
    else:
        threading.Thread(target=run, name="WebSocket", daemon=True).start()


TURN_S: Final = 0.000_01
"""After a sleep of 0 the hub would not have looked for what others wait for."""


class Looks:
    """When the process last looked for what has come. It is never, where readers are threads."""

    at_ns: Final = 0


NO_LOOKS: Final = Looks()


def looks(clock: Clock) -> Looks | PollClock:
    """The looks that readers of this process wait for."""
    return PollClock.of(clock, _loaded("gevent").get_hub()) if _patched() else NO_LOOKS


def _patched() -> bool:
    monkey = _loaded("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _loaded(name: str) -> Any:
    """A module of gevent, which a process without it need not load."""
    return sys.modules.get(name)


def take_turns(done: int) -> int:
    """One more read or message was `done`: lets others have their turn now and then.

    How many were done since then.
    """
    if done < IN_A_ROW:
        return done + 1
    time.sleep(TURN_S)
    return 0
