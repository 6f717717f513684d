"""Figures by rule of a decision table, as messages and back, in pairs."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.protocol.figures import (
    elapsed_from_proto,
    elapsed_to_proto,
    hits_from_proto,
    hits_to_proto,
    iterations_from_proto,
    iterations_to_proto,
)
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import duration_from_proto, duration_to_proto
from loadgrpc.v1 import control_pb2, run_pb2


def case_to_proto(case: model.CaseFigures) -> run_pb2.CaseFigures:
    """The figures of a rule as their message."""
    return fit(
        run_pb2.CaseFigures,
        case=case.case,
        scenario=case.scenario,
        iterations=iterations_to_proto(case.iterations),
        iteration_time=elapsed_to_proto(case.iteration_time),
        hits=hits_to_proto(case.hits),
    )


def case_from_proto(message: run_pb2.CaseFigures) -> model.CaseFigures:
    """The figures of a rule from their message."""
    return model.CaseFigures(
        case=message.case,
        scenario=message.scenario,
        iterations=iterations_from_proto(message.iterations),
        iteration_time=elapsed_from_proto(message.iteration_time),
        hits=hits_from_proto(message.hits),
    )


def coverage_to_proto(coverage: model.CoverageFigures) -> run_pb2.CoverageFigures:
    """How many rules were exercised, as its message."""
    return fit(run_pb2.CoverageFigures, **vars(coverage))


def coverage_from_proto(message: run_pb2.CoverageFigures) -> model.CoverageFigures:
    """How many rules were exercised, from its message."""
    return model.CoverageFigures(rules=message.rules, exercised=message.exercised)


def rule_progress_to_proto(rule: model.RuleProgress) -> control_pb2.CaseProgress:
    """Live figures of a rule as their message."""
    return fit(
        control_pb2.CaseProgress,
        scenario=rule.scenario,
        case=rule.case,
        iterations=rule.iterations,
        not_passed=rule.not_passed,
        rate=rule.rate,
        p95=duration_to_proto(rule.p95_ns) if rule.p95_ns is not None else None,
    )


def rule_progress_from_proto(message: control_pb2.CaseProgress) -> model.RuleProgress:
    """Live figures of a rule from their message."""
    return model.RuleProgress(
        scenario=message.scenario,
        case=message.case,
        iterations=message.iterations,
        not_passed=message.not_passed,
        rate=message.rate,
        p95_ns=duration_from_proto(message.p95) if message.HasField("p95") else None,
    )
