"""The rules are the protocol's: each has its sentence there, a check, and a case that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadgrpc.conformance.cases import CASES
from loadgrpc.conformance.checks import CHECKS
from loadgrpc.conformance.rules import BY_NUMBER, RULES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def comments() -> str:
    """All comments of the two files, as one text."""
    lines = []
    for name in ("runner.proto", "event.proto"):
        for line in (ROOT / "protos/loadgrpc/v1" / name).read_text().splitlines():
            lines += [line.strip().removeprefix("//")] if line.strip().startswith("//") else []
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_a_rule_is_a_sentence_of_the_protocol(rule, comments):
    """The sentence of a rule stands in the protos, word for word."""
    assert rule.sentence in comments


def test_numbers_are_in_order_and_unique():
    """Rules are numbered from 1 in each section."""
    parts = [tuple(map(int, rule.number.split("."))) for rule in RULES]

    assert parts == sorted(set(parts))
    for section in {section for section, _ in parts}:
        mine = [number for one, number in parts if one == section]
        assert mine == list(range(1, len(mine) + 1))


def test_every_rule_is_checked_and_shown():
    """Each rule has a check, and a case whose transcript is held against it."""
    assert CHECKS.keys() == BY_NUMBER.keys()
    assert {number for case in CASES for number in case.rules} == BY_NUMBER.keys()


def test_the_page_has_the_rules_and_the_cases():
    """docs/conformance.md lists every rule with its sentence, and every case."""
    page = (ROOT / "docs/conformance.md").read_text()
    rules = re.findall(r"^\| (\d+\.\d+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    cases = re.findall(r"^\| `([a-z-]+)` \| (.*?) \|$", page, re.MULTILINE)

    assert rules == [
        (rule.number, rule.title + ("" if rule.must else " (advice)"), rule.sentence)
        for rule in RULES
    ]
    assert cases == [(case.name, case.title) for case in CASES]
