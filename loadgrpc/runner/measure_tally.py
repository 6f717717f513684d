"""What a user process has counted of a measure of one name, and not yet handed over.

Rule: to measure costs a look-up and an addition. All of one kind and name since the last report
is one event, which is counted as produced when the first of it happens, so that its loss is known;
one that is full is reported at once. Standard library only: user processes load it.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from loadgrpc.protocol.bounds import MAX_MEASURED
from loadgrpc.v1 import event_pb2

MAX_COUNT: Final = 2**31
"""Of one thing in one event: the field holds twice as many."""


class MeasureTally(Protocol):
    """See the module."""

    def __init__(self, name: str) -> None: ...

    def add(self, value: Any, /) -> bool:
        """Something was measured; whether it is full."""

    def put(self, event: event_pb2.Event) -> None:
        """Fills in an event with all that was counted."""


class CheckTally:
    """Of a condition."""

    __slots__ = ("_failed", "_name", "_passed")

    def __init__(self, name: str) -> None:
        self._name = name
        self._passed = self._failed = 0

    def add(self, held: bool, /) -> bool:  # noqa: FBT001 - as all tallies
        """See MeasureTally."""
        if held:
            self._passed += 1
        else:
            self._failed += 1
        return self._passed >= MAX_COUNT or self._failed >= MAX_COUNT

    def put(self, event: event_pb2.Event) -> None:
        """See MeasureTally."""
        event.check.name = self._name
        event.check.passed = self._passed
        event.check.failed = self._failed


class TransactionTally:
    """Of transactions."""

    __slots__ = ("_elapsed_ns", "_failed", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._failed = 0
        self._elapsed_ns: dict[int, int] = {}

    def add(self, elapsed_ns: int | None, /) -> bool:
        """See MeasureTally. None: it failed."""
        if elapsed_ns is None:
            self._failed += 1
            return self._failed >= MAX_COUNT
        return _counted(self._elapsed_ns, elapsed_ns)

    def put(self, event: event_pb2.Event) -> None:
        """See MeasureTally."""
        made = event.transaction
        made.name = self._name
        made.failed = self._failed
        made.elapsed_ns.extend(self._elapsed_ns)
        _put_counts(made.counts, self._elapsed_ns)


class MeasurementTally:
    """Of the values of a metric."""

    __slots__ = ("_name", "_values")

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[float, int] = {}

    def add(self, value: float, /) -> bool:
        """See MeasureTally."""
        return _counted(self._values, value)

    def put(self, event: event_pb2.Event) -> None:
        """See MeasureTally."""
        made = event.measurement
        made.name = self._name
        made.values.extend(self._values)
        _put_counts(made.counts, self._values)


class GaugeTally:
    """Of a level."""

    __slots__ = ("_last", "_max", "_min", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: float | None = None
        self._min = self._max = 0.0

    def add(self, value: float, /) -> bool:
        """See MeasureTally."""
        if self._last is None:
            self._min = self._max = value
        elif value < self._min:
            self._min = value
        elif value > self._max:
            self._max = value
        self._last = value
        return False

    def put(self, event: event_pb2.Event) -> None:
        """See MeasureTally."""
        event.gauge.name = self._name
        event.gauge.value = self._last or 0.0
        event.gauge.min = self._min
        event.gauge.max = self._max


def _counted(counts: dict[Any, int], value: float) -> bool:
    """Counts a value; whether there is no room for more."""
    counts[value] = count = counts.get(value, 0) + 1
    return count >= MAX_COUNT or len(counts) >= MAX_MEASURED


def _put_counts(field: Any, counts: dict[Any, int]) -> None:
    if any(count > 1 for count in counts.values()):
        field.extend(counts.values())
