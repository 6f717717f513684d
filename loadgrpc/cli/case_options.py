"""The options of what iterations are fed with: a file of cases, and the order they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc.cli import values
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.together import together
from loadgrpc.model import CaseOrder, FedCases, hyphened, words_of

if TYPE_CHECKING:
    from loadgrpc.v1.run_pb2 import RunSpec

F = TypeVar("F", bound=Callable[..., Any])

SECTION: Final = ("cases", "case_order", "case_seed")
"""The options below, for the section of a help text."""
ORDERS: Final = words_of(CaseOrder)
"""As people write them."""
MAX_SEED: Final = (1 << 64) - 1
_KEYS: Final = frozenset(("file", "order", "seed"))


def fed(path: Path) -> FedCases:
    """The cases in a file, or those of the table in it.

    Raises:
        ValueError: it cannot be read; the message names the file, and what is wrong in it.
    """
    from loadgrpc.design.case_file import load_cases  # noqa: PLC0415 - not everybody has cases
    from loadgrpc.protocol.case_kind import MAX_CASES  # noqa: PLC0415
    from loadgrpc.protocol.decks import fed_cases  # noqa: PLC0415 - protobuf is heavy

    found = load_cases(path)
    if len(found) > MAX_CASES:
        raise ValueError(f"{path} has {len(found):,} cases; a plan has at most {MAX_CASES:,}")
    return fed_cases(found)


class CasesFile(values.Value[FedCases]):
    """A file of a decision table, or of its cases."""

    name = "FILE"

    def read(self, text: str) -> FedCases:
        """See Value."""
        return fed(Path(text))


class OrderValue(values.Value[CaseOrder]):
    """An order of cases."""

    name = "ORDER"

    def read(self, text: str) -> CaseOrder:
        """See Value. Case, spaces and underscores do not matter."""
        return _order(text)


def add(meaning: str) -> Callable[[F], F]:
    """Gives a command the options; `meaning` says what --cases does."""
    return together(*_options(meaning))


def _options(meaning: str) -> list[Callable[[F], F]]:
    return [
        click.option("--cases", type=CasesFile(), metavar="FILE", help=meaning),
        click.option(
            "--case-order",
            type=OrderValue(),
            metavar=f"[{'|'.join(ORDERS)}]",
            help="How iterations get them: one after another, at random, or by the weights of their"
            " rules.  [default: in-turn]",
        ),
        click.option(
            "--case-seed",
            type=values.Count(0, MAX_SEED),
            help="Draw others: what is drawn follows from this number.  [default: 0]",
        ),
    ]


def put_in_order(message: RunSpec, layers: Iterable[Mapping[str, Any]]) -> None:
    """Sets the order of the cases in a plan, as the last of the layers that says something says.

    Raises:
        Failure: it was said of a plan without cases.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        found |= {name: layer[name] for name in SECTION[1:] if layer.get(name) is not None}
    every: list[Any] = [message, *message.scenarios]
    parts = [part for part in every if part.HasField("cases")]
    if found and not parts:
        flag = min(found).replace("_", "-")
        raise Failure(f"--{flag} needs --cases, or a plan file with cases")
    for part in parts:
        if "case_order" in found:
            part.cases.order = found["case_order"]
        if "case_seed" in found:
            part.cases.seed = found["case_seed"]


def spelled(value: Any, folder: Path) -> Any:
    """Cases as people write them in a plan file, spelled as protobuf's JSON has them.

    That is the name of a file, or an object with `file`, `order` and `seed`; or cases as they are.

    Raises:
        ValueError: something cannot be read.
    """
    if isinstance(value, str):
        value = {"file": value}
    if "file" not in value:
        return value
    if more := set(value) - _KEYS:
        raise ValueError(f"{min(more)!r} is unknown; it has file, order and seed")
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    from loadgrpc.protocol.options import ALL  # noqa: PLC0415
    from loadgrpc.v1.run_pb2 import RunSpec  # noqa: PLC0415

    message = RunSpec()
    ALL["cases"].kind.put(message, "cases", fed(folder / str(value["file"])))
    if "order" in value:
        message.cases.order = int(_order(str(value["order"])))  # type: ignore[assignment]  # a number
    document = json_format.MessageToDict(message.cases)
    return document | ({"seed": value["seed"]} if "seed" in value else {})


def _order(text: str) -> CaseOrder:
    word = hyphened("-".join(text.split()))
    if word not in ORDERS:
        raise ValueError(f"{text!r} is none of {', '.join(ORDERS)}")
    return ORDERS[word]
