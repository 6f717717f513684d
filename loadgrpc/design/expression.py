"""The logic of a node: and, or, not, nand, nor of other nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from loadgrpc.design.errors import DesignError

_JOINING: Final = ("and", "nand", "or", "nor")
AND_SIGN: Final = "\N{LOGICAL AND}"
OR_SIGN: Final = "\N{LOGICAL OR}"
NOT_SIGN: Final = "~"
_SYMBOLS: Final = {AND_SIGN: "and", "&": "and", OR_SIGN: "or", "|": "or", NOT_SIGN: "not"}
NODE: Final = rf"[^\s(){AND_SIGN}{OR_SIGN}&|~,=:#]+"
"""The name of a node, as a regular expression."""
_TOKEN: Final = re.compile(rf"\s*(?:([(){AND_SIGN}{OR_SIGN}&|~])|({NODE}))")


@dataclass(frozen=True)
class Gate:
    """Several expressions joined: `kind` is and, or, not, nand, or nor."""

    kind: str
    inputs: tuple[Expression, ...]


Expression = str | Gate
"""The name of a node, or a gate."""


def nodes_of(expression: Expression) -> Iterator[str]:
    """The names in an expression, each as often as it is there."""
    if isinstance(expression, str):
        yield expression
    else:
        for each in expression.inputs:
            yield from nodes_of(each)


def value_of(expression: Expression, values: Mapping[str, bool | None]) -> bool | None:
    """What an expression is, for values of nodes; None: it is not known yet."""
    if isinstance(expression, str):
        return values.get(expression)
    inputs = [value_of(each, values) for each in expression.inputs]
    kind = expression.kind
    if kind == "not":
        return None if inputs[0] is None else not inputs[0]
    decisive = kind in ("or", "nor")
    if decisive in inputs:
        result: bool | None = decisive
    else:
        result = None if None in inputs else not decisive
    if kind in ("nand", "nor") and result is not None:
        return not result
    return result


def parse(text: str) -> Expression:
    """An expression from its text, `not (1 or 2) and 3`; raises DesignError."""
    tokens = _tokens(text)
    expression, rest = _joined(tokens, text)
    if rest:
        raise DesignError(f"{text.strip()!r}: {rest[0]} is not expected there")
    return expression


def said(expression: Expression, *, inside: bool = False) -> str:
    """An expression as it is written; reading it gives the same."""
    if isinstance(expression, str):
        return expression
    if expression.kind == "not":
        return f"not {said(expression.inputs[0], inside=True)}"
    text = f" {expression.kind} ".join(said(each, inside=True) for each in expression.inputs)
    return f"({text})" if inside else text


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise DesignError(f"{text.strip()!r}: {text[at:].strip()[:1]} is not expected there")
        symbol, word = match.groups()
        token = _SYMBOLS.get(symbol, symbol) if symbol else word
        found.append(token.lower() if token.lower() in (*_JOINING, "not") else token)
        at = match.end()
    return found


def _joined(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    """`and` binds more than `or`; nand and nor are joined with their like only."""
    expression, rest = _conjunction(tokens, text, ("and", "nand"))
    inputs, kind = [expression], ""
    while rest and rest[0] in ("or", "nor"):
        if kind and rest[0] != kind:
            raise DesignError(f"{text.strip()!r}: say by brackets what {rest[0]} is about")
        kind = rest[0]
        expression, rest = _conjunction(rest[1:], text, ("and", "nand"))
        inputs.append(expression)
    return (Gate(kind, tuple(inputs)) if kind else inputs[0]), rest


def _conjunction(
    tokens: list[str], text: str, kinds: tuple[str, ...]
) -> tuple[Expression, list[str]]:
    expression, rest = _single(tokens, text)
    inputs, kind = [expression], ""
    while rest and rest[0] in kinds:
        if kind and rest[0] != kind:
            raise DesignError(f"{text.strip()!r}: say by brackets what {rest[0]} is about")
        kind = rest[0]
        expression, rest = _single(rest[1:], text)
        inputs.append(expression)
    return (Gate(kind, tuple(inputs)) if kind else inputs[0]), rest


def _single(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    if not tokens:
        raise DesignError(f"{text.strip()!r} ends where a node is expected")
    first, rest = tokens[0], tokens[1:]
    if first == "not":
        expression, rest = _single(rest, text)
        return Gate("not", (expression,)), rest
    if first == "(":
        expression, rest = _joined(rest, text)
        if not rest or rest[0] != ")":
            raise DesignError(f"{text.strip()!r}: a bracket is not closed")
        return expression, rest[1:]
    if first == ")" or first in _JOINING:
        raise DesignError(f"{text.strip()!r}: {first} is not expected there")
    return first, rest
