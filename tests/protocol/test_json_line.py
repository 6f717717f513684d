"""Messages as lines of JSON: what protobuf's own converter makes of them, only sooner."""

import json

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.protocol.json_line import json_line
from loadgrpc.text import safe_json
from loadgrpc.v1 import control_pb2, event_pb2

NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 12),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: st.text(max_size=20),
}
NANOS = st.sampled_from([0, 1, 1_000, 1_000_000, 999_999_999, 120_000_000, 5_010_000])
NOT_WRITTEN = {"bytes", "Any", "GeneratorState", "Gauge"}
"""Types that are left to the converter: bytes, contents, lists of numbers, and fractions."""


def converted(message):
    """The line that protobuf's own converter gives."""
    return safe_json(json.dumps(json_format.MessageToDict(message), ensure_ascii=False))


@st.composite
def messages(draw, kind):
    """A message in which any field may be set."""
    message = kind()
    for field in kind.DESCRIPTOR.fields:
        if field.is_repeated or not draw(st.booleans()):
            continue
        inner = field.message_type
        if inner is not None and inner.name in NOT_WRITTEN:
            continue
        if inner is None:
            setattr(message, field.name, draw(NUMBERS[field.cpp_type]))
        elif inner.name in ("Timestamp", "Duration"):
            part = getattr(message, field.name)
            part.seconds, part.nanos = draw(st.integers(0, 10**10)), draw(NANOS)
        else:
            getattr(message, field.name).CopyFrom(
                draw(messages(type(getattr(message, field.name))))
            )
    return message


@settings(max_examples=100)
@given(messages(control_pb2.ListedEvent))
def test_it_is_what_the_converter_gives(listed):
    """Letter for letter, whatever fields an event has; fields that are new, too."""
    assert json_line(listed) == converted(listed)


@pytest.mark.parametrize(
    "event",
    [
        event_pb2.Event(custom={"type_url": "x/y"}),
        event_pb2.Event(generator={"lags_ns": [1, 2]}),
        event_pb2.Event(generator={"steal": 0.5}),
        event_pb2.Event(hit={"elapsed": {"seconds": -1}}),
        event_pb2.Event(time={"seconds": 253_402_300_800}),
    ],
)
def test_what_is_rare_is_left_to_the_converter(event):
    """Contents, lists, fractions, and times that JSON does not have."""
    assert json_line(control_pb2.ListedEvent(event=event)) is None
