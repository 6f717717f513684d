"""Cases in a file: JSON, as `loadgrpc design cases --format json` prints it.

    {"cases": [{"case": "18", "rule": "18", "values": {"month": 2, "day": 28, "year": 2001},
                "expected": {"reset day": true, "month + 1": true}, "weight": 1}]}

`rule` may be missing, which is then the case itself, and so may `expected` and `weight`. Any file
of a table stands for its cases, too.

Rule: whatever is wrong is a DesignError with the file, and the name of the case.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from loadgrpc.design.case import Case
from loadgrpc.design.errors import DesignError
from loadgrpc.design.files import load_table, read_json_object, text_of
from loadgrpc.design.value import Literal

CASES: Final = "cases"
_KEYS: Final = frozenset(("case", "rule", "values", "expected", "weight"))


def load_cases(
    path: str | Path, *, strength: int = 0, boundaries: bool = False
) -> tuple[Case, ...]:
    """The cases in a file, or those of the table in it; raises DesignError."""
    path = Path(path)
    if path.suffix.lower() == ".json":
        try:
            document = read_json_object(text_of(path))
            if CASES in document:
                return _cases(document)
        except DesignError as error:
            raise error.at(file=str(path)) from None
    table = load_table(path)
    try:
        return table.cases(strength=strength, boundaries=boundaries)
    except DesignError as error:
        raise error.at(file=str(path)) from None


def document_of(case: Case) -> dict[str, Any]:
    """A case as a part of such a file."""
    return {
        "case": case.name,
        "rule": case.rule,
        "values": dict(case.values),
        "expected": {name: value for name, value in case.expected.items() if value is not None},
        "weight": case.weight,
    }


def write_cases(cases: Iterable[Case]) -> str:
    """The text of such a file."""
    document = {CASES: [document_of(each) for each in cases]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _cases(document: Mapping[str, Any]) -> tuple[Case, ...]:
    if more := set(document) - {CASES}:
        raise DesignError(f"a file of cases has no {min(more)!r} beside `cases`")
    given = document[CASES]
    if not isinstance(given, list) or not given:
        raise DesignError("`cases` is a list of one case at least")
    found: dict[str, Case] = {}
    for number, each in enumerate(given, 1):
        case = _case(each, number)
        if case.name in found:
            raise DesignError(f"two cases are named {case.name!r}")
        found[case.name] = case
    actions = dict.fromkeys(name for case in found.values() for name in case.expected)
    return tuple(
        Case(case.name, case.rule, case.values, {**actions, **case.expected}, case.weight)
        for case in found.values()
    )


def _case(given: object, number: int) -> Case:
    if not isinstance(given, dict):
        raise DesignError(f"case {number} is not an object")
    name = str(given.get("case", number))
    where = f"case {name}"
    if more := set(given) - _KEYS:
        raise DesignError(f"{where} has no {min(more)!r}; it has: {', '.join(sorted(_KEYS))}")
    weight = given.get("weight", 1)
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not (number and 0 <= weight < math.inf):
        raise DesignError(f"{where}: a weight is a number from 0, not {weight!r}")
    values = _literals(given.get("values"), where, "values")
    if not values:
        raise DesignError(f"{where} has no values")
    return Case(
        name=name,
        rule=str(given.get("rule", name)),
        values=values,
        expected=_literals(given.get("expected"), where, "expected"),
        weight=weight,
    )


def _literals(given: object, where: str, what: str) -> dict[str, Literal]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise DesignError(f"{where}: `{what}` is an object")
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool):
            raise DesignError(f"{where}: {name} is a text, a number, true or false, not {value!r}")
    return given
