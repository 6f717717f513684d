"""What a home does in one case that a runner has to cope with.

Rule: nothing is in a script that could not happen at an agent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadgrpc.model import LoadChange
from loadgrpc.protocol import home
from loadgrpc.v1 import runner_pb2

CLOSED: Final = "CLOSED"
"""How a stream ended that the home has closed without a reason."""
TERMINATE: Final = "terminate"
"""What a script may have for the middle of the load: SIGTERM."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a home does that a runner has to cope with. The default: nothing out of the way."""

    limits: runner_pb2.Limits | None = None
    """None: as agents have them."""
    open_after_s: float = 0.0
    ack_after_s: float = 0.0
    start_after_s: float = 0.0
    finished_after_s: float = 0.0
    """How long `opened`, acks, `start_cycle` and `finished` are held back."""
    begin_in_s: float | None = None
    """In how many seconds the load begins, as `start_cycle` says; negative: it has. None: it does
    not say.
    """
    refuse_token: bool = False
    refuse_streams: int = 0
    """This many streams are answered with UNAVAILABLE."""
    defects: int = 0
    """This many streams are answered with INTERNAL."""
    cut_at_ready: bool = False
    """The first stream breaks when the runner is ready for a cycle."""
    cut_at_batches: tuple[int, ...] = ()
    """A stream breaks when this many batches have come in all, the last of them unstored; or else
    at `finish`.
    """
    cut_at_finish: bool = False
    stores_at_cut: bool = False
    """The last of them is stored all the same, and its ack is lost with the stream."""
    close_at_batch: int = 0
    """When this many batches have come, the last of them unstored, the stream ends."""
    close_status: str = CLOSED
    """... so: OK, or with a status after which there is no sense in another stream."""
    leave_at_batch: int = 0
    """When this many batches have come, the last of them unstored, the receiver goes away and its
    connections with it; it comes back at the same address.
    """
    lose_batch: int = 0
    """This one is taken as if it had not come, which makes a gap."""
    too_large: int = 0
    """Of the batches of more than one event, this one is too large."""
    strange: bool = False
    """Answers of a kind that nobody knows appear among the others."""
    reject: bool = False
    """An event of the first batch is reported as invalid."""
    stop_instead_of_start: bool = False
    then: str = ""
    """What comes in the middle: `stop`, `error`, `run_closed` or `load_changed`; or TERMINATE."""
    changes: tuple[LoadChange, ...] = ()
    """How the load is changed then, each this many seconds later."""
    after_events: int = 4
    after_requests: int = 4
    """What is the middle, by what comes first: events here, or requests at the target."""


def limits_of(script: Script) -> runner_pb2.Limits:
    """The bounds that a home of this script announces."""
    return script.limits or home.limits()
