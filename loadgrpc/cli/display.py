"""A run while it goes on: what to show, and two ways to show it.

Rule: `render` is a pure function from what is known to at most MAX_ROWS lines. On a
terminal they are redrawn in place; elsewhere single lines are printed, one a second at
first, then one every ten seconds. Whoever owns the display calls `draw` at most once a
second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from loadgrpc.cli.figures import (
    NS_PER_S,
    cells,
    clip,
    clock,
    counted,
    duration,
    percent,
    rate,
    shorten,
)
from loadgrpc.cli.line import Line, Style, has_colour, is_terminal, spelled, write
from loadgrpc.model import Progress, Run, RunState
from loadgrpc.text import one_line

if TYPE_CHECKING:
    from rich.live import Live as RichLive

MAX_ROWS: Final = 20
MAX_BAR: Final = 60
SATURATED: Final = "saturated: it cannot keep up just now"
PLAIN_OFTEN_S: Final = 10.0
"""For so long there is a plain line at every draw; afterwards every so often."""


@dataclass(frozen=True)
class View:
    """What is known of a run that goes on."""

    run: Run | None = None
    progress: Progress | None = None
    waited_ns: int = 0
    """Since the display started: what there is to tell before the first figures."""
    notice: str = ""


def render(view: View, width: int) -> list[Line]:
    """The view in lines of at most `width` columns."""
    run, progress = view.run, view.progress
    if run is None:
        return [Line(clip(f"starting   {clock(view.waited_ns)}", width), Style.HEADING)]
    test = one_line(run.plan.title)
    lines = [
        Line(shorten(f"loadgrpc  {test}", width), Style.HEADING),
        Line(clip(_status(run, progress), width), Style.DIM),
    ]
    if progress is None or progress.cycle == 0:
        lines.append(Line(clip(_waiting(run, view.waited_ns), width)))
    else:
        lines += [Line(_bar(progress, width)), *_figures(run, progress, width)]
    if view.notice:
        lines.append(Line(clip(view.notice, width), Style.WARNING))
    return lines[:MAX_ROWS]


def plain(view: View) -> Line:
    """The view as one line."""
    run, progress = view.run, view.progress
    if run is None or progress is None or progress.cycle == 0:
        return Line(f"{'starting' if run is None else _waiting(run, view.waited_ns)}")
    cycle = [f"cycle {progress.cycle}/{progress.cycles}"] if progress.cycles > 1 else []
    return Line(
        "  ".join(
            [
                f"{clock(progress.elapsed_ns):>5}",
                f"{_share(progress):>5}",
                *cycle,
                counted(progress.users, "user"),
                counted(progress.hits, "hit"),
                rate(progress.rate),
                f"p50 {_elapsed(progress.p50_ns)}",
                f"p95 {_elapsed(progress.p95_ns)}",
                f"{progress.failed_hits} failed",
                ", ".join(filter(None, [f"iterations {_ended(run, progress)}", _broken(progress)])),
                *(["generator saturated"] if progress.saturated else []),
            ]
        )
    )


def _status(run: Run, progress: Progress | None) -> str:
    agents = progress.agents if progress is not None else 0
    agents = agents or len(run.agent_ids) or run.plan.agents
    parts = [f"run {run.run_id}", run.state.name.lower(), counted(agents, "agent")]
    return " · ".join(parts)


def _waiting(run: Run, waited_ns: int) -> str:
    doing = {
        RunState.STARTING: "agents load the test",
        RunState.RUNNING: "waiting for the first figures",
        RunState.STOPPING: "stopping",
    }.get(run.state, "over")
    return f"{doing}   {clock(waited_ns)}"


def _bar(progress: Progress, width: int) -> str:
    tail = f"  {_share(progress):>6}  {clock(progress.elapsed_ns)}"
    room = min(max(width - cells(tail), 0), MAX_BAR)
    full = round(room * min(max(progress.fraction, 0.0), 1.0))
    return clip("█" * full + "░" * (room - full) + tail, width)


def _share(progress: Progress) -> str:
    """How far it is: whole per cents, rounded down, so that 100 % is the end."""
    return f"{int(100 * min(max(progress.fraction, 0.0), 1.0))} %"


def _figures(run: Run, progress: Progress, width: int) -> list[Line]:
    """Two columns of figures, or one when they do not fit."""
    failed = f"{progress.failed_hits} ({percent(progress.failed_hits, progress.hits)})"
    rows = (
        (("cycle", f"{progress.cycle}/{progress.cycles}"), ("users", str(progress.users)), False),
        (("hits", str(progress.hits)), ("hits/s", rate(progress.rate).removesuffix("/s")), False),
        (("p50", _elapsed(progress.p50_ns)), ("p95", _elapsed(progress.p95_ns)), False),
        (("failed hits", failed), ("iterations", _ended(run, progress)), progress.failed_hits > 0),
    )
    column = 2 + max(28, *(14 + len(left[1]) for left, _, _ in rows))
    fits = all(column + 12 + len(right[1]) <= width for _, right, _ in rows)
    lines = []
    for left, right, bad in rows:
        texts = (
            [f"{left[0]:<14}{left[1]}".ljust(column) + f"{right[0]:<12}{right[1]}"]
            if fits
            else [f"{label:<14}{text}" for label, text in (left, right)]
        )
        lines += [Line(clip(text, width), Style.BAD if bad else Style.PLAIN) for text in texts]
    if broken := _broken(progress):
        lines.append(Line(clip(f"{'not passed':<14}{broken}", width), Style.BAD))
    if progress.saturated:
        lines.append(Line(clip(f"{'generator':<14}{SATURATED}", width), Style.WARNING))
    return lines


def _elapsed(ns: int) -> str:
    return duration(ns) if ns else "-"


def _ended(run: Run, progress: Progress) -> str:
    total = run.plan.total_iterations
    return f"{progress.iterations.ended}" + (f" of {total}" if total else "")


def _broken(progress: Progress) -> str:
    """`12 failures, 1 error`, or nothing."""
    iterations = progress.iterations
    words = ((iterations.failure, "failure"), (iterations.error, "error"))
    return ", ".join(counted(number, word) for number, word in words if number)


class Display(Protocol):
    """Where a run is shown."""

    def update(self, news: Run | Progress) -> None:
        """Take what is new."""

    def notice(self, text: str) -> None:
        """Tell people something that matters now."""

    def draw(self) -> None:
        """Show what is known. Called at most once a second."""

    def close(self) -> None:
        """Leave the stream to others."""


class Quiet:
    """Shows nothing."""

    def update(self, news: Run | Progress) -> None:
        """See Display."""

    def notice(self, text: str) -> None:
        """See Display."""

    def draw(self) -> None:
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

    def update(self, news: Run | Progress) -> None:
        """See Display."""
        if isinstance(news, Run):
            self._run = news
        else:
            self._progress = news

    @property
    def view(self) -> View:
        """What is known now."""
        return View(self._run, self._progress, self._now_ns() - self._start_ns, self._notice)


class Plain(_Known):
    """Prints lines."""

    def __init__(self, stream: TextIO, now_ns: Callable[[], int]) -> None:
        super().__init__(stream, now_ns)
        self._drawn_ns: int | None = None

    def update(self, news: Run | Progress) -> None:
        """See Display; changes of state are told at once."""
        if isinstance(news, Run) and (self._run is None or news.state != self._run.state):
            lead = f"{one_line(news.plan.title)}  " if self._run is None else ""
            write([Line(lead + _status(news, None).replace(" · ", ", "))], self._stream)
        super().update(news)

    def notice(self, text: str) -> None:
        """See Display."""
        write([Line(text)], self._stream)

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

    def __init__(self, stream: TextIO, now_ns: Callable[[], int]) -> None:
        super().__init__(stream, now_ns)
        self._live: RichLive | None = None

    def notice(self, text: str) -> None:
        """See Display; shown with the next draw."""
        self._notice = text

    def draw(self) -> None:
        """See Display."""
        from rich.text import Text  # noqa: PLC0415 - only terminals need it

        live = self._live or self._open()
        text = Text(no_wrap=True, overflow="crop")
        for at, line in enumerate(render(self.view, live.console.width)):
            text.append("\n" if at else "")
            text.append(spelled(line.text, self._stream.encoding), _RICH[line.style])
        live.update(text, refresh=True)

    def close(self) -> None:
        """See Display; the rows are wiped, the summary takes their place."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _open(self) -> RichLive:
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


_RICH: Final = {
    Style.PLAIN: "",
    Style.HEADING: "bold",
    Style.DIM: "dim",
    Style.GOOD: "green",
    Style.BAD: "red",
    Style.WARNING: "yellow",
}


def display_for(stream: TextIO, now_ns: Callable[[], int], *, quiet: bool) -> Display:
    """The display that suits a stream."""
    if quiet:
        return Quiet()
    return Live(stream, now_ns) if is_terminal(stream) else Plain(stream, now_ns)
