"""What runners report of measures beside hits, from its messages.

Rule: a message that breaks a rule of event.proto is refused as a whole, and the sentence says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import MAX_MEASUREMENT
from loadgrpc.protocol import bounds
from loadgrpc.protocol.decoded import Measured
from loadgrpc.protocol.short_names import short_name
from loadgrpc.protocol.times import MAX_NS
from loadgrpc.stats.measures import (
    MILLIONTHS,
    CheckStats,
    GaugeStats,
    MeasurementStats,
    MeasureStats,
    TransactionStats,
)
from loadgrpc.v1 import event_pb2


def read_measure(kind: str, message: Any, time_ns: int) -> Measured:
    """What a runner reports of a measure at a time; `kind` is the field of the event.

    Raises:
        InvalidRequest: it breaks a rule of event.proto.
    """
    if not message.name:
        raise InvalidRequest("needs a name")
    bounds.check(message)
    return Measured(kind, short_name(message.name), _READERS[kind](message, time_ns), time_ns)


def _check(message: event_pb2.Check, _: int) -> MeasureStats:
    if not (message.passed or message.failed):
        raise InvalidRequest("counts nothing")
    return CheckStats(message.passed, message.failed)


def _transaction(message: event_pb2.Transaction, _: int) -> MeasureStats:
    if not (message.elapsed_ns or message.failed or message.counts):
        raise InvalidRequest("counts nothing")
    stats = TransactionStats(message.failed)
    counts = _counts("elapsed_ns", len(message.elapsed_ns), message.counts)
    if len(counts):
        if max(message.elapsed_ns) > MAX_NS:
            raise InvalidRequest(f"an elapsed_ns is over {MAX_NS}")
        stats.elapsed.add_counted(np.array(message.elapsed_ns, np.int64), counts)
    return stats


def _measurement(message: event_pb2.Measurement, _: int) -> MeasureStats:
    counts = _counts("values", len(message.values), message.counts)
    if not len(counts):
        raise InvalidRequest("has no values")
    values = np.array(message.values, np.float64)
    if not ((values >= 0) & (values <= MAX_MEASUREMENT)).all():  # nor is what is not a number
        raise InvalidRequest(f"a value is not from 0 to {MAX_MEASUREMENT:g}")
    stats = MeasurementStats(whole=bool((values == np.rint(values)).all()))
    stats.millionths.add_counted(np.rint(values * MILLIONTHS).astype(np.int64), counts)
    return stats


def _gauge(message: event_pb2.Gauge, time_ns: int) -> MeasureStats:
    value = message.value
    low = message.min if message.HasField("min") else value
    high = message.max if message.HasField("max") else value
    if not (math.isfinite(low) and math.isfinite(high) and low <= value <= high):
        raise InvalidRequest("value is not finite, or not between min and max")
    return GaugeStats(value, time_ns, low, high)


def _counts(what: str, values: int, counts: Sequence[int]) -> NDArray[np.int64]:
    """How often each of some values occurred."""
    if not counts:
        return np.ones(values, np.int64)
    if len(counts) != values:
        raise InvalidRequest(f"there are {values} {what}, and {len(counts)} counts")
    found = np.array(counts, np.int64)
    if not found.all():
        raise InvalidRequest("a count is 0")
    return found


_READERS: Final[dict[str, Callable[[Any, int], MeasureStats]]] = {
    "check": _check,
    "transaction": _transaction,
    "measurement": _measurement,
    "gauge": _gauge,
}
MEASURES: Final = frozenset(_READERS)
"""Kinds of events that are measures."""
