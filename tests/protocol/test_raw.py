"""A request in bytes says what the message says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol.raw import batch_request, named_source
from loadgrpc.v1 import event_pb2, runner_pb2

SOURCE = runner_pb2.SourceId(run_id="r", agent_id="a", runner_id="x")
HIT = event_pb2.Event(hit={"url": "http://h/", "elapsed": {"seconds": 1}})


def test_the_source_stands_where_it_does_in_a_request_for_an_assignment():
    """The message that reads it has it under the same number, with the same type."""
    [ours] = runner_pb2.GetAssignmentRequest.DESCRIPTOR.fields
    theirs = runner_pb2.PublishEventsRequest.DESCRIPTOR.fields_by_name["source"]
    assert (ours.number, ours.message_type) == (theirs.number, theirs.message_type)


def test_a_source_is_found_wherever_it_stands():
    """Before the batch, behind it, or in two halves, which protobuf merges."""
    batch = runner_pb2.PublishEventsRequest(batch={"events": [HIT]}).SerializeToString()
    whole = runner_pb2.PublishEventsRequest(source=SOURCE).SerializeToString()
    half = runner_pb2.PublishEventsRequest(source={"run_id": "r"}).SerializeToString()
    rest = {"agent_id": "a", "runner_id": "x"}
    other = runner_pb2.PublishEventsRequest(source=rest).SerializeToString()
    for request in (whole + batch, batch + whole, half + batch + other):
        assert named_source(request) == SOURCE


def test_no_source_is_none():
    """A message need not name its source; an empty one is named."""
    request = runner_pb2.PublishEventsRequest(batch={"events": [HIT]})
    assert named_source(request.SerializeToString()) is None
    request.source.SetInParent()
    assert named_source(request.SerializeToString()) == runner_pb2.SourceId()


def test_what_is_no_message_is_refused():
    """Bytes that protobuf cannot read are the sender's mistake."""
    with pytest.raises(InvalidRequest, match="cannot be read"):
        named_source(b"\xff")


@given(st.integers(0, 200), st.integers(1, 2**53), st.integers(1, 2**32 - 1))
def test_a_wrapped_batch_is_the_batch_with_its_number(events, first, count):
    """Whatever its length, the request is as if it had been built field by field."""
    batch = runner_pb2.EventBatch(events=[HIT] * events)
    request = batch_request(batch.SerializeToString(), first, count)
    batch.first_sequence = first
    batch.count = count
    assert runner_pb2.PublishEventsRequest.FromString(request) == (
        runner_pb2.PublishEventsRequest(batch=batch)
    )
