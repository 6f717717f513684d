"""A load as a function of time, in Python: `--shape shapes:Rush`.

Rule: it is asked for each second before the run begins, so that one that is slow delays the start
of the run and nothing else. What comes of it is a plan as any other.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from numbers import Real
from typing import Any, Final

from loadgrpc.cli import line
from loadgrpc.cli.values import Value
from loadgrpc.model import MAX_LEVELS, MAX_LEVELS_OF, Load, LoadUnit, Steps

UNITS: Final = {"users": LoadUnit.USERS, "/s": LoadUnit.ARRIVALS}
SHAPE_NEWS_S: Final = 2.0
"""A shape that takes longer says how far it is, and again after as long."""


class Shape(Value[Load]):
    """See `shape_of`."""

    name = "MODULE:NAME"

    def read(self, text: str) -> Load:
        """See Value."""
        return shape_of(text)


def shape_of(text: str) -> Load:
    """The load of a class or a function: called with 0, 1, 2, ... it returns the level of a second.

    None ends it. Its attribute `unit` is "users", which is the default, or "/s".

    Raises:
        ValueError: it cannot be imported, raises something, or returns something else.
    """
    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"{text!r} is not MODULE:NAME; expected one such as shapes:Rush")
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of the current folder, as tests are
    try:
        found = getattr(importlib.import_module(module), name)
        made: Any = found() if isinstance(found, type) else found
    except (Exception, SystemExit) as error:
        raise ValueError(f"{text} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(made):
        raise ValueError(f"{text} is neither a function nor a class with __call__(self, second)")  # noqa: TRY004
    unit = UNITS.get(str(getattr(made, "unit", "users")))
    if unit is None:
        raise ValueError(f"{text}: its unit is neither 'users' nor '/s'")
    levels = _levels(text, made, MAX_LEVELS_OF[unit])
    if not levels:
        raise ValueError(f"{text} returned None for second 0: it has no level at all")
    if not any(levels):
        raise ValueError(f"{text}: its level is 0 all the time")
    return Load(unit, (Steps(levels, 1.0),))


def _levels(text: str, shape: Callable[[int], Any], most: float) -> tuple[float, ...]:
    """The level of each second, up to its end."""
    levels: list[float] = []
    due_s = time.monotonic() + SHAPE_NEWS_S
    while True:
        second = len(levels)
        if time.monotonic() > due_s:
            due_s = time.monotonic() + SHAPE_NEWS_S
            line.say(f"--shape: {text} has given the levels of {second} seconds", sys.stderr)
        try:
            level = shape(second)
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {error}"
            raise ValueError(f"{text} failed for second {second}: {why}") from error
        if level is None:
            return tuple(levels)
        if second == MAX_LEVELS:
            raise ValueError(f"{text} does not end: it has to return None after {MAX_LEVELS:,} s")
        if not _is_number(level):
            kind = type(level).__name__
            raise ValueError(f"{text} returned a {kind} for second {second}, not a number or None")
        if not 0 <= level <= most:
            why = f"not from 0 to {most:,.0f}"
            raise ValueError(f"{text} returned {level} for second {second}: {why}")
        levels.append(float(level))


def _is_number(value: object) -> bool:
    """Those of NumPy are, too; True is none."""
    return isinstance(value, Real) and not isinstance(value, bool)
