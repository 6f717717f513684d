"""Live changes of loads, as messages and back."""

from __future__ import annotations

from collections.abc import Iterable

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import MAX_LEVEL, LoadChange, LoadChangeKind, LoadOrder, LoadUnit
from loadgrpc.protocol.loads import MAX_FACTOR, MAX_USERS, change_of, put_change
from loadgrpc.v1 import control_pb2, run_pb2, runner_pb2

_MOST = {"users": MAX_USERS, "rate": MAX_LEVEL, "factor": MAX_FACTOR}
_UNITS = {"users": LoadUnit.USERS, "rate": LoadUnit.ARRIVALS}


def change_message(change: LoadChange) -> run_pb2.LoadChange:
    """A change as its message."""
    return changed((change,)).changes[0]


def changed(changes: Iterable[LoadChange]) -> runner_pb2.LoadChanged:
    """All changes of a load so far, as their message."""
    message = runner_pb2.LoadChanged()
    for change in changes:
        put_change(change, message.changes)
    return message


def changes_of(message: runner_pb2.LoadChanged) -> tuple[LoadChange, ...]:
    """All changes of a load so far, from their message."""
    return tuple(map(change_of, message.changes))


def order_of(message: control_pb2.SetLoadRequest) -> LoadOrder:
    """What a client asks for.

    Raises:
        InvalidRequest: it asks for nothing, or for what cannot be.
    """
    what = message.WhichOneof("change")
    if what is None:
        rule = "needs one of users, rate, factor, pause and resume"
        raise InvalidRequest([Violation("change", rule)])
    value = getattr(message, what)
    if what in ("pause", "resume"):
        if not value:
            raise InvalidRequest([Violation(what, "must be true")])
        kind = LoadChangeKind.PAUSE if what == "pause" else LoadChangeKind.RESUME
        return LoadOrder(kind, scenario=message.scenario)
    if not 0 <= value <= _MOST[what]:
        raise InvalidRequest([Violation(what, f"must be from 0 to {_MOST[what]:,.0f}")])
    kind = LoadChangeKind.FACTOR if what == "factor" else LoadChangeKind.LEVEL
    return LoadOrder(kind, value, _UNITS.get(what), message.scenario)


def request_of(run_id: str, order: LoadOrder, request_id: str) -> control_pb2.SetLoadRequest:
    """What is asked for, as the request."""
    request = control_pb2.SetLoadRequest(
        run_id=run_id, request_id=request_id, scenario=order.scenario
    )
    match order.kind:
        case LoadChangeKind.PAUSE:
            request.pause = True
        case LoadChangeKind.RESUME:
            request.resume = True
        case LoadChangeKind.FACTOR:
            request.factor = order.value
        case LoadChangeKind.LEVEL if order.unit is LoadUnit.USERS:
            request.users = order.value
        case LoadChangeKind.LEVEL:
            request.rate = order.value
    return request
