"""Dates and durations: messages to numbers and back."""

from __future__ import annotations

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message

from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bound

MAX_NS = 2**63 - 1
"""Of what is measured: a moment up to 2262, a duration likewise."""
_FIRST_NS = -62_135_596_800 * NS_PER_S
_LAST_NS = 253_402_300_800 * NS_PER_S - 1
"""Timestamps are of the years 1 to 9999, by the rule of protobuf."""
_MOST_NS = 315_576_000_000 * NS_PER_S
"""Durations are of 10,000 years at most."""


def timestamp_to_proto(wall_ns: int) -> timestamp_pb2.Timestamp:
    """Wall-clock nanoseconds as a Timestamp; values out of range become its limits."""
    wall_ns = max(_FIRST_NS, min(_LAST_NS, wall_ns))
    return timestamp_pb2.Timestamp(seconds=wall_ns // NS_PER_S, nanos=wall_ns % NS_PER_S)


def timestamp_from_proto(message: timestamp_pb2.Timestamp) -> int:
    """A Timestamp as wall-clock nanoseconds."""
    return message.seconds * NS_PER_S + message.nanos


def duration_to_proto(duration_ns: int) -> duration_pb2.Duration:
    """Nanoseconds, not negative, as a Duration; values out of range become its limits."""
    duration_ns = max(0, min(_MOST_NS, duration_ns))
    return duration_pb2.Duration(seconds=duration_ns // NS_PER_S, nanos=duration_ns % NS_PER_S)


def duration_from_proto(message: duration_pb2.Duration) -> int:
    """A Duration as nanoseconds."""
    return message.seconds * NS_PER_S + message.nanos


def signed_to_proto(duration_ns: int) -> duration_pb2.Duration:
    """Nanoseconds, which may be negative, as a Duration; values out of range become its limits."""
    message = duration_pb2.Duration()
    message.FromNanoseconds(max(-_MOST_NS, min(_MOST_NS, duration_ns)))
    return message


def signed_from_proto(message: duration_pb2.Duration) -> int:
    """A Duration, which may be negative, as nanoseconds."""
    return message.seconds * NS_PER_S + message.nanos


def seconds_to_proto(seconds: float) -> duration_pb2.Duration:
    """Seconds as a Duration."""
    return duration_to_proto(round(seconds * NS_PER_S))


def seconds_from_proto(message: duration_pb2.Duration) -> float:
    """A Duration as seconds."""
    return duration_from_proto(message) / NS_PER_S


def optional_timestamp(wall_ns: int | None) -> timestamp_pb2.Timestamp | None:
    """Wall-clock nanoseconds, if there are any, as a Timestamp."""
    return None if wall_ns is None else timestamp_to_proto(wall_ns)


def time_or_none(message: Message, field: str) -> int | None:
    """A Timestamp of a message as wall-clock nanoseconds, if it is set."""
    return timestamp_from_proto(getattr(message, field)) if message.HasField(field) else None


def moment_ns(name: str, message: timestamp_pb2.Timestamp) -> int:
    """A Timestamp as wall-clock nanoseconds that fit 63 bits.

    Raises:
        InvalidRequest: it is malformed, or not between 1970 and 2262.
    """
    nanos = message.nanos
    if 0 <= nanos < NS_PER_S and 0 <= (wall_ns := message.seconds * NS_PER_S + nanos) <= MAX_NS:
        return wall_ns
    raise InvalidRequest(f"{name} {bound.moment_broken(message)}")


def span_ns(name: str, message: duration_pb2.Duration) -> int:
    """A Duration as nanoseconds that fit 63 bits.

    Raises:
        InvalidRequest: it is malformed, negative, or too long.
    """
    nanos = message.nanos
    if 0 <= nanos < NS_PER_S and 0 <= (span := message.seconds * NS_PER_S + nanos) <= MAX_NS:
        return span
    raise InvalidRequest(f"{name} {bound.span_broken(message, 0, bound.MAX_MOMENT_S)}")
