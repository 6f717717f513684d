"""The page that tells the whole protocol, from the descriptor set: docs/protocol.md.

Rule: what it says is in the protos, comments included, in their order. `tools/protos.py` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    SourceCodeInfo,
)

from loadgrpc.protocol import bound, bounds

PACKAGE = "loadgrpc.v1"
HEAD = """\
# The protocol

Every service, message and field of `loadgrpc.v1`, as
[protos/loadgrpc/v1](../protos/loadgrpc/v1) has them. `make protos` writes this page; a running
broker returns the same by reflection. Where to begin:
[driving runs with grpcurl](driving-with-grpcurl.md), and
[writing a runner](writing-a-runner.md).

In JSON names are `lowerCamelCase` (the names below are read as well), 64-bit numbers are strings,
bytes are base64, a `Duration` is `"1.5s"` and a `Timestamp` `"2026-11-22T10:00:00Z"`. A field that
is not set has its zero value, except for those of a message type and those marked *optional*,
which may be absent. Numbers in parentheses are those of the fields on the wire.
"""

BOUNDS = f"""\
All that comes from outside is bounded, and checked before anything is made of it. What breaks a
bound in a request is INVALID_ARGUMENT and named; in an event it is rejected, and named; what
the table says is kept is cut. A request has at most {bounds.MAX_REQUEST_BYTES >> 10} KiB, a
plan {bounds.MAX_PLAN_BYTES >> 10} KiB, what an agent says on Connect {bound.MIB >> 20} MiB, a
batch {bounds.MAX_BATCH_BYTES >> 20} MiB with at most {bounds.MAX_BATCH_BLOCKS:,} blocks,
{bounds.MAX_BATCH_ENTRIES:,} entries in them, and {bounds.MAX_BATCH_ROWS:,} rows, labels,
URLs and cases. No message is read that has over {bounds.MAX_RECEIVED_BYTES >> 20} MiB. Of types
that a run brings there are at most {bounds.MAX_FILES} files, and a file has at most
{bounds.MAX_SYMBOLS:,} names of {bounds.MAX_SYMBOL_CHARS}
characters, and imports go {bounds.MAX_IMPORT_DEPTH} deep. Fields that are not in the table are
numbers, or messages of these."""

# Numbers of fields in descriptor.proto, by which the paths of comments are made.
SYNTAX, MESSAGES, ENUMS, SERVICES = 12, 4, 5, 6
FIELDS, ONEOFS, METHODS, VALUES = 2, 8, 2, 2

Path = tuple[int, ...]
Row = tuple[str, str, str]


def page(descriptors: bytes) -> str:
    """The page, of a descriptor set with source information."""
    found = FileDescriptorSet.FromString(descriptors).file
    files = [File(file) for file in found if file.package == PACKAGE]
    files.sort(key=lambda file: file.name)
    parts = [HEAD, *contents(files)]
    parts += [part for file in files for part in file.services()]
    parts += [part for file in files for part in file.types()]
    parts += bounds_section({name for file in files for name in file.names()})
    return "\n".join(parts)


def contents(files: Sequence[File]) -> Iterator[str]:
    """Where to find what."""
    for file in files:
        for service in file.proto.service:
            names = [method.name for method in service.method]
            links = [link(name, f"{service.name}.{name}") for name in names]
            yield f"- {link(service.name)}: {', '.join(links)}"
    for file in files:
        links = [link(each.name) for _, each in file.in_order()]
        yield f"- {link(file.name)}: {', '.join(links)}"
    yield f"- {link('Bounds')}"
    yield ""


def bounds_section(ours: set[str]) -> Iterator[str]:
    """What bounds the fields that come from outside: the table that the code checks by."""
    yield heading(2, "Bounds", BOUNDS)
    rows = [
        (link(message) if message in ours else message, f"`{field}`", str(bound))
        for message, fields in bounds.TABLE.items()
        if message in ours or message == "Any"
        for field, bound in fields.items()
    ]
    yield "| message | field | bound |"
    yield "| --- | --- | --- |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


@dataclass(frozen=True)
class File:
    """One .proto file."""

    proto: FileDescriptorProto

    @property
    def name(self) -> str:
        """Its name, without folders."""
        return self.proto.name.rpartition("/")[2]

    @cached_property
    def _locations(self) -> dict[Path, SourceCodeInfo.Location]:
        return {tuple(each.path): each for each in self.proto.source_code_info.location}

    def comment(self, *path: int) -> str:
        """The comment on what is at a path."""
        lines = self._locations[path].leading_comments.splitlines()
        return "\n".join(line.removeprefix(" ") for line in lines).strip("\n")

    def names(self) -> list[str]:
        """The messages in it."""
        return [message.name for message in self.proto.message_type]

    def in_order(self) -> list[tuple[Path, DescriptorProto | EnumDescriptorProto]]:
        """Messages and enums with their paths, as they stand in the file."""
        found: list[tuple[Path, DescriptorProto | EnumDescriptorProto]] = [
            *(((MESSAGES, at), message) for at, message in enumerate(self.proto.message_type)),
            *(((ENUMS, at), enum) for at, enum in enumerate(self.proto.enum_type)),
        ]
        return sorted(found, key=lambda each: self._locations[each[0]].span[0])

    def services(self) -> Iterator[str]:
        """Its services, method by method."""
        for at, service in enumerate(self.proto.service):
            yield heading(2, service.name, self.comment(SERVICES, at))
            for number, method in enumerate(service.method):
                said = self.comment(SERVICES, at, METHODS, number)
                yield heading(3, f"{service.name}.{method.name}", f"{signature(method)}\n\n{said}")

    def types(self) -> Iterator[str]:
        """What is in it beside services: its own comment, messages, enums."""
        yield heading(2, self.name, self.comment(SYNTAX))
        for path, each in self.in_order():
            yield heading(3, each.name, self.comment(*path))
            if isinstance(each, DescriptorProto):
                yield from self.fields(each, path)
            else:
                yield from self.values(each, path)

    def fields(self, message: DescriptorProto, path: Path) -> Iterator[str]:
        """The fields of a message: those that stand alone, then those of each oneof."""
        entries = {entry.name: entry for entry in message.nested_type}
        plain: list[Row] = []
        choices: dict[int, list[Row]] = {}
        for at, field in enumerate(message.field):
            row = (
                f"`{field.name}` ({field.number})",
                kind(field, entries),
                one_line(self.comment(*path, FIELDS, at)),
            )
            if field.HasField("oneof_index") and not field.proto3_optional:
                choices.setdefault(field.oneof_index, []).append(row)
            else:
                plain.append(row)
        yield from table("field", "type", plain)
        for index, rows in choices.items():
            said = one_line(self.comment(*path, ONEOFS, index))
            yield f"`{message.oneof_decl[index].name}` is one of these. {said}\n"
            yield from table("field", "type", rows)

    def values(self, enum: EnumDescriptorProto, path: Path) -> Iterator[str]:
        """The values of an enum."""
        rows = [
            (f"`{value.name}`", str(value.number), one_line(self.comment(*path, VALUES, at)))
            for at, value in enumerate(enum.value)
        ]
        yield from table("value", "number", rows)


def heading(level: int, text: str, said: str) -> str:
    """A heading and what stands below it."""
    return f"{'#' * level} {text}\n\n{said}\n" if said else f"{'#' * level} {text}\n"


def table(first: str, second: str, rows: Sequence[Row]) -> Iterator[str]:
    """A table, if it has rows."""
    if rows:
        yield f"| {first} | {second} | |"
        yield "| --- | --- | --- |"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""


def signature(method: MethodDescriptorProto) -> str:
    """What a method takes and gives."""
    asked, answered = link(short(method.input_type)), link(short(method.output_type))
    if method.client_streaming:
        asked = f"stream of {asked}"
    if method.server_streaming:
        answered = f"stream of {answered}"
    return f"{asked} → {answered}"


def kind(field: FieldDescriptorProto, entries: dict[str, DescriptorProto]) -> str:
    """The type of a field."""
    entry = entries.get(short(field.type_name))
    if entry is not None:
        key, value = (kind(each, {}) for each in entry.field)
        return f"map of {key} to {value}"
    if field.type_name.startswith(f".{PACKAGE}."):
        name = link(short(field.type_name))
    elif field.type_name:
        name = short(field.type_name)
    else:
        name = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def short(type_name: str) -> str:
    """A type without its package."""
    return type_name.rpartition(".")[2]


def link(text: str, target: str = "") -> str:
    """A link to a heading of the page."""
    anchor = "".join(c for c in (target or text).lower() if c.isalnum() or c in "-_")
    return f"[{text}](#{anchor})"


def one_line(text: str) -> str:
    """A comment as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
