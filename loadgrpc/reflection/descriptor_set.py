"""Descriptor sets, as compilers write them: into files, and apart into single files.

Rule: whatever is wrong with a file on disk is InvalidRequest, and names its path.
"""

from __future__ import annotations

import base64
import binascii
import re
from os import PathLike
from pathlib import Path

from google.protobuf.message import DecodeError

from loadgrpc.errors import InvalidRequest
from loadgrpc.reflection.file import File

_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
"""What base64 and nothing else is: a binary set has tags in it that are no such characters."""


def read(*paths: str | PathLike[str]) -> list[File]:
    """The files in descriptor sets on disk.

    Each is what `protoc --include_imports --include_source_info -o PATH` writes, or text with
    a FileDescriptorProto in base64 on each line, as grpc-swift's reflection has it.

    Raises:
        InvalidRequest: one cannot be read, is empty, or is neither.
    """
    return [file for path in paths for file in _read(Path(path))]


def split(descriptor_set: bytes) -> list[bytes]:
    """The files of a serialized FileDescriptorSet, each as the bytes it was written with.

    Raises:
        InvalidRequest: it is no such set, or an empty one.
    """
    # Imported here: a server that nobody asks does not need it.
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415

    # On the wire both are `repeated <file> = 1`, but here a file stays bytes.
    try:
        response = reflection_pb2.FileDescriptorResponse.FromString(descriptor_set)
    except DecodeError as error:
        raise InvalidRequest(f"not a FileDescriptorSet: {error}") from error
    files: list[bytes] = list(response.file_descriptor_proto)
    if not files:
        raise InvalidRequest("a FileDescriptorSet that is empty")
    return files


def _read(path: Path) -> list[File]:
    try:
        return _parse(path.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error
    except (InvalidRequest, binascii.Error) as error:
        raise InvalidRequest(f"{path} holds no descriptors: {error}") from error


def _parse(content: bytes) -> list[File]:
    if not _BASE64.fullmatch(content):
        files = split(content)
    elif not (files := [base64.b64decode(line, validate=True) for line in content.split()]):
        raise InvalidRequest("it is empty")
    return [File.parse(file) for file in files]
