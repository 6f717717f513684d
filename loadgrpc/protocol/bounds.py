"""What bounds everything that crosses the wire: one table, field by field.

Rule: a message is checked against this table before anything is made of it, so that what it
costs is known from its size. What breaks a bound is refused and named, or cut where the table
says so; docs/protocol.md prints the table, and a test holds the comments of the protos against it.
What depends on several fields, such as the rules of a plan, is checked where it is converted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from loadgrpc import model
from loadgrpc.campaign import shape
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol.bound import (
    ID,
    KIB,
    MAX_ID_CHARS,
    MAX_MOMENT_S,
    MAX_NAME_CHARS,
    MIB,
    Blob,
    Bound,
    Kept,
    Many,
    Moment,
    Name,
    OfBatch,
    Span,
    Text,
    broken,
)
from loadgrpc.protocol.labels_kind import LABELS
from loadgrpc.protocol.load_kinds import STAGES
from loadgrpc.protocol.plan_bounds import OF_PLANS

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
    "/loadgrpc.v1.ControlService/CheckPlan": MAX_PLAN_BYTES + 4 * KIB,
    "/loadgrpc.v1.ControlService/UploadBundle": MIB + 4 * KIB,
    "/loadgrpc.v1.ScheduleService/AddSchedule": MAX_PLAN_BYTES + 4 * KIB,
    "/loadgrpc.v1.CampaignService/StartCampaign": MIB + 4 * KIB,
    "/loadgrpc.v1.CampaignService/ReplaceStep": MAX_PLAN_BYTES + 4 * KIB,
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
MAX_RULE_NAMES: Final = 100
"""Rules that one event reports."""
MAX_GAPS: Final = 4_000
MAX_TAGS: Final = 8
MAX_TAG_NAME_CHARS: Final = 32
MAX_TAG_CHARS: Final = 64
MAX_MEASURED: Final = 2_000
"""Values of one report of a measure: with their counts they fit into the smallest batch."""
"""Different times between messages, of one report of sockets."""
MAX_CUSTOM_BYTES: Final = 64 * KIB

# Of types that a source brings.

MAX_TYPES_BYTES: Final = 256 * KIB
MAX_RUN_TYPES_BYTES: Final = MIB
MAX_FILES: Final = 500
"""Of a set of descriptors, and of a run."""
MAX_SYMBOL_CHARS: Final = 512
MAX_SYMBOLS: Final = 20_000
MAX_IMPORT_DEPTH: Final = 100

# Of bundles.

MAX_BUNDLE_BYTES: Final = 256 * MIB
"""Of the tar of what a test needs: a few large tables of data, but no disk is full of it."""
MAX_CHUNK_BYTES: Final = MIB
"""Of a piece of it: gRPC's default takes 4 MiB, and others have their turn in between."""
MAX_BUNDLE_ENTRIES: Final = 20_000
"""Files and folders of it: a source tree with its data; more would be an accident or a bomb."""
MAX_PATH_BYTES: Final = 1_024
"""Of a name in it: a quarter of what Linux takes, as the folder comes before it."""
MAX_PATH_DEPTH: Final = 64
DIGEST_CHARS: Final = 64

# Of texts.

MAX_PROTOCOL_CHARS: Final = 32
MAX_REASON_CHARS: Final = 512
MAX_HOSTNAME_CHARS: Final = 255
MAX_VERSION_CHARS: Final = 64
MAX_TYPE_CHARS: Final = 256
MAX_TEXT_BYTES: Final = 4 * KIB
MAX_TRACEBACK_BYTES: Final = 16 * KIB
MAX_COMMAND_BYTES: Final = 64 * KIB
"""Of a command line with the test in it."""
MAX_PARTS: Final = 20_000
"""Of a run: agents times scenarios."""
MAX_HELD: Final = 10_000
"""Parts that an agent says it still has something of."""
MAX_SPAN_S: Final = 315_576_000_000
"""Of a Duration, either way: ten thousand years, as its JSON has it."""
MAX_VIOLATIONS: Final = 20
"""Fields that an error names: there may be more that are wrong."""

AGENT_ID: Final = Text(MAX_ID_CHARS, 2 * MAX_ID_CHARS)
_ANY_SPAN: Final = Span(0, MAX_SPAN_S)
_IN_63_BITS: Final = Span(0, MAX_MOMENT_S)
_COLUMN: Final = OfBatch()
_GENERATOR_S: Final = model.MAX_GENERATOR_NS // 10**9


TABLE: Final[Mapping[str, Mapping[str, Bound]]] = {
    # Of ControlService.
    "StartRunRequest": {
        "request_id": ID,
        **dict.fromkeys(("start_time", "expire_time"), Moment()),
        **dict.fromkeys(("delay", "expire_after"), Span(0, round(model.MAX_AHEAD_S))),
    },
    "GetRunRequest": {"run_id": ID},
    "ListRunsRequest": {
        "page_token": ID,
        "states": Many(16),
        "exit_codes": Many(16),
        "labels": Many(16, Text(LABELS.chars)),
        **dict.fromkeys(("owner", "title"), ID),
    },
    **{each: {"run_id": ID} for each in ("WatchRunRequest", "StopRunRequest")},
    "SetLoadRequest": {"run_id": ID, "request_id": ID, "scenario": ID},
    "AddNoteRequest": {"run_id": ID, "request_id": ID, "text": Text(model.MAX_NOTE_CHARS)},
    "GetSummaryRequest": {"run_id": ID},
    "CompareRunsRequest": {"run_ids": Many(10, ID)},
    "CheckRunRequest": {
        "run_id": ID,
        "thresholds": OF_PLANS["RunSpec"]["thresholds"],
        "from": Moment(),
        "to": Moment(),
    },
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
    "UploadBundleRequest": {"sha256": Text(DIGEST_CHARS), "chunk": Blob(MAX_CHUNK_BYTES)},
    "GetBundleRequest": {"sha256": Text(DIGEST_CHARS)},
    "DeleteRunRequest": {"run_id": ID},
    "PurgeRunsRequest": {"older_than": _ANY_SPAN},
    "DrainAgentRequest": {"agent_id": AGENT_ID},
    **OF_PLANS,
    # Of ScheduleService.
    "ScheduleSpec": {
        "name": ID,
        "cron": Text(256),
        "time_zone": Text(64),
        "start_timeout": Span(0, 86_400),
    },
    "ListSchedulesRequest": {"name": ID, "page_token": ID},
    "PauseScheduleRequest": {"name": ID},
    "ResumeScheduleRequest": {"name": ID},
    "RunScheduleNowRequest": {"name": ID},
    "RemoveScheduleRequest": {"name": ID},
    # Of CampaignService.
    "StartCampaignRequest": {"request_id": ID},
    "CampaignSpec": {
        "steps": Many(shape.MAX_STEPS),
        "title": Text(128),
        "start_timeout": Span(0, 30 * 86_400),
    },
    "Step": {"name": Text(shape.MAX_NAME_CHARS), "after": Many(shape.MAX_AFTER)},
    "After": {"step": ID, "exit_codes": Many(16)},
    "GetCampaignRequest": {"campaign_id": ID},
    "ListCampaignsRequest": {"page_token": ID},
    "WatchCampaignRequest": {"campaign_id": ID},
    "StopCampaignRequest": {"campaign_id": ID},
    "ReplaceStepRequest": {"campaign_id": ID, "step": ID},
    "DeleteCampaignRequest": {"campaign_id": ID},
    **STAGES,
    # Of AccessService.
    "CreateTokenRequest": {"name": ID, "expires_after": Span(0, 366 * 86_400)},
    "RevokeTokenRequest": {"name": ID},
    "ListAuditRequest": {"page_token": ID, "name": ID},
    # Of FleetService.
    "Register": {
        "agent_id": AGENT_ID,
        "hostname": Text(MAX_HOSTNAME_CHARS),
        "version": Text(MAX_VERSION_CHARS),
        "run_ids": Many(MAX_HELD, ID),
        "assignments": Many(MAX_HELD),
        "time": Moment(),
        "labels": Many(LABELS.entries, Text(LABELS.chars)),
    },
    "Confinement": {"run_as": ID, "time": Span(0, 366 * 86_400)},
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
    "AssignmentPreparing": {"run_id": ID, "doing": Kept(MAX_NAME_CHARS, "characters")},
    "FetchBundleRequest": {"sha256": Text(DIGEST_CHARS)},
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
    **{key: {"test": Name()} for key in ("TestStart", "TestStop", "TestSuccess")},
    **{key: {"test": Name()} for key in ("TestFailure", "TestError")},
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
        "tags": Many(MAX_TAGS),
    },
    "CustomState": {"name": Text(model.MAX_STATE_CHARS), "details": Many(model.MAX_DETAILS)},
    "DetailsEntry": {
        "key": Text(model.MAX_DETAIL_NAME_CHARS),
        "value": Text(model.MAX_DETAIL_CHARS),
    },
    "TagsEntry": {"key": Text(MAX_TAG_NAME_CHARS), "value": Text(MAX_TAG_CHARS)},
    "Counter": {"name": Name()},
    "Output": {"text": Kept(MAX_TEXT_BYTES)},
    "DataUse": {"file": Name()},
    "DesignedRules": {"names": Many(MAX_RULE_NAMES)},
    "Check": {"name": Name()},
    "Transaction": {
        "name": Name(),
        "elapsed_ns": Many(MAX_MEASURED),
        "counts": Many(MAX_MEASURED),
    },
    "Measurement": {"name": Name(), "values": Many(MAX_MEASURED), "counts": Many(MAX_MEASURED)},
    "Gauge": {"name": Name()},
    "SocketActivity": {
        "name": Name(),
        "protocol": Kept(MAX_PROTOCOL_CHARS, "characters"),
        "gaps_ns": Many(MAX_GAPS),
        "gap_counts": Many(MAX_GAPS),
    },
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
        "tags": Many(MAX_TAGS),
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
        **dict.fromkeys(("label", "start_ns", "elapsed_ns", "delay_ns"), _COLUMN),
        **dict.fromkeys(("user", "iteration", "case"), _COLUMN),
        "cases": Many(MAX_BATCH_ROWS),
    },
    "TestLabel": {"test": Name()},
}
"""By message and field. What is not here is a number, an enum or a message of fields that are."""


MAPS: Final = frozenset(
    {"EnvEntry", "SettingsEntry", "ParametersEntry", "DetailsEntry", "TagsEntry"}
)
"""Messages that are entries of maps."""


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
            if field.message_type.name in MAPS:
                yield from _map_violations(field.message_type.name, value, path)
            elif field.is_repeated:
                for at, each in enumerate(value):
                    yield from _violations(each, f"{path}[{at}].")
            else:
                yield from _violations(value, f"{path}.")


def _map_violations(entry: str, value: Mapping[str, Any], path: str) -> Iterator[Violation]:
    """What is wrong in a map, whose keys are texts; nothing is said of what its values are."""
    rules = TABLE[entry]
    for key, each in value.items():
        where = f"{path}[{key[:MAX_ID_CHARS]!r}]"
        for name, text in (("key", key), ("value", each)):
            if name in rules and (detail := broken(rules[name], text)):
                yield Violation(where, detail)
        if isinstance(each, Message):
            yield from _violations(each, f"{where}.")


def kept_bytes(text: str, most: int) -> str:
    """The first bytes of a text, whole characters, with NUL as what shows that it was there."""
    if len(text) * 4 > most and len(data := text.encode()) > most:
        text = data[:most].decode(errors="ignore")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def kept_chars(text: str, most: int) -> str:
    """The first characters of a text, as above."""
    return text[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")
