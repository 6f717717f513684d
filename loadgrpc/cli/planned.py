"""How an open load went: what was planned, started, dropped and late, and both times.

Rule: pure functions. Response time is shown where it differs from service time by more than one
percent, and is named then.
"""

from __future__ import annotations

from loadgrpc.cli.figures import duration, percent
from loadgrpc.cli.hit_tables import apart, elapsed_points
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import labelled
from loadgrpc.model import ElapsedFigures, IterationFigures, PlannedFigures, Progress, Run
from loadgrpc.text import counted, one_line


def arrivals(run: Run, progress: Progress) -> str:
    """What became of the arrivals of an active run so far, as text; empty: it has none."""
    if not any(scenario.is_open for scenario in run.plan.scenarios):
        return ""
    of = progress.iterations
    words = [f"{of.started} of {of.planned} started"]
    for count, what in ((of.waiting, "waiting"), (of.dropped, "dropped"), (of.late, "late")):
        if count:
            words.append(f"{count} {what}")
    return ", ".join(words)


def planned(
    iterations: IterationFigures, figures: PlannedFigures | None, width: int, *, is_open: bool
) -> list[Line]:
    """What became of a plan of arrivals, and how long its iterations took."""
    if figures is None:
        return []
    lines = _arrivals(iterations, figures, width) if is_open else []
    if not is_open and iterations.late:
        lines += labelled("late", _late(iterations, figures), width, Style.WARNING)
    if figures.elapsed == ElapsedFigures():
        return lines
    differ = apart(figures.elapsed, figures.response)
    name = "service" if differ else "took"
    lines += labelled(name, ["of iterations", *elapsed_points(figures.elapsed)], width)
    if differ:
        text = ["of iterations, from the planned start", *elapsed_points(figures.response)]
        lines += labelled("response", text, width, Style.WARNING)
    return lines


def _arrivals(iterations: IterationFigures, figures: PlannedFigures, width: int) -> list[Line]:
    words = [
        str(iterations.planned),
        f"{iterations.started} started",
        f"{iterations.dropped} dropped",
        f"{iterations.not_yet} not started",
    ]
    if iterations.waiting:
        words.append(f"{iterations.waiting} waiting")
    bad = iterations.dropped or figures.not_started
    lines = labelled("planned", words, width, Style.BAD if bad else Style.PLAIN)
    for reason, count in figures.not_started:
        lines.append(Line(f"  {count} not started: {one_line(reason)}", Style.BAD))
    style = Style.WARNING if iterations.late else Style.PLAIN
    lines += labelled("late", _late(iterations, figures), width, style)
    if figures.users:
        most = f"of at most {figures.max_users}" if figures.max_users else ""
        words = [f"{counted(figures.users, 'user')} {most}".strip()]
        lines += labelled("pool", words, width)
    return lines


def _late(iterations: IterationFigures, figures: PlannedFigures) -> list[str]:
    share = percent(iterations.late, iterations.started)
    words = [f"{iterations.late} ({share}) by more than 10 ms"]
    if (late := figures.lateness) is not None:
        points = ("p50", late.p50_ns), ("p99", late.p99_ns), ("max", late.max_ns)
        words += [f"{name} {duration(ns)}" for name, ns in points]
    return words
