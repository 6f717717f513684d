"""What an examination has found, as text for people and as JUnit XML for machines."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.conformance import conversation
from loadgrpc.conformance.cases import BY_NAME
from loadgrpc.conformance.finding import Outcome
from loadgrpc.conformance.judgement import Report, Result
from loadgrpc.conformance.transcript import Transcript
from loadgrpc.outputs.junit_xml import FAILURE, Problem, ReportedCase, ReportedSuite, write
from loadgrpc.text import counted

_WIDTH: Final = 51
"""Of a rule's title."""
_LAST_WORDS: Final = 3
"""Lines of a runner's standard error that are shown of a case."""


def lines(report: Report, *, verbose: bool = False) -> Iterator[tuple[str, Outcome | None]]:
    """A line for each rule, and more for those that were broken; each with its looks.

    `verbose`: with all that was said in the cases that show a broken rule.
    """
    mode = "one-user" if report.one_user else "all-users"
    cases = counted(len(report.transcripts), "case")
    yield f"{mode}, {cases}, {report.took_s:.1f} s", None
    for section, results in groupby(report.results, lambda result: result.rule.section):
        yield "", None
        yield section, None
        for result in results:
            yield from _rule(result)
    blamed = {r.case for r in report.results if r.finding.outcome is Outcome.BROKEN}
    for transcript in report.transcripts:
        if transcript.case in blamed:
            yield from _evidence(transcript, verbose=verbose)
    yield "", None
    yield _sum(report), Outcome.KEPT if report.conforms else Outcome.BROKEN


def _rule(result: Result) -> Iterator[tuple[str, Outcome | None]]:
    rule, finding = result.rule, result.finding
    title = rule.title if rule.must else f"{rule.title} (advice)"
    head = f"  {finding.outcome.value:<14}  {rule.number:<4}  {title:<{_WIDTH}}"
    if finding.outcome is not Outcome.BROKEN:
        yield f"{head}  {finding.words}".rstrip(), finding.outcome
        return
    yield head.rstrip(), finding.outcome
    case = BY_NAME[result.case]
    indent = " " * 24
    yield f"{indent}{finding.words}", finding.outcome
    yield f"{indent}case {case.name}: {case.title}", None
    yield f"{indent}spec: “{rule.sentence}”", None


def _evidence(transcript: Transcript, *, verbose: bool) -> Iterator[tuple[str, Outcome | None]]:
    """What was said in a case, and what the runner printed last."""
    if verbose:
        yield "", None
        yield f"What was said in case {transcript.case}", None
        for line in conversation.lines(transcript):
            yield f"  {line}", None
    printed = transcript.exit.stderr.strip().splitlines() if transcript.exit else []
    if printed:
        yield "", None
        yield f"The runner's last words in case {transcript.case}", None
        for line in printed[-_LAST_WORDS:]:
            yield f"  {line}", None


def _sum(report: Report) -> str:
    counts = Counter(result.finding.outcome for result in report.results)
    parts = []
    for outcome in (Outcome.KEPT, Outcome.BROKEN, Outcome.NOT_SHOWN, Outcome.NOT_APPLICABLE):
        numbers = [r.rule.number for r in report.results if r.finding.outcome is outcome]
        if numbers:
            named = f" ({', '.join(numbers)})" if outcome is not Outcome.KEPT else ""
            parts.append(f"{counts[outcome]} {outcome.value}{named}")
    rules = counted(len(report.results), "rule")
    if not report.judged:
        return f"{rules}: {', '.join(parts)}. Nothing was judged: the runner has not conformed."
    verdict = "conforms" if report.conforms else "does not conform"
    return f"{rules}: {', '.join(parts)}. The runner {verdict}."


def junit(report: Report) -> str:
    """The same as JUnit XML: a rule is a test case, its section the class."""
    suite = ReportedSuite(
        name="loadgrpc conformance",
        cases=list(map(_case, report.results)),
        duration_ns=round(report.took_s * NS_PER_S),
    )
    file = io.StringIO()
    write([suite], file, began_ns=time.time_ns())
    return file.getvalue()


def _case(result: Result) -> ReportedCase:
    rule, finding = result.rule, result.finding
    problem, said = None, finding.words
    if result.bad:
        text = f"case {result.case}; spec: {rule.sentence}"
        problem = Problem(element=FAILURE, type="broken", message=finding.words, text=text)
    elif _skipped(result):
        said = f"{finding.outcome.value}: {finding.words}"
    elif finding.outcome is Outcome.BROKEN:
        said = f"advice, and not taken: {finding.words}"
    return ReportedCase(
        class_name=f"conformance.{rule.section}",
        name=f"{rule.number} {rule.title}",
        problem=problem,
        skipped=_skipped(result),
        said=said,
    )


def _skipped(result: Result) -> bool:
    return result.finding.outcome in (Outcome.NOT_SHOWN, Outcome.NOT_APPLICABLE)
