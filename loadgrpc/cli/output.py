"""What a command reports about a run that is over: where to, how much, and the document.

`loadgrpc run` and `loadgrpc attach` share it, options and all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.model import Summary

F = TypeVar("F", bound=Callable[..., Any])

SECTION: Final = ("json", "json_file", "quiet", "verbose")
"""The options below, for the section of a help text."""


def options(command: F) -> F:
    """Gives a command the options that `Output` is made of."""
    for option in reversed(
        (
            click.option(
                "--json",
                is_flag=True,
                help="Print the summary document to stdout, all else to stderr.",
            ),
            click.option(
                "--json-file",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Write the summary document to a file.",
            ),
            click.option("-q", "--quiet", is_flag=True, help="Print the last line only."),
            click.option(
                "-v",
                "--verbose",
                count=True,
                help="Whole tracebacks, all groups, the agents; log to stderr. -vv logs more.",
            ),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class Output:
    """What was asked for by the options."""

    json: bool = False
    json_file: Path | None = None
    quiet: bool = False
    verbose: int = 0

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise Failure("-q/--quiet cannot be combined with -v/--verbose")

    @property
    def document(self) -> bool:
        """Whether the summary document is wanted."""
        return self.json or self.json_file is not None

    @property
    def stream(self) -> TextIO:
        """Where people look: stdout, unless the document goes there."""
        return sys.stderr if self.json else sys.stdout

    def prepare(self) -> None:
        """Set up logging, and see that the document can be written.

        Raises:
            Failure: it cannot.
        """
        from loadgrpc.cli import document, log  # noqa: PLC0415 - only once the line is right

        log.set_up(self.verbose)
        if self.json_file is not None:
            document.check(self.json_file)

    def tell(self, summary: Summary, broker: str = "") -> int:
        """Print and write what was asked for; the exit code. `broker`: of a run on agents."""
        from loadgrpc.cli import line, report  # noqa: PLC0415

        if self.quiet:
            lines = [report.last_line(summary)]
        else:
            width = line.width_of(self.stream)
            verbose = bool(self.verbose)
            lines = report.report(summary, verbose=verbose, width=width, broker=broker)
        line.write(lines, self.stream)
        self.write(summary)
        return summary.verdict.exit_code

    def write(self, summary: Summary) -> None:
        """Write the document to where it was asked for, if it was."""
        if not self.document:
            return
        from loadgrpc.cli import document, line  # noqa: PLC0415
        from loadgrpc.protocol.document import summary_json  # noqa: PLC0415

        text = summary_json(summary)
        if self.json_file is not None:
            document.write(self.json_file, text)
        if self.json:
            line.write_json(text)
