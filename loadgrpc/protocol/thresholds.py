"""What became of thresholds, as messages and back, in pairs."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, kept_chars
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import (
    duration_from_proto,
    duration_to_proto,
    optional_timestamp,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.v1 import control_pb2, run_pb2


def threshold_result_to_proto(result: model.ThresholdResult) -> run_pb2.ThresholdResult:
    """A result as its message."""
    return fit(
        run_pb2.ThresholdResult,
        threshold=result.text,
        outcome=int(result.outcome),
        failed=result.failed,
        value=result.value,
        limit=result.limit,
        unit=result.unit,
        count=result.count,
        window_start=optional_timestamp(result.start_ns),
        window_length=duration_to_proto(result.length_ns) if result.length_ns else None,
        windows=result.windows,
        windows_failed=result.windows_failed,
        aborted=result.aborted,
        near=result.near,
        message=kept_chars(result.message, MAX_REASON_CHARS),
        failed_spans=map(_span_to_proto, result.failed_spans),
    )


def _span_to_proto(span: model.FailedSpan) -> run_pb2.FailedSpan:
    return fit(
        run_pb2.FailedSpan,
        start=timestamp_to_proto(span.start_ns),
        length=duration_to_proto(span.length_ns),
        windows=span.windows,
        between=duration_to_proto(span.between_ns) if span.between_ns else None,
    )


def _span_from_proto(message: run_pb2.FailedSpan) -> model.FailedSpan:
    return model.FailedSpan(
        start_ns=timestamp_from_proto(message.start),
        length_ns=duration_from_proto(message.length),
        windows=message.windows,
        between_ns=duration_from_proto(message.between),
    )


def threshold_result_from_proto(message: run_pb2.ThresholdResult) -> model.ThresholdResult:
    """A result from its message; an outcome that is newer than this has no data."""
    known = {int(each) for each in model.ThresholdOutcome}
    outcome = message.outcome if message.outcome in known else model.ThresholdOutcome.NO_DATA
    return model.ThresholdResult(
        text=message.threshold,
        outcome=model.ThresholdOutcome(outcome),
        failed=message.failed,
        value=message.value if message.HasField("value") else None,
        limit=message.limit,
        unit=message.unit,
        count=message.count,
        start_ns=time_or_none(message, "window_start"),
        length_ns=duration_from_proto(message.window_length),
        windows=message.windows,
        windows_failed=message.windows_failed,
        aborted=message.aborted,
        near=tuple(message.near),
        message=message.message,
        failed_spans=tuple(map(_span_from_proto, message.failed_spans)),
    )


def check_to_proto(query: model.CheckQuery) -> control_pb2.CheckRunRequest:
    """What is to be judged, as the request."""
    message = control_pb2.CheckRunRequest(
        run_id=query.run_id, thresholds=query.thresholds, to=optional_timestamp(query.to_ns)
    )
    if query.from_ns is not None:
        # The name of the field is a word of Python's own.
        getattr(message, "from").CopyFrom(timestamp_to_proto(query.from_ns))
    return message


def check_from_proto(message: control_pb2.CheckRunRequest) -> model.CheckQuery:
    """What is to be judged, from the request.

    Raises:
        InvalidRequest: it names no run, a threshold cannot be read, or the span is none.
    """
    from loadgrpc.judge.cursor import BadThreshold  # noqa: PLC0415
    from loadgrpc.judge.grammar import parse  # noqa: PLC0415 - loads NumPy

    violations = [] if message.run_id else [Violation("run_id", "is required")]
    for at, text in enumerate(message.thresholds):
        try:
            parse(text)
        except BadThreshold as error:
            violations.append(Violation(f"thresholds[{at}]", f"cannot be read: {error}"))
    from_ns, to_ns = time_or_none(message, "from"), time_or_none(message, "to")
    if from_ns is not None and to_ns is not None and to_ns <= from_ns:
        violations.append(Violation("to", "is not after from"))
    if violations:
        raise InvalidRequest(violations)
    return model.CheckQuery(
        run_id=message.run_id, thresholds=tuple(message.thresholds), from_ns=from_ns, to_ns=to_ns
    )


def checked_to_proto(checked: model.CheckedRun) -> control_pb2.CheckRunResponse:
    """How a run is judged, as the answer."""
    return fit(
        control_pb2.CheckRunResponse,
        results=[threshold_result_to_proto(each) for each in checked.results],
        windows=[
            control_pb2.WindowsRead(length=duration_to_proto(length_s * NS_PER_S), count=count)
            for length_s, count in checked.windows
        ],
        late_hits=checked.late_hits,
        over=checked.over,
    )


def checked_from_proto(message: control_pb2.CheckRunResponse) -> model.CheckedRun:
    """How a run is judged, from the answer."""
    return model.CheckedRun(
        results=tuple(threshold_result_from_proto(each) for each in message.results),
        windows=tuple(
            (duration_from_proto(each.length) // NS_PER_S, each.count) for each in message.windows
        ),
        late_hits=message.late_hits,
        over=message.over,
    )
