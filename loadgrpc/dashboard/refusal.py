"""Why a request over HTTP is not answered: errors of the house as JSON, and those of the door.

Rule: every error has a code of gRPC's, a reason, a sentence, and the fields that are wrong. What is
not an error of the house is a defect: it is logged whole, and shown as "internal error".
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from loadgrpc import errors
from loadgrpc.dashboard.documents import json_response
from loadgrpc.errors import (
    InvalidRequest,
    LoadgrpcError,
    OverLimit,
    StoreUnavailable,
    Unavailable,
)
from loadgrpc.protocol import status

HTTP: Final = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "UNAVAILABLE": 503,
}
"""Statuses of HTTP by code; 500 for others."""
BAD_GATEWAY: Final = 502


class TurnedAway(Exception):
    """The door does not let a request in: a status of HTTP, a code, a reason and a sentence."""

    def __init__(self, http: int, code: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.http = http
        self.code = code
        self.reason = reason


def wrong(field: str, what: str) -> InvalidRequest:
    """An error about one field of a request."""
    return InvalidRequest([errors.Violation(field, what)])


def answer(error: TurnedAway | LoadgrpcError) -> tuple[int, dict[str, Any]]:
    """The status and the document of an error."""
    if isinstance(error, TurnedAway):
        return error.http, document(error.code, error.reason, str(error))
    code: str = status.code_of(error).name
    http = HTTP.get(code, 500)
    if isinstance(error, Unavailable) and not isinstance(error, StoreUnavailable | OverLimit):
        http = BAD_GATEWAY
    found = error.violations if isinstance(error, InvalidRequest) else ()
    fields = [{"field": each.field, "message": each.description} for each in found]
    return http, document(code, error.reason, str(error), fields)


def refused(error: TurnedAway | LoadgrpcError) -> Response:
    """The same as an answer."""
    http, found = answer(error)
    response = json_response(found, http)
    if http == HTTP["UNAUTHENTICATED"]:
        response.headers["WWW-Authenticate"] = 'Bearer realm="loadgrpc"'
    return response


def document(
    code: str, reason: str, message: str, fields: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """An error as JSON has it."""
    return {"code": code, "reason": reason, "message": message, "fields": fields or []}


DEFECT: Final = 500, document("INTERNAL", "INTERNAL", status.DEFECT)
