"""Messages that cannot be read as they came: too long, or not messages at all.

Rule: the cost of this does not grow with the message. It looks at the first fields of a message,
as protobuf writes them, and not into their values.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

from loadgrpc.errors import InvalidRequest, Violation

MAX_FIELDS: Final = 64
"""Of a message that is looked at field by field."""
MAX_LOOKS: Final = 4_000
"""Fields in which bytes that are not UTF-8 are looked for."""
CUT_BYTES: Final = 16 << 10
"""A text in a message that is too long is cut to this: more than is kept of any."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIDTHS: Final = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES: Final = 10


class Field(NamedTuple):
    """A field of a message: its number, whether a length precedes it, and where it is."""

    number: int
    has_length: bool
    begin: int
    """Where its tag begins."""
    start: int
    """Where its value begins, behind the tag and the length."""
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> list[Field] | None:
    """The fields of a message, or of what is between two places; None: too many, or no message."""
    found: list[Field] = []
    at, end = start, len(data) if end is None else end
    while at < end:
        if len(found) == MAX_FIELDS:
            return None
        begin = at
        tag, at = _varint(data, at, end)
        kind = tag & 7
        value, stop = at, -1
        if kind == _VARINT:
            _, stop = _varint(data, at, end)
        elif kind == _LENGTH:
            length, value = _varint(data, at, end)
            stop = value + length
        elif kind in _WIDTHS:
            stop = at + _WIDTHS[kind]
        if not 0 <= value <= stop <= end:
            return None
        found.append(Field(tag >> 3, kind == _LENGTH, begin, value, stop))
        at = stop
    return found


def number(data: bytes, field: Field) -> int:
    """The value of a field that is a whole number."""
    return _varint(data, field.start, field.end)[0]


def first_field(data: bytes, within: Field, wanted: int) -> int:
    """A number among the first fields of a message within; 0: it is not among them."""
    at = within.start
    for _ in range(MAX_FIELDS):
        if at >= within.end:
            break
        tag, value = _varint(data, at, within.end)
        if value < 0 or tag & 7 != _VARINT:
            break
        found, at = _varint(data, value, within.end)
        if tag >> 3 == wanted:
            return max(0, found)
        if at < 0:
            break
    return 0


def shortened(kind: type[Message], data: bytes) -> bytes | None:
    """A message of a kind whose long texts, and those of the messages in it, are cut.

    None: it cannot be parsed, or it is not its strings that make it long.
    """
    return _shortened(kind.DESCRIPTOR, data, Field(0, True, 0, 0, len(data)), nested=True)  # noqa: FBT003 - as it is


def _shortened(described: Any, data: bytes, within: Field, *, nested: bool) -> bytes | None:
    found = fields(data, within.start, within.end)
    if found is None:
        return None
    parts = []
    for field in found:
        if not field.has_length or field.end - field.start <= CUT_BYTES:
            parts.append(data[field.begin : field.end])
            continue
        known = described.fields_by_number.get(field.number)
        if known is not None and known.type == FieldDescriptor.TYPE_STRING:
            body: bytes | None = _cut(data, field)
        elif known is not None and known.type == FieldDescriptor.TYPE_MESSAGE and nested:
            body = _shortened(known.message_type, data, field, nested=False)
        else:
            body = None
        if body is None:
            return None
        parts.append(varint(field.number << 3 | _LENGTH) + varint(len(body)) + body)
    return b"".join(parts)


def _cut(data: bytes, field: Field) -> bytes:
    """The first bytes of a text, whole characters."""
    end = field.start + CUT_BYTES
    while end > field.start and data[end] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a character of UTF-8
        end -= 1
    return data[field.start : end]


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number and the place behind it; -1: there is none."""
    value = 0
    for shift in range(_MAX_VARINT_BYTES):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, at
    return -1, -1


def varint(value: int) -> bytes:
    """A number, such as a length, as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


# What cannot be parsed


def unreadable(kind: type[Message], data: bytes) -> InvalidRequest:
    """Why bytes are no message of a kind: the field that is not UTF-8, or that they are none."""
    try:
        message = _lenient(kind.DESCRIPTOR.full_name).FromString(data)
    except DecodeError:
        message = None
    path = None if message is None else next(_not_utf8(message, "", [MAX_LOOKS]), None)
    if path is not None:
        return InvalidRequest([Violation(path, "is not UTF-8")])
    return InvalidRequest(
        f"the bytes cannot be parsed as {kind.DESCRIPTOR.name}, or a string in them is not UTF-8"
    )


@cache
def _lenient(name: str) -> Any:
    """The message of a name, but its texts are bytes."""
    kind = descriptor_pool.Default().FindMessageTypeByName(name)
    pool = DescriptorPool()
    added: set[str] = set()

    def add(file: Any) -> None:
        if file.name in added:
            return
        added.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        copy = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)
        for message in copy.message_type:
            _make_lenient(message)
        pool.Add(copy)

    add(kind.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _make_lenient(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.type == FieldDescriptor.TYPE_STRING and not (
            message.options.map_entry and field.name == "key"
        ):
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            field.json_name = _WAS_TEXT + field.name
            field.ClearField("default_value")
    for nested in message.nested_type:
        _make_lenient(nested)


MAX_KEY_CHARS: Final = 128
"""Of the key of a map, in the path of what is wrong."""
_WAS_TEXT: Final = "text:"
"""How the JSON name begins of what is a text in the message that is meant."""


def _not_utf8(message: Any, where: str, looks: list[int]) -> Iterator[str]:
    """The paths of texts that are not UTF-8, among the first fields."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            yield from _not_utf8_in_map(field, value, f"{where}{field.name}", looks)
            continue
        repeated = field.is_repeated
        for at, each in enumerate(value if repeated else [value]):
            looks[0] -= 1
            if looks[0] < 0:
                return
            path = f"{where}{field.name}" + (f"[{at}]" if repeated else "")
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                yield from _not_utf8(each, f"{path}.", looks)
            elif field.json_name.startswith(_WAS_TEXT) and not _is_text(each):
                yield path


def _not_utf8_in_map(field: Any, found: Any, path: str, looks: list[int]) -> Iterator[str]:
    """The same of a map, whose keys were texts when it was parsed."""
    of_value = field.message_type.fields_by_name["value"]
    for key, each in found.items():
        looks[0] -= 1
        if looks[0] < 0:
            return
        if of_value.json_name.startswith(_WAS_TEXT) and not _is_text(each):
            yield f"{path}[{str(key)[:MAX_KEY_CHARS]!r}]"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
