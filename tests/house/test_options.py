"""The rows of a plan's options say what run.proto says, and what holds without an option."""

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from loadgrpc.cli import plan_options, plan_values
from loadgrpc.cli.run import SECTIONS
from loadgrpc.protocol import kinds, kinds_of_users, options, plans
from loadgrpc.protocol.case_kind import CasesKind
from loadgrpc.protocol.labels_kind import LabelsKind
from loadgrpc.protocol.load_kinds import LoadKind, StagesKind
from loadgrpc.protocol.parameters_kind import ParametersKind
from loadgrpc.protocol.retry_kind import RetryKind
from loadgrpc.protocol.signatures_kind import SignaturesKind
from loadgrpc.v1 import run_pb2

ROWS = list(options.ALL.values())
TYPES = {
    kinds.FlagKind: FieldDescriptor.TYPE_BOOL,
    kinds.CountKind: FieldDescriptor.TYPE_UINT32,
    kinds.PercentKind: FieldDescriptor.TYPE_UINT32,
    kinds.CountsKind: FieldDescriptor.TYPE_UINT32,
    kinds.SecondsKind: FieldDescriptor.TYPE_MESSAGE,
    kinds.RateKind: FieldDescriptor.TYPE_DOUBLE,
    kinds.ChoiceKind: FieldDescriptor.TYPE_ENUM,
    kinds.TextKind: FieldDescriptor.TYPE_STRING,
    kinds.UrlKind: FieldDescriptor.TYPE_STRING,
    kinds.VariablesKind: FieldDescriptor.TYPE_MESSAGE,
    kinds.DigestKind: FieldDescriptor.TYPE_STRING,
    kinds.RequirementsKind: FieldDescriptor.TYPE_STRING,
    kinds.ThresholdsKind: FieldDescriptor.TYPE_STRING,
    LabelsKind: FieldDescriptor.TYPE_STRING,
    RetryKind: FieldDescriptor.TYPE_MESSAGE,
    kinds.ObserversKind: FieldDescriptor.TYPE_MESSAGE,
    ParametersKind: FieldDescriptor.TYPE_MESSAGE,
    LoadKind: FieldDescriptor.TYPE_STRING,
    StagesKind: FieldDescriptor.TYPE_MESSAGE,
    kinds_of_users.WaitKind: FieldDescriptor.TYPE_MESSAGE,
    kinds_of_users.TestsKind: FieldDescriptor.TYPE_MESSAGE,
    CasesKind: FieldDescriptor.TYPE_MESSAGE,
    SignaturesKind: FieldDescriptor.TYPE_MESSAGE,
}
TOLD = {
    *("agents", "spawn_rate", "server_url", "pacing", "think"),
    *("processes", "test_runner", "no_dns_resolve", "no_patching", "retry"),
    *("max_users", "seed"),
}
"""Options whose default is told in words, as no value that can be given means the same."""


@pytest.fixture(scope="module")
def comments(root):
    """The comment of each field of RunSpec."""
    raw = (root / "loadgrpc/v1/descriptors.binpb").read_bytes()
    files = FileDescriptorSet.FromString(raw).file
    (file,) = [each for each in files if each.name == "loadgrpc/v1/run.proto"]
    (place,) = [at for at, each in enumerate(file.message_type) if each.name == "RunSpec"]
    told = {
        tuple(each.path): " ".join(each.leading_comments.split())
        for each in file.source_code_info.location
    }
    return {
        field.name: told[4, place, 2, at] for at, field in enumerate(file.message_type[place].field)
    }


def test_every_field_has_its_row():
    """A field of a plan, and one of a scenario, is an option, and only those are."""
    of_plan = set(run_pb2.RunSpec.DESCRIPTOR.fields_by_name)
    of_scenario = set(run_pb2.Scenario.DESCRIPTOR.fields_by_name)

    assert options.ALL.keys() == of_plan - {"scenarios"}
    assert {row.field for row in options.OF_SCENARIO} == of_scenario - {"name"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.field)
def test_a_row_is_of_the_type_of_its_field(row):
    """What a kind reads and sets is what the field holds, in a plan and in a scenario."""
    messages = [run_pb2.RunSpec] + [run_pb2.Scenario] * (row in options.OF_SCENARIO)
    for message in messages:
        field = message.DESCRIPTOR.fields_by_name[row.field]
        assert field.type == TYPES[type(row.kind)]
        several = (
            *(kinds.CountsKind, kinds.VariablesKind),
            *(kinds.TextsKind, kinds.ObserversKind, ParametersKind),
            *(kinds.ThresholdsKind, StagesKind, SignaturesKind),
            kinds_of_users.TestsKind,
        )
        assert field.is_repeated is isinstance(row.kind, several)


def figures(kind):  # noqa: C901, PLR0911 - one for each kind
    """The figures that bound a value, as a comment writes them."""
    match kind:
        case kinds.CountKind(most):
            return [f"{most:,}"]
        case kinds.CountsKind(most, entries):
            return [f"{most:,}", f"{entries:,}"]
        case kinds_of_users.TestsKind(entries, total):
            return [f"{entries:,}", f"{total:,}"]
        case kinds_of_users.WaitKind():
            return ["1 day"]
        case kinds.SecondsKind(most):
            return [f"{most / 86_400:g} day"]
        case kinds.VariablesKind(entries, name_chars, value_chars) | ParametersKind(
            entries, name_chars, value_chars
        ):
            return [f"{each:,}" for each in (entries, name_chars, value_chars)]
        case RetryKind(most, most_s):
            return [f"{most} attempts", f"{most_s / 86_400:g} day"]
        case kinds.TextsKind(chars, entries):
            return [f"{chars:,} characters", f"{entries:,}"]
        case kinds.TextKind(chars):
            return [f"{chars:,} characters"]
        case StagesKind(most):
            return [f"{most:,}"]
        case kinds.ObserversKind(most) | SignaturesKind(most):
            return [f"at most {most}"]
    return []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.field)
def test_the_proto_says_the_bounds(row, comments):
    """Each bound of a row stands in the comment of its field."""
    assert [each for each in figures(row.kind) if each not in comments[row.field]] == []


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.default and row.field not in TOLD], ids=lambda row: row.field
)
def test_the_default_is_the_one_that_is_told(row):
    """The value that the help calls the default is the one that a plan without the option has."""
    plan = plans.plan_from_proto(run_pb2.RunSpec(test="a.B.c"))
    of = plan.scenarios[0] if row in options.OF_SCENARIO else plan

    assert getattr(of, row.name) == plan_values.of_kind(row.kind).read(row.default)


def test_what_is_told_in_words_is_no_value():
    """The exceptions of the test above are exceptions."""
    assert {row.field for row in ROWS if row.default} >= TOLD
    for field in TOLD - {"test_runner", "no_dns_resolve", "no_patching"}:
        with pytest.raises(ValueError, match=r"expected|is not"):
            plan_values.of_kind(options.ALL[field].kind).read(options.ALL[field].default)


def test_what_a_row_refers_to_is_there():
    """Needs and exclusions name fields; a spelling is of one option; sections are shown."""
    named = {row.needs for row in ROWS} | {each for row in ROWS for each in row.excludes}
    flags = [flag for row in ROWS for flag in row.flags]

    assert named - {""} <= options.ALL.keys()
    assert len(flags) == len(set(flags))
    assert {row.section for row in plan_options.FLAGGED} <= SECTIONS.keys()
