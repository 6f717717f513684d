"""Files of tables and graphs: the end of a file's name says what is in it.

    .toml .json .csv .md .xlsx   a decision table
    .ceg .txt                    a cause-effect graph

Rule: whatever is wrong with a file is a DesignError with its name, and the line where there is one.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from loadgrpc.design.document import read, write
from loadgrpc.design.errors import DesignError
from loadgrpc.design.graph import CauseEffectGraph
from loadgrpc.design.graph_text import read_graph, write_graph
from loadgrpc.design.rows import Numbered, read_rows, write_rows
from loadgrpc.design.rule_set import RuleSet
from loadgrpc.design.table import DecisionTable
from loadgrpc.design.toml import read_toml, write_toml

MAX_BYTES: Final = 64 << 20
GRAPHS: Final = (".ceg", ".txt")
_SEPARATOR: Final = re.compile(r"\s*\|?(\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*")


def load_table(path: str | Path) -> DecisionTable:
    """The table in a file; of a graph, the table that follows from it. Raises DesignError."""
    found = load(path)
    return found.table() if isinstance(found, CauseEffectGraph) else found


def load(path: str | Path) -> DecisionTable | CauseEffectGraph:
    """What is in a file; raises DesignError."""
    path = Path(path)
    try:
        kind = _kind(path)
        if kind == ".xlsx":
            _check_size(path)
            return DecisionTable.of(_read_xlsx(path))
        text = text_of(path)
        if kind in GRAPHS:
            return read_graph(text)
        return DecisionTable.of(_READERS[kind](text))
    except DesignError as error:
        raise error.at(file=str(path)) from None
    except OSError as error:
        raise DesignError(error.strerror or str(error), file=str(path)) from None


def text_of(path: Path) -> str:
    """The text of a file; raises DesignError."""
    try:
        _check_size(path)
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DesignError(error.strerror or str(error), file=str(path)) from None
    except UnicodeDecodeError:
        raise DesignError("it is not a text in UTF-8", file=str(path)) from None


def save(what: DecisionTable | CauseEffectGraph, path: str | Path) -> None:
    """Writes a table or a graph to a file; raises DesignError."""
    path = Path(path)
    try:
        kind = _kind(path)
        if isinstance(what, CauseEffectGraph):
            path.write_text(_graph_writer(kind)(what), encoding="utf-8")
        elif kind == ".xlsx":
            _write_xlsx(what, path)
        else:
            path.write_text(_table_writer(kind)(what), encoding="utf-8")
    except DesignError as error:
        raise error.at(file=str(path)) from None
    except OSError as error:
        raise DesignError(error.strerror or str(error), file=str(path)) from None


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    kind = {".markdown": ".md"}.get(kind, kind)
    if kind not in (*_READERS, ".xlsx", *GRAPHS):
        known = ", ".join((*_READERS, ".xlsx", *GRAPHS))
        raise DesignError(f"the end of its name says what is in a file; known are {known}")
    return kind


def _check_size(path: Path) -> None:
    if path.stat().st_size > MAX_BYTES:
        raise DesignError(f"it is larger than {MAX_BYTES >> 20} MiB")


def _graph_writer(kind: str) -> Callable[[CauseEffectGraph], str]:
    if kind not in GRAPHS:
        raise DesignError("a graph is written to a .ceg file; its table to the others")
    return write_graph


def _table_writer(kind: str) -> Callable[[RuleSet], str]:
    if kind in GRAPHS:
        raise DesignError(
            f"a table has no graph; write it to one of: {', '.join((*_WRITERS, '.xlsx'))}"
        )
    return _WRITERS[kind]


def read_json(text: str) -> RuleSet:
    """The set of rules in a JSON document."""
    document = read_json_object(text)
    if "cases" in document:
        raise DesignError("it holds cases, and no table")
    return read(document)


def read_json_object(text: str) -> dict[str, Any]:
    """An object of JSON; raises DesignError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise DesignError(f"it is not JSON: {getattr(error, 'msg', error)}", line=line) from None
    if not isinstance(document, dict):
        raise DesignError("a table in JSON is an object")
    return document


def write_json(table: RuleSet) -> str:
    """A JSON document of a set of rules."""
    return json.dumps(write(table), ensure_ascii=False, indent=2) + "\n"


def read_csv(text: str) -> RuleSet:
    """The set of rules in CSV; lines that begin with # are comments."""
    start = 1

    def rows() -> Iterator[Numbered]:
        nonlocal start
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        for row in reader:
            if not (row and row[0].lstrip().startswith("#")):
                yield start, row
            start = reader.line_num + 1

    try:
        return read_rows(rows())
    except csv.Error as error:
        raise DesignError(f"it is not CSV: {error}", line=start) from None


def write_csv(table: RuleSet) -> str:
    """CSV of a set of rules."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(write_rows(table))
    return out.getvalue()


def read_markdown(text: str) -> RuleSet:
    """The first table in a text of Markdown; the heading before it is its title."""
    title = ""
    rows: list[Numbered] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("|"):
            if not (len(rows) == 1 and _SEPARATOR.fullmatch(line)):
                rows.append((number, _cells(line)))
        elif rows:
            break
        elif line.startswith("#"):
            title = line.lstrip("#").strip()
    return read_rows(rows, title)


def write_markdown(table: RuleSet) -> str:
    """A table in Markdown."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in write_rows(table)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    rows.insert(1, ["-" * max(width, 3) for width in widths])
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    title = [f"# {' '.join(table.title.split())}", ""] if table.title else []
    return "\n".join([*title, *lines]) + "\n"


def _cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    cells = re.split(r"(?<!\\)\|", text)
    if not cells[-1].strip():
        cells.pop()
    return [cell.replace("\\|", "|").strip() for cell in cells]


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - an extra
    except ImportError:
        raise DesignError(
            "spreadsheets need the package openpyxl: pip install 'loadgrpc[design]'"
        ) from None
    return openpyxl


def _read_xlsx(path: Path) -> RuleSet:
    openpyxl = _openpyxl()
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise DesignError("it is not a spreadsheet") from None
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        numbered = [(at, [_cell_text(cell) for cell in row]) for at, row in enumerate(rows, 1)]
        return read_rows(numbered)
    finally:
        book.close()


def _cell_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "Y" if cell else "N"
    return str(cell)


def _write_xlsx(table: RuleSet, path: Path) -> None:
    book = _openpyxl().Workbook()
    for row in write_rows(table):
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s" if cell.value else "n"  # a text that begins with = is no formula
    book.save(path)


_READERS: Final[dict[str, Callable[[str], RuleSet]]] = {
    ".toml": read_toml,
    ".json": read_json,
    ".csv": read_csv,
    ".md": read_markdown,
}
_WRITERS: Final[dict[str, Callable[[RuleSet], str]]] = {
    ".toml": write_toml,
    ".json": write_json,
    ".csv": write_csv,
    ".md": write_markdown,
}

__all__: Sequence[str] = ["load", "load_table", "save"]
