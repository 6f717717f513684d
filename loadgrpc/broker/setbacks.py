"""What kept a run, or parts of it, from their work, as sentences: stopped, not loaded, lost."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from loadgrpc.broker.part import Part
from loadgrpc.model import AssignmentState, ExceptionInfo, SourceId, StopMode

NOT_FED: Final = ExceptionInfo(
    type="NotFed",
    message="the plan has cases, and its runner cannot feed iterations with them: it has not"
    " announced `cases` among its capabilities",
)
"""Why a part is not run, as what could not be loaded."""


def unfed(part: Part, source_id: SourceId) -> bool:
    """Whether a runner cannot be fed with the cases that its part is to be fed with, as is new."""
    cannot = part.scenario.cases is not None and not part.sources[source_id].feeds
    return cannot and part.load_error is None


def not_loaded(parts: Collection[Part]) -> str:
    """Where the test could not be loaded, and why; empty: nowhere."""
    failed = [part for part in parts if part.load_error is not None]
    if not failed:
        return ""
    error = failed[0].load_error
    assert error is not None  # noqa: S101 - by the line above
    several = len({part.agent_id for part in parts}) > 1
    where = f" on agent {failed[0].agent_id}" if several else ""
    others = f" (and on {len(failed) - 1} more)" if len(failed) > 1 else ""
    return f"could not load {failed[0].scenario.label}{where}{others}: {error.message}"


def lost_parts(parts: Collection[Part]) -> str:
    """Which parts were lost, and why; empty: none."""
    lost = [part for part in parts if part.state is AssignmentState.LOST]
    if not lost:
        return ""
    first = lost[0]
    users = f"{first.users} user{'s' if first.users > 1 else ''}"
    others = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    at = f" at {utc(first.end_time_ns)}" if first.end_time_ns is not None else ""
    scenario = first.scenario.name
    who = f"agent {first.agent_id} ({users}{f' of {scenario}' if scenario else ''})"
    return f"{who} was lost{at}: {first.reason}{others}"


def utc(wall_ns: int) -> str:
    """A time of day, for readers in any time zone; the date is that of the run."""
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime("%H:%M:%S UTC")


def stop_reason(mode: StopMode, *, waited: bool = False) -> str:
    """Why a run is stopped that a client asked to stop; `waited`: it had not started."""
    if waited:
        return "stopped by a client before it started"
    return "killed by a client" if mode is StopMode.KILL else "stopped before its end by a client"
