"""The end of a run, for people: drawn from the summary document and nothing else.

Rule: a pure function from a Summary to lines. Totals first, then what hits took by name,
then what went wrong, the most frequent first; the last line is the exit code and its
reason. What is cut for want of room says how much was cut, and -v shows it.
"""

from __future__ import annotations

import textwrap

from loadgrpc import verdict
from loadgrpc.cli import cycles, measures
from loadgrpc.cli.agents import agent_table, generator_figures, saturated
from loadgrpc.cli.asked import load
from loadgrpc.cli.by_test import by_test, user_fixtures
from loadgrpc.cli.custom_states import retries_by_name, retry_totals, state_lines
from loadgrpc.cli.data_files import data_files
from loadgrpc.cli.figures import clip, duration, moment, percent, rate, shorten, size
from loadgrpc.cli.hit_tables import (
    BESIDE,
    FIGURES,
    apart,
    by_name,
    by_tag,
    elapsed_points,
    figures_row,
    server_shown,
    statuses,
)
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.notified import notified
from loadgrpc.cli.planned import planned
from loadgrpc.cli.prints import prints
from loadgrpc.cli.rules import rules
from loadgrpc.cli.sockets import socket_totals, sockets_by_name
from loadgrpc.cli.table import TableRow, figures_table, labelled
from loadgrpc.cli.thresholds import thresholds
from loadgrpc.cli.went_wrong import exceptions, failed_hits, not_loaded
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    OTHER,
    Accounting,
    ElapsedFigures,
    IterationFigures,
    Summary,
    UserFigures,
)
from loadgrpc.text import counted, one_line


def report(
    summary: Summary, *, verbose: bool = False, width: int = 100, broker: str = ""
) -> list[Line]:
    """The whole summary, its last line included; `broker` lists its events, if one does."""
    if summary.verdict.exit_code == verdict.NOT_LOADED and not summary.iterations.started:
        sections = [not_loaded(summary, verbose=verbose, width=width)]
    else:
        sections = [
            _totals(summary, width),
            _troubles(summary, width),
            _scenarios(summary, width),
            cycles.table(summary, width),
            by_test(summary, verbose=verbose, width=width),
            user_fixtures(summary, verbose=verbose, width=width),
            by_name(summary, verbose=verbose, width=width),
            retries_by_name(summary, width),
            by_tag(summary, width),
            thresholds(summary.thresholds, width),
            sockets_by_name(summary, verbose=verbose, width=width),
            rules(summary, verbose=verbose, width=width),
            measures.checks(summary, width),
            measures.transactions(summary, width),
            measures.measurements(summary, width),
            measures.gauges(summary, width),
            failed_hits(summary, verbose=verbose, width=width),
            exceptions("Failures", summary.failures, summary.iterations.failure, verbose, width),
            exceptions("Errors", summary.errors, summary.iterations.error, verbose, width),
            not_loaded(summary, verbose=verbose, width=width),
            agent_table(summary.agents, verbose=verbose, width=width),
            _counters(summary, width),
            data_files(summary, width),
            prints(summary, broker, width),
            notified(summary, width),
            saturated(summary, width),
            _accounting(summary.accounting, width),
        ]
    lines: list[Line] = []
    for section in sections:
        if section:
            lines += [*section, Line()]
    return [*lines, last_line(summary)]


def last_line(summary: Summary) -> Line:
    """The exit code and its reason; for an active run, how it looks so far."""
    reason = one_line(summary.verdict.reason) or "passed"
    if not summary.state.final:
        return Line(f"{summary.state.name.lower()}, so far: {reason}", Style.WARNING)
    code = summary.verdict.exit_code
    return Line(f"exit {code}: {reason}", Style.GOOD if code == verdict.PASSED else Style.BAD)


def _started(iterations: IterationFigures) -> str:
    """How many were started, and of how many, if those are others."""
    if iterations.planned in (0, iterations.started):
        return str(iterations.started)
    return f"{iterations.started} of {iterations.planned} planned"


def _outcomes(iterations: IterationFigures) -> list[str]:
    return [f"{iterations.success} success"] + [
        f"{number} {outcome}"
        for number, outcome in (
            (iterations.failure, "failure"),
            (iterations.error, "error"),
            (iterations.interrupted, "interrupted"),
            (iterations.started - iterations.ended, "unfinished"),
            (iterations.dropped, "never started"),
            (iterations.not_yet, "not yet started"),
        )
        if number > 0 or outcome in ("failure", "error")
    ]


def _belongs(summary: Summary, width: int) -> list[Line]:
    """Whose the run is, if somebody said so."""
    project, person = one_line(summary.plan.project_name), one_line(summary.plan.user_id)
    told = [*[project] * bool(project), *[f"by {person}"] * bool(person)]
    return labelled("project" if project else "user", told, width) if told else []


def _attempts(summary: Summary, width: int) -> list[Line]:
    """Which attempt this is, and how those before it ended, if it is not the first."""
    if summary.attempt == 1:
        return []
    where = f"loadgrpc show {summary.run_id}.N has those before it"
    lines = labelled("attempt", [str(summary.attempt), where], width)
    for each in summary.attempts:
        code = f", exit {each.verdict.exit_code}" if each.verdict is not None else ""
        text = f"  {each.attempt}: {each.state.name.lower()}{code}: {one_line(each.reason)}"
        lines.append(Line(clip(text, width), Style.WARNING))
    return lines


def _totals(summary: Summary, width: int) -> list[Line]:
    hits, iterations = summary.hits, summary.iterations
    state = summary.state.name.lower()
    status = f"{state} ({one_line(summary.reason)})" if summary.reason else state
    times = [duration(summary.duration_ns)]
    if summary.start_time_ns is not None:
        times.append(f"started {moment(summary.start_time_ns)}")
    per_second = iterations.started * NS_PER_S / summary.duration_ns if summary.duration_ns else 0
    outcomes = [_started(iterations), rate(per_second), *_outcomes(iterations)]
    broken = (
        iterations.failure
        or iterations.error
        or iterations.interrupted
        or iterations.dropped
        or iterations.ended != iterations.started
    )
    lines = [
        *labelled(
            "run",
            [clip(one_line(summary.plan.label), width - 12), f"{summary.run_id}, {status}"],
            width,
            Style.HEADING,
        ),
        *_belongs(summary, width),
        *_attempts(summary, width),
        *labelled("load", [*load(summary.plan), *server_shown(summary)], width),
        *_users_started(summary.users, width),
        *state_lines(summary, width),
        *labelled("duration", times, width),
        *labelled(
            "hits",
            [
                str(hits.count),
                rate(hits.rate),
                f"{hits.failed} failed ({percent(hits.failed, hits.count)})",
            ],
            width,
            Style.BAD if hits.failed else Style.PLAIN,
        ),
        *labelled("statuses", statuses(summary), width),
        *retry_totals(summary, width),
    ]
    if hits.elapsed != ElapsedFigures():
        lines += labelled("elapsed", elapsed_points(hits.elapsed), width)
    if hits.response is not None and apart(hits.elapsed, hits.response):
        text = ["from the planned start", *elapsed_points(hits.response)]
        lines += labelled("response", text, width)
    lines += labelled("iterations", outcomes, width, Style.BAD if broken else Style.PLAIN)
    if not summary.scenarios:
        is_open = any(each.is_open for each in summary.plan.scenarios)
        lines += planned(iterations, summary.planned, width, is_open=is_open)
    if hits.bytes_sent or hits.bytes_received:
        lines += labelled(
            "data",
            [
                f"{size(hits.bytes_received)} received",
                f"{size(hits.bytes_sent)} sent",
            ],
            width,
        )
    lines += socket_totals(summary, width)
    lines += measures.check_totals(summary, width)
    if summary.generator is not None:
        style = Style.WARNING if summary.generator.saturated else Style.PLAIN
        lines += labelled("generator", generator_figures(summary.generator), width, style)
    return lines


def _troubles(summary: Summary, width: int) -> list[Line]:
    """Current problems of an active run, which may affect its figures."""
    if not summary.troubles:
        return []
    return [
        Line("Trouble", Style.HEADING),
        *(
            Line(f"  {text}", Style.WARNING)
            for trouble in summary.troubles
            for text in textwrap.wrap(one_line(trouble.message), width - 2)
        ),
    ]


def _scenarios(summary: Summary, width: int) -> list[Line]:
    """A section for each scenario of a plan with several: its load, iterations and hits."""
    if not summary.scenarios:
        return []
    asked = {scenario.name: scenario for scenario in summary.plan.scenarios}
    lines = []
    for figures in summary.scenarios:
        words = [one_line(figures.test)]
        if figures.name in asked:
            words += load(summary.plan, asked[figures.name])
        iterations = figures.iterations
        lines += [
            Line(shorten(f"Scenario {one_line(figures.name)}", width), Style.HEADING),
            *labelled("load", words, width),
            *_users_started(figures.users, width),
            *labelled("iterations", [_started(iterations), *_outcomes(iterations)], width),
            *planned(
                iterations,
                figures.planned,
                width,
                is_open=figures.name in asked and asked[figures.name].is_open,
            ),
        ]
    rows = [figures_row(figures.name, figures.hits) for figures in summary.scenarios]
    table = figures_table("Hits by scenario", FIGURES, rows, width, beside=BESIDE)
    return [*lines, Line(), *table]


def _users_started(users: UserFigures, width: int) -> list[Line]:
    """How many users were started, if that is not all of them."""
    told = [f"{users.started} of {users.planned} started"]
    if users.unknown:
        told.append(f"{users.unknown} not known")
    if users.missing:
        return labelled("users", told, width, Style.BAD)
    return labelled("users", told, width) if users.unknown else []


def _counters(summary: Summary, width: int) -> list[Line]:
    if not summary.counters:
        return []
    counters = sorted(summary.counters.items(), key=lambda each: (each[0] == OTHER, each[0]))
    rows = [TableRow(one_line(name), (str(value),)) for name, value in counters]
    return figures_table("Counters", ("count",), rows, width)


def _accounting(accounting: Accounting, width: int) -> list[Line]:
    if accounting == Accounting():
        return []
    wrong = accounting.losses or accounting.rejected or accounting.mismatches
    lines = labelled(
        "accounting",
        [
            f"{counted(accounting.committed, 'event')} committed",
            f"{counted(accounting.duplicates, 'duplicate')} refused",
            f"{accounting.rejected} rejected",
            f"{accounting.lost} lost",
        ],
        width,
        Style.BAD if wrong else Style.PLAIN,
    )
    for loss in accounting.losses:
        at_least = f"at least {loss.count}" if loss.count else "an unknown number"
        count = at_least if loss.at_least else str(loss.count)
        where = f" on {one_line(loss.agent_id)}" if loss.agent_id else ""
        lines.append(Line(f"  {count} lost{where}: {one_line(loss.reason)}", Style.BAD))
    for message in accounting.rejections:
        lines.append(Line(f"  rejected: {one_line(message)}", Style.BAD))
    for message in accounting.mismatches:
        lines.append(Line(f"  count mismatch: {one_line(message)}", Style.BAD))
    return lines
