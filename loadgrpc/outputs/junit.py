"""`junit`: the result as a report of tests, for CI servers.

A suite for each scenario: a case for each test, which failed if any of its iterations did, and a
case for each group of failures and errors that are alike. Then a suite with a case for each
threshold of the plan, if it has some. A last suite has one case, the verdict
on the run, so that a run that is incomplete does not look green.
"""

from __future__ import annotations

from typing import Final

from loadgrpc import __version__, verdict
from loadgrpc.model import (
    IterationErrorGroup,
    IterationFigures,
    ScenarioFigures,
    Summary,
    ThresholdOutcome,
    ThresholdResult,
)
from loadgrpc.outputs.junit_xml import ERROR, FAILURE, Problem, ReportedCase, ReportedSuite, write
from loadgrpc.outputs.named_test import NamedTest
from loadgrpc.outputs.output import FileOutput, Results

THRESHOLDS: Final = "loadgrpc.thresholds"
"""The class of the cases that are thresholds."""
RUN: Final = "loadgrpc"
"""The class of the case that is the verdict."""


class JUnit(FileOutput):
    """See the module."""

    default = "junit.xml"

    async def write(self, results: Results) -> None:
        """See Output."""
        summary = results.summary
        began_ns = summary.start_time_ns or summary.create_time_ns
        host = summary.agents[0].hostname if summary.agents else ""
        with self.file.open() as file:
            write(suites(summary), file, began_ns=began_ns, host=host)


def suites(summary: Summary) -> list[ReportedSuite]:
    """The report on a run."""
    figures = summary.scenarios or (
        ScenarioFigures(
            name="",
            test=summary.plan.scenarios[0].test,
            hits=summary.hits,
            iterations=summary.iterations,
        ),
    )
    left = [
        *((FAILURE, group) for group in summary.failures),
        *((ERROR, group) for group in summary.errors),
    ]
    found = []
    for each in figures:
        own = [item for item in left if item[1].test == each.test]
        if each is figures[-1]:
            own = left  # tests that a runner names otherwise, and groups that were put together
        left = [item for item in left if item not in own]
        if each.test:  # else the broker was gone before it was known
            found.append(_suite(summary, each, own))
    if summary.thresholds:
        found.append(_thresholds(summary))
    return [*found, _verdict(summary)]


def _suite(
    summary: Summary, figures: ScenarioFigures, groups: list[tuple[str, IterationErrorGroup]]
) -> ReportedSuite:
    name = NamedTest.of(figures.test)
    iterations = figures.iterations
    cases = [
        ReportedCase(
            class_name=name.class_name,
            name=name.method,
            duration_ns=summary.duration_ns,
            problem=_of_loading(summary) or _of_test(iterations, groups),
            skipped=not iterations.finished,
        )
    ]
    for element, group in groups:
        raised = group.exception
        said = ": ".join(filter(None, (raised.type, raised.message)))
        own = NamedTest.of(group.test)
        cases.append(
            ReportedCase(
                class_name=own.class_name,
                name=f"{own.method}: {said}",
                problem=Problem(
                    element=element,
                    type=raised.type,
                    message=f"{_times(group.count)}: {said}",
                    text=raised.traceback or said,
                ),
            )
        )
    hits = figures.hits
    return ReportedSuite(
        name=figures.name or figures.test,
        cases=cases,
        duration_ns=summary.duration_ns,
        properties={
            "hits": str(hits.count),
            "hits.failed": str(hits.failed),
            "hits.rate": f"{hits.rate:.3f}",
            **{
                f"elapsed.{point}.ms": f"{getattr(hits.elapsed, f'{point}_ns') / 1e6:.3f}"
                for point in ("avg", "min", "p50", "p90", "p95", "p99", "max")
            },
            "iterations": str(iterations.started),
            "iterations.success": str(iterations.success),
            "iterations.failure": str(iterations.failure),
            "iterations.error": str(iterations.error),
        },
    )


def _of_loading(summary: Summary) -> Problem | None:
    """Why the test could not be loaded. None: it could be."""
    found = [agent.load_error for agent in summary.agents if agent.load_error is not None]
    if not found:
        return None
    raised = found[0]
    return Problem(
        element=ERROR,
        type=raised.type,
        message=f"the test could not be loaded: {raised.message}",
        text=raised.traceback,
    )


def _of_test(
    iterations: IterationFigures, groups: list[tuple[str, IterationErrorGroup]]
) -> Problem | None:
    """Why the case of a test is red. None: it is not."""
    if not (iterations.failure or iterations.error):
        return None
    said = [
        f"{iterations.failure} failed" if iterations.failure else "",
        f"{iterations.error} ended with an error" if iterations.error else "",
    ]
    types = [group.exception.type for _, group in groups]
    return Problem(
        element=FAILURE if iterations.failure else ERROR,
        type=types[0] if types else "",
        message=f"of {_iterations(iterations.started)}, {' and '.join(filter(None, said))}",
        text="\n".join(f"{_times(group.count)}: {group.exception.type}" for _, group in groups),
    )


def _thresholds(summary: Summary) -> ReportedSuite:
    """A case for each threshold."""
    return ReportedSuite(
        name="thresholds",
        cases=[
            ReportedCase(
                class_name=THRESHOLDS,
                name=each.text,
                problem=_of_threshold(each),
                skipped=each.outcome is ThresholdOutcome.NO_DATA and not each.failed,
            )
            for each in summary.thresholds
        ],
        duration_ns=summary.duration_ns,
        properties={},
    )


def _of_threshold(result: ThresholdResult) -> Problem | None:
    if not result.failed:
        return None
    no_data = result.outcome is ThresholdOutcome.NO_DATA
    stopped = "it stopped the run: " if result.aborted else ""
    return Problem(
        element=FAILURE,
        type="no data" if no_data else "threshold",
        message=stopped + result.message,
        text=f"{result.text}\n{result.message}",
    )


def _verdict(summary: Summary) -> ReportedSuite:
    """The case that is the run itself."""
    code, reason = summary.verdict.exit_code, summary.verdict.reason or "passed"
    problem = None
    if code == verdict.TEST_FAILED:
        problem = Problem(element=FAILURE, type="failed", message=reason)
    elif code != verdict.PASSED:
        problem = Problem(element=ERROR, type=f"exit code {code}", message=reason)
    accounting = summary.accounting
    return ReportedSuite(
        name=f"run {summary.run_id}".strip(),
        cases=[ReportedCase(class_name=RUN, name="verdict", problem=problem)],
        duration_ns=summary.duration_ns,
        properties={
            "run": summary.run_id,
            "state": summary.state.name,
            "loadgrpc": __version__,
            "events.committed": str(accounting.committed),
            "events.rejected": str(accounting.rejected),
            "events.lost": str(accounting.lost),
        },
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _iterations(count: int) -> str:
    return "1 iteration" if count == 1 else f"{count} iterations"
