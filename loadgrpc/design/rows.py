"""A table as rows of cells: CSV, Markdown and spreadsheets hold these.

The first row names the columns: `rule` is the name, `weight` the weight, an X under `impossible`
marks what cannot occur, `action` and `action: NAME` are actions, and the others are conditions. A
condition may declare its values, where those that the rules mention are not all there is to say:

    day (D1 = 1..27; D2 = 28; D3 = 29)      month (M1 = 4, 6, 9, 11; M2 = 12) apart
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from loadgrpc.design import notation
from loadgrpc.design.condition import ANY, Condition
from loadgrpc.design.document import ACTION, declared, read, said_condition
from loadgrpc.design.errors import DesignError
from loadgrpc.design.inference import infer, mentioned
from loadgrpc.design.rule_set import RuleSet

RULE: Final = "rule"
WEIGHT: Final = "weight"
IMPOSSIBLE: Final = "impossible"
RESERVED: Final = (RULE, WEIGHT, IMPOSSIBLE, ACTION)
"""Columns with a meaning of their own; no condition can have such a name."""
_NAMED_ACTION: Final = re.compile(r"action\s*:\s*(.+)", re.DOTALL)
_DECLARED: Final = re.compile(r'("(?:[^"\\]|\\.)*"|[^("]*?)\s*\((.*;.*)\)(\s+apart)?', re.DOTALL)
_DECLARED_PIECE: Final = re.compile(r'\s*((?:"(?:[^"\\]|\\.)*"|[^;"])*)(;|$)')

Numbered = tuple[int, Sequence[str]]
"""A row with its line, from 1."""


def read_rows(rows: Iterable[Numbered], title: str = "") -> RuleSet:
    """The set of rules that rows hold, the first of them the heading; raises DesignError."""
    numbered = [(line, [cell.strip() for cell in row]) for line, row in rows]
    numbered = [(line, row) for line, row in numbered if any(row)]
    if not numbered:
        raise DesignError("there is no table in it")
    line, heading = numbered[0]
    while heading and not heading[-1]:
        heading.pop()
    try:
        columns = [_column(cell) for cell in heading]
        _check_heading(columns)
        conditions = {name: what for kind, name, what in columns if kind == "condition" and what}
    except DesignError as error:
        raise error.at(line=line) from None
    document: dict[str, Any] = {
        "title": title,
        "conditions": conditions,
        "actions": [name for kind, name, _ in columns if kind == ACTION],
        "rule": [],
        "impossible": [],
    }
    for line, row in numbered[1:]:
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise DesignError(
                f"there are {len(row)} cells in a row, but {len(columns)} columns", line=line
            )
        cells = list(zip(columns, [*row, *[""] * len(columns)], strict=False))
        try:
            kind, entry = _row(cells)
        except DesignError as error:
            raise error.at(line=line) from None
        document[kind].append({**entry, "line": line})
    order = [name for kind, name, _ in columns if kind == "condition"]
    return _in_order(document, order)


def _in_order(document: dict[str, Any], order: Sequence[str]) -> RuleSet:
    """Read, with the conditions in the order of the columns."""
    rows = [*document["rule"], *document["impossible"]]
    given = document["conditions"]
    for name in order:
        if name not in given:
            mentions = []
            for row in rows:
                try:
                    mentions += mentioned(row["when"].get(name, ""))
                except DesignError as error:
                    raise error.at(line=row["line"]) from None
            given[name] = infer(name, mentions)
    document["conditions"] = {name: given[name] for name in order}
    return read(document)


def write_rows(table: RuleSet) -> list[list[str]]:
    """The rows of a set of rules, the first of them the heading."""
    for condition in table.conditions:
        name = condition.name
        if name in RESERVED or _NAMED_ACTION.fullmatch(name):
            raise DesignError(f"a condition named {name!r} has no place in a table of columns")
    weights = any(rule.weight != 1 for rule in table.rules)
    conditions = [_heading(table, at) for at in range(len(table.conditions))]
    actions = [ACTION if name == ACTION else f"{ACTION}: {name}" for name in table.actions]
    extra = [WEIGHT] * weights + [IMPOSSIBLE] * bool(table.impossible)
    rows = [[RULE, *conditions, *actions, *extra]]
    for rule in table.rules:
        cells = list(map(notation.said_action, rule.outcome))
        if not any(cells):
            cells[0] = ANY
        ends = [f"{rule.weight}"] * weights + [""] * bool(table.impossible)
        rows.append([rule.name, *_entries(table, rule.entries), *cells, *ends])
    for each in table.impossible:
        ends = [""] * (len(actions) + weights) + ["X"]
        rows.append([each.name, *_entries(table, each.entries), *ends])
    return rows


def _entries(table: RuleSet, entries: Sequence[int]) -> list[str]:
    pairs = zip(table.conditions, entries, strict=True)
    return [notation.said_entry(condition, entry) for condition, entry in pairs]


def _heading(table: RuleSet, at: int) -> str:
    """The name of a condition, with its values if they do not follow from what rules mention."""
    condition = table.conditions[at]
    texts = [notation.said_entry(condition, each.entries[at]) for each in table.everything]
    try:
        inferred = infer(condition.name, [one for text in texts for one in mentioned(text)])
    except DesignError:
        inferred = None
    name = notation.said_name(condition.name)
    if inferred == condition:
        return name
    values = "; ".join(said_condition(condition))
    return f"{name} ({values}{';' * (';' not in values)})" + " apart" * condition.apart


def _column(cell: str) -> tuple[str, str, Condition | None]:
    if cell in (RULE, WEIGHT, IMPOSSIBLE):
        return cell, cell, None
    if cell == ACTION:
        return ACTION, ACTION, None
    if match := _NAMED_ACTION.fullmatch(cell):
        return ACTION, match[1].strip(), None
    if match := _DECLARED.fullmatch(cell):
        name, inside, apart = notation.name(match[1]), match[2], match[3]
        values = [each for each in _split(inside) if each]
        return "condition", name, declared(name, values, apart=bool(apart))
    if not cell:
        raise DesignError("a column has no name")
    return "condition", notation.name(cell), None


def _split(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _DECLARED_PIECE.match(text, at)
        if match is None:
            raise DesignError(f"{text!r} cannot be read: the quotes do not fit")
        found.append(match[1].strip())
        at = match.end()
    return found


def _check_heading(columns: Sequence[tuple[str, str, object]]) -> None:
    seen = set()
    for kind, name, _ in columns:
        if (kind, name) in seen:
            raise DesignError(f"two columns are named {name!r}")
        seen.add((kind, name))
    if not any(kind == ACTION for kind, _, _ in columns):
        raise DesignError(
            "there is no action: name a column `action`, or `action: NAME` for each of several"
        )
    if not any(kind == "condition" for kind, _, _ in columns):
        raise DesignError("there is no condition: every column that is no action is one")


def _row(
    cells: Iterable[tuple[tuple[str, str, object], str]],
) -> tuple[str, dict[str, Any]]:
    """Whether a row is a rule or what is impossible, and its part of the document."""
    found: dict[str, dict[str, str]] = {}
    for (kind, name, _), cell in cells:
        found.setdefault(kind, {})[name] = cell
    when = {name: cell for name, cell in found.get("condition", {}).items() if cell}
    row: dict[str, Any] = {"when": when}
    if name := found.get(RULE, {}).get(RULE, ""):
        row["name"] = name
    if weight := found.get(WEIGHT, {}).get(WEIGHT, ""):
        row["weight"] = _weight(weight)
    cells_of_actions = found.get(ACTION, {})
    values = {each: notation.action(cell) for each, cell in cells_of_actions.items()}
    taken = {each: value for each, value in values.items() if value is not None}
    if notation.action(found.get(IMPOSSIBLE, {}).get(IMPOSSIBLE, "")) is not None:
        if taken:
            raise DesignError(f"rule {name or '?'} is impossible, and has an action")
        return IMPOSSIBLE, row
    if not any(cells_of_actions.values()):
        raise DesignError(f"rule {name or '?'} has no action; if it does nothing, write - for one")
    return RULE, {**row, "then": taken}


def _weight(cell: str) -> float:
    weight = notation.member(cell)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise DesignError(f"a weight is a number from 0, not {cell!r}")
    return weight
