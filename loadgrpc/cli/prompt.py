"""What Ctrl-C means for a run on agents: a question at the terminal.

Rule: the run and the command go on while the question stands; nothing is drawn over it. What was
typed before it was asked does not answer it. It is asked only where somebody can answer: standard
input is a terminal, and the command is in its foreground.
"""

from __future__ import annotations

import asyncio
import os
import termios
from contextlib import suppress
from enum import Enum
from typing import Final, TextIO

from loadgrpc.cli.keyboard import answering

QUESTION: Final = "run {} goes on: (s)top it, (d)etach from it, or (c)ontinue to watch? "
MAX_ANSWER: Final = 1_024


class CtrlC(Enum):
    """What to do; its first letter is enough."""

    STOP = "stop"
    DETACH = "detach"
    CONTINUE = "continue"


class Prompt:
    """Asks at a terminal."""

    def __init__(self, stdin: int, stream: TextIO) -> None:
        self._stdin = stdin
        self._stream = stream

    async def ask(self, run_id: str) -> CtrlC:
        """The answer; the question is asked again until there is one. The end of input: go on."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[CtrlC] = loop.create_future()

        def ask() -> None:
            self._stream.write(QUESTION.format(run_id))
            self._stream.flush()

        def read() -> None:
            text = _line(self._stdin)
            found = [answer for answer in CtrlC if text and answer.value.startswith(text[0])]
            if answered.done():
                return
            if found or text is None:
                answered.set_result(found[0] if found else CtrlC.CONTINUE)
            else:
                ask()

        with suppress(termios.error):  # as when the terminal is gone: reading says so
            termios.tcflush(self._stdin, termios.TCIFLUSH)
        ask()
        loop.add_reader(self._stdin, read)
        try:
            return await answered
        finally:
            loop.remove_reader(self._stdin)

    def leave(self) -> None:
        """Leaves the line of the question, which was not answered."""
        self._stream.write("\n")
        self._stream.flush()


def _line(descriptor: int) -> str | None:
    """What was typed, in small letters; None: the terminal says no more."""
    try:
        data = os.read(descriptor, MAX_ANSWER)
    except OSError:
        return None
    return data.decode(errors="replace").strip().lower() if data else None


def prompt_for(stream: TextIO) -> Prompt | None:
    """A prompt that suits a stream; None: nobody could answer."""
    descriptor = answering(stream)
    return None if descriptor is None else Prompt(descriptor, stream)
