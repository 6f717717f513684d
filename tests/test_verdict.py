"""The decision table of exit codes."""

from dataclasses import fields
from itertools import product

import pytest

from loadgrpc.verdict import TABLE, Facts, decide

ORDER = {
    "usage": 2,
    "unreachable": 4,
    "not_loaded": 107,
    "stopped": 105,
    "incomplete": 3,
    "unmet": 99,
    "failed": 1,
}


def test_nothing_wrong_has_passed():
    """A run of which nothing is known has passed."""
    assert (decide(Facts()).exit_code, decide(Facts()).reason) == (0, "passed")


def test_the_table_has_the_codes_of_the_documentation():
    """Facts and codes are those that are promised, in the promised order."""
    assert dict(TABLE) == ORDER
    assert [fact for fact, _ in TABLE] == list(ORDER)


@pytest.mark.parametrize("known", list(product([False, True], repeat=len(ORDER))))
def test_the_first_fact_that_applies_decides(known):
    """Of any set of facts the first in the order gives both the code and the reason."""
    given = {fact: f"because {fact}" for fact, is_so in zip(ORDER, known, strict=True) if is_so}
    verdict = decide(Facts(**given))
    first = next(iter(given), None)

    assert verdict.exit_code == (ORDER[first] if first else 0)
    assert verdict.reason == (given[first] if first else "passed")


def test_every_fact_has_a_row():
    """No fact is known that decides nothing."""
    assert {field.name for field in fields(Facts)} == {*ORDER, "remarks"}
