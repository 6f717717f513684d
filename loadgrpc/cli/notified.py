"""Who was notified of a run: in a report, and before a command ends that owns the run's broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TextIO

from loadgrpc.cli import line
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.observer_options import EVENTS
from loadgrpc.cli.table import labelled
from loadgrpc.model import Notification, NotificationState, Summary
from loadgrpc.text import counted, one_line

if TYPE_CHECKING:
    from loadgrpc.cli.interrupts import Interrupts

WAIT_S: Final = 10.0
"""How long a command waits for observers to be notified of its run, which ends with it."""
ASK_S: Final = 0.1
SAY_S: Final = 1.0
"""After which it says what it waits for."""


def notified(summary: Summary, width: int) -> list[Line]:
    """A line for each observer: of what it was notified, or why not."""
    by_observer: dict[str, list[Notification]] = {}
    for each in summary.notifications:
        by_observer.setdefault(each.observer, []).append(each)
    lines: list[Line] = []
    for observer, all_of_it in by_observer.items():
        bad = any(each.state is NotificationState.GIVEN_UP for each in all_of_it)
        told = [
            f"{one_line(observer)}: {notification(all_of_it[0])}",
            *map(notification, all_of_it[1:]),
        ]
        label = "" if lines else "observers"
        lines += labelled(label, told, width, Style.BAD if bad else Style.PLAIN)
    return lines


def notification(of: Notification) -> str:
    """How one stands, without who is notified."""
    event = next(word for word, event in EVENTS.items() if event is of.event)
    reason = f": {one_line(of.reason)}" if of.reason else ""
    match of.state:
        case NotificationState.DELIVERED:
            return f"notified of {event}"
        case NotificationState.GIVEN_UP:
            return f"not notified of {event}{reason} (given up)"
    tries = f", {counted(of.tries, 'try', 'tries')}{reason}" if of.tries else ""
    return f"not yet notified of {event}{tries}"


async def when_notified(
    ask: Callable[[str], Awaitable[Summary]],
    summary: Summary,
    interrupts: Interrupts,
    stream: TextIO | None,
) -> Summary:
    """The summary when nothing is pending, or after WAIT_S, or at the next signal.

    `ask` gets the summary of a run. `stream`: where it says what it waits for; None: nowhere.
    """
    begun, signals, said = time.monotonic(), interrupts.count, False
    while any(each.state is NotificationState.PENDING for each in summary.notifications):
        waited_s = time.monotonic() - begun
        if waited_s > WAIT_S or interrupts.count > signals:
            break
        if waited_s > SAY_S and not said and stream is not None:
            said = True
            line.say(f"waiting for observers, at most {WAIT_S:.0f} s", stream)
        await asyncio.sleep(ASK_S)
        summary = await ask(summary.run_id)
    return summary
