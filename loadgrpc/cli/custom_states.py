"""What tests say they are doing, and what they try again, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import percent
from loadgrpc.cli.hit_tables import request
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table, labelled
from loadgrpc.model import ReportedState, Summary
from loadgrpc.text import counted, one_line

MAX_STATES: Final = 5
"""States shown beside the totals, and while a run is followed."""
STORM: Final = 0.1
"""A larger share of retries is marked."""


def states(reported: Sequence[ReportedState]) -> list[str]:
    """What tests are doing; where several agents or scenarios are, whose it is, too."""
    alone = len(reported) == 1
    found = [
        one_line(f"{each.state}" if alone else f"{_whose(each)}: {each.state}")
        for each in reported[:MAX_STATES]
    ]
    more = len(reported) - MAX_STATES
    return [*found, f"and {counted(more, 'more state')}"] if more > 0 else found


def _whose(reported: ReportedState) -> str:
    return " ".join(filter(None, (reported.agent_id, reported.scenario)))


def state_lines(summary: Summary, width: int) -> list[Line]:
    """The states, beside the totals."""
    found = states(summary.custom_states)
    return labelled("state", found, width) if found else []


def retry_totals(summary: Summary, width: int) -> list[Line]:
    """How many of the hits were retries."""
    retries = sum(each.retries for each in summary.names)
    if not retries:
        return []
    count = summary.hits.count
    style = Style.WARNING if retries > STORM * count else Style.PLAIN
    return labelled(
        "retries", [str(retries), f"{percent(retries, count)} of all hits"], width, style
    )


def retries_by_name(summary: Summary, width: int) -> list[Line]:
    """Which requests were tried again, and how often."""
    rows = [
        TableRow(
            one_line(request(summary, each)),
            (str(each.retries), percent(each.retries, each.hits.count)),
        )
        for each in summary.names
        if each.retries
    ]
    if not rows:
        return []
    return figures_table("Retries by name", ("retries", "of hits"), rows, width, beside=())
