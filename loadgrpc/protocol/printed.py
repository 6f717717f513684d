"""What a process prints, as lines that can be shown: whole, and not too many.

Rule: a line is shown whole or visibly cut at its end. A process that prints more than RATE lines
or RATE_BYTES per second for long is shown again when it prints less, with the number of lines
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from loadgrpc.text import safe_line

LINE_BYTES: Final = 2_000
RATE: Final = 50.0
"""Lines per second."""
BURST: Final = 500.0
"""Lines at once, after a time in which there were few."""
RATE_BYTES: Final = 20_000.0
BURST_BYTES: Final = 200_000.0


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line as it was printed, and how many were left out before it."""

    text: str | None
    """Bytes that are no text as `\\xff`, the end of a long line as `…`. None: no line follows."""
    left_out: int = 0


def safe_lines(lines: Iterable[PrintedLine]) -> Iterator[str]:
    """Lines as they are to be shown, what was left out as lines of their own."""
    for line in lines:
        if line.left_out:
            yield f"(too many lines to show: {line.left_out} left out)"
        if line.text is not None:
            yield safe_line(line.text)


class Printed:
    """See the module. One for each process and stream; `now_s` is of any clock that goes on."""

    def __init__(self, now_s: float) -> None:
        self._partial = bytearray()
        self._cut = False
        """Whether the line that is being read is too long, and was shown."""
        self._lines, self._bytes = BURST, BURST_BYTES
        """How much may be shown at once now."""
        self._filled_s = now_s
        self.left_out = 0
        """Lines that were left out since the last that was shown."""

    def feed(self, data: bytes, now_s: float) -> list[PrintedLine]:
        """The lines that are to be shown now that this came."""
        shown: list[PrintedLine] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._partial += data[start : min(end, start + LINE_BYTES + 1)]
            shown += self._line(now_s)
            self._cut = False
            start = end + 1
            room = self._lines >= 1 or self._filled_s != now_s
            if not room and (left_out := data.count(b"\n", start)):
                self.left_out += left_out  # no room comes in this moment: none is looked at
                start = data.rindex(b"\n") + 1
        self._partial += data[start : start + LINE_BYTES + 1]
        if len(self._partial) > LINE_BYTES:
            shown += self._line(now_s)
            self._cut = True
        return shown

    def pause(self) -> list[PrintedLine]:
        """How many lines were left out, when none has come for a while."""
        return [PrintedLine(None, self._take_left_out())] if self.left_out else []

    def end(self, now_s: float) -> list[PrintedLine]:
        """What is left when no more comes."""
        shown = self._line(now_s) if self._partial else []
        return shown + self.pause()

    def _line(self, now_s: float) -> list[PrintedLine]:
        """The line that was read, if there is room for it."""
        line = bytes(self._partial[:LINE_BYTES])
        cut = len(self._partial) > LINE_BYTES
        self._partial.clear()
        if self._cut:
            return []
        passed_s, self._filled_s = max(0.0, now_s - self._filled_s), now_s
        self._lines = min(BURST, self._lines + RATE * passed_s)
        self._bytes = min(BURST_BYTES, self._bytes + RATE_BYTES * passed_s)
        if self._lines < 1 or self._bytes < len(line):
            self.left_out += 1
            return []
        self._lines -= 1
        self._bytes -= len(line)
        text = line.decode(errors="backslashreplace").rstrip("\r")
        return [PrintedLine(f"{text} …" if cut else text, self._take_left_out())]

    def _take_left_out(self) -> int:
        left_out, self.left_out = self.left_out, 0
        return left_out
