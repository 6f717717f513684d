"""The log of a run as lines: when, what changed, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadgrpc.cli.figures import moment
from loadgrpc.cli.line import UNCUT, Line, Style
from loadgrpc.cli.notified import notification
from loadgrpc.cli.table import text_table
from loadgrpc.model import (
    AgentEvent,
    Change,
    ChangeKind,
    Notification,
    NotificationState,
    RunState,
)
from loadgrpc.text import one_line


def table(changes: list[Change], notifications: Sequence[Notification] = ()) -> list[Line]:
    """One line a change, in order; none is shortened, a terminal wraps them.

    Between them, who was notified of one, and who was not: these have no number.
    """
    entries = [(change.time_ns, _row(change), _bad(change)) for change in changes]
    for each in notifications:
        if each.tries:
            bad = each.state is not NotificationState.DELIVERED
            row = ["", "notify", f"{each.observer}: {notification(each)}, change {each.change}"]
            entries.append((each.time_ns, row, bad))
    if notifications:
        entries.sort(key=lambda entry: entry[0] or 0)
    rows = [
        [moment(time_ns) if time_ns is not None else "-", *map(one_line, row)]
        for time_ns, row, _ in entries
    ]
    lines = text_table(["Changes", "no.", "kind", "what"], rows, UNCUT)
    return [lines[0]] + [
        Line(line.text, Style.BAD) if bad else line
        for line, (_, _, bad) in zip(lines[1:], entries, strict=True)
    ]


def _row(change: Change) -> list[str]:
    return [str(change.sequence), change.kind.name.lower(), ": ".join(_words(change))]


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
    if change.kind is ChangeKind.ATTEMPT:
        yield f"attempt {change.attempt} is over"
    if change.due_time_ns is not None:
        yield f"until {moment(change.due_time_ns)}"
    if change.reason:
        yield change.reason


def _bad(change: Change) -> bool:
    failed = change.kind is ChangeKind.STATE and change.state in _BAD_STATES
    bad = change.kind in (ChangeKind.ATTEMPT, ChangeKind.THRESHOLD)
    return failed or bad or change.agent_event is AgentEvent.LOST


_BAD_STATES = (RunState.FAILED, RunState.EXPIRED)
_EVENTS = {
    AgentEvent.UNREACHABLE: "is unreachable",
    AgentEvent.BACK: "is back",
    AgentEvent.LOST: "was lost",
}
