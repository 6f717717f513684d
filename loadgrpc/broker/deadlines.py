"""When a part is given up that does not begin, or does not end when it should.

Rule: pure; moments are monotonic nanoseconds. An honest agent never comes close to these limits;
they exist so that a run ends whatever an agent does.
"""

from __future__ import annotations

from typing import Final

from loadgrpc.broker.part import Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import AssignmentState, StopMode

STOP_SLACK_S: Final = 5.0
"""The time a runner has after the stop timeout before it is killed; see fleet.proto."""
STOP_GRACE_S: Final = 10.0
"""How long after that an agent may take to deliver what its runners did, and to say so; counted
again with everything that it delivers."""
KILL_GRACE_S: Final = 5.0
"""The same after a kill, whatever is delivered."""
START_TIMEOUT_S: Final = 600.0
"""How long a part may take until it is ready for its first cycle; by hand, as long as it takes."""
SILENT: Final = "the agent did not report its end, long after it was ordered to stop"


def over_by_ns(run: ActiveRun, now_ns: int) -> int:
    """The deadline of a run that is being stopped, perhaps not for the first time."""
    patience_s = run.run.plan.stop_timeout_s + STOP_SLACK_S + STOP_GRACE_S
    if run.stopping is StopMode.KILL:
        patience_s = KILL_GRACE_S
    by_ns = now_ns + round(patience_s * NS_PER_S)
    return by_ns if run.over_by_ns is None else min(by_ns, run.over_by_ns)


def why_overdue(run: ActiveRun, part: Part, now_ns: int, *, connected: bool) -> str:
    """Why a live part is given up; empty: it is not.

    An agent that is not connected has a lease, and is lost at its end; unless the run is killed.
    """
    killed = run.stopping is StopMode.KILL
    if not (connected or killed):
        return ""
    if run.over_by_ns is not None:
        got_on_ns = 0 if killed else part.got_on_ns + round(STOP_GRACE_S * NS_PER_S)
        return SILENT if now_ns > max(run.over_by_ns, got_on_ns) else ""
    starting = part.state is AssignmentState.STARTING and not part.scenario.by_hand
    if starting and part.told_ns and now_ns - part.told_ns > START_TIMEOUT_S * NS_PER_S:
        return f"it was not ready to begin within {START_TIMEOUT_S:.0f} s"
    return ""
