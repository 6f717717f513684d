"""Hits as rows of a table: by name, by scenario, and the names without their server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import NONE, duration, duration_column, rate
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table
from loadgrpc.model import (
    ElapsedFigures,
    HitErrorGroup,
    HitFigures,
    NameFigures,
    Plan,
    Summary,
)
from loadgrpc.secrets import without_user
from loadgrpc.text import counted, one_line

MAX_NAMES: Final = 50
"""Names shown, unless verbose."""
FIGURES: Final = ("count", "failed", "avg", "min", "p50", "p90", "p95", "p99", "max", "rate")
BESIDE: Final = ("count", "failed", "rate")
"""What stays beside a name when the other figures have to go beneath it."""
_SERVER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+")
"""The start of a name that is a URL."""

RATIO: Final = 0.01
"""What response times have to be longer than service times, to be shown beside them."""
_POINTS: Final = ("avg_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "max_ns")


def apart(elapsed: ElapsedFigures, response: ElapsedFigures | None) -> bool:
    """Whether response times differ from service times by so much that both are shown."""
    if response is None:
        return False
    return any(getattr(response, each) > getattr(elapsed, each) * (1 + RATIO) for each in _POINTS)


def statuses(summary: Summary) -> list[str]:
    """How many answers had each status, and how many hits had no answer."""
    answers: dict[tuple[str, int], int] = {}
    bare = 0
    for name in summary.names:
        for status, count in name.statuses.items():
            if status:
                key = name.protocol, status
                answers[key] = answers.get(key, 0) + count
            else:
                bare += count
    shown = [f"{status_code(*key)}: {answers[key]}" for key in sorted(answers)]
    shown += [f"other: {bare}"] if bare else []
    silent = summary.hits.count - sum(answers.values()) - bare
    return [*shown, f"no answer: {silent}"] if silent > 0 and summary.names else shown


def elapsed_points(elapsed: ElapsedFigures) -> list[str]:
    """Mean and percentiles, each with its name."""
    return [f"{name} {duration(ns)}" for name, ns in _points(elapsed)]


def _points(elapsed: ElapsedFigures) -> list[tuple[str, int]]:
    return [
        (name, getattr(elapsed, f"{name}_ns"))
        for name in ("avg", "min", "p50", "p90", "p95", "p99", "max")
    ]


def by_name(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """Hits by name; unless verbose, the busiest names."""
    if not summary.names:
        return []
    shown = list(summary.names)
    if len(shown) > MAX_NAMES and not verbose:
        most = sorted(shown, key=lambda entry: -entry.hits.count)[:MAX_NAMES]
        kept = set(map(id, most))
        shown = [entry for entry in summary.names if id(entry) in kept]
    rows = [figures_row(request(summary, entry), entry.hits) for entry in shown]
    if len(summary.names) > 1:
        rows.append(figures_row("all", summary.hits))
    return [
        *figures_table("Hits by name", FIGURES, rows, width, beside=BESIDE),
        *more(len(summary.names) - len(shown), "name"),
        *_responses(summary, shown, width),
    ]


def by_tag(summary: Summary, width: int) -> list[Line]:
    """Hits by tag: `region=eu`."""
    rows = [
        figures_row(
            f"{f'{each.scenario}: ' if each.scenario else ''}{each.name}"
            f"{f'={each.value}' if each.value else ''}",
            each.hits,
        )
        for each in summary.tags
    ]
    return figures_table("Hits by tag", FIGURES, rows, width, beside=BESIDE) if rows else []


def _responses(summary: Summary, shown: Sequence[NameFigures], width: int) -> list[Line]:
    """Times from the planned start, of names with hits that started later than planned."""
    rows = [
        TableRow(
            one_line(request(summary, entry)),
            tuple(duration_column(ns) for _, ns in _points(entry.hits.response)),
        )
        for entry in shown
        if entry.hits.response is not None and apart(entry.hits.elapsed, entry.hits.response)
    ]
    figures = FIGURES[FIGURES.index("avg") : FIGURES.index("max") + 1]
    return [Line(), *figures_table("Response time", figures, rows, width)] if rows else []


def request(summary: Summary, entry: NameFigures | HitErrorGroup) -> str:
    """`GET /basket`: the name without the server, which the report has above."""
    request = f"{entry.method} {without_server(summary, entry.name)}".strip()
    if isinstance(entry, HitErrorGroup):
        return request
    request, scenario = f"{entry.protocol} {request}".strip(), entry.scenario
    return f"{scenario}: {request}" if scenario else request


def without_server(summary: Summary, name: str) -> str:
    """A name without the server, if it begins with the one that the report has above."""
    server = _planned_server(summary.plan) or _common_server(summary)
    path = _as_http(name).removeprefix(server)
    shown = server and path != _as_http(name) and (not path or path.startswith("/"))
    return (path or "/") if shown else name


def _as_http(url: str) -> str:
    """A URL as it is, but with http for ws: a server has both at one address."""
    return f"http{url[2:]}" if url.startswith(("ws://", "wss://")) else url


def server_shown(summary: Summary) -> list[str]:
    """The server that names are shown without, unless the plan says it."""
    common = "" if _planned_server(summary.plan) else _common_server(summary)
    return [one_line(common)] if common else []


def _planned_server(plan: Plan) -> str:
    """The server that the plan names, if it is one, as it begins names of hits."""
    url = plan.scenarios[0].server_url if len(plan.scenarios) == 1 else ""
    return _as_http(without_user(url).partition("#")[0].partition("?")[0].rstrip("/"))


def _common_server(summary: Summary) -> str:
    """The server that all hits went to, as far as their names say so: `http://host:8000`.

    It is what tests have as their own `server_url`, of which a plan knows nothing.
    """
    names = [entry.name for entry in summary.names] + [group.name for group in summary.hit_errors]
    servers = {found[0] for name in names if (found := _SERVER.match(_as_http(name)))}
    return servers.pop() if len(servers) == 1 else ""


def figures_row(name: str, hits: HitFigures) -> TableRow:
    """A row of FIGURES."""
    answered = hits.elapsed != ElapsedFigures()
    return TableRow(
        one_line(name),
        (
            str(hits.count),
            str(hits.failed),
            *(duration_column(ns) if answered else NONE for _, ns in _points(hits.elapsed)),
            rate(hits.rate),
        ),
        Style.BAD if hits.failed else Style.PLAIN,
    )


def status_code(protocol: str, status: int) -> str:
    """`404`, `grpc 14`."""
    return f"{protocol} {status}".strip()


def more(count: int, noun: str) -> list[Line]:
    """How many are not shown."""
    if count <= 0:
        return []
    return [Line(f"  and {counted(count, f'more {noun}')}; -v shows all", Style.DIM)]
