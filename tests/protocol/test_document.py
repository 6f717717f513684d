"""The summary as JSON: field for field what grpcurl prints of it."""

import json
import math
import random
import re

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc import model
from loadgrpc.protocol.document import as_document, summary_json
from loadgrpc.protocol.summary import summary_from_proto
from loadgrpc.testing import plan_of
from loadgrpc.v1 import control_pb2, run_pb2

NS = 1_000_000_000
PLAN = plan_of(test="a.B.c", iterations=(1,))
EMPTY = model.Summary(run_id="r", state=model.RunState.STARTING, plan=PLAN, create_time_ns=0)
FULL = model.Summary(
    run_id="r",
    state=model.RunState.FINISHED,
    plan=PLAN,
    create_time_ns=NS,
    start_time_ns=2 * NS,
    end_time_ns=3 * NS + 500_000_000,
    duration_ns=1_250_000_000,
    verdict=model.Verdict(exit_code=1, reason="1 of 2"),
    hits=model.HitFigures(count=3, failed=1, rate=2.5, bytes_sent=2**53 + 1),
    names=(
        model.NameFigures(
            name="/ä",
            method="GET",
            hits=model.HitFigures(count=3),
            statuses={404: 1, 200: 1, 1000: 5, 99: 1},
        ),
    ),
    hit_errors=(
        model.HitErrorGroup(
            count=1, name="/", method="GET", error=model.HitError.CONNECT, error_message="no"
        ),
    ),
    agents=(
        model.AgentFigures(agent_id="a", hostname="h", state=model.AssignmentState.FINISHED),
        model.AgentFigures(
            agent_id="b",
            hostname="h",
            state=model.AssignmentState.LOAD_FAILED,
            load_error=model.ExceptionInfo(type="E"),
        ),
    ),
    counters={"z": 1, "a": -2},
    accounting=model.Accounting(
        committed=7, losses=(model.Loss(reason="why", count=2, at_least=True, agent_id="b"),)
    ),
)


def keys_in_order(message):
    """The names that JSON has for the fields of a message, in the order of the proto."""
    return [field.json_name for field in message.DESCRIPTOR.fields]


def test_an_empty_summary_has_every_field():
    """Nothing is left out: numbers are 0, lists and maps empty, messages that are not set null."""
    document = json.loads(summary_json(EMPTY))

    assert list(document) == keys_in_order(run_pb2.RunSummary)
    assert document["startTime"] is None
    assert document["endTime"] is None
    assert document["names"] == document["agents"] == []
    assert document["counters"] == {}
    assert list(document["hits"]) == keys_in_order(run_pb2.HitFigures)
    assert document["hits"]["count"] == "0"
    assert document["hits"]["elapsed"]["p99"] == "0s"
    assert document["plan"]["duration"] is None
    assert document["accounting"]["lost"] == "0"
    assert document["state"] == "RUN_STATE_STARTING"


def test_a_full_summary():
    """Protobuf's JSON: 64-bit numbers as strings, times as RFC 3339, enums by name."""
    document = json.loads(summary_json(FULL))

    assert document["endTime"] == "1970-01-01T00:00:03.500Z"
    assert document["duration"] == "1.250s"
    assert document["verdict"] == {"exitCode": 1, "reason": "1 of 2"}
    assert document["hits"]["bytesSent"] == "9007199254740993"
    assert document["hits"]["rate"] == 2.5
    assert document["hitErrors"][0]["error"] == "HIT_ERROR_CONNECT"
    assert document["agents"][0]["loadError"] is None
    assert document["agents"][1]["loadError"] == {"type": "E", "message": "", "traceback": ""}
    assert document["accounting"]["losses"][0]["atLeast"] is True
    assert document["accounting"]["lost"] == "2"


def test_order_is_that_of_the_proto_at_every_depth():
    """Fields come in the order of the proto, and the keys of maps in theirs."""
    document = json.loads(summary_json(FULL))

    assert list(document["names"][0]) == keys_in_order(run_pb2.NameFigures)
    assert list(document["agents"][1]) == keys_in_order(run_pb2.AgentFigures)
    assert list(document["plan"]) == keys_in_order(run_pb2.RunSpec)
    assert list(document["counters"]) == ["a", "z"]
    assert list(document["names"][0]["statuses"]) == ["99", "200", "404", "1000"]


def test_text_stays_text():
    """Letters beyond ASCII are themselves, and the document ends without a newline."""
    text = summary_json(FULL)

    assert "/ä" in text
    assert not text.endswith("\n")
    assert re.match(r'{\n  "runId": "r",\n', text)


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_the_document_reads_back(counters):
    """Protobuf reads the document back into the same summary, nulls and all."""
    from google.protobuf import json_format

    summary = model.Summary(**{**vars(FULL), "counters": counters})
    message = json_format.Parse(summary_json(summary), run_pb2.RunSummary())

    assert summary_from_proto(message) == summary


def as_protobuf_has_it(message):
    """A document by protobuf's own converter, completed: what ours is held against."""
    document = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    completed = {}
    for field in message.DESCRIPTOR.fields:
        value, kind = document.get(field.json_name), field.message_type
        is_map = kind is not None and kind.GetOptions().map_entry
        if kind is not None and not is_map and not kind.full_name.startswith("google.protobuf."):
            inner = getattr(message, field.name)
            if field.is_repeated:
                value = [as_protobuf_has_it(part) for part in inner]
            elif value is not None:
                value = as_protobuf_has_it(inner)
        elif is_map and value:
            if kind.fields_by_name["value"].message_type is not None:
                by_text = {str(key): part for key, part in getattr(message, field.name).items()}
                value = {key: as_protobuf_has_it(by_text[key]) for key in value}
            text = kind.fields_by_name["key"].cpp_type == FieldDescriptor.CPPTYPE_STRING
            value = dict(
                sorted(value.items(), key=lambda entry: entry[0] if text else int(entry[0]))
            )
        if value is not None or field.containing_oneof is None:
            completed[field.json_name] = value
    return completed


def fill(message, draw, depth=0):  # noqa: C901, PLR0912 - one kind of field after another
    """Sets some fields of a message, and of those in it, at random."""
    for field in message.DESCRIPTOR.fields:
        if depth > 4 or draw.random() < 0.4:
            continue
        kind, count = field.message_type, draw.randrange(1, 3)
        if kind is not None and kind.GetOptions().map_entry:
            of = getattr(message, field.name)
            for _ in range(count):
                key = scalar(kind.fields_by_name["key"], draw)
                if kind.fields_by_name["value"].message_type is not None:
                    fill(of[key], draw, depth + 1)
                else:
                    of[key] = scalar(kind.fields_by_name["value"], draw)
        elif kind is not None and kind.full_name == "google.protobuf.Any":
            continue  # its type would have to be known
        elif field.is_repeated:
            for _ in range(count):
                if kind is None:
                    getattr(message, field.name).append(scalar(field, draw))
                else:
                    part(getattr(message, field.name).add(), draw, depth)
        elif kind is not None:
            part(getattr(message, field.name), draw, depth)
        else:
            setattr(message, field.name, scalar(field, draw))


def part(message, draw, depth):
    """Sets a message in another one, perhaps to nothing."""
    message.SetInParent()
    if message.DESCRIPTOR.full_name.startswith("google.protobuf."):
        message.seconds = draw.randrange(10**9)
        message.nanos = draw.choice((0, 1, 5_000, 250_000_000))
    else:
        fill(message, draw, depth + 1)


def scalar(field, draw):
    """Some value of a field."""
    if field.enum_type is not None:
        return draw.choice([*field.enum_type.values_by_number, 1_000])
    return (
        {
            FieldDescriptor.CPPTYPE_STRING: draw.choice(("", "ä\u2028<", "x")),
            FieldDescriptor.CPPTYPE_BOOL: draw.random() < 0.5,
            FieldDescriptor.CPPTYPE_DOUBLE: draw.choice(
                (0.0, 0.1, 1e300, math.nan, -math.inf, 3.0)
            ),
            FieldDescriptor.CPPTYPE_INT32: draw.randrange(-(2**31), 2**31),
            FieldDescriptor.CPPTYPE_INT64: draw.randrange(-(2**63), 2**63),
            FieldDescriptor.CPPTYPE_UINT32: draw.randrange(2**32),
            FieldDescriptor.CPPTYPE_UINT64: draw.randrange(2**64),
        }[field.cpp_type]
        if field.type != FieldDescriptor.TYPE_BYTES
        else draw.randbytes(3)
    )


@pytest.mark.parametrize(
    "kind",
    [
        control_pb2.ListRunsResponse,
        control_pb2.WatchRunResponse,
        control_pb2.GetSummaryResponse,
        control_pb2.GetTimelineResponse,
        control_pb2.CompareRunsResponse,
        control_pb2.GetBrokerResponse,
        control_pb2.ListAgentsResponse,
    ],
)
def test_documents_are_those_of_protobuf(kind):
    """Whatever is set in a message, letter for letter and in the same order."""
    for seed in range(10):
        message = kind()
        fill(message, random.Random(seed))
        ours, theirs = as_document(message), as_protobuf_has_it(message)
        assert json.dumps(ours) == json.dumps(theirs)
    assert json.dumps(as_document(kind())) == json.dumps(as_protobuf_has_it(kind()))
