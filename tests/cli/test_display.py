"""A run while it goes on, on terminals and elsewhere."""

import io
import re
from dataclasses import replace

import pytest

from loadgrpc.cli import line
from loadgrpc.cli.display import MAX_ROWS, Live, Plain, Quiet, View, display_for, plain, render
from loadgrpc.cli.figures import TIMES, cells
from loadgrpc.cli.line import Line, Style
from loadgrpc.model import IterationFigures, Progress, RunState

NS = 1_000_000_000
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


class Clock:
    """A time that is told."""

    def __init__(self):
        self.ns = 0

    def __call__(self):
        return self.ns


@pytest.fixture
def views(run, progress):
    """What a display may know, by name."""
    bad = replace(
        progress,
        failed_hits=12,
        iterations=IterationFigures(started=1500, success=1460, failure=12, error=8),
    )
    return {
        "nothing": View(waited_ns=NS),
        "starting": View(replace(run, state=RunState.STARTING), None, 2 * NS),
        "no_figures": View(run, Progress(cycles=3), 3 * NS),
        "running": View(run, progress, 12 * NS),
        "failing": View(run, bad, 12 * NS),
        "saturated": View(run, replace(progress, saturated=True), 12 * NS),
        "stopping": View(
            replace(run, state=RunState.STOPPING),
            progress,
            12 * NS,
            "stopping: users finish their iteration; again to kill",
        ),
    }


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_view_looks_as_it_did(views, snapshot, width):
    """What the display shows at each stage is what the snapshot has."""
    text = "".join(
        f"[{name}]\n" + "".join(f"{shown.text}\n" for shown in render(view, width)) + "\n"
        for name, view in views.items()
    )
    snapshot(f"display_{width}", text)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 300])
def test_every_view_fits(views, width):
    """No line is wider than the terminal and no view taller than twenty rows."""
    for view in views.values():
        lines = render(view, width)
        assert len(lines) <= MAX_ROWS
        assert max(cells(shown.text) for shown in lines) <= width


def test_plain_lines_look_as_they_did(views, snapshot):
    """Without a terminal each view is one line."""
    snapshot("display_plain", "".join(f"{plain(view).text}\n" for view in views.values()))


def test_a_saturated_generator_is_marked(run, progress):
    """While it cannot keep up there is a mark, and none when it can."""
    for saturated in (True, False):
        view = View(run, replace(progress, saturated=saturated))
        marked = [shown for shown in render(view, 80) if shown.text.startswith("generator")]
        assert [shown.style for shown in marked] == [Style.WARNING] * saturated
        assert ("saturated" in plain(view).text) is saturated


def test_the_bar_is_full_at_the_end_only(run, progress):
    """99.9 % is not 100 %."""
    nearly = render(View(run, replace(progress, fraction=0.999)), 80)[2].text
    done = render(View(run, replace(progress, fraction=1.0)), 80)[2].text
    assert " 99 %" in nearly
    assert " 100 %" in done
    assert "░" not in done


def test_without_a_terminal_lines_come_often_and_then_seldom(run, progress):
    """One line a second for ten seconds, then one every ten seconds."""
    stream, clock = io.StringIO(), Clock()
    display = Plain(stream, clock)
    display.update(run)
    seen = []
    for second in range(1, 42):
        clock.ns = second * NS
        display.update(replace(progress, elapsed_ns=clock.ns))
        before = stream.tell()
        display.draw()
        if stream.tell() > before:
            seen.append(second)
    assert seen == [*range(1, 11), 20, 30, 40]


def test_without_a_terminal_states_and_notices_come_at_once(run):
    """Changes of state are lines of their own, told once each."""
    stream = io.StringIO()
    display = Plain(stream, Clock())
    display.update(replace(run, state=RunState.STARTING))
    display.update(replace(run, state=RunState.STARTING))
    display.update(run)
    display.notice("stopping")
    display.draw()
    assert stream.getvalue().splitlines() == [
        "example.TestWebSite.test_es  run r-f3a9f3a9f3, starting, 5 agents",
        "run r-f3a9f3a9f3, running, 5 agents",
        "stopping",
    ]


def draw(monkeypatch, views):
    """What a terminal gets of two draws and the end."""
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    display = Live(stream, Clock())
    display.update(views["failing"].run)
    display.update(views["failing"].progress)
    display.draw()
    display.draw()
    display.close()
    return stream.getvalue()


def test_a_terminal_is_redrawn_in_place_and_left_clean(monkeypatch, views):
    """The display moves its cursor up to redraw, and wipes itself in the end."""
    text = draw(monkeypatch, views)
    assert "\x1b[1A" in text
    assert text.endswith("\x1b[2K")
    assert "failed hits   12" in ESCAPES.sub("", text)


def test_a_terminal_has_colours(monkeypatch, views):
    """What goes wrong is red on a terminal that has colours."""
    assert "\x1b[31m" in draw(monkeypatch, views)


def test_no_color_is_honoured(monkeypatch, views):
    """With NO_COLOR there is no colour, in the display and in the summary."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", draw(monkeypatch, views))
    stream = Terminal()
    line.write([Line("bad", Style.BAD), Line("heading", Style.HEADING)], stream)
    assert stream.getvalue() == "bad\nheading\n"


def test_lines_are_coloured_on_terminals_only():
    """A file or a pipe gets the bare text."""
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        line.write([Line("exit 1: no", Style.BAD)], stream)
    assert terminal.getvalue() == "\x1b[31mexit 1: no\x1b[0m\n"
    assert pipe.getvalue() == "exit 1: no\n"


@pytest.mark.parametrize(
    ("stream", "term", "quiet", "kind"),
    [
        (Terminal(), "xterm", False, Live),
        (Terminal(), "dumb", False, Plain),
        (io.StringIO(), "xterm", False, Plain),
        (Terminal(), "xterm", True, Quiet),
    ],
)
def test_the_display_suits_the_stream(monkeypatch, stream, term, quiet, kind):
    """Only a terminal that can move its cursor is redrawn."""
    monkeypatch.setenv("TERM", term)
    assert type(display_for(stream, Clock(), quiet=quiet)) is kind


def test_an_ascii_terminal_gets_ascii():
    """Where letters and bars cannot be written, something readable is."""
    assert line.spelled(f"850 µs {TIMES} 3 █░ …", "ascii") == "850 us x 3 #. ..."
    assert line.spelled("日本", "ascii") == "??"
    assert line.spelled("850 µs", "utf-8") == "850 µs"


@pytest.mark.parametrize(("columns", "width"), [("72", 72), ("3", 120), ("x", 120), ("", 120)])
def test_the_width_is_that_of_the_environment_or_120(monkeypatch, columns, width):
    """Without a terminal COLUMNS decides, when it makes sense."""
    monkeypatch.setenv("COLUMNS", columns)
    assert line.width_of(io.StringIO()) == width
