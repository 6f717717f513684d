"""What bounds the fields of plans, by message and field: a part of `bounds.TABLE`.

Rule: what bounds an option is said by its row in `options.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from loadgrpc import model
from loadgrpc.protocol import case_kind, kinds, kinds_of_users, options
from loadgrpc.protocol.bound import ID, MAX_NAME_CHARS, Blob, Bound, Many, Span, Text
from loadgrpc.protocol.load_kinds import StagesKind
from loadgrpc.protocol.parameters_kind import ParametersKind
from loadgrpc.protocol.signatures_kind import KEY_BYTES, SIGNATURE_BYTES, SignaturesKind

MAX_SCENARIOS: Final = 100
_WAIT: Final = Span(0, round(model.MAX_WAIT_S))
_VARIABLES: Final = next(
    row.kind for row in options.OF_PLAN if isinstance(row.kind, kinds.VariablesKind)
)
_PARAMETERS: Final = next(
    row.kind for row in options.OF_SCENARIO if isinstance(row.kind, ParametersKind)
)


def _of_options(rows: Iterable[options.Option]) -> dict[str, Bound]:
    """What bounds options of a plan, where more is refused than a number."""
    found: dict[str, Bound] = {}
    for row in rows:
        match row.kind:
            case kinds.TextKind(chars):
                found[row.field] = Text(chars)
            case kinds.CountsKind(entries=entries):
                found[row.field] = Many(entries)
            case kinds.VariablesKind(entries=entries) | ParametersKind(entries=entries):
                found[row.field] = Many(entries)
            case kinds.TextsKind(chars, entries):
                found[row.field] = Many(entries, Text(chars))
            case kinds.SecondsKind(most):
                found[row.field] = Span(0, most)
            case (
                StagesKind(most)
                | kinds.ObserversKind(most)
                | kinds_of_users.TestsKind(most)
                | SignaturesKind(most)
            ):
                found[row.field] = Many(most)
    return found


OF_PLANS: Final[Mapping[str, Mapping[str, Bound]]] = {
    "RunSpec": {**_of_options(options.ALL.values()), "scenarios": Many(MAX_SCENARIOS)},
    "EnvEntry": {
        "key": Text(_VARIABLES.name_chars),
        "value": Text(_VARIABLES.value_chars),
    },
    "RetryPolicy": {
        "initial_backoff": Span(0, kinds.DAY_S),
        "max_backoff": Span(0, kinds.DAY_S),
        "retry_on": Many(16),
    },
    "Scenario": {"name": ID, **_of_options(options.OF_SCENARIO)},
    "ParametersEntry": {"key": Text(_PARAMETERS.name_chars)},
    "Parameter": {"value": Text(_PARAMETERS.value_chars)},
    "FedCases": {"cases": Many(case_kind.MAX_CASES)},
    "FedCase": {
        "name": Text(MAX_NAME_CHARS),
        "rule": Text(MAX_NAME_CHARS),
        "values": Many(case_kind.MAX_CASE_VALUES),
        "expected": Many(case_kind.MAX_CASE_VALUES),
    },
    "CaseValue": {
        "name": Text(MAX_NAME_CHARS),
        "text": Text(case_kind.MAX_CASE_TEXT_CHARS),
    },
    "Observer": {
        "name": Text(kinds.MAX_OBSERVER_NAME_CHARS),
        "settings": Many(kinds.MAX_SETTINGS),
        "events": Many(kinds.MAX_OBSERVER_EVENTS),
    },
    "SettingsEntry": {
        "key": Text(kinds.MAX_SETTING_NAME_CHARS),
        "value": Text(kinds.MAX_SETTING_CHARS),
    },
    "Signature": {"public_key": Blob(KEY_BYTES), "signature": Blob(SIGNATURE_BYTES)},
    "WeightedTest": {"test": Text(kinds_of_users.TEST_CHARS)},
    "WaitTime": {"constant": _WAIT, "exponential": _WAIT},
    "WaitRange": {"least": _WAIT, "most": _WAIT},
    "LognormalWait": {"median": _WAIT},
}
