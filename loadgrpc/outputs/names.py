"""Outputs by name: ours, and those of other packages.

A package brings outputs by entry points of the group `loadgrpc.outputs`:

    [project.entry-points."loadgrpc.outputs"]
    chat = "my_package:ChatOutput"

Rule: only the output that is asked for is imported, and a name of ours stays ours.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from loadgrpc.outputs.output import Output, OutputError

GROUP: Final = "loadgrpc.outputs"

_OURS: Final = {
    "csv": "loadgrpc.outputs.csv_files:CsvFiles",
    "file": "loadgrpc.outputs.event_file:EventFile",
    "funkload": "loadgrpc.outputs.funkload:Funkload",
    "html": "loadgrpc.dashboard.report_output:HtmlReport",
    "json": "loadgrpc.outputs.document:SummaryDocument",
    "junit": "loadgrpc.outputs.junit:JUnit",
    "markdown": "loadgrpc.outputs.markdown:Markdown",
    "pdf": "loadgrpc.dashboard.report_output:PdfReport",
}


def known() -> list[str]:
    """All names there are."""
    return sorted(_OURS.keys() | _others().keys())


def make(name: str, target: str) -> Output:
    """The output of that name.

    Raises:
        OutputError: there is no such output, or it cannot be imported or made.
    """
    if name in _OURS:
        module, _, attribute = _OURS[name].partition(":")
        ours: type[Output] = getattr(import_module(module), attribute)
        return ours(target)
    found = _others().get(name, [])
    if not found:
        raise OutputError(f"there is no output {name!r}; there are {', '.join(known())}")
    if len(found) > 1:
        origins = " and ".join(sorted(_origin(each) for each in found))
        raise OutputError(f"several packages have an output {name!r}: {origins}")
    (entry,) = found
    return _made(entry, target)


def _made(entry: EntryPoint, target: str) -> Output:
    try:
        kind = entry.load()
    except Exception as error:  # code of others: whatever it raises, it cannot be used
        raise OutputError(f"{_origin(entry)} cannot be imported: {_raised(error)}") from error
    if not (isinstance(kind, type) and issubclass(kind, Output)):
        raise OutputError(f"{_origin(entry)} is no subclass of loadgrpc.outputs.Output")
    try:
        return kind(target)
    except (OutputError, OSError):
        raise
    except Exception as error:
        raise OutputError(f"{_origin(entry)} cannot be made: {_raised(error)}") from error


def _others() -> dict[str, list[EntryPoint]]:
    """What other packages bring, without names of ours."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        same = found.setdefault(entry.name, [])
        if entry.name not in _OURS and entry.value not in {each.value for each in same}:
            same.append(entry)
    return {name: entries for name, entries in found.items() if entries}


def _origin(entry: EntryPoint) -> str:
    package = f" of {entry.dist.name}" if entry.dist else ""
    return f"{entry.value}{package}"


def _raised(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
