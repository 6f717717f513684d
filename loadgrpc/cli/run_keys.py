"""The keys that a run can be steered with, at the terminal that follows it.

Rule: whatever a key does is shown as a notice. To stop a run takes two keys, because one may be
pressed by mistake.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol, TextIO

from loadgrpc.cli.display import Display
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.cli.keyboard import Keyboard, answering
from loadgrpc.cli.steering import KEYS, Steering
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import Change, LoadOrder, Run

HELP: Final = "keys: + and - change the load by 10 %, p pauses and resumes it, s stops the run"
STOP: Final = "stop the run? y stops it, another key goes on"
NO_STAGES: Final = "the load of this run cannot be changed: start it with --load"
MAX_WAITING: Final = 32
"""Keys that wait to be carried out; more are not meant."""
APART_S: Final = 0.25
"""Changes of the load are made this far apart: a run takes 1,000 of them, a held key makes 30 a
second."""
ASKED_S: Final = 5.0
"""How long the question whether to stop stands."""


class SteeredRuns(Protocol):
    """What keys need of a client."""

    async def set_load(self, run_id: str, order: LoadOrder, request_id: str = "") -> list[Change]:
        """Changes the load of a run."""


class RunKeys:
    """See the module."""

    def __init__(self, stdin: int) -> None:
        self._stdin = stdin
        self._steering: Steering | None = None
        self._keyboard: Keyboard | None = None
        self._display: Display | None = None
        self._interrupts: Interrupts | None = None
        self._keys = ""
        """Those that were pressed and not carried out yet."""
        self._pressed = asyncio.Event()
        self._asked_until_s = 0.0
        self._helps = False
        """Whether the help is shown."""

    async def steer(
        self, client: SteeredRuns, run: Run, interrupts: Interrupts, display: Display
    ) -> None:
        """Carries out what is pressed, until it is cancelled; then the terminal is as before."""
        self._display, self._interrupts = display, interrupts
        steering = self._steering = Steering(run.plan)
        with Keyboard(self._stdin, self._press, display.pause) as self._keyboard:
            while True:
                await self._pressed.wait()
                self._pressed.clear()
                keys, self._keys = self._keys, ""
                try:
                    for order in list(steering.orders(keys)):
                        for change in await client.set_load(run.run_id, order):
                            self.change(change)
                except LoadgrpcError as error:
                    self._say(f"the load is not changed: {error}")
                await asyncio.sleep(APART_S)

    def change(self, change: Change) -> None:
        """Takes an entry of the run's log, whoever made it."""
        if self._steering is not None and self._steering.change(change):
            self._say(change.reason)

    def let_go(self) -> None:
        """Leaves the terminal to a question."""
        if self._keyboard is not None:
            self._keyboard.let_go()

    def take(self) -> None:
        """The question is answered."""
        if self._keyboard is not None:
            self._keyboard.take()

    def _say(self, text: str) -> None:
        self._helps = False
        if self._display is not None:
            self._display.notice(text)

    def _press(self, key: str) -> None:
        asked, self._asked_until_s = time.monotonic() < self._asked_until_s, 0.0
        if key == "s":
            self._asked_until_s = time.monotonic() + ASKED_S
            self._say(STOP)
        elif asked:
            self._say("")
            if key == "y" and self._interrupts is not None and not self._interrupts.count:
                self._interrupts.interrupt()
        elif key == "?":
            shown = self._helps
            self._say("" if shown else HELP)
            self._helps = not shown
        elif key in KEYS:
            if self._steering is None or not self._steering.is_possible:
                self._say(NO_STAGES)
                return
            self._keys = (self._keys + key)[:MAX_WAITING]
            self._pressed.set()


def run_keys_for(stream: TextIO | None) -> RunKeys | None:
    """Keys for a run that is shown on a stream; None: nobody sees it, or could press any."""
    terminal = None if stream is None else answering(stream)
    return None if terminal is None else RunKeys(terminal)
