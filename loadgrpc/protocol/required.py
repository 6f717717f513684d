"""What a request has to say, and the tokens of pages, which are numbers."""

from __future__ import annotations

import re
from typing import Any, Final

from loadgrpc.errors import InvalidRequest, Violation

_PAGE_TOKEN: Final = re.compile("[0-9]{1,18}")


def required(request: Any, field: str) -> str:
    """A field of a request that is text.

    Raises:
        InvalidRequest: it is empty.
    """
    value: str = getattr(request, field)
    if not value:
        raise InvalidRequest([Violation(field, "is required")])
    return value


def page_number(token: str) -> int | None:
    """The number that is a token of a page; None: it is the first page.

    Raises:
        InvalidRequest: the token is none of ours.
    """
    if not token:
        return None
    if not _PAGE_TOKEN.fullmatch(token):
        raise InvalidRequest([Violation("page_token", "was not issued by this broker")])
    return int(token)
