"""A cause-effect graph: causes, effects, and the logic between them.

A node is a cause, which holds or does not, or it is defined by an expression of others. Effects are
the defined nodes that nobody uses, and those that have a text of their own. Constraints:

    E: a, b   exclusive: at most one of these causes holds
    I: a, b   inclusive: at least one of them does
    O: a, b   one and only one does
    R: a, b   the first requires the others
    M: a, b   when effect a holds, it masks the others: they do not

Rule: a graph is a value, checked when it is made: no circle, no name that is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Final

from loadgrpc.design.condition import Condition
from loadgrpc.design.errors import DesignError
from loadgrpc.design.expression import Expression, Gate, nodes_of, value_of
from loadgrpc.design.rule import Exclusion, Rule
from loadgrpc.design.table import DecisionTable

KINDS: Final = {
    "E": "at most one of",
    "I": "at least one of",
    "O": "exactly one of",
    "R": "requires",
    "M": "masks",
}
"""Of constraints."""
MAX_COLUMNS: Final = 1 << 12
"""A table has a column for each combination of causes up to this many; beyond, rules leave out
causes that do not matter."""
MAX_CAUSES: Final = 64
MAX_RULES: Final = 100_000


@dataclass(frozen=True)
class Constraint:
    """What a combination of nodes must satisfy: see the module."""

    kind: str
    nodes: tuple[str, ...]
    line: int = field(default=0, compare=False)
    """Where it stands in its file; 0: in none."""

    def __str__(self) -> str:
        return f"{self.kind}: {', '.join(self.nodes)}"


@dataclass(frozen=True)
class CauseEffectGraph:
    """See the module. Texts are what nodes mean, for those that say so."""

    causes: tuple[str, ...]
    definitions: Mapping[str, Expression]
    """The defined nodes, in the order in which they are written."""
    constraints: tuple[Constraint, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    def __post_init__(self) -> None:
        if not self.definitions:
            raise DesignError(
                "a graph needs an effect: a node that is defined, as in `21 = 1 or 2`"
            )
        if len(self.causes) > MAX_CAUSES:
            raise DesignError(f"a graph has at most {MAX_CAUSES} causes, not {len(self.causes)}")
        known = {*self.causes, *self.definitions}
        for name, expression in self.definitions.items():
            if name in self.causes:
                raise DesignError(f"{name} is a cause, and is defined, too")
            for each in nodes_of(expression):
                if each not in known:
                    raise DesignError(f"{name} is defined by {each}, which is no node")
        self._check_circles()
        self._check_constraints()
        if not self._anything_left():
            raise DesignError("the constraints exclude every combination of causes")

    @cached_property
    def effects(self) -> tuple[str, ...]:
        """The defined nodes that nobody uses, or that have a text."""
        used = {each for expression in self.definitions.values() for each in nodes_of(expression)}
        return tuple(name for name in self.definitions if name not in used or name in self.texts)

    def text(self, name: str) -> str:
        """What a node means: its text, or its name."""
        return self.texts.get(name, name)

    def evaluate(self, given: Mapping[str, bool | None]) -> dict[str, bool | None]:
        """Every node, for given causes; None: it is not known yet. Masks are applied."""
        values: dict[str, bool | None] = {cause: given.get(cause) for cause in self.causes}
        for name in self.order:
            values[name] = value_of(self.definitions[name], values)
        computed = dict(values)
        for each in self.constraints:
            if each.kind != "M":
                continue
            first, *others = each.nodes
            for other in others:
                if computed[first]:
                    values[other] = False
                elif computed[first] is None and values[other] is not False:
                    values[other] = None
        return values

    def allows(self, given: Mapping[str, bool | None]) -> bool | None:
        """Whether constraints allow these causes; None: it is not known yet."""
        answers = [_holds(each, given) for each in self.constraints if each.kind != "M"]
        if False in answers:
            return False
        return None if None in answers else True

    def table(self, *, columns: bool | None = None) -> DecisionTable:
        """The decision table of the graph: combinations that constraints exclude are impossible.

        Args:
            columns: Whether each combination of causes is a rule of its own, as in textbooks. None:
                up to 4,096 combinations.

        Raises:
            DesignError: there would be more than 100,000 rules.
        """
        if columns is None:
            columns = 1 << len(self.causes) <= MAX_COLUMNS
        conditions = [Condition.binary(self.text(cause)) for cause in self.causes]
        actions = tuple(self.text(effect) for effect in self.effects)
        rules: list[Rule] = []
        excluded: list[Exclusion] = []
        found = self._columns() if columns else self._pieces()
        for number, (given, allowed, values) in enumerate(found, 1):
            if number > MAX_RULES:
                raise DesignError(f"the graph has more than {MAX_RULES} rules")
            entries = tuple({True: 1, False: 2, None: 3}[given[cause]] for cause in self.causes)
            if not allowed:
                excluded.append(Exclusion(str(number), entries))
                continue
            outcome = tuple(True if values[effect] else None for effect in self.effects)
            rules.append(Rule(str(number), entries, outcome))
        return DecisionTable(tuple(conditions), actions, tuple(rules), tuple(excluded), self.title)

    def _columns(self) -> Iterable[_Column]:
        for chosen in product((True, False), repeat=len(self.causes)):
            given: dict[str, bool | None] = dict(zip(self.causes, chosen, strict=True))
            yield given, bool(self.allows(given)), self.evaluate(given)

    def _pieces(self) -> Iterable[_Column]:
        """Combinations in which only the causes have a value that matter."""
        stack: list[dict[str, bool | None]] = [{}]
        while stack:
            given = stack.pop()
            allowed, values = self.allows(given), self.evaluate(given)
            known = all(values[effect] is not None for effect in self.effects)
            if allowed is False or (allowed and known):
                whole = {cause: given.get(cause) for cause in self.causes}
                yield whole, allowed, values
                continue
            cause = next(each for each in self.causes if each not in given)
            stack += [{**given, cause: False}, {**given, cause: True}]

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The defined nodes, each after those that it is defined by."""
        order: dict[str, None] = {}

        def visit(name: str) -> None:
            if name in self.definitions and name not in order:
                for each in nodes_of(self.definitions[name]):
                    visit(each)
                order[name] = None

        for name in self.definitions:
            visit(name)
        return tuple(order)

    def _check_circles(self) -> None:
        done: set[str] = set()

        def visit(name: str, path: Sequence[str]) -> None:
            if name in path:
                circle = [*path[path.index(name) :], name]
                raise DesignError(f"the graph is circular: {' = '.join(circle)}")
            if name in done or name not in self.definitions:
                return
            for each in nodes_of(self.definitions[name]):
                visit(each, [*path, name])
            done.add(name)

        for name in self.definitions:
            visit(name, [])

    def _check_constraints(self) -> None:
        for each in self.constraints:
            if each.kind not in KINDS:
                raise DesignError(f"{each.kind} is no constraint; there are {', '.join(KINDS)}")
            least = 1 if each.kind == "I" else 2
            if len(each.nodes) < least:
                raise DesignError(f"{each} names too few nodes", line=each.line)
            allowed = self.definitions if each.kind == "M" else self.causes
            what = "effects" if each.kind == "M" else "causes"
            for node in each.nodes:
                if node not in self.definitions and node not in self.causes:
                    raise DesignError(f"{each}: {node} is no node", line=each.line)
                if node not in allowed:
                    raise DesignError(
                        f"{each}: {node} is none of the {what}, which {each.kind} is about",
                        line=each.line,
                    )
            if len(set(each.nodes)) < len(each.nodes):
                raise DesignError(f"{each} names a node twice", line=each.line)

    def _anything_left(self) -> bool:
        stack: list[dict[str, bool | None]] = [{}]
        concerned = [
            cause
            for cause in self.causes
            if any(cause in each.nodes for each in self.constraints if each.kind != "M")
        ]
        while stack:
            given = stack.pop()
            allowed = self.allows(given)
            if allowed:
                return True
            if allowed is None:
                cause = next(each for each in concerned if each not in given)
                stack += [{**given, cause: True}, {**given, cause: False}]
        return False


_Column = tuple[dict[str, bool | None], bool, dict[str, bool | None]]
"""Causes, whether they are allowed, and all nodes."""


def _holds(constraint: Constraint, given: Mapping[str, bool | None]) -> bool | None:
    """Whether causes satisfy a constraint; None: it is not known yet."""
    if constraint.kind == "R":
        first, *others = constraint.nodes
        return value_of(Gate("or", (Gate("not", (first,)), Gate("and", tuple(others)))), given)
    values = [given.get(node) for node in constraint.nodes]
    yes, maybe = values.count(True), len(values) - values.count(False)
    least, most = {"E": (0, 1), "I": (1, len(values)), "O": (1, 1)}[constraint.kind]
    if yes > most or maybe < least:
        return False
    return True if maybe <= most and yes >= least else None
