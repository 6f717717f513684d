"""What is kept of the texts of a hit, and of what a test raised.

Rule: as in `texts.py`.
"""

from __future__ import annotations

from loadgrpc.model import ExceptionInfo, HitError
from loadgrpc.protocol.blocks import HitKey
from loadgrpc.protocol.bounds import MAX_PROTOCOL_CHARS
from loadgrpc.runner import texts
from loadgrpc.runner.texts import MESSAGE_BYTES, NAME_BYTES, TRACEBACK_BYTES, bounded
from loadgrpc.secrets import masked


def clean_hit(  # noqa: PLR0917 - in the order of HitKey
    name: str,
    method: str,
    status: int,
    error: HitError,
    message: str,
    protocol: str,
    failed: bool | None,  # noqa: FBT001
) -> HitKey:
    """What a hit is recorded under: cut to what is kept, and without secrets."""
    return HitKey(
        texts.name(masked(name)),
        texts.name(method),
        status,
        error,
        bounded(masked(message), MESSAGE_BYTES),
        bounded(protocol, MAX_PROTOCOL_CHARS),
        failed,
    )


def clean_exception(raised: ExceptionInfo | None) -> ExceptionInfo | None:
    """An exception, cut to what is kept of one."""
    if raised is None:
        return None
    return ExceptionInfo(
        type=bounded(raised.type, NAME_BYTES),
        message=bounded(raised.message, MESSAGE_BYTES),
        traceback=bounded(raised.traceback, TRACEBACK_BYTES),
    )
