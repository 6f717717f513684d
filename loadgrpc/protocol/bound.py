"""What a bound of a field is: each kind, how a value breaks it, and how it is written.

Rule: pure. The table of all fields and their bounds is `bounds.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

KIB: Final = 1 << 10
MIB: Final = 1 << 20
MAX_MOMENT_S: Final = (2**63 - 1) // 10**9
"""Of a Timestamp since 1970: nanoseconds up to there fit 63 bits."""
MAX_NANOS: Final = 999_999_999
MAX_NAME_CHARS: Final = 256
MAX_ID_CHARS: Final = 128


@dataclass(frozen=True)
class Text:
    """A string of at most N characters, without NUL; a longer one is rejected.

    `bytes`: and of at most this many bytes of UTF-8; 0: four for each character.
    """

    chars: int
    bytes: int = 0

    def __str__(self) -> str:
        and_bytes = f" and {self.bytes:,} bytes" if self.bytes else ""
        return f"at most {self.chars:,} characters{and_bytes}, without NUL"


@dataclass(frozen=True)
class Name:
    """A string of which N characters are kept; a longer one ends in a hash of the whole."""

    chars: int = MAX_NAME_CHARS

    def __str__(self) -> str:
        return f"{self.chars:,} characters are kept; a longer one ends in a hash of the whole"


@dataclass(frozen=True)
class Kept:
    """A string of which the first N bytes, or characters, are kept."""

    most: int
    unit: str = "bytes"

    def __str__(self) -> str:
        return (
            f"{_size(self.most) if self.unit == 'bytes' else f'{self.most:,} characters'} are kept"
        )


@dataclass(frozen=True)
class Many:
    """A list of at most N entries; a longer one is rejected. `of`: the bound of its strings."""

    most: int
    of: Text | None = None

    def __str__(self) -> str:
        return f"at most {self.most:,} entries" + (f", each {self.of}" if self.of else "")


@dataclass(frozen=True)
class Blob:
    """Bytes, at most N."""

    most: int

    def __str__(self) -> str:
        return f"at most {_size(self.most)}"


@dataclass(frozen=True)
class Span:
    """A Duration between two bounds in seconds, with normalised nanos of the same sign."""

    least_s: float
    most_s: float

    def __str__(self) -> str:
        return f"from {_seconds(self.least_s)} to {_seconds(self.most_s)}, well-formed"


@dataclass(frozen=True)
class Moment:
    """A Timestamp from 1970 to 2262, nanos from 0 and below a second."""

    def __str__(self) -> str:
        return "from 1970 to 2262, well-formed"


@dataclass(frozen=True)
class OfBatch:
    """What only its batch bounds: its bytes, its entries, its rows, labels, URLs and cases."""

    def __str__(self) -> str:
        return "as its batch"


ID: Final = Text(MAX_ID_CHARS)
"""Of whatever has a name in a broker."""

Bound = Text | Name | Kept | Many | Blob | Span | Moment | OfBatch


def broken(rule: Bound, value: Any) -> str:
    """How a value breaks its bound, as text; empty: it does not."""
    match rule:
        case Text():
            return _text_broken(rule, value)
        case Many(most):
            return f"has more than {most:,} entries" if len(value) > most else ""
        case Blob(most):
            return f"has {len(value)} bytes, more than {most}" if len(value) > most else ""
        case Span(least_s, most_s):
            return span_broken(value, least_s, most_s)
        case Moment():
            return moment_broken(value)
    return ""


def _text_broken(rule: Text, value: str) -> str:
    if len(value) > rule.chars:
        return f"has more than {rule.chars:,} characters"
    if rule.bytes and len(value.encode()) > rule.bytes:
        return f"has more than {rule.bytes:,} bytes"
    return "has a NUL in it" if "\0" in value else ""


def span_broken(value: Any, least_s: float, most_s: float) -> str:
    """What is wrong with a Duration, as text; empty: nothing."""
    seconds, nanos = value.seconds, value.nanos
    if not -MAX_NANOS <= nanos <= MAX_NANOS or seconds * nanos < 0:
        return "is malformed: nanos are below a second and have the sign of the seconds"
    if least_s <= seconds + nanos / 1e9 <= most_s:
        return ""
    return f"must be from {_seconds(least_s)} to {_seconds(most_s)}"


def moment_broken(value: Any) -> str:
    """What is wrong with a Timestamp, as text; empty: nothing."""
    if not 0 <= value.nanos <= MAX_NANOS:
        return "is malformed: nanos are from 0 and below a second"
    return "" if 0 <= value.seconds < MAX_MOMENT_S else "is not between 1970 and 2262"


def _size(count: int) -> str:
    for unit, of in (("MiB", MIB), ("KiB", KIB)):
        if count % of == 0:
            return f"{count // of:,} {unit}"
    return f"{count:,} bytes"


def _seconds(seconds: float) -> str:
    for unit, of in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * of and seconds % of == 0 and seconds < 366 * 86_400:
            return f"{seconds / of:,.0f} {unit}"
    return f"{seconds:,.0f} s"
