"""How a run is judged: one table, from facts to exit code and reason.

Rule: the first row whose fact is given decides. The broker judges the runs it owns and writes the
verdict into their summary; the command line adds only what a broker cannot know (a wrong option,
or no broker at all).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from loadgrpc.model import Verdict

PASSED: Final = 0
TEST_FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
UNREACHABLE: Final = 4
REQUIREMENT: Final = 99
STOPPED: Final = 105
NOT_LOADED: Final = 107

NAMES: Final = {
    PASSED: "passed",
    TEST_FAILED: "failed",
    INCOMPLETE: "incomplete",
    STOPPED: "stopped",
    NOT_LOADED: "not-loaded",
    REQUIREMENT: "requirement",
    UNREACHABLE: "expired",
}
"""What the verdict on a run is called, by its exit code."""


def name(exit_code: int) -> str:
    """What a verdict is called: `passed`, or `exit 8` of one that is newer than this version."""
    return NAMES.get(exit_code, f"exit {exit_code}")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a run. Each is a sentence when it is the case, and empty when not."""

    usage: str = ""
    """What is wrong with the command line or the plan."""
    unreachable: str = ""
    """Why the broker could not be asked, or had too few agents."""
    not_loaded: str = ""
    """Why the test could not be loaded."""
    stopped: str = ""
    """Who stopped the run before its end."""
    incomplete: str = ""
    """What of the planned work was not done, or is missing in the results."""
    unmet: str = ""
    """What the plan requires of the results, and does not hold."""
    failed: str = ""
    """How many iterations failed or ended with an error."""
    remarks: str = ""
    """What should be known of a run that passed. No row: it decides nothing."""


TABLE: Final = (
    ("usage", USAGE),
    ("unreachable", UNREACHABLE),
    ("not_loaded", NOT_LOADED),
    ("stopped", STOPPED),
    ("incomplete", INCOMPLETE),
    ("unmet", REQUIREMENT),
    ("failed", TEST_FAILED),
)
"""Fact and exit code, the first that applies."""


def also_unwritten(verdict: Verdict, unwritten: str) -> Verdict:
    """The verdict on a run that has one, if besides an output of it could not be written.

    An output that is missing makes results incomplete; what comes before that in the table stays.
    """
    if not unwritten:
        return verdict
    before = [code for _, code in TABLE[: TABLE.index(("incomplete", INCOMPLETE)) + 1]]
    if verdict.exit_code in before:
        return Verdict(exit_code=verdict.exit_code, reason=f"{verdict.reason}; {unwritten}")
    reason = unwritten if verdict.exit_code == PASSED else f"{unwritten}; {verdict.reason}"
    return Verdict(exit_code=INCOMPLETE, reason=reason)


def decide(facts: Facts) -> Verdict:
    """The verdict on `facts`: the first row of the table whose fact is given."""
    for fact, exit_code in TABLE:
        reason = getattr(facts, fact)
        if reason:
            return Verdict(exit_code=exit_code, reason=reason)
    return Verdict(exit_code=PASSED, reason="; ".join(filter(None, ("passed", facts.remarks))))


assert {fact for fact, _ in TABLE} == {fact.name for fact in fields(Facts)} - {"remarks"}  # noqa: S101 - a row for each fact
