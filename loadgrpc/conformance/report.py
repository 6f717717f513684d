"""What an examination has found, as text for people and as JUnit XML for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final
from xml.etree import ElementTree as ET

from loadgrpc.conformance import conversation
from loadgrpc.conformance.cases import BY_NAME
from loadgrpc.conformance.finding import Outcome, counted
from loadgrpc.conformance.judgement import Report, Result
from loadgrpc.conformance.transcript import Transcript

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
    results = report.results
    suite = ET.Element(
        "testsuite",
        name="loadgrpc conformance",
        tests=str(len(results)),
        failures=str(sum(result.bad for result in results)),
        errors="0",
        skipped=str(sum(_skipped(result) for result in results)),
        time=f"{report.took_s:.3f}",
    )
    for result in results:
        rule, finding = result.rule, result.finding
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"conformance.{rule.section}",
            name=f"{rule.number} {rule.title}",
            time="0",
        )
        words = _printable(finding.words)
        if result.bad:
            failure = ET.SubElement(case, "failure", message=words, type="broken")
            failure.text = f"case {result.case}; spec: {rule.sentence}"
        elif _skipped(result):
            ET.SubElement(case, "skipped", message=f"{finding.outcome.value}: {words}")
        else:
            advice = "advice, and not taken: " if finding.outcome is Outcome.BROKEN else ""
            ET.SubElement(case, "system-out").text = advice + words
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _skipped(result: Result) -> bool:
    return result.finding.outcome in (Outcome.NOT_SHOWN, Outcome.NOT_APPLICABLE)


def _printable(text: str) -> str:
    """A text that XML can hold."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
