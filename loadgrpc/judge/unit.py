"""What values of thresholds are measured in: times, shares, numbers, and numbers per second.

Rule: values are fractions, so that a limit means the decimal number it is written as. Times are in
nanoseconds and shares in percent while they are compared.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final

NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
"""Units of times, in nanoseconds."""
_FEW_DIGITS: Final = 4


class Unit(Enum):
    """What a value is measured in; its value is what is written after it."""

    TIME = "s"
    SHARE = "%"
    NUMBER = ""
    PER_SECOND = "/s"


def shown(value: Fraction, unit: Unit) -> str:
    """A value as people read it: `412 ms`, `1.3%`, `451.2/s`."""
    if unit is not Unit.TIME:
        return f"{_number(value)}{unit.value}"
    size = abs(value)
    name = next((each for each in ("s", "ms", "us") if size >= NS[each]), "ns")
    return f"{_number(value / NS[name])} {name}"


def published(value: Fraction, unit: Unit) -> float:
    """A value as documents have it: times in seconds, shares in percent."""
    return float(value / NS["s"] if unit is Unit.TIME else value)


def exact(text: str) -> Fraction:
    """The decimal number that is written."""
    return Fraction(Decimal(text))


def span(seconds: int) -> str:
    """A whole number of seconds as people say it: `30 seconds`, `1 minute`."""
    for length, name in ((3_600, "hour"), (60, "minute")):
        if seconds % length == 0 and seconds:
            count = seconds // length
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def _number(value: Fraction) -> str:
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value.numerator)
    text = f"{float(value):.{_FEW_DIGITS}g}"
    return f"{float(text):g}" if "e" not in text else f"{float(value):.0f}"
