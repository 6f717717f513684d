"""A run while it goes on, on terminals and elsewhere."""

import io
import re
from dataclasses import replace

import pytest

from loadgrpc.cli import line
from loadgrpc.cli.display import Live, Plain, Quiet, display_for
from loadgrpc.cli.figures import TIMES, cells
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.view import View, plain, render
from loadgrpc.model import (
    FailureProgress,
    IterationFigures,
    NameProgress,
    Progress,
    RunState,
    Trouble,
    TroubleKind,
)

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


GONE = Trouble(
    kind=TroubleKind.AGENT_UNREACHABLE,
    agent_id="web-2",
    message="agent web-2 (30 users) is unreachable, not heard from for 12 s: if it does not come"
    " back it is lost in 48 s",
    since_ns=0,
)
LOST = Trouble(
    kind=TroubleKind.AGENT_LOST,
    agent_id="web-2",
    message="agent web-2 (30 users) was lost at 12:03:05 UTC: not heard from for 60 s",
    since_ns=0,
)
AWAY = Trouble(
    kind=TroubleKind.STORE_AWAY,
    message="what is reported has waited for the store for 12 s: the store postgresql://h/d is not"
    " available: connection refused",
    since_ns=0,
)


@pytest.fixture
def views(run, progress):
    """What a display may know, by name."""
    bad = replace(
        progress,
        failed_hits=12,
        iterations=IterationFigures(started=1500, success=1460, failure=12, error=8),
        names=(replace(progress.names[0], failed=12), *progress.names[1:]),
        failures=(
            FailureProgress(
                count=12,
                message="AssertionError: 500 != 200 : the basket was empty",
                where="example.TestWebSite.test_es",
            ),
            FailureProgress(
                count=8, message="connect: refused", where="GET http://localhost:8088/help"
            ),
        ),
    )
    return {
        "nothing": View(waited_ns=NS),
        "starting": View(replace(run, state=RunState.STARTING), None, 2 * NS),
        "no_figures": View(run, Progress(cycles=3), 3 * NS),
        "running": View(run, progress, 12 * NS),
        "failing": View(run, bad, 12 * NS),
        "saturated": View(run, replace(progress, saturated=True), 12 * NS),
        "machine_busy": View(
            run, replace(progress, saturated=True, machine_busy=True, window=None), 12 * NS
        ),
        "finishing": View(run, replace(progress, fraction=1.0, left_ns=0), 12 * NS),
        "agent_gone": View(run, replace(progress, troubles=(GONE,)), 12 * NS),
        "agent_lost": View(run, replace(progress, troubles=(LOST,)), 12 * NS),
        "store_away": View(run, replace(progress, troubles=(GONE, AWAY)), 12 * NS),
        "stopping": View(
            replace(run, state=RunState.STOPPING),
            progress,
            12 * NS,
            "stopping: users finish their iteration; again to kill",
        ),
    }


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (140, 40)])
def test_each_view_looks_as_it_did(views, snapshot, width, height):
    """What the display shows at each stage is what the snapshot has."""
    text = "".join(
        f"[{name}]\n" + "".join(f"{shown.text}\n" for shown in render(view, width, height)) + "\n"
        for name, view in views.items()
    )
    snapshot(f"display_{width}", text)


@pytest.mark.parametrize("height", [2, 8, 15, 24, 60])
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 300])
def test_every_view_fits(views, width, height):
    """No line is wider than the terminal and no view as tall: its last row is the cursor's."""
    for view in views.values():
        lines = render(view, width, height)
        assert len(lines) < height
        assert max(cells(shown.text) for shown in lines) <= width


def text_of(view, width=140, height=40):
    """A view as one text."""
    return "\n".join(shown.text for shown in render(view, width, height))


def test_b6_every_figure_says_of_what_time_it_is(run, progress):
    """Of the last seconds, or so far; before the first whole second there is none of just now."""
    text = text_of(View(run, progress))
    assert re.search(r"^ +last 5 s +so far$", text, re.MULTILINE)
    assert re.search(r"^hits/s +123 +123$", text, re.MULTILINE)
    assert re.search(r"^p95 +25\.0 ms +24\.6 ms$", text, re.MULTILINE)
    young = View(run, replace(progress, window=None, elapsed_ns=NS // 2))
    assert re.search(r"^ +now +so far$", text_of(young), re.MULTILINE)
    assert re.search(r"^hits/s +- +-$", text_of(young), re.MULTILINE)
    assert "no whole second yet" in plain(young).text
    old = View(run, replace(progress, elapsed_ns=31 * NS))
    assert "5 s, 20 s ago" in text_of(old)


def test_b6_figures_of_a_broker_that_is_away_grow_old(run, progress):
    """While none come, what is shown says how old it is."""
    stream, clock = io.StringIO(), Clock()
    display = Plain(stream, clock)
    display.update(run)
    display.update(progress)
    clock.ns = 30 * NS
    assert "5 s, 31 s ago" in text_of(display.view)
    display.draw()
    assert "5 s, 31 s ago: 123/s" in stream.getvalue()


def test_c1_trouble_is_told_above_the_figures(run, progress):
    """Even before the first cycle, and however small the terminal is."""
    for known in (progress, Progress(cycles=3)):
        view = View(run, replace(known, troubles=(GONE, LOST)))
        for width, height in ((140, 40), (80, 24), (60, 12)):
            lines = render(view, width, height)
            at = [each.text[:20] for each in lines].index("! agent web-2 (30 us")
            assert at == 3
            assert [each.style for each in lines if each.text.startswith("! agent")] == [
                Style.WARNING,
                Style.BAD,
            ]


def test_c1_many_troubles_leave_room(run, progress):
    """Four are shown, the others counted, and a long one is cut."""
    long = replace(GONE, message="word " * 200)
    view = View(run, replace(progress, troubles=(long, *[GONE] * 9)))
    text = text_of(view, 80, 24)
    assert "! and 6 more troubles" in text
    assert len([each for each in text.splitlines() if "word" in each]) == 3
    assert "hits/s" in text


def test_c2_figures_wait_for_the_store(run, progress):
    """While the store is away, or all agents are, nothing is said to have fallen to 0/s."""
    away = replace(progress, troubles=(AWAY,), rate=0.0)
    gone = replace(progress, troubles=(GONE,), agents=1)
    for known, words in ((away, "waiting for the store"), (gone, "waiting for agents")):
        text = text_of(View(run, known))
        assert words in text
        assert re.search(r"^hits/s +- +-$", text, re.MULTILINE)  # who knows what waits
        assert re.search(r"^hits +- +1480$", text, re.MULTILINE)
        assert words in plain(View(run, known)).text
        assert " 0/s" not in text + plain(View(run, known)).text
    assert "waiting" not in text_of(View(run, replace(gone, agents=2)))


def test_c12_a_large_terminal_is_used(views):
    """At 140 columns and 40 rows there are names, failures, and the time that is left."""
    text = text_of(views["failing"])
    assert "about 18 s left" in text
    assert "GET /basket" in text
    assert "http://localhost:8088/basket" not in text  # the server is the same of all
    assert "12 × AssertionError: 500 != 200 : the basket was empty" in text  # noqa: RUF001
    assert "users finish their iterations" in text_of(views["finishing"])


def test_c12_names_of_several_servers_stay_whole(run, progress):
    """What tells two servers apart is not cut off; what is no URL stays as it is."""
    names = (
        NameProgress(name="http://a/x", method="GET"),
        NameProgress(name="http://b/x", method="GET", scenario="buy"),
        NameProgress(name="http://[", method=""),
    )
    text = text_of(View(run, replace(progress, names=names)))
    for shown in ("GET http://a/x", "buy: GET http://b/x", "  http://[ "):
        assert shown in text


def test_what_servers_say_steers_no_terminal(run, progress):
    """Escapes in names, failures and troubles are shown as text."""
    bad = "\x1b[2J\nx"
    known = replace(
        progress,
        names=(NameProgress(name=bad, method="GET"),),
        failures=(FailureProgress(count=1, message=bad, where=bad),),
        troubles=(replace(GONE, message=bad),),
    )
    assert "\x1b" not in text_of(View(run, known))
    assert all("\n" not in each.text for each in render(View(run, known), 140, 40))


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
    assert "12 (0.81 %)" in ESCAPES.sub("", text)


def test_c1_without_a_terminal_trouble_comes_at_once_and_so_does_its_end(run, progress):
    """Once each: an agent goes and comes back, another is lost, the store goes and comes back."""
    stream = io.StringIO()
    display = Plain(stream, Clock())
    display.update(run)
    for troubles in ((), (GONE,), (GONE,), (), (GONE, AWAY), (LOST, AWAY), (LOST,), (LOST,)):
        display.update(replace(progress, troubles=troubles))
    assert stream.getvalue().splitlines()[1:] == [
        GONE.message,
        "agent web-2 is back",
        GONE.message,
        AWAY.message,
        LOST.message,
        "the store takes writes again",
    ]


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


@pytest.mark.parametrize(
    ("columns", "width"), [("72", 72), ("3", line.UNCUT), ("x", line.UNCUT), ("", line.UNCUT)]
)
def test_c10_what_is_piped_is_not_cut(monkeypatch, columns, width):
    """Without a terminal COLUMNS decides, when it makes sense, and else nothing is cut."""
    monkeypatch.setenv("COLUMNS", columns)
    assert line.width_of(io.StringIO()) == width


def test_hostile_10_no_notice_steers_the_terminal(monkeypatch, views):
    """What a broker says (of why it is lost, say) is text in the display, whatever is in it."""
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    display = Live(stream, Clock())
    display.update(views["failing"].run)
    display.notice("lost \x1b]0;owned\x07\x9b2J\u202eforged")
    display.draw()
    display.close()
    drawn = stream.getvalue()
    assert "lost" in drawn
    assert "\x1b]0;" not in drawn
    assert not set("\x07\x9b\u202e") & set(drawn)
