"""What looks for holes in our code: ruff's rules of bandit (S), in `make check`, with reasons."""

import re
import tomllib

ALLOWED = {"S603", "S607"}
"""Rules that are off in the package: starting processes is what an agent is for."""
IN_TESTS = {"S101", "S104", "S105", "S106", "S108", "S311"}


def test_rules_of_bandit_are_on(root):
    """All of them, except for those named here; what is off for some files is off in tests only."""
    lint = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    by_file = lint["per-file-ignores"]

    assert lint["select"] == ["ALL"]
    assert {rule for rule in lint["ignore"] if re.match(r"S\d*$", rule)} == ALLOWED
    off = {
        path: {rule for rule in rules if re.match(r"S\d*$", rule)}
        for path, rules in by_file.items()
    }
    assert {path: rules for path, rules in off.items() if rules} == {"tests/**": IN_TESTS}


def test_exceptions_have_reasons(root):
    """A line that one of these rules is off for says why."""
    found = [
        f"{path.relative_to(root)}:{number}"
        for place in ("loadgrpc", "tools")
        for path in sorted((root / place).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (marked := re.search(r"# noqa: [A-Z0-9, ]*\bS\d+\b[A-Z0-9, ]*(.*)$", line))
        and not re.search(r"\w{2}", marked[1])
    ]

    assert found == []
