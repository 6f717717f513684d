"""The enums of the model and those of the protos are the same, name and number."""

import enum
import inspect
import re

import pytest

from loadgrpc import model
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

PROTO_ENUMS = {
    name: descriptor
    for module in (
        *(access_pb2, campaign_pb2, control_pb2, event_pb2, fleet_pb2),
        *(run_pb2, runner_pb2, schedule_pb2),
    )
    for name, descriptor in module.DESCRIPTOR.enum_types_by_name.items()
}
MODEL_ENUMS = {
    name: value
    for name, value in vars(model).items()
    if inspect.isclass(value) and issubclass(value, enum.IntEnum) and value is not enum.IntEnum
}
WIRE_ONLY: set[str] = set()
"""Enums of the protos that the model has no use for; none so far."""
ZERO = {"HitError": "NONE"}
"""What the model calls UNSPECIFIED where it means something there; elsewhere it has no 0."""


@pytest.mark.parametrize("name", sorted(MODEL_ENUMS))
def test_an_enum_of_the_model_is_that_of_the_protos(name):
    """Each enum of the model has the members of the proto's enum of its name, by number."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() + "_"
    on_the_wire = {
        value.number: value.name.removeprefix(prefix) for value in PROTO_ENUMS[name].values
    }
    assert on_the_wire.pop(0) == "UNSPECIFIED"
    if name in ZERO:
        on_the_wire[0] = ZERO[name]

    assert {member.value: member.name for member in MODEL_ENUMS[name]} == on_the_wire


def test_every_enum_of_the_protos_is_in_the_model():
    """No enum of the protos is unknown to the model."""
    assert PROTO_ENUMS.keys() - WIRE_ONLY == MODEL_ENUMS.keys()
