"""An active run: two ways to show what `view` makes of it.

Rule: on a terminal, lines are redrawn in place and use its room; elsewhere single lines are
printed, one per second at first, then one every ten seconds; a trouble, and its end, at once. The
owner of the display calls `draw` at most once a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol, TextIO

from loadgrpc.cli.changes import entry
from loadgrpc.cli.line import Line, Style, is_terminal, write
from loadgrpc.cli.screen import Screen
from loadgrpc.cli.view import View, plain, render, status
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Change, ChangeKind, Progress, Run, Trouble, TroubleKind
from loadgrpc.text import one_line

OVER: Final = {
    TroubleKind.AGENT_UNREACHABLE: "agent {} is back",
    TroubleKind.STORE_AWAY: "the store takes writes again",
}
"""What is said when a trouble is over; a lost agent stays lost, and a runner may have ended."""
IN_VIEW: Final = (ChangeKind.STATE, ChangeKind.LOAD)
"""Changes that the view shows as they are."""
PLAIN_OFTEN_S: Final = 10.0
"""This long there is a plain line at every draw; afterwards one at longer intervals."""


class Display(Protocol):
    """Where a run is shown."""

    def update(self, news: Run | Progress) -> None:
        """Take what is new."""

    def notice(self, text: str) -> None:
        """Tell people something that matters now."""

    def change(self, change: Change) -> None:
        """Take an entry of the run's log, as it is made."""

    def draw(self) -> None:
        """Show what is known. Called at most once a second."""

    def pause(self) -> None:
        """Say how it stands, and leave the stream to a question, until the next draw."""

    def close(self) -> None:
        """Leave the stream to others."""


class Quiet:
    """Shows nothing."""

    def update(self, news: Run | Progress) -> None:
        """See Display."""

    def notice(self, text: str) -> None:
        """See Display."""

    def change(self, change: Change) -> None:
        """See Display."""

    def draw(self) -> None:
        """See Display."""

    def pause(self) -> None:
        """See Display."""

    def close(self) -> None:
        """See Display."""


class _Known:
    """Keeps the view."""

    def __init__(self, stream: TextIO, now_ns: Callable[[], int]) -> None:
        self._stream = stream
        self._now_ns = now_ns
        self._start_ns = now_ns()
        self._run: Run | None = None
        self._progress: Progress | None = None
        self._notice = ""
        self._told_ns = 0
        """When figures came last."""

    def update(self, news: Run | Progress) -> None:
        """See Display."""
        if isinstance(news, Run):
            self._run = news
            if news.state.waiting:
                self._progress = None  # that was of an attempt that is over
        else:
            self._progress = news
            self._told_ns = self._now_ns()

    @property
    def view(self) -> View:
        """What is known now."""
        now_ns = self._now_ns()
        age_ns = now_ns - self._told_ns if self._progress is not None else 0
        return View(self._run, self._progress, now_ns - self._start_ns, self._notice, age_ns)


class Plain(_Known):
    """Prints lines."""

    def __init__(self, stream: TextIO, now_ns: Callable[[], int]) -> None:
        super().__init__(stream, now_ns)
        self._drawn_ns: int | None = None
        self._troubles: dict[tuple[TroubleKind, str], Trouble] = {}

    def update(self, news: Run | Progress) -> None:
        """See Display; changes of state are shown at once."""
        if isinstance(news, Run) and (self._run is None or news.state != self._run.state):
            lead = f"{one_line(news.plan.label)}  " if self._run is None else ""
            write([Line(lead + status(news, None).replace(" · ", ", "))], self._stream)
        if isinstance(news, Progress):
            self._tell_troubles(news.troubles)
        super().update(news)

    def _tell_troubles(self, troubles: tuple[Trouble, ...]) -> None:
        """Those that are new, and those that are over, a line each."""
        now = {(trouble.kind, trouble.agent_id): trouble for trouble in troubles}
        for key, trouble in now.items():
            if key not in self._troubles:
                write([Line(one_line(trouble.message), Style.WARNING)], self._stream)
        for kind, agent_id in self._troubles.keys() - now.keys():
            if kind in OVER and (TroubleKind.AGENT_LOST, agent_id) not in now:
                write([Line(OVER[kind].format(one_line(agent_id)))], self._stream)
        self._troubles = now

    def notice(self, text: str) -> None:
        """See Display."""
        write([Line(text)], self._stream)

    def change(self, change: Change) -> None:
        """See Display; of agents there are lines already."""
        if change.kind not in (*IN_VIEW, ChangeKind.AGENT):
            write([entry(change)], self._stream)

    def pause(self) -> None:
        """See Display; single lines are in nobody's way."""

    def draw(self) -> None:
        """See Display."""
        view = self.view
        often = view.waited_ns <= PLAIN_OFTEN_S * NS_PER_S
        due = self._drawn_ns is None or view.waited_ns - self._drawn_ns >= (
            PLAIN_OFTEN_S * NS_PER_S
        )
        if (often and view.progress is not None) or (due and not often):
            self._drawn_ns = view.waited_ns
            write([plain(view)], self._stream)

    def close(self) -> None:
        """See Display."""


class Live(_Known):
    """Redraws a few rows of a terminal in place."""

    def __init__(self, stream: TextIO, now_ns: Callable[[], int], *, keys: bool = False) -> None:
        super().__init__(stream, now_ns)
        self._screen = Screen(stream)
        self._keys = keys

    def notice(self, text: str) -> None:
        """See Display; shown with the next draw."""
        self._notice = text

    def change(self, change: Change) -> None:
        """See Display; a line that stays, above the rows."""
        if change.kind not in IN_VIEW:
            self._screen.close()
            write([entry(change)], self._stream)

    def draw(self) -> None:
        """See Display."""
        view = replace(self.view, keys=self._keys)
        self._screen.draw(render(view, *self._screen.size))

    def pause(self) -> None:
        """See Display."""
        self._screen.close()
        write([plain(self.view)], self._stream)

    def close(self) -> None:
        """See Display; the rows are wiped, the summary takes their place."""
        self._screen.close()


def display_for(
    stream: TextIO, now_ns: Callable[[], int], *, quiet: bool, keys: bool = False
) -> Display:
    """The display that suits a stream; `keys`: whether there are any to be pressed."""
    if quiet:
        return Quiet()
    return Live(stream, now_ns, keys=keys) if is_terminal(stream) else Plain(stream, now_ns)
