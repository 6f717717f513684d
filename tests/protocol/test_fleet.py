"""What agents and the broker say to each other comes out as it went in."""

import pytest

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import Assignment, LoadChange, LoadChangeKind, StopMode
from loadgrpc.protocol.fleet import (
    HEARD,
    ChangeLevel,
    ExitNoted,
    Registration,
    StartProcesses,
    StartRunners,
    StopRunners,
    order_from_proto,
    order_to_proto,
    produced_from_proto,
    registered_to_proto,
    registration_from_proto,
    registration_to_proto,
)
from loadgrpc.protocol.home import MAX_SEQUENCE
from loadgrpc.testing import plan_of
from loadgrpc.v1 import fleet_pb2


def again(message):
    """A message as it comes out of its bytes."""
    return type(message).FromString(message.SerializeToString())


@pytest.mark.parametrize(
    "order",
    [
        StartRunners(
            Assignment(run_id="r", agent_id="a", plan=plan_of(test="a.B.c", iterations=(1,)))
        ),
        StartProcesses("r", "s", 3),
        ChangeLevel("r", "s", (LoadChange(1.5, LoadChangeKind.LEVEL, 20.0),)),
        StopRunners("r", StopMode.GRACEFUL, 2.5),
        StopRunners("r", StopMode.KILL, 0.0, "s"),
        ExitNoted("r", "s", "x"),
        HEARD,
    ],
)
def test_orders_are_inverse(order):
    """Every order an agent gets is the one that the broker gave."""
    assert order_from_proto(again(order_to_proto(order))) == order


def test_what_is_no_order_is_none():
    """Neither the answer to a registration nor a message of a newer broker is one."""
    assert order_from_proto(registered_to_proto(60.0)) is None
    assert order_from_proto(fleet_pb2.ConnectResponse()) is None


@pytest.mark.parametrize("sent_ns", [None, 1_700_000_000_123_456_789])
def test_a_registration_is_inverse(sent_ns):
    """An agent is known by what it said, and by the address it called from."""
    said = Registration(
        agent_id="a",
        hostname="h",
        pid=7,
        version="1",
        cores=4,
        run_ids=("r", "s"),
        held=frozenset({("r", ""), ("s", "x")}),
        sent_ns=sent_ns,
        peer="ipv4:10.0.0.1",
    )
    message = again(registration_to_proto(said))
    assert registration_from_proto(message, "ipv4:10.0.0.1:4711") == said


def test_an_agent_without_a_name_is_refused():
    """It could never come back."""
    with pytest.raises(InvalidRequest, match=r"register\.agent_id"):
        registration_from_proto(fleet_pb2.Register(), "ipv4:10.0.0.1:4711")


def test_what_a_runner_produced_is_no_more_than_can_be_numbered():
    """Whoever says so; nothing said is not zero."""
    assert produced_from_proto(fleet_pb2.RunnerExit()) is None
    said = fleet_pb2.RunnerExit(produced_events=2**64 - 1, produced_hits=2**64 - 1)
    assert tuple(produced_from_proto(said)) == (MAX_SEQUENCE, MAX_SEQUENCE)
