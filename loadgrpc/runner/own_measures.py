"""What a test measures itself, beside its hits: conditions, transactions, metrics and levels.

Rule: outside of a load run all of it does what the test needs to go on, and records nothing.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any, Final, Protocol, Self

from loadgrpc.clock import Clock
from loadgrpc.model import MAX_MEASUREMENT
from loadgrpc.protocol.bounds import MAX_TAG_CHARS, MAX_TAG_NAME_CHARS, MAX_TAGS
from loadgrpc.runner.expectation import Expectation, JudgedSink
from loadgrpc.runner.judge import is_end_of_user
from loadgrpc.runner.measure_tally import (
    CheckTally,
    GaugeTally,
    MeasurementTally,
    MeasureTally,
    TransactionTally,
)


class MeasureSink(JudgedSink, Protocol):
    """Where the measures of a user are recorded."""

    @property
    def clock(self) -> Clock:
        """The clock that transactions are measured by."""

    def measure(self, kind: type[MeasureTally], name: str, value: Any, /) -> None:
        """Something was measured."""

    def tag(self, tags: tuple[tuple[str, str], ...], /) -> None:
        """Hits have these tags from now on."""


class TagBlock:
    """Tags of a user; as a block, until its end."""

    __slots__ = ("_before", "_case")

    def __init__(self, case: OwnMeasures, before: dict[str, str]) -> None:
        self._case = case
        self._before = before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._case._set_tags(self._before)  # noqa: SLF001 - of the same file


class TransactionBlock:
    """A part of an iteration that is measured as a whole."""

    __slots__ = ("_name", "_sink", "_start_ns")

    def __init__(self, sink: MeasureSink | None, name: str) -> None:
        self._sink = sink
        self._name = name
        self._start_ns = 0

    def __enter__(self) -> Self:
        if self._sink is not None:
            self._start_ns = self._sink.clock.monotonic_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sink = self._sink
        if sink is None or (error is not None and is_end_of_user(error)):
            return
        elapsed_ns = sink.clock.monotonic_ns() - self._start_ns
        sink.measure(TransactionTally, self._name, elapsed_ns if error is None else None)


class OwnMeasures:
    """The part of a TestCase with these methods."""

    load_reporter: Any
    """A MeasureSink. None: it is not in a load run."""

    def check(self, condition: object, name: str) -> bool:
        """Count whether a condition holds, under a name; the test goes on either way.

        Args:
            condition: Whatever is true or false.
            name: What is checked, such as "has a price". Without what differs from call to call:
                a run distinguishes 100 names, and counts the others together.

        Returns:
            Whether it holds.

        Raises:
            ValueError: there is no name.
        """
        held = bool(condition)
        _need_name("check", name)
        if self.load_reporter is not None:
            self.load_reporter.measure(CheckTally, str(name), held)
        return held

    def group(self, name: str) -> TransactionBlock:
        """A transaction: `with self.group("checkout"):` measures the block as a whole.

        The requests in it are hits as ever, and the transaction is not one. It has failed if an
        exception leaves it; times are those of the others.

        Raises:
            ValueError: there is no name.
        """
        _need_name("group", name)
        return TransactionBlock(self.load_reporter, str(name))

    def record(self, name: str, value: float) -> None:
        """Record a value of a metric: the run's summary shows how its values are distributed.

        Args:
            name: The metric. A run distinguishes 100 names.
            value: From 0 to 1e12, in whatever unit; what is finer than a millionth is rounded.

        Raises:
            ValueError: there is no name, or it is no such value.
        """
        _need_name("record", name)
        number = float(value)
        if not 0 <= number <= MAX_MEASUREMENT:
            raise ValueError(f"{name}: a value is from 0 to {MAX_MEASUREMENT:g}, not {value!r}")
        if self.load_reporter is not None:
            self.load_reporter.measure(MeasurementTally, str(name), number)

    def gauge(self, name: str, value: float) -> None:
        """Report the level of something: the summary shows the last, the lowest and the highest.

        Args:
            name: What it is the level of. A run distinguishes 100 names.
            value: The level, any finite number.

        Raises:
            ValueError: there is no name, or the value is not finite.
        """
        _need_name("gauge", name)
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{name}: a level is a finite number, not {value!r}")
        if self.load_reporter is not None:
            self.load_reporter.measure(GaugeTally, str(name), number)

    def tag(self, **tags: object) -> TagBlock:
        """Tag the user's hits from now on: `self.tag(region="eu")`; None takes a tag off.

        As a block, `with self.tag(region="eu"):`, until its end.

        Args:
            tags: At most 8 at a time: names of at most 32 characters, and values whose `str()` has
                at most 64. A run distinguishes 50 sets of tags, and counts the others together.

        Raises:
            ValueError: there are too many, or one is too long.
        """
        before: dict[str, str] = vars(self).get("_tags", {})
        after = {**before, **{name: str(each) for name, each in tags.items() if each is not None}}
        for name, value in tags.items():
            if value is None:
                after.pop(name, None)
        if len(after) > MAX_TAGS:
            raise ValueError(f"{len(after)} tags are too many: at most {MAX_TAGS} may be")
        for name, value in after.items():
            if len(name) > MAX_TAG_NAME_CHARS or len(value) > MAX_TAG_CHARS:
                most = f"{MAX_TAG_NAME_CHARS} and {MAX_TAG_CHARS} characters"
                raise ValueError(f"the tag {name}={value} is too long: {most} may be")
        self._set_tags(after)
        return TagBlock(self, before)

    def _set_tags(self, tags: dict[str, str]) -> None:
        vars(self)["_tags"] = tags
        if self.load_reporter is not None:
            self.load_reporter.tag(tuple(sorted(tags.items())))

    def expect(self, status: object = None, *, within: float | None = None) -> Expectation:
        """A block in which the test says which hits have failed: `with self.expect(status=404):`.

        Args:
            status: The statuses that are expected: a number or several, such as `(200, 404)` or
                `range(200, 300)`; any other makes a failed hit. A redirect that is followed is as
                expected unless a redirect is. None: any below 400.
            within: How long a hit may take, in seconds; a slower one has failed.

        Returns:
            What `as` names: its `fail(reason)` says that the last hit of the block has failed, and
            `ok()` that it has not. They are in time until the next hit, or the end of the block.

        Raises:
            ValueError: no status is expected, or no time is allowed.
            TypeError: a status is no number.
        """
        return Expectation(self.load_reporter, status, within)


_NAMELESS: Final = (None, "")


def _need_name(what: str, name: object) -> None:
    if name in _NAMELESS:
        raise ValueError(f"self.{what}() needs a name")
