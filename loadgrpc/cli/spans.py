"""Times as people type them: how long, how old at least, and how long users wait.

Rule: as in `values.py`: the value, or a ValueError that says what is wrong and what is accepted.
"""

from __future__ import annotations

import re
from typing import Final

from loadgrpc.model import MAX_WAIT_S, Between, Constant, Exponential, Lognormal, Wait, seconds_of

_DECIMAL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def seconds(text: str, *, most: float, zero: bool = False) -> float:
    """A duration: `90`, `90s`, `5m`, `1h30m`, `1.5s`, `500ms`."""
    value = seconds_of(text)
    if value > most or (value == 0 and not zero):
        least = "0s or more" if zero else "more than 0s"
        raise ValueError(f"{text!r} is out of range; expected {least} and at most {most:.0f}s")
    return value


def age(text: str, *, most: float) -> float:
    """How old at least: a duration, or days, as `30d`."""
    days = text.removesuffix("d")
    if days != text and _DECIMAL.fullmatch(days):
        text = f"{float(days) * 24}h"
    try:
        return seconds(text, most=most)
    except ValueError as error:
        raise ValueError(str(error).replace("expected 90,", "expected 30d, 90,")) from None


def wait(text: str) -> Wait:
    """How long users wait: `2s`, `1s..3s`, `exponential 2s`, `lognormal 2s 0.5`."""
    parts = [part for part in re.split(r"[\s(),]+", text.strip()) if part]
    found: Wait | None = None
    match parts:
        case [each] if ".." in each:
            least, _, most = each.partition("..")
            found = Between(_wait_s(least), _wait_s(most))
        case [each]:
            found = Constant(_wait_s(each))
        case ["constant", each]:
            found = Constant(_wait_s(each))
        case ["between", least, most]:
            found = Between(_wait_s(least), _wait_s(most))
        case ["exponential", mean]:
            found = Exponential(_wait_s(mean))
        case ["lognormal", median, sigma] if _DECIMAL.fullmatch(sigma):
            found = Lognormal(_wait_s(median), float(sigma))
    if found is None:
        raise ValueError(
            f"{text!r} is not a wait; expected 2s, 1s..3s, 'exponential 2s' or 'lognormal 2s 0.5'"
        )
    if wrong := found.wrong():
        raise ValueError(f"{text!r} {wrong}")
    return found


def _wait_s(text: str) -> float:
    return seconds(text, most=MAX_WAIT_S, zero=True)
