"""What an observer is notified of, as a plain value that travels to its process as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One change of a run.

    The same notice may come more than once, after a failure or a restart of the broker: it has the
    same `notice_id` then.
    """

    notice_id: str
    """`RUN_ID/CHANGE`: unique, and the same whenever this is delivered again."""
    event: str
    """What happened: `end`, `failure`, `start`, …; `campaign`, if it is about a campaign. There may
    be more in later versions."""
    time_s: float
    """When it happened, in seconds since 1970."""
    run_id: str
    title: str = ""
    """What people call the run. Empty: nothing."""
    label: str = ""
    """Title and tests, on one line: what runs are called wherever they are shown."""
    state: str = ""
    """Of the run, after it: `RUNNING`, `FINISHED`, `STOPPED` or `FAILED`."""
    reason: str = ""
    """Why it happened, as a sentence. Empty: there is nothing to add."""
    text: str = ""
    """All of it in a sentence or two, on one line."""
    look: str = ""
    """The command that shows more. Empty: there is none, because the run is not stored."""
    agent_id: str = ""
    """Of an agent that was lost."""
    exit_code: int | None = None
    """Of the end: what `loadgrpc run` exits with. None: the run goes on."""
    verdict: str = ""
    """Of the end: the sentence that goes with it."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Of the end: the document of `loadgrpc show RUN --json`, without its long lists."""

    @property
    def time(self) -> datetime:
        """When it happened, in UTC."""
        return datetime.fromtimestamp(self.time_s, UTC)

    @property
    def bad(self) -> bool:
        """Whether it is bad news."""
        return self.event == "agent-lost" or bool(self.exit_code)

    def as_json(self) -> dict[str, Any]:
        """It as values of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Notice:
        """It from values of JSON."""
        return cls(**values)
