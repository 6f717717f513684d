"""The kind of the option `cases`: what iterations of a scenario are fed with."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.model import CaseLiteral, CaseOrder, FedCase, FedCases
from loadgrpc.protocol.kinds import Kind

MAX_CASES: Final = 1_000
MAX_CASE_BYTES: Final = 16 << 10
"""Of a case as JSON, which is a variable in the environment of a process."""
MAX_CASE_VALUES: Final = 200
MAX_CASE_TEXT_CHARS: Final = 4_096
_INT64: Final = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True)
class CasesKind(Kind):
    """Cases, and the order in which iterations get them."""

    most: int

    def get(self, message: Any, field: str) -> FedCases | None:
        """See Kind. An order that is not known here is a plain number."""
        if not message.HasField(field):
            return None
        fed = getattr(message, field)
        order = fed.order or int(CaseOrder.IN_TURN)
        return FedCases(
            cases=tuple(map(_case, fed.cases)),
            order=CaseOrder(order) if order in list(CaseOrder) else order,  # type: ignore[arg-type]  # `wrong` says so
            seed=fed.seed,
        )

    def put(self, message: Any, field: str, value: FedCases) -> None:
        """See Kind."""
        message.ClearField(field)
        fed = getattr(message, field)
        fed.SetInParent()
        fed.order, fed.seed = int(value.order), value.seed
        put_cases(fed.cases, value.cases)

    def shown(self, value: FedCases) -> FedCases:
        """See Kind. Cases are no place for secrets."""
        return value

    def wrong(self, value: FedCases) -> Iterator[tuple[str, str]]:
        """See Kind. How long texts may be is in `bounds.py`."""
        if not value.cases:
            yield ".cases", "is required"
        if not isinstance(value.order, CaseOrder):
            yield ".order", "is not known here"
        elif value.order is CaseOrder.WEIGHT and not any(each.weight for each in value.cases):
            yield ".cases", "have weights that are all 0"
        names = Counter(each.name for each in value.cases)
        for at, each in enumerate(value.cases):
            yield from ((f".cases[{at}]{where}", detail) for where, detail in _wrong(each))
            if names[each.name] > 1:
                names[each.name] = 0
                yield f".cases[{at}].name", f"{each.name!r} is there twice"

    def __str__(self) -> str:
        return f"at most {self.most:,} cases"


def put_cases(messages: Any, cases: Iterable[FedCase]) -> None:
    """Adds cases to a field that holds some."""
    for case in cases:
        message = messages.add(name=case.name, rule=case.rule)
        if case.weight != 1:
            message.weight = case.weight
        for field, values in (("values", case.values), ("expected", case.expected)):
            for name, value in values:
                getattr(message, field).add(**{"name": name, _field_of(value): value})


def case_json(case: FedCase) -> str:
    """A case as JSON, on one line, for runners that find it in their environment."""
    document = {
        "case": case.name,
        "rule": case.rule,
        "values": dict(case.values),
        "expected": dict(case.expected),
    }
    return json.dumps(document, ensure_ascii=False)


def _field_of(value: CaseLiteral) -> str:
    """The field of CaseValue that holds a value."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "text"
    return "whole" if isinstance(value, int) and value in _INT64 else "number"


def _case(message: Any) -> FedCase:
    return FedCase(
        name=message.name,
        rule=message.rule,
        values=_values(message.values),
        expected=_values(message.expected),
        weight=message.weight if message.HasField("weight") else 1.0,
    )


def _values(messages: Any) -> tuple[tuple[str, CaseLiteral], ...]:
    """Values by name; one without a value, or of a kind that is newer than this, is left out."""
    found = ((each.name, each.WhichOneof("value"), each) for each in messages)
    return tuple((name, getattr(each, kind)) for name, kind, each in found if kind)


def _wrong(case: FedCase) -> Iterator[tuple[str, str]]:
    for field, text in ((".name", case.name), (".rule", case.rule)):
        if not text:
            yield field, "is required"
        elif not text.isprintable():
            yield field, "must be of characters that can be printed"
    if not 0 <= case.weight < math.inf:
        yield ".weight", "must be a finite number, 0 or more"
    for field, values in ((".values", case.values), (".expected", case.expected)):
        if not all(name for name, _ in values):
            yield field, "has one without a name"
        if len(dict(values)) < len(values):
            yield field, "has two of one name"
        if any(isinstance(value, float) and not math.isfinite(value) for _, value in values):
            yield field, "has a number that is not finite"
    if len(case_json(case).encode()) > MAX_CASE_BYTES:
        yield "", f"is larger than {MAX_CASE_BYTES >> 10} KiB"
