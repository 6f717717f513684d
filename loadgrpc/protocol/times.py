"""Dates and durations: messages to numbers and back."""

from __future__ import annotations

from google.protobuf import duration_pb2, timestamp_pb2

NS_PER_S = 1_000_000_000


def timestamp_to_proto(wall_ns: int) -> timestamp_pb2.Timestamp:
    """Wall-clock nanoseconds as a Timestamp."""
    return timestamp_pb2.Timestamp(seconds=wall_ns // NS_PER_S, nanos=wall_ns % NS_PER_S)


def timestamp_from_proto(message: timestamp_pb2.Timestamp) -> int:
    """A Timestamp as wall-clock nanoseconds."""
    return message.seconds * NS_PER_S + message.nanos


def duration_to_proto(duration_ns: int) -> duration_pb2.Duration:
    """Nanoseconds, not negative, as a Duration."""
    return duration_pb2.Duration(seconds=duration_ns // NS_PER_S, nanos=duration_ns % NS_PER_S)


def duration_from_proto(message: duration_pb2.Duration) -> int:
    """A Duration as nanoseconds."""
    return message.seconds * NS_PER_S + message.nanos


def signed_to_proto(duration_ns: int) -> duration_pb2.Duration:
    """Nanoseconds, which may be negative, as a Duration."""
    message = duration_pb2.Duration()
    message.FromNanoseconds(duration_ns)
    return message


def signed_from_proto(message: duration_pb2.Duration) -> int:
    """A Duration, which may be negative, as nanoseconds."""
    return message.ToNanoseconds()


def seconds_to_proto(seconds: float) -> duration_pb2.Duration:
    """Seconds as a Duration."""
    return duration_to_proto(round(seconds * NS_PER_S))


def seconds_from_proto(message: duration_pb2.Duration) -> float:
    """A Duration as seconds."""
    return duration_from_proto(message) / NS_PER_S
