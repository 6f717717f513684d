"""A request in bytes says what the message says."""

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.protocol.raw import batch_request
from loadgrpc.v1 import event_pb2, runner_pb2

HIT = event_pb2.Event(hit={"url": "http://h/", "elapsed": {"seconds": 1}})


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
