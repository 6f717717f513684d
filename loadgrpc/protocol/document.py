"""The summary as a JSON document: exactly what `grpcurl -emit-defaults` prints of it.

Rule: protobuf's JSON, with every field that has a default. Python's own converter leaves
out messages that are not set, grpcurl prints them as null; here they are null too, so that
one program reads both.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from loadgrpc.model import Summary
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.text import safe_json

_WELL_KNOWN = "google.protobuf."
_STRING = FieldDescriptor.CPPTYPE_STRING


def summary_json(summary: Summary) -> str:
    """RunSummary as indented JSON, without a newline at its end."""
    return message_json(summary_to_proto(summary))


def message_json(message: Message) -> str:
    """Any message of the protocol as such a document; control characters are escaped."""
    return safe_json(json.dumps(as_document(message), indent=2, ensure_ascii=False))


def as_document(message: Message) -> dict[str, Any]:
    """A message as the values of such a document."""
    document = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    return _completed(message, document)


def _completed(message: Message, document: dict[str, Any]) -> dict[str, Any]:
    """`document` in the order of the fields, with null for each message that is not set."""
    completed: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = document.get(field.json_name)
        kind = field.message_type
        if (
            kind is not None
            and not kind.GetOptions().map_entry
            and not kind.full_name.startswith(_WELL_KNOWN)
        ):
            inner = getattr(message, field.name)
            if field.is_repeated:
                value = [_completed(part, v) for part, v in zip(inner, value or (), strict=True)]
            elif value is not None:
                value = _completed(inner, value)
        elif kind is not None and kind.GetOptions().map_entry and value:
            by_key = int if kind.fields_by_name["key"].cpp_type != _STRING else str
            value = dict(sorted(value.items(), key=lambda entry: by_key(entry[0])))
        if value is not None or field.containing_oneof is None:
            completed[field.json_name] = value
    return completed
