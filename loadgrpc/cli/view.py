"""What is known of an active run, as lines.

Rule: pure functions. Every figure says which time it covers: the last closed seconds, or so far.
What matters most comes first; if a terminal has no room, lines are left out from below: the
state, what is wrong, the figures, the busiest names, what went wrong.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from loadgrpc.cli.custom_states import states
from loadgrpc.cli.figures import NONE, TIMES, cells, clip, clock, duration, percent, rate, shorten
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.live_table import live_table
from loadgrpc.cli.planned import arrivals
from loadgrpc.cli.submitting import waits
from loadgrpc.cli.thresholds import briefly, live
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import NameProgress, Progress, Run, RunState, TroubleKind, WindowFigures
from loadgrpc.text import counted, one_line

MAX_BAR: Final = 80
MAX_TROUBLES: Final = 4
"""Troubles shown; the others are counted."""
MAX_TROUBLE_ROWS: Final = 3
MAX_NAMES_SHOWN: Final = 15
MIN_NAMES: Final = 3
"""Without room for a heading and this many names, or all of them, none are shown."""
ROOMY_LINES: Final = 20
"""From this many rows on, empty rows separate the sections."""
MAX_RULES_SHOWN: Final = 5
TALL: Final = 30
FEW_FAILURES: Final = 3
"""Failures shown below TALL rows, so that names have room, too."""
MIN_WHERE: Final = 12
"""In fewer columns nobody sees where something went wrong."""
OLD_NS: Final = 5 * NS_PER_S
"""A window that ended longer ago says so."""
SATURATED: Final = "saturated: it cannot keep up at the moment"
MACHINE_BUSY: Final = "its machine is busy with other work"


@dataclass(frozen=True)
class View:
    """What is known of an active run."""

    run: Run | None = None
    progress: Progress | None = None
    waited_ns: int = 0
    """Since the display started: shown before the first figures."""
    notice: str = ""
    age_ns: int = 0
    """How long ago the figures came: a broker that is away sends none."""
    keys: bool = False
    """Whether there are keys to be pressed."""


def render(view: View, width: int, height: int = 24) -> list[Line]:
    """The view in less than `height` lines of at most `width` columns."""
    run, progress = view.run, view.progress
    if run is None:
        return [Line(clip(f"starting   {clock(view.waited_ns)}", width), Style.HEADING)]
    lines = [
        Line(shorten(f"loadgrpc  {one_line(run.plan.label)}", width), Style.HEADING),
        Line(
            clip(status(run, progress) + (" · ? for keys" if view.keys else ""), width), Style.DIM
        ),
    ]
    if progress is None or progress.cycle == 0:
        lines.append(Line(clip(_waiting(run, view.waited_ns), width)))
    else:
        lines.append(Line(_bar(run, progress, width)))
    lines += _troubles(run, progress, width)
    if view.notice:
        lines.append(Line(clip(one_line(view.notice), width), Style.WARNING))
    if progress is not None and progress.cycle:
        gap = [Line()] if height > ROOMY_LINES else []
        lines += [*gap, *_figures(run, progress, view.age_ns, width)]
        room = height - 1 - len(lines)
        most = room if height >= TALL else min(room, 1 + FEW_FAILURES + len(gap))
        judged = _section(gap, live(progress.thresholds, width, most - len(gap)))
        room, most = room - len(judged), most - len(judged)
        failures = _section(gap, _failures(progress, width, most - len(gap)))
        room -= len(failures)
        some = min(room // 2, 1 + MAX_RULES_SHOWN + len(gap))
        rules = _section(gap, _rules(progress, width, some - len(gap)))
        names = _section(gap, _names(progress, width, room - len(rules) - len(gap)))
        lines += judged + names + rules + failures
    return lines[: max(height - 1, 1)]


def _section(gap: list[Line], lines: list[Line]) -> list[Line]:
    return [*gap, *lines] if lines else []


def plain(view: View) -> Line:
    """The view as one line."""
    run, progress = view.run, view.progress
    if run is None or progress is None or progress.cycle == 0:
        return Line(f"{'starting' if run is None else _waiting(run, view.waited_ns)}")
    cycle = [f"cycle {progress.cycle}/{progress.cycles}"] if progress.cycles > 1 else []
    so_far = [
        counted(progress.hits, "hit"),
        f"{progress.failed_hits} failed",
        f"iterations {_ended(run, progress)}",
        *filter(None, [_broken(progress)]),
    ]
    return Line(
        "  ".join(
            [
                f"{clock(progress.elapsed_ns):>5}",
                f"{_share(progress):>5}",
                *(["finishing"] if progress.left_ns == 0 else []),
                *cycle,
                counted(progress.users, "user"),
                _lately(run, progress, view.age_ns),
                f"so far: {', '.join(so_far)}",
                *([f"arrivals {arrivals(run, progress)}"] if arrivals(run, progress) else []),
                *([f"sockets {_sockets(progress)}"] if progress.sockets else []),
                *([_checks(progress)] if _checks(progress) else []),
                *filter(None, [briefly(progress.thresholds)]),
                *([f"generator {_generator(progress)}"] if progress.saturated else []),
            ]
        )
    )


def status(run: Run, progress: Progress | None) -> str:
    """Which run, how it stands, and how many take part."""
    agents = progress.agents if progress is not None else 0
    agents = agents or len(run.agent_ids) or run.plan.agents
    state = run.state.name.lower()
    parts = [f"run {run.run_id}", state, counted(agents, "agent")]
    if run.attempt > 1:
        parts.insert(1, f"attempt {run.attempt}")
    if progress is not None and progress.cycle:
        if run.state is RunState.RUNNING and progress.left_ns == 0:
            parts[1] = "finishing"
        parts += [f"cycle {progress.cycle}/{progress.cycles}"] if progress.cycles > 1 else []
        parts.append(counted(progress.users, "user"))
    return " · ".join(parts)


def _waiting(run: Run, waited_ns: int) -> str:
    if what := waits(run):
        return f"{what}   {clock(waited_ns)}"
    doing = {
        RunState.STARTING: "agents load the test",
        RunState.RUNNING: "waiting for the first figures",
        RunState.STOPPING: "stopping",
    }.get(run.state, "over")
    return f"{doing}   {clock(waited_ns)}"


def _bar(run: Run, progress: Progress, width: int) -> str:
    tail = f"  {_share(progress):>5}  {clock(progress.elapsed_ns)}{_left(run, progress)}"
    room = min(max(width - cells(tail), 0), MAX_BAR)
    full = round(room * min(max(progress.fraction, 0.0), 1.0))
    return clip("█" * full + "░" * (room - full) + tail, width)


def _share(progress: Progress) -> str:
    """How far it is: whole per cents, rounded down, so that 100 % is the end."""
    return f"{int(100 * min(max(progress.fraction, 0.0), 1.0))} %"


def _left(run: Run, progress: Progress) -> str:
    """How much longer it takes; for iterations this is an estimate."""
    if progress.left_ns is None:
        return ""
    if progress.left_ns == 0:
        return ", users finish their iterations"
    about = "about " if run.plan.total_iterations else ""
    return f", {about}{clock(-(-progress.left_ns // NS_PER_S) * NS_PER_S)} left"


def _troubles(run: Run, progress: Progress | None, width: int) -> list[Line]:
    """What is currently wrong."""
    troubles = progress.troubles if progress is not None else run.troubles
    lines = []
    for trouble in troubles[:MAX_TROUBLES]:
        rows = textwrap.wrap(
            f"! {one_line(trouble.message)}", max(width, 4), subsequent_indent="  "
        )
        if len(rows) > MAX_TROUBLE_ROWS:
            rows = [
                *rows[: MAX_TROUBLE_ROWS - 1],
                clip("".join(rows[MAX_TROUBLE_ROWS - 1 :]), width),
            ]
        style = Style.BAD if trouble.kind is TroubleKind.AGENT_LOST else Style.WARNING
        lines += [Line(row, style) for row in rows]
    if len(troubles) > MAX_TROUBLES:
        more = counted(len(troubles) - MAX_TROUBLES, "more trouble")
        lines.append(Line(clip(f"! and {more}", width), Style.WARNING))
    return lines


def waits_for(progress: Progress) -> str:
    """What current figures wait for; empty: nothing."""
    kinds = [trouble.kind for trouble in progress.troubles]
    if TroubleKind.STORE_AWAY in kinds:
        return "waiting for the store"
    if 0 < progress.agents <= kinds.count(TroubleKind.AGENT_UNREACHABLE):
        return "waiting for agents"
    return ""


def _of_when(run: Run, progress: Progress, age_ns: int) -> str:
    """Which seconds the window is of."""
    if waits := waits_for(progress):
        return waits
    window = progress.window
    if window is None:
        return "now"
    age_ns += (run.start_time_ns or 0) + progress.elapsed_ns - window.end_ns
    if age_ns > OLD_NS:
        return f"{window.seconds} s, {clock(age_ns)} ago"
    return f"last {window.seconds} s"


def _window(progress: Progress) -> WindowFigures | None:
    """The window, unless it stands still."""
    return None if waits_for(progress) else progress.window


def _lately(run: Run, progress: Progress, age_ns: int) -> str:
    """`last 5 s: 240/s, p50 4.10 ms, p95 8.20 ms`."""
    window = _window(progress)
    if window is None:
        return waits_for(progress) or "no whole second yet"
    figures = [
        rate(window.rate),
        f"p50 {_elapsed(window.p50_ns)}",
        f"p95 {_elapsed(window.p95_ns)}",
    ]
    return f"{_of_when(run, progress, age_ns)}: {', '.join(figures)}"


def _figures(run: Run, progress: Progress, age_ns: int, width: int) -> list[Line]:
    """What was in the last seconds, and so far."""
    window = _window(progress)
    elapsed_s = progress.elapsed_ns / NS_PER_S
    waits = waits_for(progress)  # nor is it known how many hits there are so far
    so_far = progress.hits / elapsed_s if elapsed_s >= 1 and not waits else None
    rows = [
        ("", _of_when(run, progress, age_ns), "so far"),
        ("hits", _told(window, lambda w: str(w.hits)), str(progress.hits)),
        (
            "hits/s",
            _told(window, lambda w: _per_second(w.rate)),
            NONE if so_far is None else _per_second(so_far),
        ),
        (
            "failed",
            _told(window, lambda w: _failed(w.failed, w.hits)),
            _failed(progress.failed_hits, progress.hits),
        ),
        ("p50", _told(window, lambda w: _elapsed(w.p50_ns)), _elapsed(progress.p50_ns or None)),
        ("p95", _told(window, lambda w: _elapsed(w.p95_ns)), _elapsed(progress.p95_ns or None)),
        ("iterations", "", _ended(run, progress)),
    ]
    columns = [max(12, *(len(row[at]) for row in rows)) for at in range(3)]
    lines = []
    for row in rows:
        text = f"{row[0]:<12}  {row[1]:>{columns[1]}}   {row[2]:>{columns[2]}}"
        bad = row[0] == "failed" and progress.failed_hits > 0
        style = Style.BAD if bad else Style.DIM if not row[0] else Style.PLAIN
        lines.append(Line(clip(text.rstrip(), width), style))
    if arrived := arrivals(run, progress):
        late = progress.iterations.waiting or progress.iterations.dropped
        style = Style.WARNING if late else Style.PLAIN
        lines.append(Line(clip(f"{'arrivals':<14}{arrived}", width), style))
    if progress.sockets:
        style = Style.BAD if progress.sockets.broken else Style.PLAIN
        lines.append(Line(clip(f"{'sockets':<14}{_sockets(progress)}", width), style))
    if checks := _checks(progress):
        style = Style.BAD if progress.failed_checks else Style.PLAIN
        lines.append(Line(clip(f"{'':<14}{checks}", width), style))
    if found := states(progress.custom_states):
        lines.append(Line(clip(f"{'state':<14}{', '.join(found)}", width)))
    if broken := _broken(progress):
        lines.append(Line(clip(f"{'not passed':<14}{broken}", width), Style.BAD))
    if (of := progress.coverage) is not None:
        style = Style.PLAIN if of.exercised == of.rules else Style.DIM
        text = f"{'rules':<14}{of.exercised} of {of.rules} exercised"
        lines.append(Line(clip(text, width), style))
    if progress.saturated:
        lines.append(Line(clip(f"{'generator':<14}{_generator(progress)}", width), Style.WARNING))
    return lines


def _failures(progress: Progress, width: int, room: int) -> list[Line]:
    """What went wrong so far, the most frequent first."""
    shown = progress.failures[: max(room - 1, 0)]
    if not shown:
        return []
    digits = len(str(shown[0].count))
    lines = [Line(clip("What went wrong so far", width), Style.HEADING)]
    for failure in shown:
        text = f"  {failure.count:>{digits}} {TIMES} {one_line(failure.message)}"
        where = one_line(failure.where)
        # What happened has two thirds at least, where it happened what that leaves.
        room_of_where = width - 2 - min(cells(text), 2 * width // 3)
        if room_of_where >= MIN_WHERE:
            where = shorten(where, room_of_where)
            text = f"{clip(text, width - 2 - cells(where))}  {where}"
        lines.append(Line(clip(text, width)))
    return lines


def _names(progress: Progress, width: int, room: int) -> list[Line]:
    """The busiest names: what they did lately, and so far."""
    names = progress.names[: min(MAX_NAMES_SHOWN, room - 1)] if room > 0 else ()
    if len(names) < min(MIN_NAMES, len(progress.names)):
        return []
    if not names:
        return []
    seconds = _seconds(progress)
    rows = [
        (
            name,
            (
                _per_second(each.rate) if seconds else NONE,
                _elapsed(each.p95_ns) if seconds else NONE,
                str(each.hits),
                str(each.failed),
            ),
            bool(each.failed),
        )
        for each, name in zip(names, _short(names), strict=True)
    ]
    return live_table("Names", seconds, ("hits/s", "p95", "hits", "failed"), rows, width)


def _rules(progress: Progress, width: int, room: int) -> list[Line]:
    """Rules of decision tables: those that did not pass most often first."""
    rules = progress.rules[: max(min(MAX_RULES_SHOWN, room - 1), 0)]
    if not rules:
        return []
    seconds = _seconds(progress)
    rows = [
        (
            (f"{one_line(each.scenario)}: " if each.scenario else "") + one_line(each.case),
            (
                _per_second(each.rate) if seconds else NONE,
                _elapsed(each.p95_ns) if seconds else NONE,
                str(each.iterations),
                str(each.not_passed),
            ),
            bool(each.not_passed),
        )
        for each in rules
    ]
    headings = ("iter/s", "p95", "iterations", "not passed")
    return live_table("Rules", seconds, headings, rows, width)


def _seconds(progress: Progress) -> int:
    """How many seconds the current figures cover; 0: they stand still."""
    still = waits_for(progress) or progress.window is None
    return 0 if still or progress.window is None else progress.window.seconds


def _short(names: tuple[NameProgress, ...]) -> list[str]:
    """Names with their methods, without the server if it is the same of all."""
    servers = {f"{url.scheme}://{url.netloc}" for url in (_url(each) for each in names)}
    server = servers.pop() if len(servers) == 1 else ""
    found = []
    for each in names:
        name = one_line(each.name)
        if len(server) > len("://") and name.startswith(server):
            name = name.removeprefix(server) or "/"
        request = f"{each.method} {name}".strip()
        found.append(f"{one_line(each.scenario)}: {request}" if each.scenario else request)
    return found


def _url(entry: NameProgress) -> SplitResult:
    """The parts of a name, which may be no URL."""
    try:
        return urlsplit(entry.name)
    except ValueError:
        return urlsplit("")


def _told(window: WindowFigures | None, tell: Callable[[WindowFigures], str]) -> str:
    return NONE if window is None else tell(window)


def _failed(failed: int, hits: int) -> str:
    return f"{failed} ({percent(failed, hits)})" if failed else "0"


def _per_second(per_second: float) -> str:
    return rate(per_second).removesuffix("/s")


def _elapsed(ns: int | None) -> str:
    return NONE if ns is None else duration(ns)


def _checks(progress: Progress) -> str:
    """How many conditions were checked, and how many did not hold; empty: none was."""
    total = progress.passed_checks + progress.failed_checks
    return f"{counted(total, 'check')}, {progress.failed_checks} failed" if total else ""


def _sockets(progress: Progress) -> str:
    """How many are open, and how much goes through them now."""
    sockets = progress.sockets
    if sockets is None:
        return ""
    parts = [f"{sockets.open} open"]
    if sockets.broken:
        parts.append(f"{sockets.broken} broken")
    parts.append(f"messages {rate(sockets.sent_rate)} sent, {rate(sockets.received_rate)} received")
    return ", ".join(parts)


def _generator(progress: Progress) -> str:
    return MACHINE_BUSY if progress.machine_busy else SATURATED


def _ended(run: Run, progress: Progress) -> str:
    total = run.plan.total_iterations
    return f"{progress.iterations.ended}" + (f" of {total}" if total else "")


def _broken(progress: Progress) -> str:
    """`12 failures, 1 error`, or nothing."""
    iterations = progress.iterations
    words = ((iterations.failure, "failure"), (iterations.error, "error"))
    return ", ".join(counted(number, word) for number, word in words if number)
