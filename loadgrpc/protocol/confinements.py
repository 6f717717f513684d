"""How an agent confines what it runs, as a message and back."""

from __future__ import annotations

from typing import Final

from loadgrpc.model import Confinement, Limits
from loadgrpc.protocol.times import seconds_from_proto, seconds_to_proto
from loadgrpc.v1 import control_pb2

MAX_TIME_S: Final = 366 * 86_400


def confinement_to_proto(confinement: Confinement) -> control_pb2.Confinement:
    """As its message."""
    limits = confinement.limits
    return control_pb2.Confinement(
        signed_only=confinement.signed_only,
        run_as=confinement.run_as,
        memory_bytes=limits.memory_bytes or 0,
        processes=limits.processes or 0,
        files=limits.files or 0,
        time=None if limits.time_s is None else seconds_to_proto(limits.time_s),
    )


def confinement_from_proto(message: control_pb2.Confinement) -> Confinement:
    """From its message; that of nobody says nothing."""
    return Confinement(
        signed_only=message.signed_only,
        run_as=message.run_as,
        limits=Limits(
            memory_bytes=message.memory_bytes or None,
            processes=message.processes or None,
            files=message.files or None,
            time_s=seconds_from_proto(message.time) if message.HasField("time") else None,
        ),
    )
