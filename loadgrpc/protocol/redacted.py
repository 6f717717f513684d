"""What a runner reports, without the secrets that it was given.

Rule: texts of a batch and of its end are looked at, whatever field they are in; numbers, and whose
they are, stay as they are. What is hidden is shorter than it was, so that no bound is broken.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from loadgrpc.secrets import Redactor
from loadgrpc.v1 import runner_pb2


def redacted(request: runner_pb2.PublishEventsRequest, redactor: Redactor) -> bytes:
    """What a runner says, changed in place, and as bytes."""
    for field in ("batch", "finish"):
        if request.HasField(field):
            _redact(getattr(request, field), redactor)
    return request.SerializeToString()


def _redact(message: Message, redactor: Redactor) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _redact_map(field, value, redactor)
        elif field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                _redact(each, redactor)
        elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            value[:] = [redactor.text(each) for each in value]
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, redactor.text(value))


def _redact_map(field: FieldDescriptor, value: Any, redactor: Redactor) -> None:
    """Names and values of a map; of two names that are the same afterwards, one is left."""
    assert field.message_type is not None  # noqa: S101 - that of an entry
    if field.message_type.fields_by_name["value"].message_type is not None:
        for each in value.values():
            _redact(each, redactor)
        return
    pairs = {
        redactor.text(name) if isinstance(name, str) else name: redactor.text(each)
        if isinstance(each, str)
        else each
        for name, each in value.items()
    }
    value.clear()
    value.update(pairs)
