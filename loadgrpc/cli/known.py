"""What is known of a run whose summary cannot be fetched: the last that was seen of it.

Rule: a requested document is written whatever becomes of the broker; its verdict and its reason
say that it is incomplete.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from loadgrpc.cli.display import Display
from loadgrpc.model import (
    Change,
    HitFigures,
    Plan,
    Progress,
    Run,
    RunState,
    Summary,
    TimelineWindow,
    Verdict,
)
from loadgrpc.outputs import OutputError
from loadgrpc.v1.control_pb2 import ListedEvent

_GONE = "there are no results to read"


class Known:
    """A display that remembers the last report; another display shows it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.run: Run | None = None
        self.progress: Progress | None = None
        self._display: Display | None = None

    def over(self, display: Display) -> Known:
        """This, in front of a display."""
        self._display = display
        return self

    def update(self, news: Run | Progress) -> None:
        """See Display."""
        if isinstance(news, Run):
            self.run = news
        else:
            self.progress = news
        if self._display is not None:
            self._display.update(news)

    def notice(self, text: str) -> None:
        """See Display."""
        if self._display is not None:
            self._display.notice(text)

    def change(self, change: Change) -> None:
        """See Display."""
        if self._display is not None:
            self._display.change(change)

    def pause(self) -> None:
        """See Display."""
        if self._display is not None:
            self._display.pause()

    def draw(self) -> None:
        """See Display."""
        if self._display is not None:
            self._display.draw()

    def close(self) -> None:
        """See Display."""
        if self._display is not None:
            self._display.close()

    def summary(self, exit_code: int, reason: str) -> Summary:
        """The summary of what is known, with a verdict."""
        run, seen = self.run, self.progress or Progress()
        return Summary(
            run_id=run.run_id if run else "",
            state=run.state if run else RunState.FAILED,
            reason=reason,
            plan=run.plan if run else self.plan,
            create_time_ns=run.create_time_ns if run else time.time_ns(),
            start_time_ns=run.start_time_ns if run else None,
            verdict=Verdict(exit_code=exit_code, reason=reason),
            duration_ns=seen.elapsed_ns,
            hits=HitFigures(count=seen.hits, failed=seen.failed_hits),
            iterations=seen.iterations,
        )


class KnownResults:
    """The results of such a run, as outputs get them: its summary, and nothing else."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary

    def windows(self, *_: object, **__: object) -> AsyncIterator[TimelineWindow]:
        """See Results."""
        raise OutputError(_GONE)

    async def changes(self) -> list[Change]:
        """See Results."""
        return []

    def events(self, *_: str) -> AsyncIterator[ListedEvent]:
        """See Results."""
        raise OutputError(_GONE)

    def line(self, _: ListedEvent) -> str:
        """See Results."""
        raise OutputError(_GONE)
