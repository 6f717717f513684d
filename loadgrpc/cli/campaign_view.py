"""Campaigns as lines: their steps while they run, and a summary with a column a run.

Rule: pure; what prints it knows the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from loadgrpc import verdict
from loadgrpc.cli.figures import ago, cells, duration, rate, shorten
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import text_table
from loadgrpc.model import Campaign, CampaignState, StepResult, StepState, StepStatus, hyphened
from loadgrpc.text import counted, one_line

STYLES: Final = {
    StepState.PASSED: Style.GOOD,
    StepState.FAILED: Style.BAD,
    StepState.SKIPPED: Style.DIM,
    StepState.CANCELLED: Style.DIM,
}
APART: Final = 3
LABEL: Final = 12
"""Columns of what a row is called."""
MAX_COLUMN: Final = 24
"""A longer name of a step is shortened."""


def change(before: Campaign | None, now: Campaign) -> list[Line]:
    """What has changed of a campaign, a line for each step that did."""
    known = before.by_name if before is not None else {}
    return [
        Line(_stands(status), STYLES.get(status.state, Style.PLAIN))
        for status in now.steps
        if _moved(known.get(status.name), status)
    ]


def _moved(before: StepStatus | None, now: StepStatus) -> bool:
    if before is None:
        return now.state is not StepState.WAITING
    shown = ("state", "run_id", "reason")
    return any(getattr(before, name) != getattr(now, name) for name in shown)


def _stands(status: StepStatus) -> str:
    words = [one_line(status.name), hyphened(status.state.name)]
    if status.run_id:
        words.append(status.run_id)
    said = "  ".join(words)
    tells = status.reason and status.reason != "passed"
    return f"{said}: {one_line(status.reason)}" if tells else said


def summary(campaign: Campaign, width: int) -> list[Line]:
    """The result of a campaign: how it went, and a column for each step that is a run."""
    lines = [
        Line(f"campaign    {one_line(campaign.spec.label)}   {campaign.campaign_id}"),
        Line(f"steps       {_counts(campaign)}"),
    ]
    if campaign.end_time_ns is not None:
        took = duration(max(campaign.end_time_ns - campaign.create_time_ns, 0))
        lines.append(Line(f"duration    {took}"))
    runs = [status for status in campaign.steps if campaign.spec.step(status.name).observer is None]
    for some in _fitting(runs, width):
        lines += [Line(), *_columns(some)]
    why = [
        Line(f"  {_stands(status)}", STYLES.get(status.state, Style.PLAIN))
        for status in campaign.steps
        if status.reason and status.state is not StepState.PASSED
    ]
    if why:
        lines += [Line(), *why]
    lines += [Line(), conclusion(campaign)]
    return lines


def conclusion(campaign: Campaign) -> Line:
    """The last line: the verdict, or how it stands."""
    judged = campaign.verdict
    if judged is None:
        return Line(f"campaign {campaign.campaign_id} is {hyphened(campaign.state.name)}")
    reason = one_line(judged.reason) or ("passed" if not judged.exit_code else "did not pass")
    style = Style.GOOD if not judged.exit_code else Style.BAD
    return Line(f"exit {judged.exit_code}: {reason}", style)


def _counts(campaign: Campaign) -> str:
    found = [
        f"{number} {hyphened(state.name)}"
        for state in reversed(StepState)
        if (number := sum(status.state is state for status in campaign.steps))
    ]
    return f"{len(campaign.steps)}   {'   '.join(found)}"


def _judged(status: StepStatus) -> str:
    if status.result is None or status.result.verdict is None:
        return hyphened(status.state.name)
    return verdict.name(status.result.verdict.exit_code)


Figure = Callable[[StepResult], str]
ROWS: Final[Sequence[tuple[str, Figure]]] = (
    ("duration", lambda result: duration(result.duration_ns)),
    ("hits", lambda result: str(result.hits.count)),
    ("failed", lambda result: str(result.hits.failed)),
    ("rate", lambda result: rate(result.hits.rate)),
    ("p50", lambda result: duration(result.hits.elapsed.p50_ns)),
    ("p95", lambda result: duration(result.hits.elapsed.p95_ns)),
    ("p99", lambda result: duration(result.hits.elapsed.p99_ns)),
    ("iterations", lambda result: str(result.iterations.finished)),
    ("not passed", lambda result: str(result.iterations.failure + result.iterations.error)),
)
"""Rows of the summary, and what each shows of a run."""


def _texts(status: StepStatus) -> list[str]:
    """A column: its heading, and the cells beneath it."""
    figures = [figure(status.result) if status.result is not None else "-" for _, figure in ROWS]
    name = shorten(one_line(status.name), MAX_COLUMN)
    return [name, status.run_id or "-", _judged(status), *figures]


def _fitting(runs: Sequence[StepStatus], width: int) -> list[list[StepStatus]]:
    """Runs in blocks whose columns fit side by side."""
    blocks: list[list[StepStatus]] = []
    left = 0
    for status in runs:
        needed = APART + max(map(cells, _texts(status)))
        if not blocks or needed > left:
            blocks.append([])
            left = width - LABEL
        blocks[-1].append(status)
        left -= needed
    return blocks


def _columns(runs: Sequence[StepStatus]) -> list[Line]:
    columns = [_texts(status) for status in runs]
    widths = [max(map(cells, column)) for column in columns]
    labels = ["", "run", "verdict", *(label for label, _ in ROWS)]
    lines = []
    for at, label in enumerate(labels):
        texts = [
            " " * (width - cells(column[at])) + column[at]
            for column, width in zip(columns, widths, strict=True)
        ]
        text = f"{label:<{LABEL}}" + (" " * APART).join(texts)
        lines.append(Line(text.rstrip(), Style.PLAIN if at else Style.HEADING))
    return lines


def table(campaigns: Sequence[Campaign], *, now_ns: int, width: int) -> list[Line]:
    """Campaigns as rows: which, how it stands, since when, and how many of its steps are over."""
    headings = ["Campaigns", "state", "verdict", "created", "steps", "title"]
    rows = []
    for campaign in campaigns:
        over = sum(status.state.final for status in campaign.steps)
        judged = campaign.verdict
        rows.append(
            [
                campaign.campaign_id,
                hyphened(campaign.state.name),
                "-" if judged is None else verdict.name(judged.exit_code),
                ago(now_ns - campaign.create_time_ns),
                f"{over} of {counted(len(campaign.steps), 'step')} over",
                one_line(campaign.spec.label),
            ]
        )
    return text_table(headings, rows, width) if rows else [Line("no campaigns")]


def stopping(campaign: Campaign) -> str:
    """What came of stopping a campaign, as a sentence."""
    name = f"campaign {campaign.campaign_id}"
    if campaign.state is CampaignState.STOPPING:
        active = sum(status.state is StepState.STOPPING for status in campaign.steps)
        return f"{name} is stopping {counted(active, 'run')}"
    return f"{name} is over: {hyphened(campaign.state.name)}"
