"""The identity of a source, as its message and back. It comes from a stranger, and is checked."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import bounds
from loadgrpc.protocol.bound import MAX_ID_CHARS
from loadgrpc.v1 import runner_pb2


def source_to_proto(source: model.SourceId) -> runner_pb2.SourceId:
    """A source's identity as its message."""
    return runner_pb2.SourceId(
        run_id=source.run_id, agent_id=source.agent_id, runner_id=source.runner_id
    )


def source_from_proto(message: runner_pb2.SourceId) -> model.SourceId:
    """A source's identity from its message.

    Raises:
        InvalidRequest: a part is missing, too long, or has a NUL in it.
    """
    source = model.SourceId(message.run_id, message.agent_id, message.runner_id)
    for part in (source.run_id, source.agent_id, source.runner_id):
        if not 0 < len(part) <= MAX_ID_CHARS or "\0" in part:
            bounds.check(message, "source.")
            raise InvalidRequest(
                [
                    Violation(f"source.{field}", "is required")
                    for field in ("run_id", "agent_id", "runner_id")
                    if not getattr(source, field)
                ]
            )
    return source
