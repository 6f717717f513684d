"""The log of a run as lines: when, what changed, and why."""

from __future__ import annotations

from collections.abc import Iterator

from loadgrpc.cli.figures import moment
from loadgrpc.cli.line import UNCUT, Line, Style
from loadgrpc.cli.table import text_table
from loadgrpc.model import AgentEvent, Change, ChangeKind, RunState
from loadgrpc.text import one_line


def table(changes: list[Change]) -> list[Line]:
    """One line a change, in order; none is shortened, a terminal wraps them."""
    rows = [
        [
            moment(change.time_ns) if change.time_ns is not None else "-",
            str(change.sequence),
            change.kind.name.lower(),
            one_line(": ".join(_words(change))),
        ]
        for change in changes
    ]
    lines = text_table(["Changes", "no.", "kind", "what"], rows, UNCUT)
    return [
        Line(line.text, Style.BAD) if change is not None and _bad(change) else line
        for line, change in zip(lines, [None, *changes], strict=True)
    ]


def entry(change: Change) -> Line:
    """A change in a line of its own: when, and what."""
    when = f"{moment(change.time_ns)}  " if change.time_ns is not None else ""
    text = one_line(": ".join(_words(change)))
    return Line(f"{when}{text}", Style.BAD if _bad(change) else Style.PLAIN)


def _words(change: Change) -> Iterator[str]:
    if change.kind is ChangeKind.STATE:
        yield change.state.name
    if change.agent_event is not None:
        yield f"agent {change.agent_id} {_EVENTS[change.agent_event]}"
    if change.reason:
        yield change.reason


def _bad(change: Change) -> bool:
    failed = change.kind is ChangeKind.STATE and change.state is RunState.FAILED
    return failed or change.agent_event is AgentEvent.LOST


_EVENTS = {
    AgentEvent.UNREACHABLE: "is unreachable",
    AgentEvent.BACK: "is back",
    AgentEvent.LOST: "was lost",
}
