"""Hits and iterations as columns, as event.proto describes them.

Rule: pure, and the bytes follow from the entries: a batch that is sent again is the same.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from moments import timestamp

from loadgrpc.v1 import event_pb2

Value = TypeVar("Value")
TEXTS = ("type", "message", "traceback")
WIDTHS = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32), ("Q", 1 << 64))


class Hit(NamedTuple):
    """One request; see `Hit` in event.proto."""

    end_ns: int
    elapsed_ns: int
    name: str
    url: str
    method: str
    status: int = 0
    error: event_pb2.HitError = event_pb2.HIT_ERROR_UNSPECIFIED
    error_message: str = ""
    first_byte_ns: int = 0
    connect_ns: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    user: int = 0
    iteration: int = 0


class Iteration(NamedTuple):
    """One whole iteration; see `TestBlock` in event.proto."""

    end_ns: int
    elapsed_ns: int
    outcome: event_pb2.TestOutcome
    exception: tuple[str, str, str] | None = None
    """Type, message and traceback."""
    user: int = 0
    iteration: int = 0


def hit_block(hits: Sequence[Hit], status: event_pb2.LoadStatus) -> event_pb2.HitBlock:
    """Some hits of one cycle."""
    base_ns = min(hit.end_ns - hit.elapsed_ns for hit in hits)
    labels = numbered(label_of(hit) for hit in hits)
    urls = numbered(hit.url for hit in hits if hit.url != hit.name)
    return event_pb2.HitBlock(
        count=len(hits),
        base_time=timestamp(base_ns),
        status=status,
        labels=[
            event_pb2.HitLabel(
                name=name, method=method, status=code, error=error, error_message=why
            )
            for name, method, code, error, why in labels
        ],
        label=column(labels[label_of(hit)] for hit in hits),
        start_ns=column(hit.end_ns - hit.elapsed_ns - base_ns for hit in hits),
        elapsed_ns=column(hit.elapsed_ns for hit in hits),
        first_byte_ns=column(hit.first_byte_ns for hit in hits),
        connect_ns=column(hit.connect_ns for hit in hits),
        bytes_sent=column(hit.bytes_sent for hit in hits),
        bytes_received=column(hit.bytes_received for hit in hits),
        user=column(hit.user for hit in hits),
        iteration=column(hit.iteration for hit in hits),
        urls=list(urls),
        url=column(urls.get(hit.url, -1) + 1 for hit in hits),
    )


def test_block(
    iterations: Sequence[Iteration], status: event_pb2.LoadStatus, test: str
) -> event_pb2.TestBlock:
    """Some iterations of one cycle."""
    base_ns = min(one.end_ns - one.elapsed_ns for one in iterations)
    labels = numbered((one.outcome, one.exception) for one in iterations)
    return event_pb2.TestBlock(
        count=len(iterations),
        base_time=timestamp(base_ns),
        status=status,
        labels=[
            event_pb2.TestLabel(
                test=test,
                outcome=outcome,
                exception=exception
                and event_pb2.ExceptionInfo(**dict(zip(TEXTS, exception, strict=True))),
            )
            for outcome, exception in labels
        ],
        label=column(labels[one.outcome, one.exception] for one in iterations),
        start_ns=column(one.end_ns - one.elapsed_ns - base_ns for one in iterations),
        elapsed_ns=column(one.elapsed_ns for one in iterations),
        user=column(one.user for one in iterations),
        iteration=column(one.iteration for one in iterations),
    )


def label_of(hit: Hit) -> tuple[str, str, int, event_pb2.HitError, str]:
    """What it has in common with others."""
    return hit.name, hit.method, hit.status, hit.error, hit.error_message


def numbered(values: Iterable[Value]) -> dict[Value, int]:
    """Different values, with their numbers from 0 as they come."""
    return {value: number for number, value in enumerate(dict.fromkeys(values))}


def column(values: Iterable[int]) -> bytes:
    """Numbers in the fewest bytes that hold the greatest of them; nothing, if all are 0."""
    numbers = list(values)
    greatest = max(numbers)
    if greatest == 0:
        return b""
    packed = array(next(code for code, bound in WIDTHS if greatest < bound), numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
