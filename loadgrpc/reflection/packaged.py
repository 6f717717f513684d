"""The protocol that every server of loadgrpc speaks.

Rule: it is read on first use, once per process: most servers are never asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module, resources
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from loadgrpc.reflection.descriptor_set import split
from loadgrpc.reflection.file import File
from loadgrpc.reflection.registry import Registry

WELL_KNOWN: Final = "google/protobuf/"
"""How the names of the files begin that come with every protobuf compiler."""
_WELL_KNOWN_MODULES: Final = (
    "any",
    "api",
    "descriptor",
    "duration",
    "empty",
    "field_mask",
    "source_context",
    "struct",
    "timestamp",
    "type",
    "wrappers",
)


@cache
def packaged() -> Registry:
    """Our own files with their comments, error details, health, reflection, well-known types."""
    # Imported here: a server that nobody asks does not need them.
    from grpc_health.v1 import health_pb2  # noqa: PLC0415
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415

    ours = resources.files("loadgrpc.v1").joinpath("descriptors.binpb").read_bytes()
    v1alpha: bytes = reflection_pb2.DESCRIPTOR.serialized_pb
    health: bytes = health_pb2.DESCRIPTOR.serialized_pb
    files = map(File.parse, [*split(ours), health, v1alpha, _reflection_v1(v1alpha)])
    known = {file.name: file for file in files}
    for file in map(File.parse, _well_known()):
        known.setdefault(file.name, file)  # that of ours has comments
    return Registry(known.values())


def _well_known() -> Iterator[bytes]:
    """The files that types of others may import without bringing them."""
    for name in _WELL_KNOWN_MODULES:
        yield import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.serialized_pb


def _reflection_v1(v1alpha: bytes) -> bytes:
    """grpc/reflection/v1/reflection.proto: v1alpha under another name, the same on the wire.

    Made from v1alpha because grpcio-reflection does not ship it.
    """
    file = FileDescriptorProto.FromString(v1alpha)
    old, new = f".{file.package}.", ".grpc.reflection.v1."
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = new.strip(".")
    for message in file.message_type:
        for field in message.field:
            if field.type_name:  # setting it, even to nothing, would make a scalar a message
                field.type_name = field.type_name.replace(old, new)
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(old, new)
            method.output_type = method.output_type.replace(old, new)
    return file.SerializeToString()
