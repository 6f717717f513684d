"""Runs that are compared, as messages and back, in pairs."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.v1 import control_pb2

LEAST_RUNS = 2
MOST_PERCENT = 100.0


def compare_to_proto(wanted: tuple[tuple[str, ...], float]) -> control_pb2.CompareRunsRequest:
    """The runs, and the smallest change that matters in percent, as the request."""
    run_ids, min_effect = wanted
    return control_pb2.CompareRunsRequest(run_ids=run_ids, min_effect=min_effect)


def compare_from_proto(
    message: control_pb2.CompareRunsRequest,
) -> tuple[tuple[str, ...], float]:
    """The runs, and the smallest change that matters, from the request; 0: the usual one.

    Raises:
        InvalidRequest: there are too few, one is there twice, or the change makes no sense.
    """
    run_ids, violations = tuple(message.run_ids), []
    if len(run_ids) < LEAST_RUNS or not all(run_ids):
        violations.append(Violation("run_ids", "are required, at least two"))
    elif len(set(run_ids)) < len(run_ids):
        violations.append(Violation("run_ids", "has one that is there twice"))
    if not 0 <= message.min_effect <= MOST_PERCENT:
        violations.append(Violation("min_effect", "must be from 0 to 100 percent"))
    if violations:
        raise InvalidRequest(violations)
    return run_ids, message.min_effect


def comparison_to_proto(comparison: model.RunComparison) -> control_pb2.RunComparison:
    """A comparison as its message."""
    return control_pb2.RunComparison(
        before_id=comparison.before_id,
        after_id=comparison.after_id,
        refusals=comparison.refusals,
        figures=[
            control_pb2.FigureComparison(**{**vars(each), "outcome": int(each.outcome)})
            for each in comparison.figures
        ],
    )


def comparison_from_proto(message: control_pb2.RunComparison) -> model.RunComparison:
    """A comparison from its message; an outcome that is newer than this is CANNOT_TELL."""
    known = {int(each) for each in model.ComparisonOutcome}
    return model.RunComparison(
        before_id=message.before_id,
        after_id=message.after_id,
        refusals=tuple(message.refusals),
        figures=tuple(
            model.FigureComparison(
                figure=each.figure,
                before=each.before,
                after=each.after,
                change=each.change,
                low=each.low,
                high=each.high,
                outcome=model.ComparisonOutcome(each.outcome)
                if each.outcome in known
                else model.ComparisonOutcome.CANNOT_TELL,
                name=each.name,
                method=each.method,
                scenario=each.scenario,
            )
            for each in message.figures
        ),
    )
