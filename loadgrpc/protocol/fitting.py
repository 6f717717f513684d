"""Messages of figures whose numbers always fit: values beyond a field's range become its limit.

Rule: a result is worth more than its last digit. One peer that lies, or sums of many, must not
keep the figures of a run from being shown or stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

MAX_UINT64: Final = 2**64 - 1

_RANGES: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, MAX_UINT64),
}

M = TypeVar("M", bound=Message)


def fit(kind: type[M], /, **fields: Any) -> M:
    """A message of these fields; whole numbers out of range, in maps too, become the nearest."""
    try:
        return kind(**fields)
    except (ValueError, OverflowError):
        described = kind.DESCRIPTOR.fields_by_name
        return kind(**{name: _fitting(described[name], value) for name, value in fields.items()})


def _fitting(field: Any, value: Any) -> Any:
    """A value that a field (a FieldDescriptor, of whatever make) can hold."""
    if isinstance(value, Mapping) and field.message_type is not None:
        of_key, of_value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        return {_fitting(of_key, key): _fitting(of_value, each) for key, each in value.items()}
    bounds = _RANGES.get(field.cpp_type)
    if bounds is None or not isinstance(value, int):
        return value
    return max(bounds[0], min(bounds[1], value))
