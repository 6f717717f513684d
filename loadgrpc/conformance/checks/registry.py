"""Which function checks which rule.

Rule: a check is a pure function from a story to a finding, and each rule has one. Rules about
numbers are not for a source that sends none: it "cannot resume", and is "believed".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from loadgrpc.conformance.finding import Finding, Outcome, not_applicable, not_shown
from loadgrpc.conformance.story import Story

Check = Callable[[Story], Finding]

CHECKS: Final[dict[str, Check]] = {}
"""The check of each rule, by its number."""

_NO_NUMBERS: Final = "the source sends no numbers"


def check(number: str, *, numbered: bool = False) -> Callable[[Check], Check]:
    """Makes a function the check of a rule. `numbered`: it is for sources with numbers."""

    def enter(function: Check) -> Check:
        def checked(story: Story) -> Finding:
            if numbered and story.numbered is False:
                return not_applicable(_NO_NUMBERS)
            finding = function(story)
            if numbered and story.numbered is None and finding.outcome is Outcome.NOT_SHOWN:
                return not_shown("no event was sent")
            return finding

        CHECKS[number] = checked
        return function

    return enter
