"""What runners say they are doing, as messages and back."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds
from loadgrpc.protocol.times import timestamp_from_proto, timestamp_to_proto
from loadgrpc.v1 import event_pb2, run_pb2


def custom_state_to_proto(state: model.CustomState) -> event_pb2.CustomState:
    """A state as its message."""
    return event_pb2.CustomState(name=state.name, details=dict(state.details))


def custom_state_from_proto(message: event_pb2.CustomState) -> model.CustomState:
    """A state from its message, as a runner sends it.

    Raises:
        InvalidRequest: it has no name, or breaks a bound.
    """
    if not message.name:
        raise InvalidRequest("needs a name")
    bounds.check(message)
    return model.CustomState(message.name, tuple(sorted(message.details.items())))


def reported_to_proto(reported: model.ReportedState) -> run_pb2.ReportedState:
    """What came from a scenario of an agent, as its message."""
    return run_pb2.ReportedState(
        state=custom_state_to_proto(reported.state),
        agent_id=reported.agent_id,
        scenario=reported.scenario,
        time=timestamp_to_proto(reported.time_ns),
    )


def reported_from_proto(message: run_pb2.ReportedState) -> model.ReportedState:
    """What came from a scenario of an agent, from its message."""
    return model.ReportedState(
        state=model.CustomState(message.state.name, tuple(sorted(message.state.details.items()))),
        agent_id=message.agent_id,
        scenario=message.scenario,
        time_ns=timestamp_from_proto(message.time),
    )
