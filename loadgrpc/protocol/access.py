"""Tokens and callers as messages, and back."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.certs.holder import MAX_NAME, NAME
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol.times import (
    optional_timestamp,
    seconds_from_proto,
    seconds_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.v1 import access_pb2

DEFAULT_TOKEN_S = 90 * 86_400.0
"""How long a token is valid, if nothing else is asked for."""
LEAST_TOKEN_S = 60.0
ASKABLE = (model.Role.WATCH, model.Role.RUN, model.Role.ADMIN)
"""Roles that a token may have."""


def token_to_proto(token: model.Token) -> access_pb2.Token:
    """A token as its message."""
    return access_pb2.Token(
        name=token.name,
        role=int(token.role),  # type: ignore[arg-type]  # an enum's number
        create_time=timestamp_to_proto(token.create_time_ns),
        expire_time=timestamp_to_proto(token.expire_time_ns),
        revoke_time=optional_timestamp(token.revoke_time_ns),
    )


def token_from_proto(message: access_pb2.Token) -> model.Token:
    """A token from its message."""
    return model.Token(
        name=message.name,
        role=model.Role(message.role),
        create_time_ns=timestamp_from_proto(message.create_time),
        expire_time_ns=timestamp_from_proto(message.expire_time),
        revoke_time_ns=time_or_none(message, "revoke_time"),
    )


def wanted_to_proto(wanted: tuple[str, model.Role, float]) -> access_pb2.CreateTokenRequest:
    """Name, role and seconds of validity of a token that is wanted, as a message."""
    name, role, expires_after_s = wanted
    return access_pb2.CreateTokenRequest(
        name=name,
        role=int(role),  # type: ignore[arg-type]  # an enum's number
        expires_after=seconds_to_proto(expires_after_s),
    )


def wanted_from_proto(message: access_pb2.CreateTokenRequest) -> tuple[str, model.Role, float]:
    """Name, role and seconds of validity of a token that is wanted.

    Raises:
        InvalidRequest: one of them cannot be.
    """
    violations = []
    if not NAME.fullmatch(message.name):
        rule = f"must be 1 to {MAX_NAME} letters, digits and any of `._-`, a letter or digit first"
        violations.append(Violation("name", rule))
    if message.role not in {int(each) for each in ASKABLE}:
        violations.append(Violation("role", "must be WATCH, RUN or ADMIN"))
    expires_s = DEFAULT_TOKEN_S
    if message.HasField("expires_after"):
        expires_s = seconds_from_proto(message.expires_after)
        if expires_s < LEAST_TOKEN_S:
            violations.append(Violation("expires_after", "must be a minute at least"))
    if violations:
        raise InvalidRequest(violations)
    return message.name, model.Role(message.role), expires_s


def access_to_proto(access: model.AccessInfo) -> access_pb2.GetCallerResponse:
    """Who somebody is to a broker, as its message."""
    caller = access.caller
    return access_pb2.GetCallerResponse(
        name=caller.name if caller else "",
        role=int(caller.role if caller else model.Role.ADMIN),  # type: ignore[arg-type]  # as above
        token=caller is not None and caller.token,
        expire_time=optional_timestamp(caller.expire_time_ns if caller else None),
        tls=access.tls,
        broker_expire_time=optional_timestamp(access.broker_expire_time_ns),
        tokens_address=access.tokens_address,
    )


def access_from_proto(message: access_pb2.GetCallerResponse) -> model.AccessInfo:
    """Who somebody is to a broker, from its message."""
    caller = None
    if message.name:
        caller = model.Caller(
            name=message.name,
            role=model.Role(message.role),
            token=message.token,
            expire_time_ns=time_or_none(message, "expire_time"),
        )
    return model.AccessInfo(
        caller=caller,
        tls=message.tls,
        broker_expire_time_ns=time_or_none(message, "broker_expire_time"),
        tokens_address=message.tokens_address,
    )


def audited_to_proto(entry: model.Audited) -> access_pb2.AuditEntry:
    """Something that was done, as its message."""
    return access_pb2.AuditEntry(
        number=entry.number,
        time=timestamp_to_proto(entry.time_ns),
        name=entry.name,
        role=int(entry.role or 0),  # type: ignore[arg-type]  # an enum's number
        address=entry.address,
        did=entry.did,
        what=entry.what,
        detail=entry.detail,
    )


def audited_from_proto(message: access_pb2.AuditEntry) -> model.Audited:
    """Something that was done, from its message."""
    return model.Audited(
        number=message.number,
        time_ns=timestamp_from_proto(message.time),
        name=message.name,
        role=model.Role(message.role) if message.role else None,
        address=message.address,
        did=message.did,
        what=message.what,
        detail=message.detail,
    )
