"""What bounds everything that crosses the wire: one table, field by field.

Rule: a message is checked against this table before anything is made of it, so that what it
costs is known from its size. What breaks a bound is refused and named, or cut where the table
says so; docs/protocol.md prints the table, and a test holds the comments of the protos against it.
What depends on several fields, such as the rules of a plan, is checked where it is converted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import kinds, options

KIB: Final = 1 << 10
MIB: Final = 1 << 20

# Of whole messages.

MAX_RECEIVED_BYTES: Final = 16 * MIB
"""Of any message: gRPC itself ends the call of a larger one, with RESOURCE_EXHAUSTED."""
MAX_REQUEST_BYTES: Final = 64 * KIB
"""Of a request for which REQUEST_BYTES says nothing else."""
MAX_PLAN_BYTES: Final = 256 * KIB
MAX_BATCH_BYTES: Final = MIB
MAX_PUBLISHED_BYTES: Final = MAX_BATCH_BYTES + 512 * KIB
"""Of what a runner says: a batch or types, and whose they are. Of more only the head is read."""
REQUEST_BYTES: Final[Mapping[str, int]] = {
    "/loadgrpc.v1.ControlService/StartRun": MAX_PLAN_BYTES + 4 * KIB,
    "/loadgrpc.v1.FleetService/Connect": MIB,
    "/loadgrpc.v1.RunnerService/PublishEvents": MAX_PUBLISHED_BYTES,
}
"""Bytes of a request, by method; more is INVALID_ARGUMENT. Of PublishEvents it is `too_large`."""
MAX_ANSWER_BYTES: Final = 3 * MIB
"""Of an answer of ControlService: clients accept 4 MiB by default."""

# Of a batch.

MAX_BATCH_ROWS: Final = 10_000
"""Rows, labels, URLs and cases of a batch, together."""
MAX_BATCH_BLOCKS: Final = 1_000
MAX_BATCH_ENTRIES: Final = 131_072
"""Entries that the blocks of a batch may have together: empty columns declare them for nothing."""
MAX_CUSTOM_BYTES: Final = 64 * KIB

# Of types that a source brings.

MAX_TYPES_BYTES: Final = 256 * KIB
MAX_RUN_TYPES_BYTES: Final = MIB
MAX_FILES: Final = 500
"""Of a set of descriptors, and of a run."""
MAX_SYMBOL_CHARS: Final = 512
MAX_SYMBOLS: Final = 20_000
MAX_IMPORT_DEPTH: Final = 100

# Of texts.

MAX_ID_CHARS: Final = 128
MAX_NAME_CHARS: Final = 256
MAX_PROTOCOL_CHARS: Final = 32
MAX_REASON_CHARS: Final = 512
MAX_HOSTNAME_CHARS: Final = 255
MAX_VERSION_CHARS: Final = 64
MAX_TYPE_CHARS: Final = 256
MAX_TEXT_BYTES: Final = 4 * KIB
MAX_TRACEBACK_BYTES: Final = 16 * KIB
MAX_COMMAND_BYTES: Final = 64 * KIB
"""Of a command line with the test in it."""
MAX_SCENARIOS: Final = 100
MAX_PARTS: Final = 20_000
"""Of a run: agents times scenarios."""
MAX_HELD: Final = 10_000
"""Parts that an agent says it still has something of."""

MAX_SPAN_S: Final = 315_576_000_000
"""Of a Duration, either way: ten thousand years, as its JSON has it."""
MAX_MOMENT_S: Final = (2**63 - 1) // 10**9
"""Of a Timestamp since 1970: nanoseconds up to there fit 63 bits."""
MAX_NANOS: Final = 999_999_999

MAX_VIOLATIONS: Final = 20
"""Fields that an error names: there may be more that are wrong."""
HASH_CHARS: Final = 8


@dataclass(frozen=True)
class Text:
    """A string of at most N characters, without NUL; a longer one is rejected.

    `bytes`: and of at most this many bytes of UTF-8; 0: four for each character.
    """

    chars: int
    bytes: int = 0

    def __str__(self) -> str:
        and_bytes = f" and {self.bytes:,} bytes" if self.bytes else ""
        return f"at most {self.chars:,} characters{and_bytes}, without NUL"


@dataclass(frozen=True)
class Name:
    """A string of which N characters are kept; a longer one ends in a hash of the whole."""

    chars: int = MAX_NAME_CHARS

    def __str__(self) -> str:
        return f"{self.chars:,} characters are kept; a longer one ends in a hash of the whole"


@dataclass(frozen=True)
class Kept:
    """A string of which the first N bytes, or characters, are kept."""

    most: int
    unit: str = "bytes"

    def __str__(self) -> str:
        return (
            f"{_size(self.most) if self.unit == 'bytes' else f'{self.most:,} characters'} are kept"
        )


@dataclass(frozen=True)
class Many:
    """A list of at most N entries; a longer one is rejected. `of`: the bound of its strings."""

    most: int
    of: Text | None = None

    def __str__(self) -> str:
        return f"at most {self.most:,} entries" + (f", each {self.of}" if self.of else "")


@dataclass(frozen=True)
class Blob:
    """Bytes, at most N."""

    most: int

    def __str__(self) -> str:
        return f"at most {_size(self.most)}"


@dataclass(frozen=True)
class Span:
    """A Duration between two bounds in seconds, with normalised nanos of the same sign."""

    least_s: float
    most_s: float

    def __str__(self) -> str:
        return f"from {_seconds(self.least_s)} to {_seconds(self.most_s)}, well-formed"


@dataclass(frozen=True)
class Moment:
    """A Timestamp from 1970 to 2262, nanos from 0 and below a second."""

    def __str__(self) -> str:
        return "from 1970 to 2262, well-formed"


@dataclass(frozen=True)
class OfBatch:
    """What only its batch bounds: its bytes, its entries, its rows, labels, URLs and cases."""

    def __str__(self) -> str:
        return "as its batch"


Bound = Text | Name | Kept | Many | Blob | Span | Moment | OfBatch

ID: Final = Text(MAX_ID_CHARS)
_ANY_SPAN: Final = Span(0, MAX_SPAN_S)
_IN_63_BITS: Final = Span(0, MAX_MOMENT_S)
_COLUMN: Final = OfBatch()
_GENERATOR_S: Final = model.MAX_GENERATOR_NS // 10**9


def _of_options(rows: Iterable[options.Option]) -> dict[str, Bound]:
    """What bounds options of a plan, where more is refused than a number."""
    found: dict[str, Bound] = {}
    for row in rows:
        match row.kind:
            case kinds.TextKind(chars):
                found[row.field] = Text(chars)
            case kinds.CountsKind(entries=entries):
                found[row.field] = Many(entries)
            case kinds.SecondsKind(most):
                found[row.field] = Span(0, most)
    return found


TABLE: Final[Mapping[str, Mapping[str, Bound]]] = {
    # Of ControlService.
    "StartRunRequest": {"request_id": ID},
    "GetRunRequest": {"run_id": ID},
    "ListRunsRequest": {"page_token": ID, "states": Many(16), "exit_codes": Many(16)},
    "WatchRunRequest": {"run_id": ID},
    "StopRunRequest": {"run_id": ID},
    "GetSummaryRequest": {"run_id": ID},
    "GetTimelineRequest": {
        "run_id": ID,
        "from": Moment(),
        "to": Moment(),
        "resolution": Span(0, model.MAX_RESOLUTION_S),
        "names": Many(model.MAX_TIMELINE_NAMES, Text(MAX_NAME_CHARS)),
        "page_token": ID,
    },
    "ListEventsRequest": {
        "run_id": ID,
        "kinds": Many(32, Text(MAX_ID_CHARS)),
        "agent_id": ID,
        "after": ID,
    },
    "DeleteRunRequest": {"run_id": ID},
    "PurgeRunsRequest": {"older_than": _ANY_SPAN},
    "RunSpec": {**_of_options(options.ALL.values()), "scenarios": Many(MAX_SCENARIOS)},
    "Scenario": {"name": ID, **_of_options(options.OF_SCENARIO)},
    # Of FleetService.
    "Register": {
        "agent_id": Text(MAX_ID_CHARS, 2 * MAX_ID_CHARS),
        "hostname": Text(MAX_HOSTNAME_CHARS),
        "version": Text(MAX_VERSION_CHARS),
        "run_ids": Many(MAX_HELD, ID),
        "assignments": Many(MAX_HELD),
        "time": Moment(),
    },
    "HeldAssignment": {"run_id": ID, "scenario": ID},
    "Heartbeat": {"time": Moment()},
    "RunnerExit": {
        "run_id": ID,
        "stderr_tail": Kept(MAX_TEXT_BYTES),
        "start_error": Kept(MAX_TEXT_BYTES),
        "runner_id": ID,
        "scenario": ID,
    },
    "AssignmentReady": {"run_id": ID, "scenario": ID},
    "UsersHeldBack": {"run_id": ID, "scenario": ID},
    # Of RunnerService.
    "GetAssignmentRequest": {"scenario": ID},
    "SourceId": {"run_id": ID, "agent_id": ID, "runner_id": ID},
    "OpenSource": {"scenario": ID, "types": Blob(MAX_TYPES_BYTES)},
    "Skip": {"reason": Kept(MAX_REASON_CHARS, "characters")},
    "EventBatch": {
        "events": Many(MAX_BATCH_ROWS),
        "hit_blocks": Many(MAX_BATCH_BLOCKS),
        "test_blocks": Many(MAX_BATCH_BLOCKS),
    },
    # Of every server.
    "HealthCheckRequest": {"service": Text(MAX_NAME_CHARS)},
    "ServerReflectionRequest": {
        **dict.fromkeys(("host", "file_by_filename"), Text(MAX_SYMBOL_CHARS)),
        **dict.fromkeys(
            ("file_containing_symbol", "all_extension_numbers_of_type"), Text(MAX_SYMBOL_CHARS)
        ),
    },
    "ExtensionRequest": {"containing_type": Text(MAX_SYMBOL_CHARS)},
    # Of events; what breaks these bounds is rejected, event by event and block by block.
    "Event": {"time": Moment()},
    "LoadStatus": {"case": Name()},
    "Any": {"type_url": Text(MAX_NAME_CHARS), "value": Blob(MAX_CUSTOM_BYTES)},
    "TestStart": {"test": Name()},
    "TestStop": {"test": Name()},
    "TestSuccess": {"test": Name()},
    "TestFailure": {"test": Name()},
    "TestError": {"test": Name()},
    "ExceptionInfo": {
        "type": Kept(MAX_TYPE_CHARS, "characters"),
        "message": Kept(MAX_TEXT_BYTES),
        "traceback": Kept(MAX_TRACEBACK_BYTES),
    },
    "Hit": {
        "name": Name(),
        "url": OfBatch(),
        "method": Name(),
        "error_message": Kept(MAX_NAME_CHARS, "characters"),
        "planned_start_time": Moment(),
        "start_time": Moment(),
        "elapsed": _IN_63_BITS,
        "time_to_first_byte": _IN_63_BITS,
        "connect": _IN_63_BITS,
        "protocol": Kept(MAX_PROTOCOL_CHARS, "characters"),
    },
    "Counter": {"name": Name()},
    "Output": {"text": Kept(MAX_TEXT_BYTES)},
    "GeneratorState": {
        "elapsed": Span(0, _GENERATOR_S),
        "cpu": _IN_63_BITS,
        "lags_ns": Many(model.MAX_LAGS),
        "gc_time": Span(0, _GENERATOR_S),
        "gc_max": Span(0, _GENERATOR_S),
    },
    "HitBlock": {
        "base_time": Moment(),
        "labels": Many(MAX_BATCH_ROWS),
        "urls": Many(MAX_BATCH_ROWS),
        **dict.fromkeys(("label", "start_ns", "delay_ns", "elapsed_ns"), _COLUMN),
        **dict.fromkeys(("first_byte_ns", "connect_ns", "bytes_sent", "bytes_received"), _COLUMN),
        **dict.fromkeys(("user", "iteration", "url", "attempt", "case"), _COLUMN),
        "cases": Many(MAX_BATCH_ROWS),
    },
    "HitLabel": {
        "name": Name(),
        "method": Name(),
        "error_message": Kept(MAX_NAME_CHARS, "characters"),
        "protocol": Kept(MAX_PROTOCOL_CHARS, "characters"),
    },
    "TestBlock": {
        "base_time": Moment(),
        "labels": Many(MAX_BATCH_ROWS),
        **dict.fromkeys(("label", "start_ns", "elapsed_ns", "user", "iteration"), _COLUMN),
        "cases": Many(MAX_BATCH_ROWS),
        "case": _COLUMN,
    },
    "TestLabel": {"test": Name()},
}
"""By message and field. What is not here is a number, an enum or a message of fields that are."""


def check(message: Message, where: str = "") -> None:
    """Checks a message, and all that is in it, against the table.

    `where` is the path of the message, with a dot at its end. Batches are for `protocol/home.py`
    and `protocol/batches.py`.

    Raises:
        InvalidRequest: fields break their bounds; the first of them are named.
    """
    found: list[Violation] = []
    for violation in _violations(message, where):
        found.append(violation)
        if len(found) == MAX_VIOLATIONS:
            break
    if found:
        raise InvalidRequest(found)


def _violations(message: Any, where: str) -> Iterator[Violation]:
    rules = TABLE.get(message.DESCRIPTOR.name, {})
    for field, value in message.ListFields():
        rule = rules.get(field.name)
        path = f"{where}{field.name}"
        if rule is not None and (detail := broken(rule, value)):
            yield Violation(path, detail)
        elif isinstance(rule, Many) and rule.of is not None:
            yield from (
                Violation(f"{path}[{at}]", detail)
                for at, each in enumerate(value)
                if (detail := broken(rule.of, each))
            )
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not isinstance(rule, Span | Moment):
            if field.message_type.name == "EventBatch":
                continue
            if field.is_repeated:
                for at, each in enumerate(value):
                    yield from _violations(each, f"{path}[{at}].")
            else:
                yield from _violations(value, f"{path}.")


def broken(rule: Bound, value: Any) -> str:
    """How a value breaks its bound, as text; empty: it does not."""
    match rule:
        case Text():
            return _text_broken(rule, value)
        case Many(most):
            return f"has more than {most:,} entries" if len(value) > most else ""
        case Blob(most):
            return f"has {len(value)} bytes, more than {most}" if len(value) > most else ""
        case Span(least_s, most_s):
            return span_broken(value, least_s, most_s)
        case Moment():
            return moment_broken(value)
    return ""


def _text_broken(rule: Text, value: str) -> str:
    if len(value) > rule.chars:
        return f"has more than {rule.chars:,} characters"
    if rule.bytes and len(value.encode()) > rule.bytes:
        return f"has more than {rule.bytes:,} bytes"
    return "has a NUL in it" if "\0" in value else ""


def span_broken(value: Any, least_s: float, most_s: float) -> str:
    """What is wrong with a Duration, as text; empty: nothing."""
    seconds, nanos = value.seconds, value.nanos
    if not -MAX_NANOS <= nanos <= MAX_NANOS or seconds * nanos < 0:
        return "is malformed: nanos are below a second and have the sign of the seconds"
    if least_s <= seconds + nanos / 1e9 <= most_s:
        return ""
    return f"must be from {_seconds(least_s)} to {_seconds(most_s)}"


def moment_broken(value: Any) -> str:
    """What is wrong with a Timestamp, as text; empty: nothing."""
    if not 0 <= value.nanos <= MAX_NANOS:
        return "is malformed: nanos are from 0 and below a second"
    return "" if 0 <= value.seconds < MAX_MOMENT_S else "is not between 1970 and 2262"


def short_name(name: str, most: int = MAX_NAME_CHARS) -> str:
    """A name as it is kept: one that is too long ends in a hash, so that it stays apart."""
    if len(name) <= most:
        return name
    return f"{name[: most - HASH_CHARS - 1]}~{short_hash(name)}"


def short_hash(name: str) -> str:
    """The suffix that keeps names distinct that are cut."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:HASH_CHARS]


def kept_bytes(text: str, most: int) -> str:
    """The first bytes of a text, whole characters, with NUL as what shows that it was there."""
    if len(text) * 4 > most and len(data := text.encode()) > most:
        text = data[:most].decode(errors="ignore")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def kept_chars(text: str, most: int) -> str:
    """The first characters of a text, as above."""
    return text[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _size(count: int) -> str:
    for unit, of in (("MiB", MIB), ("KiB", KIB)):
        if count % of == 0:
            return f"{count // of:,} {unit}"
    return f"{count:,} bytes"


def _seconds(seconds: float) -> str:
    for unit, of in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * of and seconds % of == 0 and seconds < 366 * 86_400:
            return f"{seconds / of:,.0f} {unit}"
    return f"{seconds:,.0f} s"
