"""What a request over HTTP asks for: its query and its body, checked and read.

Rule: a parameter that is not known, or cannot be read, is refused by its name; nothing is guessed.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, TypeVar

from google.protobuf import duration_pb2, json_format, timestamp_pb2
from google.protobuf.message import Message
from starlette.requests import Request

from loadgrpc import verdict
from loadgrpc.dashboard.refusal import TurnedAway, wrong
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import RunState, words_of

M = TypeVar("M", bound=Message)
W = TypeVar("W", timestamp_pb2.Timestamp, duration_pb2.Duration)

MAX_BODY_BYTES: Final = 1 << 20
MAX_BODY_S: Final = 30.0
"""How long one may take to come."""
MAX_QUERY_VALUES: Final = 200
_FLAGS: Final = {"0": False, "false": False, "1": True, "true": True}


class Query:
    """The query of a request, of which only `known` parameters are accepted."""

    def __init__(self, request: Request, *known: str) -> None:
        self._values = request.query_params
        if len(self._values.multi_items()) > MAX_QUERY_VALUES:
            raise wrong("query", f"has more than {MAX_QUERY_VALUES} parameters")
        for name in self._values:
            if name not in known:
                there = f"; there are {', '.join(known)}" if known else ""
                raise wrong(name, f"is not known here{there}")

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        return self._values.get(name, default)

    def texts(self, name: str) -> list[str]:
        """A parameter that may be given several times."""
        return self._values.getlist(name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """0 or 1."""
        if name not in self._values:
            return default
        if (found := _FLAGS.get(self._values[name])) is None:
            raise wrong(name, "must be 0 or 1")
        return found

    def count(self, name: str, default: int, most: int) -> int:
        """A whole number, from 1."""
        text = self._values.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= most):
            raise wrong(name, f"must be a whole number from 1 to {most:,}")
        return int(text)

    def sequence(self, name: str) -> int | None:
        """The number of a change; None: not given."""
        text = self._values.get(name)
        return None if text is None else sequence_of(name, text)

    def number(self, name: str, default: float) -> float:
        """A number."""
        try:
            return float(self._values.get(name, default))
        except ValueError:
            raise wrong(name, "must be a number") from None

    def moment(self, name: str) -> timestamp_pb2.Timestamp | None:
        """A time, such as 2030-01-31T03:00:00Z."""
        return self._read(name, timestamp_pb2.Timestamp(), "a time such as 2030-01-31T03:00:00Z")

    def duration(self, name: str) -> duration_pb2.Duration | None:
        """A time span, such as 10s."""
        return self._read(name, duration_pb2.Duration(), "a number of seconds such as 10s")

    def _read(self, name: str, message: W, what: str) -> W | None:
        if name not in self._values:
            return None
        try:
            message.FromJsonString(self._values[name])
        except ValueError:
            raise wrong(name, f"must be {what}") from None
        return message

    def states(self, name: str) -> list[int]:
        """States of runs, by their names, such as running."""
        words = words_of(RunState)
        return [int(words[_one_of(name, each, words)]) for each in self.texts(name)]

    def exit_codes(self, name: str) -> list[int]:
        """Verdicts, by their names, such as failed."""
        codes = {word: code for code, word in verdict.NAMES.items()}
        return [codes[_one_of(name, each, codes)] for each in self.texts(name)]


def _one_of(name: str, value: str, known: Any) -> str:
    if value not in known:
        raise wrong(name, f"{value[:40]!r} is none of {', '.join(known)}")
    return value


def sequence_of(name: str, text: str) -> int:
    """The number of a change, from 0."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):  # noqa: PLR2004 - 63 bits
        raise wrong(name, "must be the number of a change, from 0")
    return int(text)


async def message_of(request: Request, message: M) -> M:
    """The body of a request, read into an empty message.

    Raises:
        InvalidRequest: it is not the JSON of such a message.
        TurnedAway: it is too large, or does not say that it is JSON.
    """
    try:
        document = json.loads(await _body(request) or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidRequest("the body is not a JSON object")
    try:
        return json_format.ParseDict(document, message)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body cannot be read: {error}") from None


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise TurnedAway(415, "INVALID_ARGUMENT", "NOT_JSON", "the body must be application/json")
    found = bytearray()
    try:
        async with asyncio.timeout(MAX_BODY_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > MAX_BODY_BYTES:
                    too_large = "the body has more than 1 MiB"
                    raise TurnedAway(413, "INVALID_ARGUMENT", "TOO_LARGE", too_large)
    except TimeoutError:
        too_slow = f"the body takes longer than {MAX_BODY_S:.0f} s"
        raise TurnedAway(408, "DEADLINE_EXCEEDED", "TOO_SLOW", too_slow) from None
    return bytes(found)
