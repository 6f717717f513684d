"""How well a user process keeps up with its load: it watches itself, and reports once a second.

Rule: the lag is how late answers are noticed. A tick that was due is noticed when an answer would
have been, by the same poll of the hub; if the kernel does not say when an answer arrived, that
poll is what ends a hit.

Every tick counts once, also when the process was held up and noticed it too late: held up for 2 s
it was 2 s late, 1.99 s late, and so on. It reports the lags themselves, so that those of many
seconds and processes can be added up.

It adds what the machine did, so that a generator at its limit can be told from one that gets no
core. The runner's own CPU use is estimated as that of this process, times the number of its
processes: they share users evenly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.model import MAX_GENERATOR_NS, MAX_LAGS, GeneratorState
from loadgrpc.runner import machine
from loadgrpc.runner.machine import Used

TICK_NS: Final = 10_000_000
"""A hundred lags a second: enough for a 99th percentile, at a thousandth of a core."""
TELL_NS: Final = NS_PER_S


class Watch:
    """See the module. Between `begin` and `end`, `wake` is to be called at every tick."""

    def __init__(
        self,
        clock: Clock,
        tell: Callable[[GeneratorState], None],
        *,
        process: int,
        processes: int = 1,
        cpu_ns: Callable[[], int] = time.process_time_ns,
        look: Callable[[], Used | None] = machine.look,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._process = process
        self._processes = processes
        self._cpu_ns = cpu_ns
        self._look = look
        self._collecting_ns = 0
        self.due_ns = 0
        """When the next tick is due."""
        self._open(clock.monotonic_ns())

    def _open(self, now_ns: int) -> None:
        self._began_ns = now_ns
        self._began_cpu_ns = self._cpu_ns()
        self._began_used = self._look()
        self._lags_ns: list[int] = []
        self._pauses = 0
        self._paused_ns = 0
        self._longest_ns = 0

    def begin(self) -> None:
        """Users begin to live."""
        now_ns = self._clock.monotonic_ns()
        self._open(now_ns)
        self.due_ns = now_ns + TICK_NS

    def wake(self, noticed_ns: int) -> None:
        """A tick was due, and was noticed at that time: when a hit would have ended."""
        self._note_lags(noticed_ns)
        if noticed_ns - self._began_ns >= TELL_NS:
            self._close(noticed_ns)

    def end(self) -> None:
        """All users have ended."""
        now_ns = self._clock.monotonic_ns()
        self._note_lags(now_ns)
        if now_ns > self._began_ns:
            self._close(now_ns)

    def collected(self, phase: str, _: object) -> None:
        """To be called by the garbage collector, when it starts and when it stops."""
        now_ns = self._clock.monotonic_ns()
        if phase == "start":
            self._collecting_ns = now_ns
            return
        pause_ns = now_ns - self._collecting_ns
        self._pauses += 1
        self._paused_ns += pause_ns
        self._longest_ns = max(self._longest_ns, pause_ns)

    def _note_lags(self, now_ns: int) -> None:
        lags_ns = range(now_ns - self.due_ns, -1, -TICK_NS)
        self.due_ns += TICK_NS * len(lags_ns)
        self._lags_ns += lags_ns[: MAX_LAGS - len(self._lags_ns)]

    def _close(self, now_ns: int) -> None:
        cpu_ns = self._cpu_ns() - self._began_cpu_ns
        shares = machine.shares(self._began_used, self._look(), cpu_ns * self._processes)
        self._tell(
            GeneratorState(
                process=self._process,
                elapsed_ns=min(now_ns - self._began_ns, MAX_GENERATOR_NS),
                cpu_ns=cpu_ns,
                lags_ns=tuple(min(lag_ns, MAX_GENERATOR_NS) for lag_ns in self._lags_ns),
                gc_pauses=self._pauses,
                gc_ns=self._paused_ns,
                gc_max_ns=self._longest_ns,
                **(vars(shares) if shares is not None else {}),
            )
        )
        self._open(now_ns)
