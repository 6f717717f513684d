"""Which file defines what.

Rule: a file is answered as the bytes it was loaded from, first, and then all that it
imports, each once. The registry reads raw FileDescriptorProtos and no DescriptorPool: a
pool drops comments, does not find methods, and refuses files that import one another or
import what is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple, TypeVar

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound


@dataclass(frozen=True)
class _File:
    serialized: bytes
    dependencies: tuple[str, ...]


class _Extension(NamedTuple):
    """What an extension is known by, besides its name."""

    extended_type: str
    number: int

    def __str__(self) -> str:
        return f"extension {self.number} of {self.extended_type}"


class Registry:
    """Files, and what they define; names are fully qualified, without a leading dot."""

    def __init__(self, files: Iterable[bytes] = ()) -> None:
        self._files: dict[str, _File] = {}
        self._file_of_symbol: dict[str, str] = {}
        self._file_of_extension: dict[_Extension, str] = {}
        self._messages: set[str] = set()
        for serialized in files:
            self.add(serialized)

    @classmethod
    def packaged(cls) -> Registry:
        """All that a loadgrpc server speaks: its own files, error details, health, reflection."""
        # Imported here: a server that nobody asks does not need them.
        from grpc_health.v1 import health_pb2  # noqa: PLC0415
        from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415

        ours = resources.files("loadgrpc.v1").joinpath("descriptors.binpb").read_bytes()
        v1alpha: bytes = reflection_pb2.DESCRIPTOR.serialized_pb
        return cls(
            [
                *_split(ours),
                health_pb2.DESCRIPTOR.serialized_pb,
                v1alpha,
                _reflection_v1(v1alpha),
            ]
        )

    def add(self, serialized: bytes) -> None:
        """Takes one serialized FileDescriptorProto; files may come in any order.

        The same bytes twice are fine. A file that defines what another one defines is
        AlreadyExists, what is no file is InvalidRequest; neither leaves a trace.
        """
        file = _parse(serialized)
        known = self._files.get(file.name)
        if known is not None:
            if known.serialized == serialized:
                return
            raise AlreadyExists(f"{file.name} already exists with a different content")
        messages = list(_messages(file.package, file.message_type))
        symbols = _claim(_symbols(file, messages), file.name, self._file_of_symbol)
        extensions = _claim(_extensions(file, messages), file.name, self._file_of_extension)
        self._files[file.name] = _File(serialized, tuple(file.dependency))
        self._file_of_symbol |= symbols
        self._file_of_extension |= extensions
        self._messages |= {name for name, _ in messages}

    def file_by_name(self, name: str) -> list[bytes]:
        """The file `name` and what it imports."""
        if name not in self._files:
            raise NotFound(f"no file {name}")
        found = {name: self._files[name]}
        unread = [name]
        while unread:
            importer = unread.pop()
            for dependency in found[importer].dependencies:
                if dependency not in self._files:
                    raise NotFound(f"no file {dependency}, which {importer} imports")
                if dependency not in found:
                    found[dependency] = self._files[dependency]
                    unread.append(dependency)
        return [file.serialized for file in found.values()]

    def file_containing_symbol(self, symbol: str) -> list[bytes]:
        """The file that defines `symbol`, and what it imports.

        A symbol is a message, field, oneof, enum, service, method (`package.Service.Method`)
        or extension; an enum value is a sibling of its enum, as in C++.
        """
        file = self._file_of_symbol.get(symbol)
        if file is None:
            raise NotFound(f"no symbol {symbol}")
        return self.file_by_name(file)

    def file_containing_extension(self, extended_type: str, number: int) -> list[bytes]:
        """The file that extends `extended_type` with field `number`, and what it imports."""
        extension = _Extension(extended_type, number)
        file = self._file_of_extension.get(extension)
        if file is None:
            raise NotFound(f"no {extension}")
        return self.file_by_name(file)

    def all_extension_numbers(self, extended_type: str) -> list[int]:
        """The numbers of all extensions of a message, over all files, ascending."""
        numbers = sorted(
            extension.number
            for extension in self._file_of_extension
            if extension.extended_type == extended_type
        )
        if not numbers and extended_type not in self._messages:
            raise InvalidRequest(f"{extended_type} is no message type")
        return numbers


_Key = TypeVar("_Key", str, _Extension)


def _claim(keys: Iterable[_Key], file: str, known: Mapping[_Key, str]) -> dict[_Key, str]:
    """Maps each key to `file`, unless one is taken."""
    claimed: dict[_Key, str] = {}
    for key in keys:
        owner = known.get(key) or claimed.get(key)
        if owner is not None:
            raise AlreadyExists(f"{key} from {file} already exists in {owner}")
        claimed[key] = file
    return claimed


def _parse(serialized: bytes) -> FileDescriptorProto:
    try:
        file = FileDescriptorProto.FromString(serialized)
    except DecodeError as error:
        raise InvalidRequest(f"not a FileDescriptorProto: {error}") from error
    if not file.name:
        raise InvalidRequest("not a FileDescriptorProto: it has no name")
    return file


_NamedMessage = tuple[str, DescriptorProto]
_Holder = FileDescriptorProto | DescriptorProto
"""What may define enums and extensions."""


def _messages(scope: str, messages: Iterable[DescriptorProto]) -> Iterator[_NamedMessage]:
    """All messages with their full names, nested ones too."""
    for message in messages:
        name = _join(scope, message.name)
        yield name, message
        yield from _messages(name, message.nested_type)


def _symbols(file: FileDescriptorProto, messages: Sequence[_NamedMessage]) -> Iterator[str]:
    """All that `file` gives a name to."""
    holders: list[tuple[str, _Holder]] = [(file.package, file), *messages]
    for scope, holder in holders:
        for enum in holder.enum_type:
            yield _join(scope, enum.name)
            yield from (_join(scope, value.name) for value in enum.value)
        yield from (_join(scope, extension.name) for extension in holder.extension)
    for name, message in messages:
        yield name
        yield from (_join(name, field.name) for field in message.field)
        yield from (_join(name, oneof.name) for oneof in message.oneof_decl)
    for service in file.service:
        name = _join(file.package, service.name)
        yield name
        yield from (_join(name, method.name) for method in service.method)


def _extensions(
    file: FileDescriptorProto, messages: Sequence[_NamedMessage]
) -> Iterator[_Extension]:
    """All that `file` extends, whether it says so at the top or inside a message."""
    holders: list[_Holder] = [file, *(message for _, message in messages)]
    for holder in holders:
        for field in holder.extension:
            yield _Extension(field.extendee.removeprefix("."), field.number)


def _join(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _split(descriptor_set: bytes) -> Iterable[bytes]:
    """The files of a serialized FileDescriptorSet, each as the bytes it was written with."""
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415 - as in packaged

    # On the wire both are `repeated <file> = 1`, but here a file stays bytes.
    response = reflection_pb2.FileDescriptorResponse.FromString(descriptor_set)
    files: Iterable[bytes] = response.file_descriptor_proto
    return files


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
