"""One file, and what it defines.

Rule: nothing is resolved here and nothing is checked but that there is a name and that names are
within bounds, before they are joined; what a file says is taken as it stands, and its bytes are
kept as they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol.bounds import MAX_SYMBOL_CHARS, MAX_SYMBOLS

_NamedMessage = tuple[str, DescriptorProto]
_Holder = FileDescriptorProto | DescriptorProto
"""What may define enums and extensions."""


class Extension(NamedTuple):
    """What an extension is known by, besides its name."""

    extended_type: str
    number: int

    def __str__(self) -> str:
        return f"extension {self.number} of {self.extended_type}"


@dataclass(frozen=True)
class File:
    """A FileDescriptorProto, read; names are fully qualified, without a leading dot."""

    name: str
    serialized: bytes
    dependencies: tuple[str, ...]
    symbols: tuple[str, ...]
    """All that it gives a name to; what it names twice is twice in here."""
    messages: frozenset[str]
    extensions: tuple[Extension, ...]

    @classmethod
    def parse(cls, serialized: bytes) -> File:
        """Reads one serialized FileDescriptorProto.

        Raises:
            InvalidRequest: it is none, has no name, or more or longer names than there may be.
        """
        file = _parse(serialized)
        for name in (file.name, *file.dependency):
            _check_length(len(name))
        messages = list(_few(_messages(file.package, file.message_type)))
        return cls(
            name=file.name,
            serialized=serialized,
            dependencies=tuple(file.dependency),
            symbols=tuple(_few(_symbols(file, messages))),
            messages=frozenset(name for name, _ in messages),
            extensions=tuple(_extensions(file, messages)),
        )

    def clashes_with(self, other: File) -> bool:
        """Whether no registry can have both."""
        if self.name == other.name:
            return not self.says_the_same_as(other)
        return bool({*self.symbols} & {*other.symbols} or {*self.extensions} & {*other.extensions})

    def says_the_same_as(self, other: File) -> bool:
        """Whether both define the same, whatever their comments, options and JSON names.

        One file differs in these between compilers and their versions, and all that a program
        has been generated from comes without comments.
        """
        return self.serialized == other.serialized or _essence(self) == _essence(other)


def _parse(serialized: bytes) -> FileDescriptorProto:
    try:
        file = FileDescriptorProto.FromString(serialized)
    except DecodeError as error:
        raise InvalidRequest(f"not a FileDescriptorProto: {error}") from error
    if not file.name:
        raise InvalidRequest("not a FileDescriptorProto: it has no name")
    return file


def _essence(file: File) -> FileDescriptorProto:
    """The file without what may differ."""
    essence = _parse(file.serialized)
    essence.ClearField("source_code_info")
    _clear(essence, {"options", "json_name"})
    return essence


def _clear(message: Message, names: set[str]) -> None:
    """Clears the fields of these names, in `message` and in all that it holds."""
    for field, value in message.ListFields():
        if field.name in names:
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if isinstance(value, Sequence) else [value]:
                _clear(part, names)


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
) -> Iterator[Extension]:
    """All extensions in `file`, nested ones too."""
    holders: list[_Holder] = [file, *(message for _, message in messages)]
    for holder in holders:
        for field in holder.extension:
            yield Extension(field.extendee.removeprefix("."), field.number)


def _join(scope: str, name: str) -> str:
    _check_length(len(scope) + len(name))
    return f"{scope}.{name}" if scope else name


def _check_length(chars: int) -> None:
    if chars > MAX_SYMBOL_CHARS:
        raise InvalidRequest(f"a name in it has more than {MAX_SYMBOL_CHARS} characters")


_Named = TypeVar("_Named")


def _few(names: Iterable[_Named]) -> Iterator[_Named]:
    """The names of a file, as long as there are not too many."""
    for count, name in enumerate(names, 1):
        if count > MAX_SYMBOLS:
            raise InvalidRequest(f"a file in it has more than {MAX_SYMBOLS} names")
        yield name
