"""What went wrong, the most frequent first: hits that failed, exceptions, tests not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import TIMES, clip, percent, shorten
from loadgrpc.cli.hit_tables import more, request, status_code
from loadgrpc.cli.line import Line, Style
from loadgrpc.model import (
    NOT_PREPARED,
    OTHER,
    ExceptionInfo,
    IterationErrorGroup,
    Summary,
)
from loadgrpc.text import counted, one_line, printable

MAX_GROUPS: Final = 5
"""Groups shown of each kind, unless verbose."""
MAX_NAMED: Final = 3
"""Agents named in a line."""
MAX_TRACEBACK_LINES: Final = 16
"""Lines shown of a traceback, unless verbose."""
SHOWN_OF_TRACEBACK: Final = (7, 6)
"""Lines shown at the start and at the end of a longer one."""


def failed_hits(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """Answers that failed, and hits without an answer, grouped."""
    groups = [
        (count, _status(entry.protocol, status), request(summary, entry))
        for entry in summary.names
        for status, count in entry.failed_statuses.items()
    ] + [
        (
            group.count,
            group.sentence,
            request(summary, group),
        )
        for group in summary.hit_errors
    ]
    if not groups:
        return []
    groups.sort(key=lambda group: (group[2].startswith(OTHER), -group[0]))
    if (rest := summary.hits.failed - sum(count for count, *_ in groups)) > 0:
        groups.append((rest, "with other statuses", OTHER))
    shown = groups if verbose else groups[:MAX_GROUPS]
    digits = len(str(max(count for count, *_ in shown)))
    lines = [
        Line(
            f"Failed hits: {summary.hits.failed} of {summary.hits.count} "
            f"({percent(summary.hits.failed, summary.hits.count)})",
            Style.HEADING,
        )
    ]
    for count, what, name in shown:
        lead = f"  {count:>{digits}} {TIMES} "
        what_line = one_line(what)
        name_line = one_line(name)
        together = f"{lead}{what_line}  {name_line}"
        if len(together) <= width:
            lines.append(Line(together))
        else:
            lines += [
                Line(lead + (what_line if verbose else shorten(what_line, width - len(lead)))),
                Line(" " * len(lead) + shorten(name_line, width - len(lead))),
            ]
    return [*lines, *more(len(groups) - len(shown), "group")]


def _status(protocol: str, status: int) -> str:
    """`404 Not Found`, `grpc 14`."""
    if protocol or not status:
        return status_code(protocol, status) if status else "an answer that counts as failed"
    from http import HTTPStatus  # noqa: PLC0415 - only failed runs need it

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def exceptions(
    heading: str,
    groups: Sequence[IterationErrorGroup],
    total: int,
    verbose: bool,  # noqa: FBT001 - one call for each heading, beside each other
    width: int,
    *,
    what: str = "iteration",
) -> list[Line]:
    """Groups of exceptions under a heading that says how many of what they were."""
    if not groups:
        return []
    others = [group for group in groups if group.test == OTHER]
    in_groups = counted(len(groups) - len(others), "group")
    if others:
        in_groups += f", and {others[0].count} in others"
    said = f"{heading}: {counted(total, what)} in {in_groups}"
    lines = [Line(shorten(said, width), Style.HEADING)]
    shown = groups if verbose else groups[:MAX_GROUPS]
    digits = len(str(max(group.count for group in shown)))
    for group in shown:
        lead = f"  {group.count:>{digits}} {TIMES} "
        indent = " " * len(lead)
        if group in others:
            lines.append(Line(lead + "others", Style.BAD))
            continue
        raised = _raised(group.exception)
        lines += [
            Line(lead + (raised if verbose else clip(raised, width - len(lead))), Style.BAD),
            Line(indent + shorten(one_line(group.test), width - len(indent))),
            *_traceback(group.exception.traceback, indent, verbose=verbose),
        ]
    return [*lines, *more(len(groups) - len(shown), "group")]


def _raised(exception: ExceptionInfo) -> str:
    """`ValueError: what was wrong`, on one line."""
    return one_line(": ".join(filter(None, (exception.type, exception.message))))


def _traceback(text: str, indent: str, *, verbose: bool) -> list[Line]:
    """A traceback; of a long one its last part, and of that its start and its end."""
    lines = printable(text.rstrip()).splitlines()
    if len(lines) > MAX_TRACEBACK_LINES and not verbose:
        starts = [at for at, line in enumerate(lines) if line.startswith("Traceback (most recent")]
        last = lines[starts[-1] if starts else 0 :]
        head, tail = SHOWN_OF_TRACEBACK
        if len(last) > MAX_TRACEBACK_LINES:
            last = [*last[:head], "…", *last[-tail:]]
        left_out = len(lines) - len(last) + ("…" in last)
        lines = [*last, f"({counted(left_out, 'line')} left out; -v shows all)"]
    return [Line(f"{indent}{line}".rstrip(), Style.DIM) for line in lines]


def not_loaded(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """Why agents could not load the test: one line for each reason."""
    reasons: dict[ExceptionInfo, list[str]] = {}
    for agent in summary.agents:
        if agent.load_error is not None:
            reasons.setdefault(agent.load_error, []).append(agent.agent_id)
    if not reasons:
        return []
    lines: list[Line] = []
    for exception, agents in reasons.items():
        said = one_line(exception.message) in one_line(summary.verdict.reason)
        printed = exception.type == NOT_PREPARED and bool(exception.traceback)
        if said and len(reasons) == 1 and not (verbose or printed):
            continue  # the last line says it
        where = on_agents(agents, len(summary.agents))
        text = f"test not loaded{where}: {_raised(exception)}"
        lines += [
            Line(text if verbose else clip(text, 2 * width), Style.BAD),
            *(_traceback(exception.traceback, "  ", verbose=True) if verbose or printed else ()),
        ]
    return lines


def on_agents(agents: Sequence[str], total: int) -> str:
    """`on agent a1`, `on 3 of 5 agents`; nothing where there is only one."""
    if total == 1:
        return ""
    if len(agents) == total:
        return f" on all {total} agents"
    named = ", ".join(agents[:MAX_NAMED])
    left_out = len(agents) - MAX_NAMED
    more = f" and {left_out} more" if left_out > 0 else ""
    return f" on {named}{more} ({len(agents)} of {total} agents)"
