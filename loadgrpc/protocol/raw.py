"""RunnerService with PublishEvents in bytes: events are forwarded unchanged.

Both receivers parse requests by `read`, so that both treat messages alike that cannot be parsed
or are too large. It relies on a property of protobuf: concatenated serialised messages are the
merged message.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import wire
from loadgrpc.protocol.bounds import MAX_PUBLISHED_BYTES
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc

SERVICE: Final = "loadgrpc.v1.RunnerService"
MIN_HEAD_BYTES: Final = 4 << 10
"""More than the longest identity of a source takes."""
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


class Oversized(NamedTuple):
    """A batch that is too large to be read: whose it is, as far as it says, and its number."""

    source: runner_pb2.SourceId | None
    first_sequence: int
    size: int
    """Bytes of the batch."""


Published: TypeAlias = runner_pb2.PublishEventsRequest | Oversized
"""What a runner says, as far as it can be read."""


def named_source(said: Published) -> runner_pb2.SourceId | None:
    """The source that is named in what a runner says; None: it is to be the only one open.

    Raises:
        InvalidRequest: it opens a source, and names none.
    """
    if isinstance(said, Oversized):
        return said.source
    if said.HasField("source"):
        return said.source
    if said.HasField("open"):
        raise no_source()
    return None


def no_source() -> InvalidRequest:
    """What is wrong with a message that has to name its source, and does not."""
    return InvalidRequest(
        [Violation("source", "is required unless exactly one source is open on this stream")]
    )


def read(data: bytes) -> Published:
    """What a runner says.

    Raises: InvalidRequest: it cannot be parsed, or has a string that is not UTF-8; or it is too
    large, and is no batch.
    """
    if len(data) > MAX_PUBLISHED_BYTES:
        return _oversized(data)
    try:
        return runner_pb2.PublishEventsRequest.FromString(data)
    except DecodeError:
        error = wire.unreadable(runner_pb2.PublishEventsRequest, data)
        violations = error.violations or [Violation("source", f"cannot be read: {error}")]
        raise InvalidRequest(violations) from None


def _oversized(data: bytes) -> Published:
    numbers = runner_pb2.PublishEventsRequest
    found = {field.number: field for field in wire.fields(data) or () if field.has_length}
    source = found.get(numbers.SOURCE_FIELD_NUMBER)
    head = b"" if source is None else data[source.begin : source.end]
    if (batch := found.get(numbers.BATCH_FIELD_NUMBER)) is not None and len(head) < MIN_HEAD_BYTES:
        said = read(head)
        assert isinstance(said, numbers)  # noqa: S101 - it is short
        whose = said.source if said.HasField("source") else None
        first = wire.first_field(data, batch, runner_pb2.EventBatch.FIRST_SEQUENCE_FIELD_NUMBER)
        return Oversized(whose, first, batch.end - batch.start)
    short = wire.shortened(numbers, data)
    if short is None or len(short) > MAX_PUBLISHED_BYTES:
        said_bytes = f"{len(data):,} bytes, more than {MAX_PUBLISHED_BYTES:,}"
        raise InvalidRequest(f"a message has {said_bytes}, and is not a batch")
    return read(short)


def batch_request(events: bytes, first_sequence: int, count: int) -> bytes:
    """The PublishEventsRequest of a serialised EventBatch that has no number yet."""
    number = runner_pb2.EventBatch(first_sequence=first_sequence, count=count)
    rest = number.SerializeToString()
    return b"".join((_BATCH, wire.varint(len(events) + len(rest)), events, rest))
