"""Current problems of a run: to messages and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from loadgrpc.model import Trouble, TroubleKind
from loadgrpc.protocol.times import timestamp_from_proto, timestamp_to_proto
from loadgrpc.v1 import run_pb2

_KNOWN: Final = frozenset(int(kind) for kind in TroubleKind)


def troubles_to_proto(troubles: Iterable[Trouble]) -> list[run_pb2.Trouble]:
    """Troubles as their messages."""
    return [
        run_pb2.Trouble(
            kind=int(trouble.kind),  # type: ignore[arg-type]  # an enum's number
            agent_id=trouble.agent_id,
            message=trouble.message,
            since=timestamp_to_proto(trouble.since_ns),
            until=None if trouble.until_ns is None else timestamp_to_proto(trouble.until_ns),
        )
        for trouble in troubles
    ]


def troubles_from_proto(messages: Iterable[run_pb2.Trouble]) -> tuple[Trouble, ...]:
    """Troubles from their messages; those of a kind that is not known here are left out."""
    return tuple(
        Trouble(
            kind=TroubleKind(message.kind),
            agent_id=message.agent_id,
            message=message.message,
            since_ns=timestamp_from_proto(message.since),
            until_ns=timestamp_from_proto(message.until) if message.HasField("until") else None,
        )
        for message in messages
        if int(message.kind) in _KNOWN
    )
