"""RunnerService with PublishEvents in bytes: what is passed on goes on as it came.

A fact of protobuf is relied on: serialised messages put end to end are the merged message.
"""

from __future__ import annotations

from typing import Any, Final

import grpc
import grpc.aio

from loadgrpc.v1 import runner_pb2, runner_pb2_grpc

SERVICE: Final = "loadgrpc.v1.RunnerService"
_BATCH: Final = bytes([runner_pb2.PublishEventsRequest.BATCH_FIELD_NUMBER << 3 | 2])
"""How a batch begins in a request: its field's number, and that a length follows."""


class RawRunnerServiceStub:
    """As RunnerServiceStub, but what PublishEvents sends and hears is bytes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.GetAssignment: Any = runner_pb2_grpc.RunnerServiceStub(channel).GetAssignment
        self.PublishEvents: Any = channel.stream_stream(f"/{SERVICE}/PublishEvents")


def add_raw_runner_service(servicer: Any, server: grpc.aio.Server) -> None:
    """Serves a RunnerService whose PublishEvents takes and gives bytes."""
    handlers = {
        "GetAssignment": grpc.unary_unary_rpc_method_handler(
            servicer.GetAssignment,
            request_deserializer=runner_pb2.GetAssignmentRequest.FromString,
            response_serializer=runner_pb2.GetAssignmentResponse.SerializeToString,
        ),
        "PublishEvents": grpc.stream_stream_rpc_method_handler(servicer.PublishEvents),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def batch_request(events: bytes, first_sequence: int, count: int) -> bytes:
    """The PublishEventsRequest of a serialised EventBatch that has no number yet."""
    number = runner_pb2.EventBatch(first_sequence=first_sequence, count=count)
    rest = number.SerializeToString()
    return b"".join((_BATCH, _varint(len(events) + len(rest)), events, rest))


def _varint(number: int) -> bytes:
    """A length as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
