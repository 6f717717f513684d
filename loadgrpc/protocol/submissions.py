"""How a run is asked for beside its plan, as a request and back.

Rule: a request comes from a stranger: every wrong field is named.
"""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol.times import (
    optional_timestamp,
    seconds_from_proto,
    seconds_to_proto,
    time_or_none,
)
from loadgrpc.v1 import control_pb2


def submission_to_proto(submission: model.Submission) -> control_pb2.StartRunRequest:
    """A submission as its request, without the plan."""
    after_s = submission.expire_after_s
    return control_pb2.StartRunRequest(
        start_time=optional_timestamp(submission.start_time_ns),
        delay=seconds_to_proto(submission.delay_s) if submission.delay_s else None,
        expire_time=optional_timestamp(submission.expire_time_ns),
        expire_after=None if after_s is None else seconds_to_proto(after_s),
        priority=submission.priority,
        queue=submission.queue,
    )


def submission_from_proto(message: control_pb2.StartRunRequest) -> model.Submission:
    """A submission from its request, whose plan is read elsewhere.

    Raises:
        InvalidRequest: it contradicts itself, or the priority is out of range.
    """
    found = []
    for one, other in (("start_time", "delay"), ("expire_time", "expire_after")):
        if message.HasField(one) and message.HasField(other):
            found.append(Violation(other, f"cannot be combined with {one}"))
    if message.priority > model.MAX_PRIORITY:
        found.append(Violation("priority", f"must be from 0 to {model.MAX_PRIORITY}"))
    submission = model.Submission(
        start_time_ns=time_or_none(message, "start_time"),
        delay_s=seconds_from_proto(message.delay),
        expire_time_ns=time_or_none(message, "expire_time"),
        expire_after_s=(
            seconds_from_proto(message.expire_after) if message.HasField("expire_after") else None
        ),
        priority=message.priority,
        queue=message.queue,
    )
    if submission.expire_after_s == 0:
        found.append(Violation("expire_after", "must be more than 0s"))
    if found:
        raise InvalidRequest(found)
    return submission
