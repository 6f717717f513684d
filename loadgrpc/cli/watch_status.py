"""`loadgrpc status --watch`: the status, kept up to date.

Rule: it stays when the broker goes away, shows what was known last and since when it is that, and
goes on when the broker is back. Nothing flickers: the picture is drawn again as a whole.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

from loadgrpc import verdict
from loadgrpc.cli import connection, line
from loadgrpc.cli.cluster import document, lines, status
from loadgrpc.cli.failure import Failure, failure_of
from loadgrpc.cli.figures import ago
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.screen import Screen
from loadgrpc.errors import LoadgrpcError, OverLimit, StoreUnavailable, Unavailable

if TYPE_CHECKING:
    from loadgrpc.model import AccessInfo, Agent, BrokerInfo, Run

    Known = tuple[BrokerInfo, list[Agent], list[Run], AccessInfo]

EVERY_S: Final = 2.0
"""How often the broker is asked."""


def watched(broker: str, *, as_json: bool) -> int:
    """Shows the status of a broker until Ctrl-C.

    Raises:
        Failure: there is no terminal to show it on, or the broker cannot be reached at first.
    """
    if not as_json and not line.is_terminal(sys.stdout):
        raise Failure("--watch needs a terminal; with --json it prints a document per line")
    picture = _Documents() if as_json else _Picture(broker)
    try:
        asyncio.run(_watch(broker, picture))
    except KeyboardInterrupt:
        return verdict.PASSED
    finally:
        picture.close()
    return verdict.PASSED


async def _watch(broker: str, picture: _Documents | _Picture) -> None:
    known = False
    while True:
        try:
            async with connection.connect(broker) as client:
                while True:
                    picture.show(await status(client))
                    known = True
                    await asyncio.sleep(EVERY_S)
        except LoadgrpcError as error:
            failure = failure_of(error, broker)
            if not known:
                raise failure from error
            there = isinstance(error, StoreUnavailable | OverLimit)
            away = isinstance(error, Unavailable) and not there
            picture.lost(f"cannot reach the broker at {broker}" if away else failure.message)
        await asyncio.sleep(EVERY_S)


class _Documents:
    """A JSON document per line."""

    def show(self, known: Known) -> None:
        """What is so now."""
        line.write_json(document(*known), indent=None)

    def lost(self, why: str) -> None:
        """The broker cannot be reached."""
        line.write_json({"error": why}, indent=None)

    def close(self) -> None:
        """Nothing is left to do."""


class _Picture:
    """Lines on a terminal; the last ones stay there."""

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._screen = Screen(sys.stdout)
        self._known: Known | None = None
        self._as_of_ns = 0
        self._shown: list[Line] = []

    def show(self, known: Known) -> None:
        """What is so now."""
        self._known, self._as_of_ns = known, time.time_ns()
        self._draw()

    def lost(self, why: str) -> None:
        """The broker cannot be reached: what was known last stays."""
        seen = ago(time.time_ns() - self._as_of_ns)
        self._draw(Line(f"{why}: trying again; this is from {seen}", Style.BAD))

    def _draw(self, *trouble: Line) -> None:
        if self._known is None:
            return
        width, height = self._screen.size
        now = lines(self._broker, *self._known, now_ns=self._as_of_ns, width=width)
        self._shown = [*trouble, *now]
        if len(self._shown) > height - 1:
            more = len(self._shown) - (height - 2)
            rest = Line(f"… and {more} more lines: `loadgrpc status` shows all", Style.DIM)
            self._screen.draw([*self._shown[: height - 2], rest])
        else:
            self._screen.draw(self._shown)

    def close(self) -> None:
        """Leaves the last picture, whole."""
        self._screen.close()
        line.write(self._shown, sys.stdout)
