"""The end of a run, for people: drawn from the summary document and nothing else.

Rule: a pure function from a Summary to lines. Totals first, then what hits took by name,
then what went wrong, the most frequent first; the last line is the exit code and its
reason. What is cut for want of room says how much was cut, and -v shows it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from loadgrpc import verdict
from loadgrpc.cli import cycles
from loadgrpc.cli.figures import (
    NONE,
    TIMES,
    clip,
    counted,
    duration,
    duration_column,
    moment,
    percent,
    rate,
    shorten,
    size,
    span,
)
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.prints import prints
from loadgrpc.cli.table import Row, figures_table, labelled, text_table
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    Accounting,
    AgentFigures,
    AssignmentState,
    ElapsedFigures,
    ExceptionInfo,
    GeneratorFigures,
    HitErrorGroup,
    HitFigures,
    IterationErrorGroup,
    IterationFigures,
    NameFigures,
    Plan,
    Saturation,
    Scenario,
    Summary,
    UserFigures,
)
from loadgrpc.secrets import masked, without_user
from loadgrpc.text import one_line, printable

MAX_GROUPS: Final = 5
"""Groups shown of each kind, unless verbose."""
OTHER: Final = "(other)"
"""The name under which the summary counts everything beyond its limits."""
MAX_AGENTS: Final = 10
"""Agents shown, unless verbose; those in trouble first."""
MAX_NAMED: Final = 3
"""Agents named in a line."""
MAX_NAMES: Final = 50
"""Names shown, unless verbose."""
MAX_TRACEBACK: Final = 16
"""Lines shown of a traceback, unless verbose."""
SHOWN_OF_TRACEBACK: Final = (7, 6)
"""Lines shown at the start and at the end of a longer one."""

FIGURES: Final = ("count", "failed", "avg", "min", "p50", "p90", "p95", "p99", "max", "rate")
BESIDE: Final = ("count", "failed", "rate")
"""What stays beside a name when the other figures have to go beneath it."""
_SERVER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+")
"""The start of a name that is a URL."""
_GOOD_STATES: Final = (
    AssignmentState.STARTING,
    AssignmentState.RUNNING,
    AssignmentState.FINISHED,
    AssignmentState.FINISHED_UNVERIFIED,
)


def report(
    summary: Summary, *, verbose: bool = False, width: int = 100, broker: str = ""
) -> list[Line]:
    """The whole summary, its last line included; `broker` lists its events, if one does."""
    if summary.verdict.exit_code == verdict.NOT_LOADED and not summary.iterations.started:
        sections = [_not_loaded(summary, verbose=verbose, width=width)]
    else:
        sections = [
            _totals(summary, width),
            _troubles(summary, width),
            _scenarios(summary, width),
            cycles.table(summary, width),
            _names(summary, verbose=verbose, width=width),
            _failed_hits(summary, verbose=verbose, width=width),
            _exceptions("Failures", summary.failures, summary.iterations.failure, verbose, width),
            _exceptions("Errors", summary.errors, summary.iterations.error, verbose, width),
            _not_loaded(summary, verbose=verbose, width=width),
            _agents(summary.agents, verbose=verbose, width=width),
            _counters(summary, width),
            prints(summary, broker, width),
            _saturated(summary, width),
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


def load(plan: Plan, scenario: Scenario | None = None) -> list[str]:
    """What a plan asks for, or one scenario of it, as text."""
    of_one = plan.scenarios[0] if len(plan.scenarios) == 1 else None
    what = _users(plan.users if scenario is None else scenario.users)
    if (one := scenario or of_one) is not None:
        what += _each_does(one)
    else:
        what.append(f"{len(plan.scenarios)} scenarios")
    if scenario is not None:
        return what
    if plan.agents > 1:
        what.append(f"{'split over' if plan.split else 'on each of'} {plan.agents} agents")
    if of_one is not None and of_one.server_url:
        what.append(one_line(masked(of_one.server_url)))
    if plan.no_dns_resolve:
        what.append("names resolved for each connection")
    return what


def _users(cycles: tuple[int, ...]) -> list[str]:
    users = ", ".join(map(str, cycles)) + (" user" if cycles == (1,) else " users")
    return [f"{len(cycles)} cycles of {users}" if len(cycles) > 1 else users]


def _each_does(scenario: Scenario) -> list[str]:
    what = []
    if scenario.duration_s is not None:
        each = " each" if len(scenario.users) > 1 else ""
        what.append(f"for {span(scenario.duration_s)}{each}")
    else:
        what.append(f"{counted(scenario.iterations_per_user, 'iteration')} a user")
    if scenario.spawn_rate:
        what.append(f"{scenario.spawn_rate:g} users started per second")
    if scenario.test_runner:
        what.append(f"run by {one_line(scenario.test_runner)}")
    return what


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
        *labelled("load", [*load(summary.plan), *_server_told(summary)], width),
        *_users_started(summary.users, width),
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
        *labelled("statuses", _statuses(summary), width),
    ]
    if hits.elapsed != ElapsedFigures():
        lines += labelled("elapsed", _elapsed(hits.elapsed), width)
    if hits.response is not None:
        lines += labelled("response", _elapsed(hits.response), width)
    lines += labelled("iterations", outcomes, width, Style.BAD if broken else Style.PLAIN)
    if hits.bytes_sent or hits.bytes_received:
        lines += labelled(
            "data",
            [
                f"{size(hits.bytes_received)} received",
                f"{size(hits.bytes_sent)} sent",
            ],
            width,
        )
    if summary.generator is not None:
        style = Style.WARNING if summary.generator.saturated else Style.PLAIN
        lines += labelled("generator", _generator(summary.generator), width, style)
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
        ]
    rows = [_figures_row(figures.name, figures.hits) for figures in summary.scenarios]
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


def _generator(figures: GeneratorFigures) -> list[str]:
    """How well the processes that generated the load kept up, as far as they measured it."""
    told = []
    if figures.worst_lag_end_ns is not None:  # it was measured
        worst = duration(figures.worst_lag_ns)
        told.append(f"lag p99 {duration(figures.lag.p99_ns)} (worst second {worst})")
    if figures.cpu and figures.watched_ns >= NS_PER_S:
        worst = percent(figures.worst_cpu, 1)
        told.append(f"CPU {percent(figures.cpu, 1)} (worst second {worst})")
    if told and figures.gc_pauses:
        told.append(f"GC {duration(figures.gc_ns)} (longest {duration(figures.gc_max_ns)})")
    return told


def _statuses(summary: Summary) -> list[str]:
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
    shown = [f"{_code(*key)}: {answers[key]}" for key in sorted(answers)]
    shown += [f"other: {bare}"] if bare else []
    silent = summary.hits.count - sum(answers.values()) - bare
    return [*shown, f"no answer: {silent}"] if silent > 0 and summary.names else shown


def _elapsed(elapsed: ElapsedFigures) -> list[str]:
    return [f"{name} {duration(ns)}" for name, ns in _points(elapsed)]


def _points(elapsed: ElapsedFigures) -> list[tuple[str, int]]:
    return [
        (name, getattr(elapsed, f"{name}_ns"))
        for name in ("avg", "min", "p50", "p90", "p95", "p99", "max")
    ]


def _names(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    if not summary.names:
        return []
    shown = list(summary.names)
    if len(shown) > MAX_NAMES and not verbose:
        most = sorted(shown, key=lambda entry: -entry.hits.count)[:MAX_NAMES]
        kept = set(map(id, most))
        shown = [entry for entry in summary.names if id(entry) in kept]
    rows = [_figures_row(_request(summary, entry), entry.hits) for entry in shown]
    if len(summary.names) > 1:
        rows.append(_figures_row("all", summary.hits))
    return [
        *figures_table("Hits by name", FIGURES, rows, width, beside=BESIDE),
        *_more(len(summary.names) - len(shown), "name"),
        *_responses(summary, shown, width),
    ]


def _responses(summary: Summary, shown: Sequence[NameFigures], width: int) -> list[Line]:
    """Times from the planned start, of names with hits that started later than planned."""
    rows = [
        Row(
            one_line(_request(summary, entry)),
            tuple(duration_column(ns) for _, ns in _points(entry.hits.response)),
        )
        for entry in shown
        if entry.hits.response is not None
    ]
    figures = FIGURES[FIGURES.index("avg") : FIGURES.index("max") + 1]
    return [Line(), *figures_table("From the planned start", figures, rows, width)] if rows else []


def _request(summary: Summary, entry: NameFigures | HitErrorGroup) -> str:
    """`GET /basket`: the name without the server, which the report has above."""
    name = entry.name
    server = _planned_server(summary.plan) or _common_server(summary)
    path = name.removeprefix(server)
    if server and path != name and (not path or path.startswith("/")):
        name = path or "/"
    request = f"{entry.method} {name}".strip()
    if isinstance(entry, HitErrorGroup):
        return request
    request, scenario = f"{entry.protocol} {request}".strip(), entry.scenario
    return f"{scenario}: {request}" if scenario else request


def _server_told(summary: Summary) -> list[str]:
    """The server that names are shown without, unless the plan says it."""
    common = "" if _planned_server(summary.plan) else _common_server(summary)
    return [one_line(common)] if common else []


def _planned_server(plan: Plan) -> str:
    """The server that the plan names, if it is one, as it begins names of hits."""
    url = plan.scenarios[0].server_url if len(plan.scenarios) == 1 else ""
    return without_user(url).partition("#")[0].partition("?")[0].rstrip("/")


def _common_server(summary: Summary) -> str:
    """The server that all hits went to, as far as their names say so: `http://host:8000`.

    It is what tests have as their own `server_url`, of which a plan knows nothing.
    """
    names = [entry.name for entry in summary.names] + [group.name for group in summary.hit_errors]
    servers = {found[0] for name in names if (found := _SERVER.match(name))}
    return servers.pop() if len(servers) == 1 else ""


def _figures_row(name: str, hits: HitFigures) -> Row:
    answered = hits.elapsed != ElapsedFigures()
    return Row(
        one_line(name),
        (
            str(hits.count),
            str(hits.failed),
            *(duration_column(ns) if answered else NONE for _, ns in _points(hits.elapsed)),
            rate(hits.rate),
        ),
        Style.BAD if hits.failed else Style.PLAIN,
    )


def _failed_hits(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """Answers that failed, and hits without an answer, grouped."""
    groups = [
        (count, _status(entry.protocol, status), _request(summary, entry))
        for entry in summary.names
        for status, count in entry.failed_statuses.items()
    ] + [
        (
            group.count,
            ": ".join(filter(None, (group.error.name.lower(), group.error_message))),
            _request(summary, group),
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
    return [*lines, *_more(len(groups) - len(shown), "group")]


def _code(protocol: str, status: int) -> str:
    """`404`, `grpc 14`."""
    return f"{protocol} {status}".strip()


def _status(protocol: str, status: int) -> str:
    """`404 Not Found`, `grpc 14`."""
    if protocol or not status:
        return _code(protocol, status) if status else "an answer that counts as failed"
    from http import HTTPStatus  # noqa: PLC0415 - only failed runs need it

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _exceptions(
    heading: str,
    groups: Sequence[IterationErrorGroup],
    total: int,
    verbose: bool,  # noqa: FBT001 - one call for each heading, beside each other
    width: int,
) -> list[Line]:
    if not groups:
        return []
    others = [group for group in groups if group.test == OTHER]
    in_groups = counted(len(groups) - len(others), "group")
    if others:
        in_groups += f", and {others[0].count} in others"
    said = f"{heading}: {counted(total, 'iteration')} in {in_groups}"
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
    return [*lines, *_more(len(groups) - len(shown), "group")]


def _raised(exception: ExceptionInfo) -> str:
    """`ValueError: what was wrong`, on one line."""
    return one_line(": ".join(filter(None, (exception.type, exception.message))))


def _traceback(text: str, indent: str, *, verbose: bool) -> list[Line]:
    """A traceback; of a long one its last part, and of that its start and its end."""
    lines = printable(text.rstrip()).splitlines()
    if len(lines) > MAX_TRACEBACK and not verbose:
        starts = [at for at, line in enumerate(lines) if line.startswith("Traceback (most recent")]
        last = lines[starts[-1] if starts else 0 :]
        head, tail = SHOWN_OF_TRACEBACK
        if len(last) > MAX_TRACEBACK:
            last = [*last[:head], "…", *last[-tail:]]
        left_out = len(lines) - len(last) + ("…" in last)
        lines = [*last, f"({counted(left_out, 'line')} left out; -v shows all)"]
    return [Line(f"{indent}{line}".rstrip(), Style.DIM) for line in lines]


def _not_loaded(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
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
        if said and len(reasons) == 1 and not verbose:
            continue  # the last line says it
        where = _where(agents, len(summary.agents))
        text = f"test not loaded{where}: {_raised(exception)}"
        lines += [
            Line(text if verbose else clip(text, 2 * width), Style.BAD),
            *(_traceback(exception.traceback, "  ", verbose=True) if verbose else ()),
        ]
    return lines


def _where(agents: Sequence[str], total: int) -> str:
    if total == 1:
        return ""
    if len(agents) == total:
        return f" on all {total} agents"
    named = ", ".join(agents[:MAX_NAMED])
    left_out = len(agents) - MAX_NAMED
    more = f" and {left_out} more" if left_out > 0 else ""
    return f" on {named}{more} ({len(agents)} of {total} agents)"


def _agents(agents: Sequence[AgentFigures], *, verbose: bool, width: int) -> list[Line]:
    fine = all(agent.state in _GOOD_STATES and not agent.reason for agent in agents)
    if not agents or (len(agents) == 1 and fine and not verbose):
        return []
    troubled_first = sorted(agents, key=lambda agent: agent.state in _GOOD_STATES)
    shown = agents if verbose or len(agents) <= MAX_AGENTS else troubled_first[:MAX_AGENTS]
    headings = ["Agents", "host", "state", "users", "hits", "iterations"]
    rows = [
        [
            one_line(agent.agent_id),
            one_line(agent.hostname),
            agent.state.name.lower().replace("_", " "),
            _of(agent.all_users.started, agent.all_users.planned)
            if agent.all_users.missing
            else str(agent.users or NONE),
            str(agent.hits),
            _of(agent.iterations, agent.planned_iterations),
        ]
        for agent in shown
    ]
    return [
        *text_table(headings, rows, width),
        *_more(len(agents) - len(shown), "agent"),
        *(
            Line(f"  {_what_became_of(agent)}: {one_line(agent.reason)}", Style.WARNING)
            for agent in shown
            if agent.reason
        ),
        *(
            Line(f"  {one_line(agent.agent_id)}: {_clock(agent.clock_ahead_ns)}")
            for agent in shown
            if agent.clock_ahead_ns is not None and abs(agent.clock_ahead_ns) >= NS_PER_S
        ),
    ]


def _of(started: int, planned: int) -> str:
    """`8 of 10`, or `10`."""
    return f"{started} of {planned}" if started < planned else str(started)


def _clock(ahead_ns: int) -> str:
    how = "ahead of" if ahead_ns > 0 else "behind"
    far = span(round(abs(ahead_ns) / NS_PER_S))
    return f"its clock is {far} {how} the broker's (corrected for)"


def _what_became_of(agent: AgentFigures) -> str:
    """Of an agent that was lost: how many users with it, and from when on."""
    name = one_line(agent.agent_id)
    if agent.state is not AssignmentState.LOST:
        return name
    at = f" at {moment(agent.end_time_ns)}" if agent.end_time_ns is not None else ""
    return f"{name} ({counted(agent.users, 'user')}) was lost{at}"


def _counters(summary: Summary, width: int) -> list[Line]:
    if not summary.counters:
        return []
    counters = sorted(summary.counters.items(), key=lambda each: (each[0] == OTHER, each[0]))
    rows = [Row(one_line(name), (str(value),)) for name, value in counters]
    return figures_table("Counters", ("count",), rows, width)


def _saturated(summary: Summary, width: int) -> list[Line]:
    """Why the processes that generated the load did not keep up with it, and what helps."""
    figures = summary.generator
    if figures is None or figures.cause is None:
        return []
    late = [one_line(a.agent_id) for a in summary.agents if a.generator and a.generator.saturated]
    where = _where(late, len(summary.agents))
    how_long = f"for {duration(figures.saturated_ns)} of {duration(figures.watched_ns)}"
    doubtful = "times may be too long, by up to its lag"
    if figures.cause is Saturation.MACHINE_BUSY:
        others = f"other processes used up to {percent(figures.worst_other_cpu, 1)} of it"
        if figures.worst_steal:
            others += f", a hypervisor took away up to {percent(figures.worst_steal, 1)}"
        text = (
            f"The machine was busy: {how_long} the load generator had to wait for a"
            f" processor{where}; {others}. Rates of that time may be too low, and {doubtful}."
            " This says nothing about the load: run it on a machine that has cores to spare."
        )
    elif figures.cause is Saturation.AT_LIMIT:
        text = (
            f"Saturated: {how_long} the load generator was at its limit{where}. The rate of that"
            f" time is its own, and {doubtful}. Use more processes or agents, fewer users, or a"
            " spawn rate."
        )
    else:
        text = (
            f"Held up: {how_long} the load generator noticed answers late, though it was not at"
            f" its limit{where}. Rates of that time may be too low, and {doubtful}. A call that"
            " blocks, or computes for long, holds up all users of its process, and so do many users"
            " that start at once: use more processes, or a spawn rate."
        )
    return [Line(line, Style.WARNING) for line in textwrap.wrap(text, width)]


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


def _more(count: int, noun: str) -> list[Line]:
    if count <= 0:
        return []
    return [Line(f"  and {counted(count, f'more {noun}')}; -v shows all", Style.DIM)]
