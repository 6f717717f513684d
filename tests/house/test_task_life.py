"""What task systems promise of tasks: each is a row of docs/run-life.md, with its test."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/run-life.md").read_text()
BEHAVIOURS = (ROOT / "tests/house/task_life.txt").read_text().splitlines()
"""From the tests of a task system, one by one; those of a test that shows several are apart."""
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (?:`([^`|]+)`)? ?\|$", re.MULTILINE)


def rows():
    """Behaviour, what it is here, and the test."""
    section = PAGE.partition("## As a task system has it")[2]
    return [each for each in ROW.findall(section) if each[0] not in ("behaviour", "---")]


def test_no_behaviour_is_left_out():
    """The rows are those of the list, each once, in its order."""
    assert [behaviour for behaviour, _, _ in rows()] == BEHAVIOURS
    assert len(set(BEHAVIOURS)) == len(BEHAVIOURS) == 55


def test_each_has_a_test_or_a_reason():
    """A row without a test says why it has no meaning here, and one with a test does not."""
    for behaviour, here, test in rows():
        assert here.startswith("No meaning: ") is (not test), behaviour


def test_the_tests_are_there():
    """Each is in the file that the row names."""
    for behaviour, _, test in rows():
        if test:
            file, _, name = test.partition("::")
            assert f"def {name}(" in (ROOT / file).read_text(), behaviour


def test_each_seed_is_named_by_its_test():
    """Tests about retries and campaigns have the name of their row."""
    for behaviour, _, test in rows():
        if test.startswith(("tests/broker/test_attempts.py", "tests/campaign/test_run_life.py")):
            assert f"::test_{behaviour}" in test, behaviour
