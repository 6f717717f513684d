"""Keys of a terminal, one at a time, without Enter.

Rule: whatever happens, the terminal is left as it was found: at the end, while a question is
asked, and when a signal of the terminal stops or ends the command. Ctrl-C and Ctrl-Z do what they
always do. In the background the terminal is that of another command, and is left alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TextIO

from loadgrpc.cli.line import is_terminal

MAX_KEYS: Final = 64
"""Read at once; a paste of more is not meant."""
ESCAPE: Final = "\x1b"
"""What arrows and other keys begin with that are no characters."""
FRONT_LOOK_S: Final = 1.0
"""How often a command in the background looks whether it is in the foreground again."""
_MODES: Final = 3
"""Where the local modes are in what `tcgetattr` returns, and the special characters."""
_CHARACTERS: Final = 6


class Keyboard:
    """Calls `press` for each key while it is entered, and `leave` before the command is stopped."""

    def __init__(
        self, stdin: int, press: Callable[[str], None], leave: Callable[[], None] = lambda: None
    ) -> None:
        self._stdin = stdin
        self._press = press
        self._leave = leave
        self._modes: list[Any] | None = None
        """Those that the terminal had; None: it is as it was found."""
        self._looking: asyncio.TimerHandle | None = None
        self._signals: list[signal.Signals] = []

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTSTP, signal.SIGQUIT):
            if signal.getsignal(number) is signal.SIG_DFL:
                loop.add_signal_handler(number, self._give_way, number)
                self._signals.append(number)
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.let_go()
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)
        self._signals.clear()

    def take(self) -> None:
        """Keys are pressed from now on; in the background, when it is the foreground again."""
        loop = asyncio.get_running_loop()
        self._look_no_more()
        if self._modes is not None:
            return
        if not in_foreground(self._stdin):
            self._looking = loop.call_later(FRONT_LOOK_S, self.take)
            return
        try:
            modes = termios.tcgetattr(self._stdin)
            changed = [*modes[:_CHARACTERS], [*modes[_CHARACTERS]]]
            changed[_MODES] &= ~(termios.ICANON | termios.ECHO)
            changed[_CHARACTERS][termios.VMIN], changed[_CHARACTERS][termios.VTIME] = 1, 0
            termios.tcsetattr(self._stdin, termios.TCSANOW, changed)
        except termios.error:
            return  # the terminal is gone
        self._modes = modes
        loop.add_reader(self._stdin, self._read)

    def let_go(self) -> None:
        """The terminal is as it was found, until it is taken again."""
        self._look_no_more()
        if self._modes is None:
            return
        asyncio.get_running_loop().remove_reader(self._stdin)
        modes, self._modes = self._modes, None
        with suppress(termios.error):  # the terminal is gone
            if in_foreground(self._stdin):  # or else it is another's, and this would stop us
                termios.tcsetattr(self._stdin, termios.TCSANOW, modes)

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _read(self) -> None:
        if not in_foreground(self._stdin):
            self.let_go()
            self.take()
            return
        try:
            data = os.read(self._stdin, MAX_KEYS)
        except OSError:
            data = b""
        if not data:  # the terminal says no more
            self.let_go()
            return
        text = data.decode(errors="replace")
        for key in "" if text.startswith(ESCAPE) else text:
            self._press(key)

    def _give_way(self, number: signal.Signals) -> None:
        """Does what the signal does where nobody handles it, without the terminal."""
        loop = asyncio.get_running_loop()
        self.let_go()
        self._leave()
        loop.remove_signal_handler(number)
        signal.raise_signal(number)  # of Ctrl-Z this returns when the command goes on
        loop.add_signal_handler(number, self._give_way, number)
        self.take()


def in_foreground(descriptor: int) -> bool:
    """Whether a terminal is that of this session, and this command in its foreground."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def answering(stream: TextIO) -> int | None:
    """The terminal at which somebody sees a stream and can answer; None: there is none."""
    if sys.stdin is None or not is_terminal(stream) or not sys.stdin.isatty():
        return None
    descriptor = sys.stdin.fileno()
    return descriptor if in_foreground(descriptor) else None
