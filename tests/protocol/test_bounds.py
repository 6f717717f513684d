"""One table bounds what comes from outside: it is whole, the protos say it, and it holds."""

import re

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds, home, wire
from loadgrpc.protocol.short_names import short_name
from loadgrpc.reflection import packaged
from loadgrpc.v1 import (
    access_pb2,
    campaign_pb2,
    control_pb2,
    event_pb2,
    fleet_pb2,
    run_pb2,
    runner_pb2,
    schedule_pb2,
)

TIMES = {"google.protobuf.Duration", "google.protobuf.Timestamp"}
SERVICES = [
    service
    for module in (access_pb2, control_pb2, fleet_pb2, runner_pb2, schedule_pb2, campaign_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]


def requests():
    """Every message that comes from outside, and all that is in it."""
    found, unread = {}, [m.input_type for service in SERVICES for m in service.methods]
    while unread:
        message = unread.pop()
        if message.full_name not in found and message.full_name not in TIMES:
            found[message.full_name] = message
            unread += [field.message_type for field in message.fields if field.message_type]
    return list(found.values())


def needs_bound(field):
    """Whether a field can be as large as somebody likes, or say what is no time."""
    texts = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    of_time = field.message_type is not None and field.message_type.full_name in TIMES
    return field.type in texts or of_time or field.is_repeated


@pytest.mark.parametrize("message", requests(), ids=lambda message: message.name)
def test_every_field_that_needs_a_bound_has_one(message):
    """Every string, bytes, list, Duration and Timestamp of every request is in the table."""
    named = {field.name for field in message.fields if needs_bound(field)}

    assert set(bounds.TABLE.get(message.name, {})) == named


def comments():
    """The comment of each field of ours, with those of its message and its file."""
    found = {}
    ours = packaged()
    for path in ("access", "campaign", "control", "event", "fleet", "run", "runner", "schedule"):
        (file,) = FileDescriptorSet.FromString(
            b"".join(
                b"\n" + _length(len(raw)) + raw
                for raw in ours.file_by_name(f"loadgrpc/v1/{path}.proto")[:1]
            )
        ).file
        at = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}
        for number, message in enumerate(file.message_type):
            for place, field in enumerate(message.field):
                own = at[4, number, 2, place]
                found[message.name, field.name] = (own, f"{own} {at[4, number]} {at[12,]}")
    return found


def _length(size):
    written = bytearray()
    while size > 127:
        written.append(size & 127 | 128)
        size >>= 7
    return bytes([*written, size])


COMMENTS = comments()
STATED = [
    (message, field, bound)
    for message, fields in bounds.TABLE.items()
    for field, bound in fields.items()
    if (message, field) in COMMENTS
    and isinstance(bound, bounds.Text | bounds.Name | bounds.Kept | bounds.Many | bounds.Blob)
    and bound != bounds.ID
]


@pytest.mark.parametrize(("message", "field", "bound"), STATED)
def test_the_protos_say_the_same(message, field, bound):
    """The figure of each bound stands in the comment of its field, or of what that refers to."""
    own, around = COMMENTS[message, field]
    figure = re.match(r"\D*([\d,]+( KiB| MiB)?)", str(bound)).group(1)
    while figure not in " ".join(around.split()):
        referred = re.search(r"As `(\w+)\.(\w+)`|(The test), as", own)
        assert referred, f"{message}.{field} does not say {figure}: {own}"
        if referred[3]:
            assert "256 characters are kept" in " ".join(around.split())
            return
        assert bounds.TABLE[referred[1]][referred[2]] == bound
        own, around = COMMENTS[referred[1], referred[2]]


def test_protos_say_how_long_ids_are():
    """Where an id is not said to be bounded, the page of its service says it of all."""
    assert "ids have at most 128 characters" in str(
        packaged().file_by_name("loadgrpc/v1/control.proto")[0]
    )


def made(message, field, value):
    """A message of a kind with one field set."""
    kinds = {
        each.name: each
        for module in (
            *(access_pb2, campaign_pb2, control_pb2, event_pb2, fleet_pb2),
            *(run_pb2, runner_pb2, schedule_pb2),
        )
        for each in module.DESCRIPTOR.message_types_by_name.values()
    }
    return kinds[message]._concrete_class(**{field: value})


BREAKING = [
    *(
        (message, field, value)
        for message, fields in bounds.TABLE.items()
        for field, bound in fields.items()
        if isinstance(bound, bounds.Text) and (message, field) in COMMENTS
        for value in ("x" * (bound.chars + 1), "a\0b")
    ),
    *(
        (message, field, value)
        for message, fields in bounds.TABLE.items()
        for field, bound in fields.items()
        if isinstance(bound, bounds.Moment) and (message, field) in COMMENTS
        for value in ({"nanos": -1}, {"nanos": 10**9}, {"seconds": -1}, {"seconds": 2**40})
    ),
    *(
        (message, field, value)
        for message, fields in bounds.TABLE.items()
        for field, bound in fields.items()
        if isinstance(bound, bounds.Span) and (message, field) in COMMENTS
        for value in (
            {"nanos": 10**9},
            {"seconds": 1, "nanos": -1},
            {"seconds": -1},
            {"seconds": 2**62},
        )
    ),
]


@pytest.mark.parametrize(("message", "field", "value"), BREAKING)
def test_what_breaks_a_bound_is_named(message, field, value):
    """D2, D7, hostile 18: wild times, long texts and NULs are refused, by their field."""
    with pytest.raises(InvalidRequest) as caught:
        bounds.check(made(message, field, value), "here.")

    assert [violation.field for violation in caught.value.violations] == [f"here.{field}"]


def test_hostile_3_a_list_that_is_too_long_is_not_read():
    """A million empty entries are one violation."""
    request = control_pb2.ListEventsRequest(run_id="r", kinds=[""] * 20_000)
    with pytest.raises(InvalidRequest, match="kinds: has more than 32 entries") as caught:
        bounds.check(request)

    assert len(caught.value.violations) == 1


def test_few_violations_are_named():
    """Of many fields that are wrong the first are named."""
    register = fleet_pb2.Register(agent_id="a", run_ids=["\0"] * 5_000)
    with pytest.raises(InvalidRequest) as caught:
        bounds.check(register)

    assert len(caught.value.violations) == bounds.MAX_VIOLATIONS


def test_d8_names_that_are_cut_stay_apart():
    """Three URLs that differ behind what is kept are three names, of at most 256 characters."""
    urls = [f"http://host/{'x' * 300}?{number}" for number in range(3)]
    names = [short_name(url) for url in urls]

    assert len({*names}) == 3
    assert {len(name) for name in names} == {256}
    assert short_name("x" * 256) == "x" * 256


def test_texts_are_cut_in_whole_characters():
    """What is kept of a text is UTF-8, and shows where a NUL was."""
    assert bounds.kept_bytes("é" * 10, 5) == "éé"
    assert bounds.kept_bytes("a\0b", 10) == "a\N{REPLACEMENT CHARACTER}b"
    assert bounds.kept_chars("a\0bc", 3) == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    "fields",
    [
        {"events": [{}] * 10_001},
        {"hit_blocks": [{}] * 1_001},
        {"hit_blocks": [{}] * 600, "test_blocks": [{}] * 600},
        {"hit_blocks": [{"labels": [{}] * 6_000}, {"urls": [""] * 4_001}]},
        {"test_blocks": [{"labels": [{}] * 10_001}]},
        {"hit_blocks": [{"urls": [""] * 6_000}, {"cases": [""] * 4_001}]},
        {"test_blocks": [{"labels": [{}] * 6_000, "cases": [""] * 4_001}]},
    ],
)
def test_a_batch_with_too_much_in_it_is_to_be_split(fields):
    """What a batch has in it is bounded besides its bytes: nothing of it is looked at."""
    batch = runner_pb2.EventBatch(**fields)

    assert home.over_limits(batch, batch.ByteSize())
    assert not home.over_limits(runner_pb2.EventBatch(events=[{}] * 10_000), 20_000)
    assert home.over_limits(runner_pb2.EventBatch(), home.MAX_BATCH_BYTES + 1)


@pytest.mark.parametrize("name", ["NAME", "n" * 1_000])
def test_a_text_in_a_map_that_is_not_utf8_is_named(name):
    """Its path has the key, of a bounded length: it is refused, and no defect."""
    request = control_pb2.StartRunRequest(plan=run_pb2.RunSpec(test="t", env={name: "VALUE"}))
    data = request.SerializeToString().replace(b"VALUE", b"VAL\xffE")

    refused = wire.unreadable(control_pb2.StartRunRequest, data)

    (violation,) = refused.violations
    assert violation.field == f"plan.env[{name[: wire.MAX_KEY_CHARS]!r}]"
    assert violation.description == "is not UTF-8"
