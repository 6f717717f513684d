"""`loadgrpc design`: decision tables and cause-effect graphs, checked, simplified, and drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import loadgrpc
from loadgrpc import verdict
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.design import DecisionTable

FOUND: Final = 1
"""What `check` exits with when a table has gaps or contradictions."""
EXAMPLES: Final = Path(loadgrpc.__file__).parent / "examples/design"
TABLE: Final = "book-shop.csv"
GRAPH: Final = "two-characters.ceg"
FORMATS: Final = ("table", "markdown", "csv", "json")


def _file(function: Callable[..., int]) -> Callable[..., int]:
    path = click.Path(path_type=Path, dir_okay=False)
    return click.argument("file", type=path, metavar="FILE")(function)


def _format(function: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to print it.",
    )(function)


@click.group(short_help="Check, simplify and draw decision tables and cause-effect graphs.")
def command() -> None:
    """Check, simplify and use decision tables and cause-effect graphs.

    A file holds a decision table, in .toml, .json, .csv, .md or .xlsx, or a cause-effect graph, in
    .ceg, which stands for its table. `loadgrpc design init` writes one to start from.

    \b
    An example, and what can be said of it:
      loadgrpc design init fares.toml
      loadgrpc design check fares.toml
    """  # noqa: D301 - \b is click's mark for "do not wrap"


@command.command("check", cls=Command)
@_file
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead.")
def check(*, file: Path, as_json: bool) -> int:
    """Find gaps, contradictions, overlaps and redundancies in a table.

    The rules are named. Exits with 1 if a combination that can occur has no rule, or rules
    contradict each other. Nothing is expanded: forty conditions are no more work than their rules.
    """
    from loadgrpc.cli import design_view, line  # noqa: PLC0415

    table = _table(file)
    findings = table.check()
    if as_json:
        line.write_json(design_view.findings_document(table, findings))
    else:
        line.write(design_view.findings(table, findings, line.width_of(sys.stdout)), sys.stdout)
    return verdict.PASSED if findings.complete else FOUND


@command.command("simplify", cls=Command)
@_file
@click.option("--apart", multiple=True, metavar="NAME", help="Do not join values of a condition.")
@click.option("--overlap", is_flag=True, help="Rules with the same outcome may overlap.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the table to a file.")
@_format
def simplify(
    *, file: Path, apart: tuple[str, ...], overlap: bool, output: Path | None, format_: str
) -> int:
    """Print a table with the same decisions by fewer rules.

    Up to 4,096 combinations the fewest rules are found exactly; beyond, by merging, which says so.
    """
    table = _table(file)
    simple = _try(lambda: table.simplify(overlap=overlap, apart=apart))
    if output is None:
        _print(simple.table, format_)
    else:
        _save(simple.table, output)
    rules = len(simple.table.rules)
    print(f"{simple.how.before} rules, now {rules}: {simple.how.method}", file=sys.stderr)
    return verdict.PASSED


@command.command("cases", cls=Command)
@_file
@click.option(
    "--strength",
    type=click.IntRange(0, 6),
    default=0,
    show_default=True,
    help="0: one case for each rule; 2: each pair of the values that a rule leaves open; 3: each"
    " three of them.",
)
@click.option("--boundaries", is_flag=True, help="Add the first and the last number of ranges.")
@_format
def cases(*, file: Path, strength: int, boundaries: bool, format_: str) -> int:
    """Print inputs that exercise every rule of a table.

    Beside the inputs is what is expected of each.
    """
    from loadgrpc.cli import design_view, line  # noqa: PLC0415
    from loadgrpc.design.case_file import write_cases  # noqa: PLC0415

    table = _table(file)
    found = _try(lambda: table.cases(strength=strength, boundaries=boundaries))
    if format_ == "json":
        sys.stdout.write(write_cases(found))
    elif format_ == "table":
        line.write(design_view.cases(table, found, line.width_of(sys.stdout)), sys.stdout)
    else:
        sys.stdout.write(design_view.cases_text(table, found, format_))
    return verdict.PASSED


@command.command("graph", cls=Command)
@_file
@click.option(
    "--format",
    "format_",
    type=click.Choice(("svg", "mermaid", "dot", "text")),
    default="svg",
    show_default=True,
    help="A picture, a flowchart of Mermaid, the language of Graphviz, or the text of the graph.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to a file.")
def graph(*, file: Path, format_: str, output: Path | None) -> int:
    """Draw a cause-effect graph; no other program is needed."""
    from loadgrpc import design  # noqa: PLC0415

    found = _try(lambda: design.load(file))
    if not isinstance(found, design.CauseEffectGraph):
        raise Failure(f"{file} holds a table; a graph is in a .ceg file", verdict.USAGE)
    makers: dict[str, Callable[[Any], str]] = {
        "svg": design.svg,
        "mermaid": design.mermaid,
        "dot": design.dot,
        "text": design.write_graph,
    }
    text = makers[format_](found)
    if output is None:
        sys.stdout.write(text)
        return verdict.PASSED
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}", verdict.USAGE) from None
    return verdict.PASSED


@command.command("convert", cls=Command)
@_file
@click.argument("output", type=click.Path(path_type=Path), metavar="OUTPUT")
def convert(*, file: Path, output: Path) -> int:
    """Write a table to a file of another kind.

    Of a graph, its table is written.

    \b
      loadgrpc design convert rules.xlsx rules.toml
      loadgrpc design convert login.ceg login.csv
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    _save(_table(file), output)
    return verdict.PASSED


@command.command("init", cls=Command)
@click.argument("output", type=click.Path(path_type=Path), metavar="FILE")
def init(*, output: Path) -> int:
    """Write an example to start from; to a .ceg file, a graph."""
    from loadgrpc import design  # noqa: PLC0415

    if output.exists():
        raise Failure(f"{output} exists already", verdict.USAGE)
    example = GRAPH if output.suffix.lower() in design.GRAPHS else TABLE
    found = _try(lambda: design.load(EXAMPLES / example))
    _save(found, output)
    return verdict.PASSED


def _table(file: Path) -> DecisionTable:
    from loadgrpc import design  # noqa: PLC0415

    found: DecisionTable = _try(lambda: design.load_table(file))
    return found


def _save(what: Any, path: Path) -> None:
    from loadgrpc import design  # noqa: PLC0415

    _try(lambda: design.save(what, path))


def _try(call: Callable[[], Any]) -> Any:
    """What a call returns; a DesignError is a failure of the command."""
    from loadgrpc.design import DesignError  # noqa: PLC0415

    try:
        return call()
    except DesignError as error:
        raise Failure(str(error), verdict.USAGE) from None


def _print(table: DecisionTable, format_: str) -> None:
    from loadgrpc.cli import design_view, line  # noqa: PLC0415

    if format_ == "table":
        line.write(design_view.rules(table, line.width_of(sys.stdout)), sys.stdout)
    else:
        sys.stdout.write(_try(lambda: design_view.table_text(table, format_)))
