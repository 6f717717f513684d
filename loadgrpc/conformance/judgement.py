"""From transcripts to verdicts: how each rule fared in each case, and overall.

Rule: pure. A process that did not end has broken something, whatever its case was to show. Of a
chain of consequences only the cause is named: a runner whose message the receiver rejects can
only end badly.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from loadgrpc.conformance.cases import CASES
from loadgrpc.conformance.checks import CHECKS
from loadgrpc.conformance.finding import Finding, Outcome, broken, not_shown, worst
from loadgrpc.conformance.rules import RULES, Rule
from loadgrpc.conformance.stage import Setting
from loadgrpc.conformance.story import Story
from loadgrpc.conformance.transcript import Refusal, Transcript

ENDS: Final = "10.6"
"""The rule that a runner breaks which does not end, if it has broken no other."""


def judge(
    transcript: Transcript, rules: Collection[str], *, own_target: bool = True
) -> dict[str, Finding]:
    """How rules fared in a case."""
    story = Story(transcript, own_target=own_target)
    findings = {number: CHECKS[number](story) for number in rules}
    if transcript.refusal is not None:
        return _refused(transcript.refusal, story, findings)
    others = [number for number, found in findings.items() if found.outcome is Outcome.BROKEN]
    if transcript.timed_out and not others:
        seen = f"that it still ran after {transcript.ended_s:.0f} s"
        findings[ENDS] = broken("an end", seen)
    elif transcript.timed_out and ENDS in others and len(others) > 1:
        findings[ENDS] = not_shown(f"it did not end: see {others[0]}")
    return findings


def _refused(refusal: Refusal, story: Story, findings: dict[str, Finding]) -> dict[str, Finding]:
    """Findings about a runner whose message was refused: one rule is broken, and no other."""
    cause = CHECKS[refusal.rule](story)
    if cause.outcome is not Outcome.BROKEN:
        cause = broken("nothing that a home refuses", refusal.words)
    knocked_on = not_shown(f"the home refused what it said: see {refusal.rule}")
    return {
        number: knocked_on if found.outcome is Outcome.BROKEN else found
        for number, found in findings.items()
    } | {refusal.rule: cause}


@dataclass(frozen=True)
class Result:
    """How one rule fared in all cases."""

    rule: Rule
    finding: Finding
    case: str = ""
    """Where the finding is from."""

    @property
    def bad(self) -> bool:
        """Whether this alone makes a runner not conform."""
        return self.rule.must and self.finding.outcome is Outcome.BROKEN


@dataclass(kw_only=True)
class Report:
    """What an examination has found."""

    results: list[Result]
    transcripts: list[Transcript]
    one_user: bool
    took_s: float

    @property
    def judged(self) -> bool:
        """Whether anything was shown at all."""
        shown = (Outcome.KEPT, Outcome.BROKEN)
        return any(result.finding.outcome in shown for result in self.results)

    @property
    def conforms(self) -> bool:
        """Whether every mandatory rule was kept, and at least one was shown."""
        return self.judged and not any(result.bad for result in self.results)

    @property
    def broken(self) -> list[str]:
        """The numbers of the rules that were broken."""
        found = (r for r in self.results if r.finding.outcome is Outcome.BROKEN)
        return [result.rule.number for result in found]


def summed_up(
    transcripts: Sequence[Transcript],
    setting: Setting,
    *,
    only: Collection[str] = (),
    took_s: float = 0.0,
) -> Report:
    """What transcripts say about the rules, or about some of them."""
    found: dict[str, list[tuple[str, Finding]]] = {rule.number: [] for rule in RULES}
    by_name = {transcript.case: transcript for transcript in transcripts}
    for case in CASES:
        transcript = by_name.get(case.name)
        if transcript is not None:
            findings = judge(transcript, case.rules, own_target=not setting.tests)
            for number, finding in findings.items():
                found[number].append((case.name, finding))
        elif why := setting.why_not(case):
            for number in case.rules:
                found[number].append((case.name, not_shown(why)))
    results = []
    refused = {each.refusal.rule for each in transcripts if each.refusal is not None}
    for rule in RULES:
        case_name, finding = worst(found[rule.number]) or ("", not_shown("no case was carried out"))
        blamed = rule.number == ENDS or rule.number in refused
        if not only or rule.number in only or (finding.outcome is Outcome.BROKEN and blamed):
            results.append(Result(rule, finding, case_name))
    return Report(
        results=results,
        transcripts=list(transcripts),
        one_user=setting.one_user,
        took_s=took_s,
    )
