"""A table as a document: what a TOML or a JSON file of it holds, and what all other formats become.

    title, conditions (name: values), apart (names), actions (names),
    rule: [{name, when, then, weight}], impossible: [{name, when}]

Rule: whatever does not fit is a DesignError with the name of the rule, and its line where it has
one. Reading what was written gives the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from loadgrpc.design import notation
from loadgrpc.design.condition import Condition
from loadgrpc.design.errors import DesignError
from loadgrpc.design.inference import infer, mentioned
from loadgrpc.design.rule import Exclusion, Rule
from loadgrpc.design.rule_set import RuleSet
from loadgrpc.design.value import Literal, Range, Value

ACTION: Final = "action"
"""The name of an action that has none of its own."""
_KEYS: Final = ("title", "conditions", "apart", "actions", "rule", "impossible")
_RULE_KEYS: Final = ("name", "when", "then", "weight", "line")


def read(document: Mapping[str, Any], lines: Mapping[str, int] | None = None) -> RuleSet:
    """The set of rules that a document holds; raises DesignError.

    `lines`: where its keys are, by their names, and conditions as `conditions.NAME`.
    """
    lines = lines or {}
    for key in document:
        with _At(lines.get(key, 0)):
            _check_keys([key], _KEYS, "a table")
    rows = [dict(row) for row in _list(document, "rule")]
    excluded = [dict(row) for row in _list(document, "impossible")]
    names = [
        *({"name": str(number), **row} for number, row in enumerate(rows, 1)),
        *({"name": f"i{number}", **row} for number, row in enumerate(excluded, 1)),
    ]
    rows, excluded = names[: len(rows)], names[len(rows) :]
    for row in names:
        row["name"] = str(row["name"])
        with _At(row.get("line", 0)):
            _check_keys(row, _RULE_KEYS, f"rule {row['name']}")
            if not isinstance(row.get("when", {}), Mapping):
                raise DesignError(f"rule {row['name']}: `when` is a table of entries by condition")
    _check_names(rows)
    conditions = _conditions(document, names, lines)
    with _At(lines.get("actions", 0)):
        actions = _actions(document, rows)
    title = document.get("title", "")
    if not isinstance(title, str):
        raise DesignError("the title is a text", line=lines.get("title", 0))
    rules = []
    for row in rows:
        with _At(row.get("line", 0)):
            rules.append(_rule(row, conditions, actions))
    exclusions = []
    for row in excluded:
        with _At(row.get("line", 0)):
            exclusions.append(Exclusion(row["name"], _entries(row, conditions)))
    of_rules = {row["name"]: row.get("line", 0) for row in rows}
    try:
        return RuleSet(tuple(conditions), tuple(actions), tuple(rules), tuple(exclusions), title)
    except DesignError as error:
        for name, line in of_rules.items():
            if f"rule {name} " in error.message:
                raise error.at(line=line) from None
        raise


def write(table: RuleSet) -> dict[str, Any]:
    """The document of a set of rules, of texts, numbers, lists and mappings only."""
    found: dict[str, Any] = {}
    if table.title:
        found["title"] = table.title
    found["conditions"] = {each.name: said_condition(each) for each in table.conditions}
    if any(each.apart for each in table.conditions):
        found["apart"] = [each.name for each in table.conditions if each.apart]
    found["actions"] = list(table.actions)
    found["rule"] = []
    for rule in table.rules:
        row: dict[str, Any] = {"name": rule.name, "when": _when(table, rule)}
        taken = table.taken(rule)
        marks = all(value is True for value in taken.values())
        row["then"] = list(taken) if marks else dict(taken)
        if rule.weight != 1:
            row["weight"] = rule.weight
        found["rule"].append(row)
    if table.impossible:
        found["impossible"] = [
            {"name": each.name, "when": _when(table, each)} for each in table.impossible
        ]
    return found


def said_condition(condition: Condition) -> list[str]:
    """The values of a condition, as they are declared."""
    if condition.is_binary:
        return ["Y", "N"]
    return [notation.said_value(each) for each in condition.values]


def declared(name: str, what: Any, *, apart: bool = False) -> Condition:
    """A condition from its declaration; raises DesignError."""
    if isinstance(what, Condition):
        return what
    if isinstance(what, Mapping):
        named = []
        for label, each in what.items():
            several = isinstance(each, list | tuple)
            parts = [_value(one) for one in (each if several else [each])]
            members = tuple(one for part in parts for one in part.members)
            samples = tuple(one for part in parts for one in part.samples)
            named.append(Value(str(label), members, samples))
        return Condition(name, tuple(named), apart)
    if isinstance(what, str) or not isinstance(what, Iterable):
        raise DesignError(f"the values of {name} are a list, or a table of names and values")
    items = list(what)
    if items and all(isinstance(each, bool) or each in ("Y", "N") for each in items):
        return Condition(name, Condition.binary(name).values, apart)
    return Condition(name, tuple(_value(each) for each in items), apart)


def _value(what: Any) -> Value:
    if isinstance(what, str):
        return notation.value(what)
    if isinstance(what, Value | Range | int | float | tuple):
        return Value.of(what)
    raise DesignError(f"{what!r} is no value: expected a text or a number")


def _conditions(
    document: Mapping[str, Any], rows: list[dict[str, Any]], lines: Mapping[str, int]
) -> list[Condition]:
    given = document.get("conditions", {})
    if not isinstance(given, Mapping):
        line = lines.get("conditions", 0)
        raise DesignError("`conditions` is a table of names and their values", line=line)
    found = _declared(document, given, lines)
    order = list(found)
    mentions: dict[str, list[Literal | Range]] = {}
    for row in rows:
        with _At(row.get("line", 0)):
            for name, entry in row.get("when", {}).items():
                if name in found:
                    continue
                if given and (close := get_close_matches(name, list(given), n=1)):
                    raise DesignError(
                        f"rule {row['name']}: no condition {name!r}; did you mean {close[0]!r}?"
                    )
                if name not in mentions:
                    order.append(name)
                mentions.setdefault(name, []).extend(_mentions(entry))
    for name, what in mentions.items():
        found[name] = infer(name, what)
    return [found[name] for name in order]


def _declared(
    document: Mapping[str, Any], given: Mapping[str, Any], lines: Mapping[str, int]
) -> dict[str, Condition]:
    apart = document.get("apart", [])
    found: dict[str, Condition] = {}
    for name, what in given.items():
        with _At(lines.get(f"conditions.{name}", 0)):
            found[name] = declared(name, what, apart=name in apart)
    for name in apart:
        if name not in found:
            line = lines.get("apart", 0)
            raise DesignError(f"apart: no condition {name!r} is declared", line=line)
    return found


def _mentions(entry: Any) -> list[Literal | Range]:
    if isinstance(entry, str):
        return mentioned(entry)
    if isinstance(entry, list | tuple | set | frozenset):
        return [one for each in entry for one in _mentions(each)]
    if isinstance(entry, Range | int | float):
        return [entry]
    raise DesignError(f"{entry!r} is no entry")


def _actions(document: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    found: dict[str, None] = dict.fromkeys(document.get("actions", []))
    said = bool(found)
    for row in rows:
        with _At(row.get("line", 0)):
            if "then" not in row:
                raise DesignError(
                    f"rule {row['name']} has no action; if it does nothing, say so"
                    " (`then = []`, or - in the cell of an action)"
                )
            for name in _taken(row):
                if said and name not in found:
                    close = get_close_matches(name, list(found), n=1)
                    more = (
                        f"did you mean {close[0]!r}?" if close else f"there are {', '.join(found)}"
                    )
                    raise DesignError(f"rule {row['name']}: no action is named {name!r}; {more}")
                found.setdefault(name)
    if not found:
        raise DesignError("the table has no action")
    return list(found)


def _taken(row: Mapping[str, Any]) -> dict[str, Literal | None]:
    then = row["then"]
    if isinstance(then, str | int | float):
        return {ACTION: then}
    if isinstance(then, Mapping):
        bad = [each for each in then.values() if not isinstance(each, str | int | float | None)]
        if bad:
            raise DesignError(f"rule {row['name']}: {bad[0]!r} is no value of an action")
        return {str(name): value for name, value in then.items()}
    if isinstance(then, Iterable):
        names = list(then)
        if all(isinstance(each, str) for each in names):
            return dict.fromkeys(names, True)
    raise DesignError(f"rule {row['name']}: `then` is a text, a list of actions, or a table")


def _rule(row: Mapping[str, Any], conditions: list[Condition], actions: list[str]) -> Rule:
    taken = _taken(row)
    weight = row.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise DesignError(f"rule {row['name']}: a weight is a number from 0, not {weight!r}")
    outcome = tuple(taken.get(name) for name in actions)
    return Rule(row["name"], _entries(row, conditions), outcome, weight)


def _entries(row: Mapping[str, Any], conditions: list[Condition]) -> tuple[int, ...]:
    when = row.get("when", {})
    found = []
    for each in conditions:
        try:
            found.append(_entry(each, when[each.name]) if each.name in when else each.any)
        except DesignError as error:
            raise DesignError(f"rule {row['name']}: {error.message}") from None
    return tuple(found)


def _entry(condition: Condition, given: Any) -> int:
    if isinstance(given, str):
        return notation.entry(condition, given)
    if isinstance(given, frozenset):
        return condition.entry(given)
    if isinstance(given, list | tuple | set):
        found = 0
        for each in given:
            found |= _entry(condition, each)
        return found
    if isinstance(given, Range | int | float):
        return notation.entry_of(condition, given)
    raise DesignError(f"{given!r} is no entry of {condition.name}")


def _when(table: RuleSet, each: Rule | Exclusion) -> dict[str, str]:
    return {
        condition.name: notation.said_entry(condition, entry)
        for condition, entry in zip(table.conditions, each.entries, strict=True)
        if entry != condition.any
    }


def _list(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise DesignError(f"`{key}` is a list of tables, as by [[{key}]]")
    return found


def _check_keys(given: Iterable[str], known: Iterable[str], what: str) -> None:
    for key in given:
        if key not in known:
            close = get_close_matches(str(key), list(known), n=1)
            more = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(known)}"
            raise DesignError(f"{what} has no {key!r}{more}")


def _check_names(rows: list[dict[str, Any]]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        name = row["name"]
        if not name:
            raise DesignError("a rule has an empty name", line=row.get("line", 0))
        if name in seen:
            first = f" (the first is in line {seen[name]})" if seen[name] else ""
            raise DesignError(f"two rules are named {name!r}{first}", line=row.get("line", 0))
        seen[name] = row.get("line", 0)


class _At:
    """Adds a line to what is wrong there; 0: there is none to add."""

    def __init__(self, line: int) -> None:
        self._line = line

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: object, __: object) -> None:
        if isinstance(error, DesignError) and self._line and not error.line:
            raise error.at(line=self._line) from None
