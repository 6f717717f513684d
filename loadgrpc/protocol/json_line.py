"""Messages as lines of JSON, at a quarter of what protobuf's own converter costs.

Rule: the same text, letter for letter, as `described.py` gives; a test holds both against each
other. It is written along the descriptors, so that a new field is in it; what is rare in events
(lists, maps, messages in an Any, values that JSON has no number for) is left to the converter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from loadgrpc.text import safe_json

MAX_TEXTS: Final = 4_096
"""Texts whose form is remembered, of those that have one: names are the same in many events."""
_LAST_SECOND: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last that JSON has."""
_MS: Final = 1_000_000
_US: Final = 1_000

Form = Callable[[Any], str]


class _Rare(Exception):
    """The message has something that is left to the converter."""


def json_line(message: Message) -> str | None:
    """The message as a line of JSON. None: something in it is left to the converter."""
    try:
        return _message(message)
    except _Rare:
        return None


def _message(message: Message) -> str:
    parts = []
    for field, value in message.ListFields():
        form = _FORMS.get(field)
        if form is None:
            form = _FORMS[field] = _form(field)
        parts.append(form(value))
    return f"{{{', '.join(parts)}}}"


_FORMS: Final[dict[FieldDescriptor, Form]] = {}
"""How each field is written, with its name: as many as the protocol has."""


def _form(field: FieldDescriptor) -> Form:
    """How a field is written."""
    name = f'"{field.json_name}": '
    of_value = _rare if field.is_repeated else _form_of_value(field)
    return lambda value: name + of_value(value)


def _form_of_value(field: FieldDescriptor) -> Form:
    if field.message_type is not None:
        return _WELL_KNOWN.get(field.message_type.full_name, _message)
    if field.enum_type is not None:
        numbers = field.enum_type.values_by_number
        names = {number: f'"{value.name}"' for number, value in numbers.items()}
        return lambda number: names.get(number, str(number))
    bare = field.type == FieldDescriptor.TYPE_BYTES
    return _rare if bare else _SCALARS.get(field.cpp_type, _rare)


def _rare(_: Any) -> str:
    raise _Rare


def _text(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return _escaped(text)


@lru_cache(MAX_TEXTS)
def _escaped(text: str) -> str:
    return safe_json(json.dumps(text, ensure_ascii=False))


@lru_cache(1_024)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _timestamp(value: Timestamp) -> str:
    seconds = value.seconds
    if not 0 <= seconds <= _LAST_SECOND:
        raise _Rare
    return f'"{_second(seconds)}{_fraction(value.nanos)}Z"'


def _duration(value: Duration) -> str:
    seconds, nanos = value.seconds, value.nanos
    if seconds < 0 or nanos < 0:
        raise _Rare
    return f'"{seconds}{_fraction(nanos)}s"'


def _fraction(nanos: int) -> str:
    """Three, six or nine digits, whichever is enough; none for a whole second."""
    if not nanos:
        return ""
    if nanos % _US:
        return f".{nanos:09}"
    if nanos % _MS:
        return f".{nanos // _US:06}"
    return f".{nanos // _MS:03}"


_WELL_KNOWN: Final[dict[str, Form]] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Any": _rare,
}
"""Types that JSON has a form of its own for."""
_SCALARS: Final[dict[int, Form]] = {
    FieldDescriptor.CPPTYPE_STRING: _text,
    FieldDescriptor.CPPTYPE_BOOL: lambda value: "true" if value else "false",
    FieldDescriptor.CPPTYPE_INT32: str,
    FieldDescriptor.CPPTYPE_UINT32: str,
    FieldDescriptor.CPPTYPE_INT64: lambda number: f'"{number}"',
    FieldDescriptor.CPPTYPE_UINT64: lambda number: f'"{number}"',
}
