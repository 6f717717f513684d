"""Lines that are redrawn in place on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TextIO

from loadgrpc.cli.line import Line, Style, has_colour, spelled
from loadgrpc.text import safe_line

if TYPE_CHECKING:
    from rich.live import Live as RichLive

_LOOKS: Final = {
    Style.PLAIN: "",
    Style.HEADING: "bold",
    Style.DIM: "dim",
    Style.GOOD: "green",
    Style.BAD: "red",
    Style.WARNING: "yellow",
}


class Screen:
    """See the module. It opens when it is asked for its size, or drawn on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live: RichLive | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows, now."""
        console = self._opened().console
        return console.width, console.height

    def draw(self, lines: Iterable[Line]) -> None:
        """Show these lines instead of those before; what has no room is cut off."""
        from rich.text import Text  # noqa: PLC0415 - only terminals need it

        text = Text(no_wrap=True, overflow="crop")
        for at, line in enumerate(lines):
            text.append("\n" if at else "")
            text.append(spelled(safe_line(line.text), self._stream.encoding), _LOOKS[line.style])
        self._opened().update(text, refresh=True)

    def close(self) -> None:
        """Wipe what was drawn, and leave the stream to others."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _opened(self) -> RichLive:
        if self._live is not None:
            return self._live
        from rich.console import Console  # noqa: PLC0415 - only terminals need it
        from rich.live import Live as RichLive  # noqa: PLC0415

        console = Console(
            file=self._stream,
            force_terminal=True,
            no_color=not has_colour(self._stream),
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = RichLive(
            console=console, auto_refresh=False, transient=True, vertical_overflow="crop"
        )
        self._live.start()
        return self._live
