"""What people type, parsed: users, iterations, durations, addresses, rates.

Rule: each reader takes the text and returns the value, or raises ValueError with a message that
says what is wrong and what is accepted; bounds of options are those of their kind.
"""

from __future__ import annotations

import math
import os
import re
from enum import IntEnum
from typing import Any, Final, Generic, TypeVar

import click

from loadgrpc.cli.spans import age, seconds, wait
from loadgrpc.model import LIMITS, MAX_LIMIT, Parameter, Wait, WeightedTest, hyphened
from loadgrpc.protocol import kinds

T = TypeVar("T")

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_BETWEEN: Final = re.compile(r",(?=\s*[A-Za-z./])(?![^\[]*\])")
"""A comma before another name: those of `faker>=20,<30` and `httpx[http2,socks]` are not."""
_ONE_REQUIREMENT: Final = re.compile(r"[;@]|://")
"""A marker or a URL, which may have commas in it."""
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(B|kB|MB|GB|TB)?")
_UNIT_BYTES: Final = {None: 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
MAX_WEIGHT: Final = 1_000
"""Of one of several tests."""
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.%a-z]+\]|[^\s:/\[\]]+")
MAX_PORT: Final = 65_535


def count(text: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
    return int(text)


def counts(text: str, kind: kinds.CountsKind) -> tuple[int, ...]:
    """Whole numbers: `10`, `10:20:30`."""
    try:
        found = tuple(count(part, 1, kind.most) for part in text.split(":"))
    except ValueError as error:
        raise ValueError(f"{error}; expected {kind.what}") from None
    if len(found) > kind.entries:
        raise ValueError(f"{len(found)} numbers are more than {kind.entries}")
    if kind.total is not None and sum(found) > kind.total:
        raise ValueError(f"{text!r} sums to more than {kind.total}")
    return found


def size(text: str) -> int:
    """Bytes: `500MB`, `1.5GB`, `4096`."""
    if not (match := _SIZE.fullmatch(text)):
        raise ValueError(f"{text!r} is not a size; expected 4096, 500MB, 1.5GB or 2TB")
    return round(float(match[1]) * _UNIT_BYTES[match[2]])


def rate(text: str) -> float:
    """A rate a second, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError(
            f"{text!r} is not a number, 0 or more; expected users per second, such as 5"
        )
    return value


def address(text: str, *, least_port: int = 1) -> str:
    """`HOST:PORT`, the host a name, an IPv4 address or a bracketed IPv6 one."""
    if "://" in text:
        raise ValueError(
            f"{text!r} is not HOST:PORT: addresses of brokers have no scheme, and there is no "
            "ZeroMQ; expected an address such as 127.0.0.1:7979"
        )
    host, colon, port = text.rpartition(":")
    if not colon or not _HOST.fullmatch(host):
        raise ValueError(f"{text!r} is not HOST:PORT; expected an address such as 127.0.0.1:7979")
    try:
        count(port, least_port, MAX_PORT)
    except ValueError:
        raise ValueError(
            f"{text!r} has no port from {least_port} to {MAX_PORT}; "
            "expected an address such as 127.0.0.1:7979"
        ) from None
    return text


def is_loopback(host_port: str) -> bool:
    """Whether an address can be reached from this machine only. Names are not looked up."""
    import ipaddress  # noqa: PLC0415 - only brokers ask

    host = host_port.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url(text: str) -> str:
    """A server's URL."""
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme or not rest:
        shown = f"***@{text.rpartition('@')[2]}" if "@" in text else text
        raise ValueError(f"{shown!r} is not a URL; expected one such as http://127.0.0.1:8000")
    return text


def variable(text: str) -> tuple[str, str]:
    """A variable: `NAME=VALUE`, or `NAME`, which has its value from here."""
    name, equals, value = text.partition("=")
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"{name!r} is not a name; expected NAME=VALUE, or NAME")
    if equals:
        return name, value
    if name not in os.environ:
        raise ValueError(f"the variable {name} is not set here; expected {name}=VALUE")
    return name, os.environ[name]


def parameter(text: str) -> Parameter:
    """A parameter of a test: `NAME=VALUE`, or `NAME`, which has its value from the environment."""
    return Parameter(*variable(text))


def limit(text: str) -> tuple[str, int]:
    """A limit of a broker: `requests=200/s`, `watches=50`."""
    name, _, value = text.partition("=")
    if (row := LIMITS.get(name)) is None:
        known = ", ".join(LIMITS)
        raise ValueError(f"{name!r} is none of {known}; expected one such as requests=200/s")
    try:
        return name, count(value.removesuffix("/s") if row.per_s else value, row.least, MAX_LIMIT)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a whole number from {row.least} to {MAX_LIMIT}; expected"
            f" {name}={row.shown(row.default)}, which is the default"
        ) from None


def printable(text: str, most: int) -> str:
    """A text of at most N characters that can be shown as it is."""
    if len(text) > most:
        raise ValueError(f"it has {len(text):,} characters; expected at most {most:,}")
    if not text.isprintable():
        raise ValueError(f"{text!r} has characters that cannot be printed")
    return text


def weighted(text: str) -> WeightedTest:
    """One of several tests: `TEST=WEIGHT`, or `TEST`, whose weight is 1.

    Raises:
        ValueError: the weight is out of range.
    """
    test, equals, weight = text.rpartition("=")
    if not equals or not weight.isdecimal() or "." not in test:
        return WeightedTest(text)
    return WeightedTest(test, count(weight, 1, MAX_WEIGHT))


def requirements(text: str, most: int) -> tuple[str, ...]:
    """Requirements of pip: `faker`, `faker>=20,<30`, `./my.whl`, or several: `faker,rich>=13`."""
    several = not _ONE_REQUIREMENT.search(text)
    found = tuple(each.strip() for each in (_BETWEEN.split(text) if several else [text]))
    for each in found:
        if not each:
            raise ValueError(f"{text!r} has an empty requirement in it")
        if each.startswith("-"):
            raise ValueError(
                f"{each!r} is an option of pip: set those in the environment of the agents, such as"
                " PIP_INDEX_URL"
            )
        printable(each, most)
    return found


class Value(click.ParamType, Generic[T]):  # type: ignore[type-arg]  # generic in new clicks only
    """A parameter that is read by one of the functions above."""

    meaning = ""
    """What a missing parameter should have been."""

    def read(self, text: str) -> T:
        """The value of the text, or ValueError."""
        raise NotImplementedError

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> T | Any:
        """The value; defaults are values already."""
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Counts(Value[tuple[int, ...]]):
    """See `counts`."""

    name = "N[:N...]"
    joined = ":"
    """What stands between numbers of a list that a configuration has."""

    def __init__(self, kind: kinds.CountsKind) -> None:
        self.kind = kind

    def read(self, text: str) -> tuple[int, ...]:
        """See Value."""
        return counts(text, self.kind)


class Count(Value[int]):
    """See `count`."""

    name = "N"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def read(self, text: str) -> int:
        """See Value."""
        return count(text, self.least, self.most)


class Percent(Count):
    """A share in percent, with its sign or without."""

    name = "PERCENT"

    def read(self, text: str) -> int:
        """See Value."""
        return super().read(text.strip().removesuffix("%").rstrip())


class Size(Value[int]):
    """See `size`."""

    name = "SIZE"

    def read(self, text: str) -> int:
        """See Value."""
        return size(text)


class Seconds(Value[float]):
    """See `seconds`."""

    name = "TIME"

    def __init__(self, most: float, *, zero: bool = False) -> None:
        self.most, self.zero = most, zero

    def read(self, text: str) -> float:
        """See Value."""
        return seconds(text, most=self.most, zero=self.zero)


class WaitValue(Value[Wait]):
    """See `wait`."""

    name = "WAIT"

    def read(self, text: str) -> Wait:
        """See Value."""
        return wait(text)


class Age(Seconds):
    """See `age`."""

    def read(self, text: str) -> float:
        """See Value."""
        return age(text, most=self.most)


class Rate(Value[float]):
    """See `rate`."""

    name = "N"

    def read(self, text: str) -> float:
        """See Value."""
        return rate(text)


class Address(Value[str]):
    """See `address`."""

    name = "HOST:PORT"

    def __init__(self, least_port: int = 1) -> None:
        self.least_port = least_port

    def read(self, text: str) -> str:
        """See Value."""
        return address(text, least_port=self.least_port)


class Url(Value[str]):
    """See `url`."""

    name = "URL"

    def read(self, text: str) -> str:
        """See Value."""
        return url(text)


class LimitValue(Value[tuple[str, int]]):
    """See `limit`."""

    name = "NAME=N"

    def read(self, text: str) -> tuple[str, int]:
        """See Value."""
        return limit(text)


class Printable(Value[str]):
    """See `printable`."""

    name = "TEXT"

    def __init__(self, most: int) -> None:
        self.most = most

    def read(self, text: str) -> str:
        """See Value."""
        return printable(text, self.most)


class Variable(Value[tuple[str, str]]):
    """See `variable`."""

    name = "NAME[=VALUE]"

    def read(self, text: str) -> tuple[str, str]:
        """See Value."""
        return variable(text)


class Given(Value[Parameter]):
    """See `parameter`."""

    name = "NAME[=VALUE]"

    def read(self, text: str) -> Parameter:
        """See Value."""
        return parameter(text)


class TestName(Value[str]):
    """A test, and its weight among several: see `weighted`."""

    __test__ = False  # not a test, whatever pytest thinks of its name
    name = "TEST"

    def read(self, text: str) -> str:
        """See Value."""
        weighted(text)
        return text

    def split_envvar_value(self, rv: str) -> list[str]:
        """Of a variable, each line names one: a file may have blanks in its name."""
        return [each.strip() for each in rv.splitlines() if each.strip()]


class Requirements(Value[tuple[str, ...]]):
    """See `requirements`."""

    name = "REQUIREMENT"

    def __init__(self, kind: kinds.RequirementsKind) -> None:
        self.most = kind.chars

    def read(self, text: str) -> tuple[str, ...]:
        """See Value."""
        return requirements(text, self.most)


class EnumValue(Value[IntEnum]):
    """One of the values of an enum."""

    name = "WORD"

    def __init__(self, kind: kinds.ChoiceKind) -> None:
        self.words = kind.words

    def read(self, text: str) -> IntEnum:
        """See Value. Case and underscores do not matter."""
        word = hyphened(text)
        if word not in self.words:
            raise ValueError(f"{text!r} is none of {', '.join(self.words)}")
        return self.words[word]
