"""What a request has to say."""

from __future__ import annotations

from typing import Any

from loadgrpc.errors import InvalidRequest, Violation


def required(request: Any, field: str) -> str:
    """A field of a request that is text.

    Raises:
        InvalidRequest: it is empty.
    """
    value: str = getattr(request, field)
    if not value:
        raise InvalidRequest([Violation(field, "is required")])
    return value
