"""The summary as a JSON document: exactly what `grpcurl -emit-defaults` prints of it.

Rule: protobuf's JSON, with every field that has a default. Python's own converter leaves
out messages that are not set, grpcurl prints them as null; here they are null too, so that
one program reads both.

Method. What a message of a type looks like when nothing is set is made once, along its descriptor;
a message is a copy of that, with what is set. It takes a tenth of the time of protobuf's own
converter, which is asked for its well-known types only; a test holds both against each other.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from loadgrpc.model import Summary
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.text import safe_json

_WELL_KNOWN: Final = "google.protobuf."
_TIMES: Final = (f"{_WELL_KNOWN}Timestamp", f"{_WELL_KNOWN}Duration")
_STRING: Final = FieldDescriptor.CPPTYPE_STRING
_ABSENT: Final = object()
"""Stands for a field of which a document says nothing."""

Form = Callable[[Any], Any]


def summary_json(summary: Summary) -> str:
    """RunSummary as indented JSON, without a newline at its end."""
    return message_json(summary_to_proto(summary))


def message_json(message: Message) -> str:
    """Any message of the protocol as such a document; control characters are escaped."""
    return safe_json(json.dumps(as_document(message), indent=2, ensure_ascii=False))


def as_document(message: Message) -> dict[str, Any]:
    """A message as the values of such a document, in the order of its fields."""
    look = _look_of(message.DESCRIPTOR)
    found = dict(look.empty)
    for name, make in look.fresh:
        found[name] = make()
    for field, value in message.ListFields():
        name, form = look.forms[field.number]
        found[name] = form(value)
    for name in look.may_be_absent:
        if found[name] is _ABSENT:
            del found[name]
    return found


class _Look(NamedTuple):
    """What documents of a type of message look like."""

    empty: dict[str, Any]
    """If nothing is set."""
    fresh: list[tuple[str, Callable[[], Any]]]
    """Fields whose value is a list or a map of its own in each document."""
    forms: dict[int, tuple[str, Form]]
    """Of what is set: by the number of a field its name, and what makes its value."""
    may_be_absent: list[str]


@cache
def _look_of(descriptor: Descriptor) -> _Look:
    look = _Look({}, [], {}, [])
    for field in descriptor.fields:
        name = field.json_name
        kind = field.message_type
        is_map = kind is not None and kind.GetOptions().map_entry
        if field.is_repeated:
            look.empty[name] = None
            look.fresh.append((name, dict if is_map else list))
        elif field.containing_oneof is not None:  # of an optional field it is one of its own
            look.empty[name] = _ABSENT
            look.may_be_absent.append(name)
        else:
            look.empty[name] = None if kind is not None else _form_of(field)(field.default_value)
        form = _map_form(kind) if kind is not None and is_map else _whole_form(field)
        look.forms[field.number] = (name, form)
    return look


def _whole_form(field: FieldDescriptor) -> Form:
    """What makes the value of a field that is set."""
    form = _form_of(field)
    if field.is_repeated:
        return lambda values: [form(value) for value in values]
    return form


def _map_form(entry: Descriptor) -> Form:
    """What makes the value of a map, sorted by its keys."""
    form = _form_of(entry.fields_by_name["value"])
    is_text = entry.fields_by_name["key"].cpp_type == _STRING

    def made(values: Any) -> dict[str, Any]:
        return {
            str(key) if not isinstance(key, bool) else str(key).lower(): form(values[key])
            for key in sorted(values, key=None if is_text else int)
        }

    return made


def _form_of(field: FieldDescriptor) -> Form:
    """What makes one value of a field."""
    if field.message_type is not None:
        if field.message_type.full_name in _TIMES:
            return lambda time: time.ToJsonString()
        if field.message_type.full_name.startswith(_WELL_KNOWN):
            return json_format.MessageToDict
        return as_document
    if field.enum_type is not None:
        names = {number: each.name for number, each in field.enum_type.values_by_number.items()}
        return lambda number: names.get(number, number)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda data: base64.b64encode(data).decode()
    return _NUMBERS.get(field.cpp_type, lambda value: value)


def _real(value: float) -> float | str:
    """A number, or what JSON has for what is none."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_NUMBERS: Final[dict[int, Form]] = {
    FieldDescriptor.CPPTYPE_INT64: str,  # which JSON's readers would round
    FieldDescriptor.CPPTYPE_UINT64: str,
    FieldDescriptor.CPPTYPE_DOUBLE: _real,
}
