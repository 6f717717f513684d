"""A plan as people write it in Python: `plan_of(test="web.py::TestShop.test_buy", users=10)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from loadgrpc.model.parameter import Parameter
from loadgrpc.model.plan import Plan, Scenario

_OF_PLAN: Final = frozenset(field.name for field in fields(Plan))
_OF_SCENARIO: Final = frozenset(field.name for field in fields(Scenario))
_LISTS: Final = ("users", "iterations")
"""Where a number stands for a list of one."""


def plan_of(**options: Any) -> Plan:
    """A plan of one scenario without a name; each option is a field of `Plan` or of `Scenario`.

    What can only mean one thing is accepted for it: a number of users or iterations, `duration` as
    a timedelta or in seconds, and a mapping of parameters, with values of any type.

        plan_of(test="web.py::TestShop.test_buy", users=10, agents=2, parameters={"product": 9})

    `secrets` maps names to texts that only the test gets: `self.secret(NAME)`.

    Raises:
        TypeError: there is no such option.
    """
    secrets: Mapping[str, str] = options.pop("secrets", {})
    if "duration" in options:
        options["duration_s"] = options.pop("duration")
    if unknown := [name for name in options if name not in _OF_PLAN | _OF_SCENARIO]:
        raise TypeError(f"a plan has no {', '.join(map(repr, unknown))}")
    for name in _LISTS:
        if isinstance(options.get(name), int):
            options[name] = (options[name],)
        elif name in options:
            options[name] = tuple(options[name])
    if isinstance(options.get("duration_s"), timedelta):
        options["duration_s"] = options["duration_s"].total_seconds()
    for name in ("parameters", "env"):
        if isinstance(given := options.get(name), Mapping):
            values = sorted((each, text_of(value)) for each, value in given.items())
            made: Any = [Parameter(*each) for each in values] if name == "parameters" else values
            options[name] = tuple(made)
    if secrets:
        given = {each.name: each for each in options.get("parameters", ())}
        given |= {name: Parameter(name, text, secret=True) for name, text in secrets.items()}
        options["parameters"] = tuple(given[name] for name in sorted(given))
    rest = {name: value for name, value in options.items() if name in _OF_PLAN}
    load = {name: value for name, value in options.items() if name not in _OF_PLAN}
    return Plan(**{"scenarios": (Scenario(**load),), **rest})


def text_of(value: object) -> str:
    """A value of a parameter as its text, which its test reads as that value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.9f}".rstrip("0").rstrip(".")
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(text_of, value))
    return str(value)
