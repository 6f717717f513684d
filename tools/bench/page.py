"""Draws `docs/benchmarks.md`: a section for each part, from what the parts found. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench import history, picture, waiting
from bench.accuracy import LEVELS, Accuracy, Comparison
from bench.cases import BY_USERS, FEATURES, PLAIN, Case
from bench.control import Control
from bench.figures import ratio, spread
from bench.generators import (
    HTTP_USER,
    LOADGRPC,
    OF_MANY_USERS,
    PEERS,
    SOCKETS,
    WITH_BROKER,
    WITH_GO,
)
from bench.ingest import Ingest
from bench.lag import Lag
from bench.rates import Rates
from bench.usage import LITTLE, SHARES, Share

TOOLS: Final = (*PEERS, LOADGRPC, WITH_BROKER, WITH_GO)
NOTHING: Final = "-"
PICTURE: Final = "benchmarks-users.svg"
"""Beside the page."""
HEADER: Final = """\
# Benchmarks

`make bench` wrote this page; everything on it can be measured again on any Linux machine with
two cores, nginx, OpenSSL, a C compiler, and Go and Cargo for the peers it installs into
a cache (`make tools` has the same). One core serves, all of the generator has the other. Figures
of different machines differ; compare ratios, and only those of one run.

```sh
make bench                                      # all of it: about an hour
make bench ARGS="--part rates --rounds 9"       # one part of this page
make bench ARGS="--quick"                       # one round of a second: minutes
make bench ARGS="--only 'get-20/*' --rounds 3"  # some of it
```

A part that is measured whole replaces its section and leaves the others as they are; what else is
measured is printed, and leaves all as it is.
"""

ACCURACY_WORDS: Final = """\
A server in C delays each answer, and notes how long it really took from receiving the request
(when its epoll reported it) to having sent the answer. The number of users makes the load, given in
per cent of the {capacity:,.0f} hits/s that the core can do without delay; *reached* is what came
of it, wrk having as many connections. Percentiles in ms: reported, true, and the difference
(medians over the rounds, the worst difference in brackets)."""
LAG_WORDS: Final = """\
What loadgrpc says of itself in the same rounds, as `generator` in its summary. *With the lag* is
the true percentile with the lag added (every lag to every true time); *left* is what is reported
beyond that, which the lag does not explain. Of plain HTTP the kernel says when an answer came, so
that nothing of the lag is in what is reported. In ms: medians over the rounds, the worst in
brackets. *Flagged*: how many of the runs the summary called saturated."""
RATES_WORDS: Final = """\
{rounds} interleaved round(s) of {seconds} s for each measurement. The rate is that of nginx's own
counter, from a while after a tool's first request to its end: the median, and the lowest and
highest round. Each tool has one core with all its processes, and asserts the status of every
answer. loadgrpc runs as it does by default, with recording and reporting."""
LIMIT_WORDS: Final = """\
*Bare sockets under gevent* send the same bytes and count those of each answer: no HTTP library, no
measuring, no report. What they take is the interpreter's, the event loop's and the kernel's, so
that no load written in pure Python under gevent is faster. Where their rate is below a target of
the table above, that target is out of reach without leaving pure Python; the last row is how much
of that limit loadgrpc has left, with all that it does."""
AGREED: Final = """\
All tools' own counts agree with nginx's within 1 %, or the requests under way at the end;
loadgrpc's exactly."""


BOUNDS: Final = (
    *((f"get-{users}", "hey", 1.0) for users in (5, 20, 60)),
    *((f"get-{users}", "hey", 0.95) for users in (200, 600)),
    *((case.name, "k9", 1.5) for case in BY_USERS),
    *((case.name, "k6", 2.5) for case in BY_USERS),
    ("get-20", "locust-http", 18.0),
    ("get-20", "locust-fast", 4.2),
    ("get-20", "molotov", 3.5),
    ("get-20", "wrk", 0.33),
    ("get-1k", "hey", 1.0),
    ("get-100k", "hey", 1.0),
    ("post-json", "hey", 0.95),
    ("https", "hey", 0.85),
)
"""By case and peer: what multiple of its rate that of loadgrpc has to be."""


@dataclass(frozen=True)
class Target:
    """What a figure must be."""

    what: str
    bound: float
    figure: float | None
    unit: str = "x"
    at_most: bool = False

    @property
    def reached(self) -> str:
        """In a word."""
        if self.figure is None:
            return "not measured"
        good = self.figure <= self.bound if self.at_most else self.figure >= self.bound
        return "yes" if good else "**no**"

    def cells(self) -> list[str]:
        """A row of the table of targets."""
        sign = "≤" if self.at_most else "≥"
        figure = NOTHING if self.figure is None else _with_unit(self.figure, self.unit)
        return [self.what, f"{sign} {_with_unit(self.bound, self.unit)}", figure, self.reached]


def _with_unit(figure: float, unit: str) -> str:
    return f"{number(figure)} {unit}".strip()


def number(figure: float) -> str:
    """A number with three digits that mean something."""
    if abs(figure) >= 100:  # noqa: PLR2004 - three digits are there
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first stand right."""
    marks = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, marks, *rows])


def targets(rows: Sequence[Target]) -> str:
    """The table of targets of a part."""
    heads = ["target", "bound", "figure", "reached"]
    return "### Targets\n\n" + table(heads, [row.cells() for row in rows])


def page(sections: Mapping[str, str]) -> str:
    """The whole page, of sections by title."""
    parts = [f"## {title}\n\n{text.strip()}" for title, text in sections.items()]
    return "\n\n".join([HEADER.strip(), *parts]) + "\n"


def sections(text: str) -> dict[str, str]:
    """The sections of a page by title."""
    found = (part.partition("\n") for part in f"\n{text}".split("\n## ")[1:])
    return {title: rest.strip() for title, _, rest in found}


def told(versions: Mapping[str, str]) -> str:
    """Versions of programs, as text."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def about(machine: str, versions: Mapping[str, str], day: str) -> str:
    """On what, with what and when a part was measured."""
    return f"Measured on {day}: {machine}. {told(versions)}."


# The first part


def rates_section(found: Rates, about_it: str) -> str:
    """Rates, ratios, features, targets."""
    parts = [
        about_it,
        RATES_WORDS.format(rounds=found.rounds, seconds=found.seconds),
    ]
    cases = [case for case in PLAIN if case.name in found.rates]
    if cases:
        heads = ["", *(case.title for case in cases)]
        parts.append("### Requests/s: the same work for everybody")
        parts.append(
            table(
                heads,
                [
                    [tool.title, *(_rate(_rounds(found, case.name, tool.name)) for case in cases)]
                    for tool in TOOLS
                    if any(_rounds(found, case.name, tool.name) for case in cases)
                ],
            )
        )
        parts.append("### loadgrpc's rate, as a multiple of the other's")
        parts.append(
            table(
                heads,
                [
                    [tool.title, *(_ratio(found, case.name, tool.name) for case in cases)]
                    for tool in (*PEERS, WITH_BROKER, WITH_GO)
                    if any(_rounds(found, case.name, tool.name) for case in cases)
                ],
            )
        )
    if users := [case for case in BY_USERS if _rounds(found, case.name, LOADGRPC.name)]:
        parts.append("### More and more users: GET, 12 bytes, requests/s")
        parts.append(f"![Requests a second against the number of users]({PICTURE})")
        parts.append(
            table(
                ["users", *(str(case.users) for case in users)],
                [
                    [tool.title, *(_rate(_rounds(found, case.name, tool.name)) for case in users)]
                    for tool in (*OF_MANY_USERS, LOADGRPC)
                    if any(_rounds(found, case.name, tool.name) for case in users)
                ],
            )
        )
    if features := [case for case in FEATURES if case.name in found.rates]:
        parts.append("### Features of Requests, 20 users, requests/s")
        parts.append(
            table(
                ["", LOADGRPC.title, HTTP_USER.title, "ratio"],
                [
                    [
                        case.title,
                        _rate(_rounds(found, case.name, LOADGRPC.name)),
                        _rate(_rounds(found, case.name, HTTP_USER.name)),
                        _ratio(found, case.name, HTTP_USER.name),
                    ]
                    for case in features
                ],
            )
        )
    parts.append(targets(rates_targets(found)))
    if limited := [it for it in _all_cases(found) if _rounds(found, it.name, SOCKETS.name)]:
        parts.append("### What the limit is")
        parts.append(LIMIT_WORDS)
        parts.append(
            table(
                ["", *(case.title for case in limited)],
                [
                    [
                        "bare sockets, as a multiple of hey",
                        *(_ratio(found, case.name, "hey", SOCKETS.name) for case in limited),
                    ],
                    [
                        "loadgrpc, as a multiple of bare sockets",
                        *(_ratio(found, case.name, SOCKETS.name) for case in limited),
                    ],
                ],
            )
        )
    notes = [f"- {name} is left out: {reason}." for name, reason in found.left_out.items()]
    notes += [f"- `{key}`: {problem}" for key, problem in sorted(found.problems.items())]
    if found.versions:
        parts.append(f"Versions: {told(found.versions)}.")
    parts.append("\n".join(["What was odd:", "", *notes]) if notes else AGREED)
    return "\n\n".join(parts)


def users_picture(found: Rates) -> str:
    """The rates against the number of users, as an SVG; loadgrpc's line stands out."""
    lines = []
    for tool in (*OF_MANY_USERS, LOADGRPC):
        points = [
            (float(case.users), it.median)
            for case in BY_USERS
            if (it := spread(_rounds(found, case.name, tool.name))) is not None
        ]
        if points:
            lines.append(picture.Line(tool.title, points, stands_out=tool is LOADGRPC))
    return picture.draw(lines, across="users", up="requests/s")


def rates_targets(found: Rates) -> list[Target]:
    """Point 1 of what the bench must show."""

    def of(case: str, ours: str, peer: str) -> float | None:
        return ratio(_rounds(found, case, ours), _rounds(found, case, peer))

    titles = {tool.name: tool.title for tool in (*TOOLS, *OF_MANY_USERS)}
    cases = {case.name: case.title for case in (*PLAIN, *BY_USERS)}
    rows = [
        Target(f"{titles[peer]}, {cases[case]}", bound, of(case, LOADGRPC.name, peer))
        for case, peer, bound in BOUNDS
    ]
    for case in ("get-20", "get-200"):
        figure = of(case, WITH_BROKER.name, LOADGRPC.name)
        rows.append(Target(f"{WITH_BROKER.title}, {cases[case]}, of local", 0.97, figure))
    go = of("get-20", WITH_GO.name, "hey")
    rows.append(Target(f"{titles['hey']}, {cases['get-20']}, Go runner", 0.9, go))
    rows += [
        Target(f"{HTTP_USER.title}, {case.title}", 12, of(case.name, "loadgrpc", HTTP_USER.name))
        for case in FEATURES
    ]
    return rows


def _rounds(found: Rates, case: str, tool: str) -> list[float]:
    return found.rates.get(case, {}).get(tool, [])


def _rate(rounds: Sequence[float]) -> str:
    it = spread(rounds)
    if it is None:
        return NOTHING
    if it.rounds == 1:
        return f"{it.median:,.0f}"
    return f"{it.median:,.0f} ({it.low:,.0f} to {it.high:,.0f})"


def _ratio(found: Rates, case: str, tool: str, of: str = LOADGRPC.name) -> str:
    """The rate of `of` as a multiple of that of `tool`."""
    it = ratio(_rounds(found, case, of), _rounds(found, case, tool))
    return NOTHING if it is None else f"{number(it)} x"


def _all_cases(found: Rates) -> list[Case]:
    """What was measured of the same work for everybody, and with more and more users."""
    cases = dict.fromkeys((*BY_USERS, *PLAIN))
    return [case for case in cases if _rounds(found, case.name, LOADGRPC.name)]


# The second part


def control_section(found: Control, about_it: str) -> str:
    """What the broker takes in, and what runs use."""
    parts = [about_it]
    if found.columns or found.rows:
        parts.append("### What a broker takes in, on one core, with its store in a file")
        parts.append(
            "One source publishes batches that were made before, over and over; the last must be"
            " acked. Then"
            " the summary's count must be what was sent, and its percentiles those that NumPy"
            " finds."
        )
        heads = ["", "batch", "events/s acked", "sent", "counted", "worst percentile"]
        rows = [("columns", found.columns), ("rows", found.rows)]
        parts.append(table(heads, [_ingest(name, it) for name, it in rows if it is not None]))
    if found.fleet:
        fleet = found.fleet
        parts.append("### Many agents")
        parts.append(
            f"{fleet.agents} simulated agents on connections of their own, each with a heartbeat"
            " every two seconds and a small batch every second: the broker used"
            f" {number(fleet.broker_cores)} of a core. A watcher had the hits of a moment after"
            f" {number(statistics.median(fleet.delays_s))} s (median),"
            f" {number(max(fleet.delays_s))} s at most. {fleet.sent:,} hits were sent,"
            f" {fleet.counted:,} counted."
        )
    if found.past:
        it = found.past
        parts.append("### A store with much in it")
        parts.append(
            f"A file with {history.RUNS:,} runs, each with a summary of {history.NAMES} names: a"
            f" page of {history.PAGE} (`ListRuns`) takes {number(it.median_page_ms)} ms (at most"
            f" {number(max(it.page_ms))}), `loadgrpc runs` {number(it.median_command_s)} s from"
            f" its start to its end. A run of {it.sent:,} hits, sent in columns, makes the file"
            f" larger by {number(it.megabytes)} MB; a broker that is started again on it listens"
            f" after {number(it.start_s)} s, and returns the summary in"
            f" {number(it.summary_ms)} ms, with {it.counted:,} hits."
        )
    if waits := found.waits:
        parts.append("### Many runs that wait")
        parts.append(
            f"A broker with {waiting.OVER:,} runs that are over and {waiting.WAITING:,} in the"
            f" queue: a page of fifty takes {number(1_000 * waits.listed_s)} ms, one of runs with a"
            f" rare label {number(1_000 * waits.filtered_s)} ms, a decision on the whole queue"
            f" {number(1_000 * waits.decided_s)} ms, a restart"
            f" {number(1_000 * waits.restarted_s)} ms."
        )
    if found.shares:
        parts.append("### CPU seconds of a run of 20 users, per second")
        parts.append(
            "Flushing is a part of the user process: it hands over what was recorded, and users"
            " wait meanwhile; *a flush holds* is the 99th percentile of that wait."
        )
        heads = ["", "user process", "flushing", "a flush holds", "link, agent, broker, command"]
        heads += ["hits in the summary", "counted by nginx"]
        parts.append(table(heads, [_share(kind, it) for kind, it in found.shares.items()]))
    if found.user_kib:
        parts.append("### Memory of one more user, after one request, its connection kept")
        rows_of = [[kind, f"{number(kib)} KiB"] for kind, kib in found.user_kib.items()]
        parts.append(table(["", "memory"], rows_of))
    if found.growth:
        parts.append("### Growth of a long run, after its first fifth, in KiB")
        names = list(dict.fromkeys(name for it in found.growth.values() for name in it.kib))
        rows_of = [
            [
                *(kind, f"{it.hits:,}", f"{it.counted:,}"),
                *(f"{it.kib.get(name, 0):,}" for name in names),
            ]
            for kind, it in found.growth.items()
        ]
        heads = ["", "hits in the summary", "counted by nginx", *names]
        parts.append(table(heads, rows_of))
    parts.append(targets(control_targets(found)))
    return "\n\n".join(parts)


def _share(kind: str, it: Share) -> list[str]:
    return [
        kind,
        f"{it.users_s / it.seconds:.3f}",
        f"{it.flushes_s / it.seconds:.4f}",
        f"{it.longest_flush_ms:.2f} ms",
        f"{it.control_cores:.4f}",
        f"{it.hits:,}",
        f"{it.counted:,}",
    ]


def _ingest(name: str, it: Ingest) -> list[str]:
    return [
        name,
        f"{it.batch_events:,} events, {it.batch_bytes / 1024:,.0f} KiB",
        _rate(it.rates),
        f"{it.sent:,}",
        f"{it.counted:,}",
        f"{it.percentile_error:.2%} off",
    ]


def control_targets(found: Control) -> list[Target]:
    """Points 2 to 4 of what the bench must show."""

    def median(it: Ingest | None) -> float | None:
        return statistics.median(it.rates) if it else None

    fleet = found.fleet
    rows = [
        Target("ingest, columns", 1_000_000, median(found.columns), "hits/s"),
        Target("ingest, rows of 1,000", 150_000, median(found.rows), "events/s"),
        Target("500 agents", 0.5, fleet.broker_cores if fleet else None, "cores", at_most=True),
        Target("a watcher's delay", 1.5, max(fleet.delays_s) if fleet else None, "s", at_most=True),
    ]
    past = found.past
    rows += [
        Target(name, bound, figure, unit, at_most=True)
        for name, bound, figure, unit in (
            ("a page of 1,000 runs", 50, past.median_page_ms if past else None, "ms"),
            ("`loadgrpc runs` of 1,000 runs", 1, past.median_command_s if past else None, "s"),
            ("a store with ten million hits more", 250, past.megabytes if past else None, "MB"),
        )
    ]
    waits = found.waits
    rows += [
        Target(name, bound, 1_000 * figure if figure is not None else None, "ms", at_most=True)
        for name, bound, figure in (
            ("a page of 11,000 runs", 100, waits.listed_s if waits else None),
            ("1,000 runs in the queue, a decision", 10, waits.decided_s if waits else None),
            ("1,000 runs in the queue, a restart", 1_000, waits.restarted_s if waits else None),
        )
    ]
    for kind in SHARES:
        rows += _share_targets(kind, found.shares.get(kind))
    bounds = {"HTTP": 40, "HTTPS": 64, "HTTPS on Requests' own road": 120}
    rows += [
        Target(f"memory of a user, {kind}", bound, found.user_kib.get(kind), "KiB", at_most=True)
        for kind, bound in bounds.items()
    ]
    rows += [
        Target(f"growth of the {name}, {kind}", 10_240, kib, "KiB", at_most=True)
        for kind, it in found.growth.items()
        for name, kib in it.kib.items()
    ]
    return rows


def _share_targets(kind: str, it: Share | None) -> list[Target]:
    """Where there is next to no load, its share says nothing: then it is what reporting uses."""
    if kind == LITTLE:
        cores = it.control_cores if it else None
        return [Target(f"reporting, {kind}", 0.02, cores, "cores", at_most=True)]
    share = it.reporting * 100 if it else None
    longest = it.longest_flush_ms if it else None
    return [
        Target(f"reporting, of all CPU time, {kind}", 5, share, "%", at_most=True),
        Target(f"a flush holds the users, {kind}", 1, longest, "ms", at_most=True),
    ]


# The third part


def accuracy_section(found: Accuracy, about_it: str) -> str:
    """Percentiles that were reported, beside those that were true."""
    rows = []
    for tool, by_level in (("loadgrpc", found.loadgrpc), ("wrk", found.wrk)):
        for level, rounds in by_level.items():
            rows.append(
                [
                    f"{tool}, {level} %",
                    str(found.users.get(level, 0)),
                    f"{statistics.median(it.rate for it in rounds):,.0f}",
                    f"{statistics.median(it.rate for it in rounds) / found.capacity:.0%}",
                    f"{statistics.median(it.cpu for it in rounds):.0%}",
                    _pair(rounds, "p50_ms"),
                    _pair(rounds, "p99_ms"),
                ]
            )
    return "\n\n".join(
        [
            about_it,
            ACCURACY_WORDS.format(capacity=found.capacity),
            table(["", "users", "requests/s", "reached", "processor", "p50", "p99"], rows),
            "### Whether the generator kept up",
            LAG_WORDS,
            table(
                ["", "lag p50", "lag p99", "worst second", "p99 with the lag", "left", "flagged"],
                _lag_rows(found),
            ),
            targets(accuracy_targets(found)),
        ]
    )


def _pair(rounds: Sequence[Comparison], name: str) -> str:
    said = statistics.median(getattr(it.said, name) for it in rounds)
    true = statistics.median(getattr(it.true, name) for it in rounds)
    off = _differences(rounds, name)
    return f"{said:.2f}, {true:.2f}, {statistics.median(off):.2f} ({max(off):.2f})"


def _lag_rows(found: Accuracy) -> list[list[str]]:
    rows = []
    for level, rounds in found.loadgrpc.items():
        lags = [it.lag for it in rounds if it.lag is not None]
        if not lags:
            continue
        with_lag = [it.explained.p99_ms for it in rounds if it.explained is not None]
        left = _left(rounds)
        rows.append(
            [
                f"{level} %",
                *_lag_cells(lags),
                f"{statistics.median(with_lag):.2f}",
                f"{statistics.median(left):.2f} ({max(left):.2f})",
                _flagged(lags),
            ]
        )
    if found.full_speed:
        cells = _lag_cells(found.full_speed)
        rows.append(["full speed", *cells, NOTHING, NOTHING, _flagged(found.full_speed)])
    return rows


def _lag_cells(lags: Sequence[Lag]) -> list[str]:
    named = [[lag.at("p50") for lag in lags], [lag.at("p99") for lag in lags]]
    named.append([lag.worst_ms for lag in lags])
    return [f"{statistics.median(values):.2f}" for values in named]


def _left(rounds: Sequence[Comparison]) -> list[float]:
    """What the lag does not explain of p99."""
    beyond = [it.said.p99_ms - it.explained.p99_ms for it in rounds if it.explained is not None]
    return [max(0.0, ms) for ms in beyond]


def _flagged(lags: Sequence[Lag]) -> str:
    return f"{sum(lag.saturated for lag in lags)} of {len(lags)}"


def _flagged_percent(lags: Sequence[Lag]) -> float | None:
    return 100 * sum(lag.saturated for lag in lags) / len(lags) if lags else None


def _differences(rounds: Sequence[Comparison], name: str) -> list[float]:
    return [abs(getattr(it.said, name) - getattr(it.true, name)) for it in rounds]


def accuracy_targets(found: Accuracy) -> list[Target]:
    """Point 5 of what the bench must show."""
    bounds = {"30": (0.3, 2.0), "60": (0.5, 5.0), "80": (1.0, 5.0)}
    rows = []
    for level in map(str, LEVELS):
        rounds = found.loadgrpc.get(level, [])
        for name, bound in zip(("p50_ms", "p99_ms"), bounds[level], strict=True):
            what = f"{name.removesuffix('_ms')} at {level} %, off by"
            judged = rounds
            if (level, name) == (str(LEVELS[-1]), "p99_ms"):
                what += ", unless it is flagged"
                judged = [it for it in rounds if it.lag is None or not it.lag.saturated]
            off = statistics.median(_differences(judged, name) or [0.0]) if rounds else None
            rows.append(Target(what, bound, off, "ms", at_most=True))
    hardest = found.loadgrpc.get(str(LEVELS[-1]), [])
    left = _left(hardest)
    rows.append(
        Target(
            f"p99 at {LEVELS[-1]} %, left when the lag is added",
            1.0,
            statistics.median(left) if left else None,
            "ms",
            at_most=True,
        )
    )
    calm = [it.lag for it in found.loadgrpc.get(str(LEVELS[0]), []) if it.lag is not None]
    flagged, calm_flagged = _flagged_percent(found.full_speed), _flagged_percent(calm)
    rows += [
        Target("runs at full speed that are flagged", 100, flagged, "%"),
        Target(f"runs at {LEVELS[0]} % that are flagged", 0, calm_flagged, "%", at_most=True),
    ]
    return rows
