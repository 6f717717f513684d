"""The options that say when a run starts, and how long it waits: StartRun, beside the plan.

Rule: what they mean is decided by the broker; here they are only read.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import click

from loadgrpc.cli import spans, values
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.together import together
from loadgrpc.model import MAX_AHEAD_S, MAX_PRIORITY, Run, RunState, Submission
from loadgrpc.text import one_line

F = TypeVar("F", bound=Callable[..., Any])

FOREVER: Final = "forever"
SECTION: Final = ("start_at", "start_in", "wait_s", "priority")
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")


class StartTime(values.Value[int]):
    """A time, in nanoseconds since 1970: `03:00`, the next time it is that, or with its date."""

    name = "TIME"

    def read(self, text: str) -> int:
        """See Value."""
        return moment(text, datetime.now().astimezone())


class Patience(values.Value[float]):
    """How long to wait, in seconds; infinite: for as long as it takes."""

    name = "TIME"

    def read(self, text: str) -> float:
        """See Value."""
        if text.lower() == FOREVER:
            return math.inf
        return spans.seconds(text, most=MAX_AHEAD_S)


def moment(text: str, now: datetime) -> int:
    """A time as people type it, given what time it is here.

    Raises:
        ValueError: it is none, or has passed.
    """
    try:
        if _CLOCK.fullmatch(text):
            hour, minute, second = (int(part) for part in (text + ":0:0").split(":")[:3])
            found = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
            if found <= now:
                found += timedelta(days=1)
        else:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                found = found.astimezone()
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; expected one such as 03:00, 2030-01-31T03:00 or"
            " 2030-01-31T03:00:00+01:00"
        ) from None
    if found <= now:
        raise ValueError(f"{text!r} has passed: it is {now:%Y-%m-%dT%H:%M:%S%z} here")
    return round(found.timestamp()) * 10**9


def add(command: F) -> F:
    """Gives a command the options."""
    options = (
        click.option(
            "--start-at",
            type=StartTime(),
            help="Start at this time: 03:00, which is the next time it is that here, or a date with"
            " a time. Agents are waited for then.",
        ),
        click.option(
            "--start-in",
            type=values.Seconds(MAX_AHEAD_S),
            help="Start after this time: 90s, 5m, 8h. Agents are waited for then.",
        ),
        click.option(
            "--wait",
            "wait_s",
            type=Patience(),
            help="Wait in the queue for agents for at most this long, or `forever`; after that the"
            " run has expired, with 4.  [default: the run is refused if agents are not idle]",
        ),
        click.option(
            "--priority",
            type=values.Count(0, MAX_PRIORITY),
            default=0,
            show_default=True,
            help="From 0 to 9: of runs in the queue, those of a higher one go first; a step counts"
            " as ten minutes of waiting.",
        ),
    )
    return together(*options)(command)


def submission(
    *, start_at: int | None, start_in: float | None, wait_s: float | None, priority: int
) -> Submission:
    """The submission that the options make.

    Raises:
        Failure: they contradict each other.
    """
    if start_at is not None and start_in is not None:
        raise Failure("--start-at cannot be combined with --start-in")
    return Submission(
        start_time_ns=start_at,
        delay_s=start_in or 0.0,
        expire_after_s=None if wait_s is None or math.isinf(wait_s) else wait_s,
        priority=priority,
        queue=wait_s is not None,
    )


def waits(run: Run, now_ns: int | None = None) -> str:
    """What a run waits for, as people read it; empty: it does not wait."""
    if run.state is RunState.QUEUED:
        if run.waiting is None:
            return "in the queue"
        place = f"{run.waiting.position} of {run.waiting.length} in the queue"
        return f"{place}: {one_line(run.waiting.reason)}"
    if run.state is not RunState.SCHEDULED or run.due_time_ns is None:
        return ""
    left_ns = run.due_time_ns - (time.time_ns() if now_ns is None else now_ns)
    when = datetime.fromtimestamp(run.due_time_ns / 1e9).astimezone()
    shown = f"{when:%H:%M:%S}" if abs(left_ns) < 86_400 * 10**9 / 2 else f"{when:%Y-%m-%d %H:%M}"
    why = f" ({one_line(run.reason)})" if run.reason else ""
    return f"starts at {shown}{why}"
