"""Notifications of observers, as their messages and back."""

from __future__ import annotations

from typing import Final

from loadgrpc.model import Notification, NotificationState, ObserverEvent
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, kept_chars
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import timestamp_from_proto, timestamp_to_proto
from loadgrpc.v1 import run_pb2

_EVENTS: Final = frozenset(map(int, ObserverEvent))
_STATES: Final = frozenset(map(int, NotificationState))


def notification_to_proto(notification: Notification) -> run_pb2.Notification:
    """A notification as its message."""
    return fit(
        run_pb2.Notification,
        observer=notification.observer,
        event=int(notification.event),
        change=notification.change,
        state=int(notification.state),
        tries=notification.tries,
        reason=kept_chars(notification.reason, MAX_REASON_CHARS),
        time=timestamp_to_proto(notification.time_ns),
    )


def is_known(message: run_pb2.Notification) -> bool:
    """Whether a notification is of an event, and in a state, that are known here."""
    return int(message.event) in _EVENTS and int(message.state) in _STATES


def notification_from_proto(message: run_pb2.Notification) -> Notification:
    """A notification from its message."""
    return Notification(
        observer=message.observer,
        event=ObserverEvent(message.event),
        change=message.change,
        state=NotificationState(message.state),
        tries=message.tries,
        reason=message.reason,
        time_ns=timestamp_from_proto(message.time),
    )
