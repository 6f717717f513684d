"""One table between our errors and gRPC statuses, both ways.

Rule: the server side calls `to_status`, the client side `from_rpc_error`; no other code knows a
status code. INVALID_ARGUMENT carries google.rpc.BadRequest with the fields that are wrong,
OVER_LIMIT google.rpc.RetryInfo, and every error google.rpc.ErrorInfo with its reason. An exception
that is not a LoadgrpcError is a defect: the caller logs it whole, and the other side sees "internal
error" without details.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc

from loadgrpc import errors

if TYPE_CHECKING:
    from google.rpc import error_details_pb2, status_pb2

DOMAIN: Final = "loadgrpc"
MS_PER_S: Final = 1_000
DEFECT: Final = "internal error"
"""All that the other side learns about a defect."""
MAX_MESSAGE_BYTES: Final = 1_024
MAX_VIOLATIONS_BYTES: Final = 2_048
"""A status travels in trailing metadata, message twice and all but once in base64; clients refuse
metadata from 8 KiB on, and would show that instead of the error."""

TABLE: Final[dict[type[errors.LoadgrpcError], grpc.StatusCode]] = {
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.TooFewAgents: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.NoRoom: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.RunNotOver: grpc.StatusCode.FAILED_PRECONDITION,
    errors.EventsGone: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NoTls: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Superseded: grpc.StatusCode.ABORTED,
    errors.NotAllowed: grpc.StatusCode.UNAUTHENTICATED,
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.OtherVersion: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.OverLimit: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.TestNotLoaded: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RunFailed: grpc.StatusCode.FAILED_PRECONDITION,
}
"""Each error and its status. Total over the tree (a test sees to it); where two share a code, the
reason tells them apart."""


def preload() -> None:
    """Loads what errors need, which takes a while: a broker does not wait for it at its first."""
    import grpc_status.rpc_status  # noqa: F401, PLC0415


def code_of(error: errors.LoadgrpcError) -> grpc.StatusCode:
    """The status code of an error, by the nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return grpc.StatusCode.INTERNAL


def to_status(error: errors.LoadgrpcError) -> status_pb2.Status:
    """The google.rpc.Status that describes `error` to a client."""
    # Imported here: a run without errors does not need them, and they cost start-up time.
    from google.rpc import error_details_pb2, status_pb2  # noqa: PLC0415

    status = status_pb2.Status(code=code_of(error).value[0], message=_shortened(str(error)))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    status.details.add().Pack(info)
    if isinstance(error, errors.InvalidRequest) and error.violations:
        status.details.add().Pack(_bad_request(error.violations))
    if isinstance(error, errors.OverLimit):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(math.ceil(error.retry_s * MS_PER_S))
        status.details.add().Pack(retry)
    return status


def _bad_request(violations: Sequence[errors.Violation]) -> error_details_pb2.BadRequest:
    """The violations as a message; those that have no room are counted in the last."""
    from google.rpc import error_details_pb2  # noqa: PLC0415 - as in to_status

    message = error_details_pb2.BadRequest()
    for at, violation in enumerate(violations):
        message.field_violations.add(
            field=_shortened(violation.field), description=_shortened(violation.description)
        )
        if at and message.ByteSize() > MAX_VIOLATIONS_BYTES:
            last = message.field_violations[-1]
            last.field = violation.field.partition("[")[0]
            last.description = f"and {len(violations) - at} more"
            break
    return message


def _shortened(text: str) -> str:
    data = text.encode(errors="replace")
    if len(data) <= MAX_MESSAGE_BYTES:
        return text
    return data[: MAX_MESSAGE_BYTES - 3].decode(errors="ignore") + "..."


def from_rpc_error(error: grpc.RpcError) -> errors.LoadgrpcError:
    """The error that a failed call represents.

    Calls that never reached the other side, or were cut off, are Unavailable. A status
    that is not in the table is a plain LoadgrpcError naming it.
    """
    code: grpc.StatusCode = error.code()
    details: str = error.details() or code.name.lower()
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return errors.InvalidRequest(_violations(error) or details)
    if code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
        return errors.Unavailable(details)
    if code is grpc.StatusCode.INTERNAL and details != DEFECT:
        # Not the other side's word: a write on a stream that has just ended gets this from
        # gRPC itself, and the stream's own status is lost.
        return errors.Unavailable(details)
    kind = _kind(code, error)
    if kind is None:
        return errors.LoadgrpcError(f"{code.name}: {details}")
    if kind is errors.OverLimit:
        return errors.OverLimit(details, retry_s=_retry_s(error))
    return kind(details)


def _kind(code: grpc.StatusCode, error: grpc.RpcError) -> type[errors.LoadgrpcError] | None:
    """The error of the table for a status; None: the status is gRPC's own."""
    kinds = [kind for kind, its_code in TABLE.items() if its_code is code]
    if len(kinds) > 1:
        reason = _reason(error)
        named = [kind for kind in kinds if kind.reason == reason]
        # One without our reason is gRPC's own: a message over the limit, say, or a connection
        # that broke, of which nothing is known about a store.
        kinds = named or [kind for kind in kinds if kind is errors.Unavailable]
    return kinds[0] if kinds else None


def details_of(error: grpc.RpcError) -> Sequence[Any]:
    """The details that a status of ours carries; none: it is gRPC's own."""
    from grpc_status import rpc_status  # noqa: PLC0415 - as in to_status

    status = rpc_status.from_call(error)
    details: Sequence[Any] = status.details if status else ()
    return details


def _reason(error: grpc.RpcError) -> str:
    from google.rpc import error_details_pb2  # noqa: PLC0415 - as in to_status

    info = error_details_pb2.ErrorInfo()
    for detail in details_of(error):
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            return str(info.reason)
    return ""


def _retry_s(error: grpc.RpcError) -> float:
    from google.rpc import error_details_pb2  # noqa: PLC0415 - as in to_status

    retry = error_details_pb2.RetryInfo()
    for detail in details_of(error):
        if detail.Is(retry.DESCRIPTOR) and detail.Unpack(retry):
            return float(retry.retry_delay.ToMilliseconds() / MS_PER_S)
    return 0.0


def _violations(error: grpc.RpcError) -> list[errors.Violation]:
    from google.rpc import error_details_pb2  # noqa: PLC0415 - as in to_status

    found = []
    for detail in details_of(error):
        bad_request = error_details_pb2.BadRequest()
        if detail.Is(bad_request.DESCRIPTOR) and detail.Unpack(bad_request):
            found += [
                errors.Violation(v.field, v.description) for v in bad_request.field_violations
            ]
    return found
