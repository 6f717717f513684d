"""What a rule is called that stands for several: `1-3`, `4`, `5+8`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

MAX_CHARS: Final = 60
"""A longer name is the first rule and how many more."""


def joint_names(groups: Sequence[Sequence[str]]) -> list[str]:
    """A name for each group of names, all of them different."""
    names = [_joint(group) for group in groups]
    count = Counter(names)
    taken = {name for name in names if count[name] == 1}
    found = []
    for name in names:
        unique, number = name, 0
        while count[name] > 1 and (not number or unique in taken):
            number += 1
            unique = f"{name}{_letters(number)}"
        taken.add(unique)
        found.append(unique)
    return found


def _joint(names: Sequence[str]) -> str:
    if not names:
        return "new"
    runs: list[list[str]] = []
    for name in names:
        if runs and _follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    text = "+".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return text if len(text) <= MAX_CHARS else f"{names[0]} and {len(names) - 1} more"


def _follows(one: str, other: str) -> bool:
    return one.isdecimal() and other.isdecimal() and int(other) == int(one) + 1


def _letters(number: int) -> str:
    """A, b, … z, aa, ab, … for 1, 2, …."""
    text = ""
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("a") + digit) + text
    return text
