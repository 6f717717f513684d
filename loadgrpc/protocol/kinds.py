"""What the value of a plan's option may be: a count, a time, a choice, and so on.

Rule: a kind knows how a value is written in a message, and what is wrong with one; protobuf is not
imported for that. How people write it is for `cli/values.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import ObserverChoice, ObserverEvent, words_of
from loadgrpc.secrets import (
    MASK,
    is_withheld,
    masked,
    names_secret,
    shown_address,
    shown_variable,
)

DAY_S: Final = 86_400.0
WITHHELD: Final = f"is a secret, or has one in it, and {MASK!r} only stands for it"
"""What is wrong with a plan that was shown or stored, and is asked for again."""
OURS: Final = ("LOADGRPC_", "LOADS_")
"""Prefixes of the variables set for a runner: those of the shell belong to another run."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Kind:
    """The kind of an option's value: its form in a message, and what it may be."""

    suffix: ClassVar[str] = ""
    """Of its name in the model, after the name of the field."""

    def get(self, message: Any, field: str) -> Any:
        """The value in a message; None: it is not set."""
        return getattr(message, field) or None

    def put(self, message: Any, field: str, value: Any) -> None:
        """Sets the value in a message."""
        setattr(message, field, value)

    def wrong(self, value: Any) -> Iterator[tuple[str, str]]:
        """What is wrong with a value: where in it (empty: all of it), and how."""
        del value
        yield from ()

    def shown(self, value: Any) -> Any:
        """A value without the secrets in it."""
        return masked(value)


@dataclass(frozen=True)
class FlagKind(Kind):
    """Set or not."""

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class CountKind(Kind):
    """A whole number; 0: not set."""

    most: int
    least: int = 0
    """For people; in a message 0 is always possible."""

    def wrong(self, value: int) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if value > self.most:
            yield "", f"must be at most {self.most}"

    def __str__(self) -> str:
        return f"{self.least} to {self.most:,}"


@dataclass(frozen=True)
class PercentKind(CountKind):
    """A share, in percent."""

    def __str__(self) -> str:
        return f"{self.least}% to {self.most}%"


@dataclass(frozen=True)
class CountsKind(Kind):
    """A list of whole numbers, each at least 1."""

    most: int
    entries: int
    what: str
    """What its entries are, for people."""
    total: int | None = None
    """What they sum to at most."""

    def get(self, message: Any, field: str) -> tuple[int, ...] | None:
        """See Kind."""
        return tuple(getattr(message, field)) or None

    def put(self, message: Any, field: str, value: tuple[int, ...]) -> None:
        """See Kind."""
        message.ClearField(field)
        getattr(message, field).extend(value)

    def wrong(self, value: tuple[int, ...]) -> Iterator[tuple[str, str]]:
        """See Kind."""
        for at, entry in enumerate(value):
            if not 0 < entry <= self.most:
                yield f"[{at}]", f"must be from 1 to {self.most}"
        if self.total is not None and sum(value) > self.total:
            yield "", f"must sum to at most {self.total}"

    def __str__(self) -> str:
        return f"at most {self.entries}, each 1 to {self.most:,}"


@dataclass(frozen=True)
class SecondsKind(Kind):
    """A time."""

    suffix: ClassVar[str] = "_s"
    most: float
    zero: bool = True
    """Whether 0 means something."""

    def get(self, message: Any, field: str) -> float | None:
        """See Kind."""
        return span_s(getattr(message, field)) if message.HasField(field) else None

    def put(self, message: Any, field: str, value: float) -> None:
        """See Kind."""
        put_span(getattr(message, field), value)

    def wrong(self, value: float) -> Iterator[tuple[str, str]]:
        """See Kind. Its upper bound is in `bounds.py`, with all other times."""
        if not self.zero and value <= 0:
            yield "", "must be more than 0s"

    def __str__(self) -> str:
        days = self.most / DAY_S
        return (
            f"{'0 or more' if self.zero else 'more than 0'}, at most {days:g} day{'s'[: days > 1]}"
        )


def span_s(duration: Any) -> float:
    """A Duration in seconds."""
    return float((duration.seconds * NS_PER_S + duration.nanos) / NS_PER_S)


def put_span(duration: Any, seconds: float) -> None:
    """Sets a Duration to seconds."""
    duration.FromNanoseconds(round(seconds * NS_PER_S))


@dataclass(frozen=True)
class RateKind(Kind):
    """A rate per second."""

    def wrong(self, value: float) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if not 0 <= value < math.inf:
            yield "", "must be a finite number, 0 or more"

    def __str__(self) -> str:
        return "0 or more"


@dataclass(frozen=True)
class ChoiceKind(Kind):
    """One of the values of an enum. In messages they have the name of the field before theirs."""

    of: type[IntEnum]

    def get(self, message: Any, field: str) -> int | None:
        """See Kind. A value that is not known here is a plain number."""
        number: int = getattr(message, field)
        return self.of(number) if number in list(self.of) else number or None

    def wrong(self, value: int) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if not isinstance(value, self.of):
            yield "", "is not known here"

    @property
    def words(self) -> dict[str, IntEnum]:
        """Its values, as people write them."""
        return words_of(self.of)

    def __str__(self) -> str:
        return ", ".join(self.words)


@dataclass(frozen=True)
class TextKind(Kind):
    """A text; empty: not set."""

    chars: int
    printable: bool = False
    """Whether all of it can be shown as it is, on one line."""

    def wrong(self, value: str) -> Iterator[tuple[str, str]]:
        """See Kind. Its longest length is in `bounds.py`."""
        if self.printable and not value.isprintable():
            yield "", "must be of characters that can be printed"

    def __str__(self) -> str:
        return f"at most {self.chars:,} characters"


@dataclass(frozen=True)
class DigestKind(TextKind):
    """A SHA-256, written as hexadecimal digits."""

    def wrong(self, value: str) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if not re.fullmatch("[0-9a-f]{64}", value):
            yield "", "must be a SHA-256 in 64 lower-case hexadecimal characters"


@dataclass(frozen=True)
class TextsKind(Kind):
    """Several texts, each of at most that many characters."""

    chars: int
    entries: int

    def get(self, message: Any, field: str) -> tuple[str, ...] | None:
        """See Kind."""
        return tuple(getattr(message, field)) or None

    def put(self, message: Any, field: str, value: tuple[str, ...]) -> None:
        """See Kind."""
        message.ClearField(field)
        getattr(message, field).extend(value)

    def __str__(self) -> str:
        return f"at most {self.entries}, each at most {self.chars:,} characters"


@dataclass(frozen=True)
class ThresholdsKind(TextsKind):
    """What the results of a run have to meet."""

    def wrong(self, value: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """See Kind. Their longest lengths are in `bounds.py`."""
        from loadgrpc.judge.cursor import BadThreshold  # noqa: PLC0415 - reads windows
        from loadgrpc.judge.grammar import parse  # noqa: PLC0415 - reads windows

        for at, entry in enumerate(value):
            try:
                parse(entry)
            except BadThreshold as error:
                yield f"[{at}]", f"cannot be read: {error}"


@dataclass(frozen=True)
class RequirementsKind(TextsKind):
    """Requirements of pip."""

    def shown(self, value: tuple[str, ...]) -> tuple[str, ...]:
        """See Kind."""
        return tuple(map(masked, value))

    def wrong(self, value: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """See Kind. Their longest lengths are in `bounds.py`."""
        for at, entry in enumerate(value):
            if not entry.strip() or not entry.isprintable():
                yield f"[{at}]", "must be a requirement, of characters that can be printed"
            elif entry.lstrip().startswith("-"):
                detail = "is an option of pip: set those in the environment of the agents"
                yield f"[{at}]", f"{detail}, such as PIP_INDEX_URL"


@dataclass(frozen=True)
class UrlKind(TextKind):
    """The address of a server."""

    def wrong(self, value: str) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if "://" not in value:
            yield "", "must be a URL, such as http://127.0.0.1:8000"
        elif is_withheld(value):
            yield "", WITHHELD

    def __str__(self) -> str:
        return f"a URL of {super().__str__()}"


@dataclass(frozen=True)
class VariablesKind(Kind):
    """Variables of an environment, each a name and a value, sorted."""

    entries: int
    name_chars: int
    value_chars: int

    def get(self, message: Any, field: str) -> tuple[tuple[str, str], ...] | None:
        """See Kind."""
        return tuple(sorted(getattr(message, field).items())) or None

    def put(self, message: Any, field: str, value: tuple[tuple[str, str], ...]) -> None:
        """Sets these variables, and leaves others that are there."""
        getattr(message, field).update(dict(value))

    def wrong(self, value: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
        """See Kind. Nothing is said of what values are. Lengths are in `bounds.py`."""
        for name, each in value:
            if not _VARIABLE.fullmatch(name):
                yield f"[{name!r}]", "is not a name: it needs letters, digits and underscores"
            elif name.startswith(OURS):
                yield f"[{name!r}]", "is a name that loadgrpc sets by itself"
            elif is_withheld(each, secret=names_secret(name)):
                yield f"[{name!r}]", WITHHELD

    def shown(self, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """See Kind."""
        return tuple((name, shown_variable(name, each)) for name, each in value)

    def __str__(self) -> str:
        return f"at most {self.entries:,} of them"


MAX_SETTINGS: Final = 32
MAX_SETTING_NAME_CHARS: Final = 64
MAX_SETTING_CHARS: Final = 2_048
MAX_OBSERVER_NAME_CHARS: Final = 256
MAX_OBSERVER_EVENTS: Final = 16


@dataclass(frozen=True)
class ObserversKind(Kind):
    """Observers, with their settings."""

    most: int

    def get(self, message: Any, field: str) -> tuple[ObserverChoice, ...] | None:
        """See Kind. An event that is not known here is a plain number."""
        known = list(ObserverEvent)
        found = [
            ObserverChoice(
                name=each.name,
                settings=tuple(sorted(each.settings.items())),
                events=tuple(
                    ObserverEvent(event) if event in known else event
                    for event in dict.fromkeys(each.events)
                )
                or (ObserverEvent.END,),
            )
            for each in getattr(message, field)
        ]
        return tuple(found) or None

    def put(self, message: Any, field: str, value: tuple[ObserverChoice, ...]) -> None:
        """See Kind."""
        message.ClearField(field)
        for each in value:
            events = [int(event) for event in each.events]
            getattr(message, field).add(name=each.name, settings=dict(each.settings), events=events)

    def wrong(self, value: tuple[ObserverChoice, ...]) -> Iterator[tuple[str, str]]:
        """See Kind. What each observer has settings for is known to the broker only."""
        for at, each in enumerate(value):
            if not each.name:
                yield f"[{at}].name", "is required"
            elif not each.name.isprintable():
                yield f"[{at}].name", "must be of characters that can be printed"
            if any(not isinstance(event, ObserverEvent) for event in each.events):
                yield f"[{at}].events", "has one that is not known here"
            for name, text in each.settings:
                if not name.isprintable() or not text.isprintable():
                    detail = "must be of characters that can be printed"
                    yield f"[{at}].settings[{name!r}]", detail

    def shown(self, value: tuple[ObserverChoice, ...]) -> tuple[ObserverChoice, ...]:
        """See Kind."""
        return tuple(
            replace(
                each, settings=tuple((name, shown_address(text)) for name, text in each.settings)
            )
            for each in value
        )

    def __str__(self) -> str:
        return f"at most {self.most}, each with `name`, `settings` and `events`"
