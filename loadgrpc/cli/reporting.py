"""What a command reports about a run that is over: where to, how much, and which outputs.

`loadgrpc run`, `attach` and `show` share it. Rule: outputs are checked before the run begins; when
it is over the report comes first, then the outputs are written, and the last line has the verdict
on both: an output that could not be written does not look like success.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from loadgrpc import verdict
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.together import together

if TYPE_CHECKING:
    from loadgrpc.cli.outputs import Asked
    from loadgrpc.client import Client
    from loadgrpc.model import Summary

F = TypeVar("F", bound=Callable[..., Any])

SECTION: Final = (
    *("outputs", "json", "json_file", "quiet", "verbose"),
    *("output_file_filename", "output_funkload_filename"),
)
"""The options below, for the section of a help text."""

TERMINAL: Final = ("null", "stdout")
"""What is printed for people: outputs that nothing is written for."""

OUTPUT: Final = click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME[=PATH]",
    help="Write an output when the run is over: csv, file, funkload, html, json, junit, markdown,"
    " pdf, or one of another package; null prints nothing. Repeatable.",
)
"""Of commands that write outputs."""


def options(command: F) -> F:
    """Gives a command the options that `Reporting` is made of."""
    return together(
        OUTPUT,
        click.option(
            "--json",
            is_flag=True,
            help="Print the summary document to stdout, all else to stderr: --output json.",
        ),
        click.option(
            "--json-file",
            metavar="FILE",
            help="Write the summary document to a file: --output json=FILE.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print the last line only."),
        click.option(
            "-v",
            "--verbose",
            count=True,
            help="Whole tracebacks, all groups, the agents; log to stderr. -vv logs more.",
        ),
        click.option(
            "--output-file-filename",
            metavar="FILE",
            help="As Loads has it: --output file=FILE.",
        ),
        click.option(
            "--output-funkload-filename",
            metavar="FILE",
            help="As Loads has it: --output funkload=FILE.",
        ),
    )(command)


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """What was asked for by the options."""

    outputs: tuple[str, ...] = ()
    json: bool = False
    json_file: str | None = None
    output_file_filename: str | None = None
    output_funkload_filename: str | None = None
    quiet: bool = False
    verbose: int = 0
    asked: list[Asked] = field(default_factory=list)
    """The outputs, once `prepare` has made them."""

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise Failure("-q/--quiet cannot be combined with -v/--verbose")

    @property
    def specs(self) -> list[tuple[str, str]]:
        """Each output that is wanted, as it is written behind an option, and that option."""
        named = {"file": self.output_file_filename, "funkload": self.output_funkload_filename}
        paths = {name: path for name, path in named.items() if path is not None}
        return [
            *(("--output", each) for each in self.outputs if each not in paths),
            *(("--output", f"{name}={path}") for name, path in paths.items()),
            *([("--json", "json=-")] if self.json else []),
            *([("--json-file", f"json={self.json_file}")] if self.json_file is not None else []),
        ]

    @property
    def written(self) -> list[str]:
        """The options that ask for something to be written, and not only shown."""
        return [option for option, spec in self.specs if spec not in TERMINAL]

    @property
    def reads_events(self) -> bool:
        """Whether an output reads the events of the run."""
        return any(each.output.reads_events for each in self.asked)

    @property
    def silent(self) -> bool:
        """Whether nothing is printed for people."""
        return "null" in self.outputs

    @property
    def stream(self) -> TextIO:
        """Where people look: stdout, unless an output goes there."""
        return sys.stderr if any(each.to_stdout for each in self.asked) else sys.stdout

    def prepare(self) -> None:
        """Set up logging, make the outputs, and see that they can be written.

        Raises:
            Failure: they cannot.
        """
        from loadgrpc.cli import log  # noqa: PLC0415 - only once the line is right

        log.set_up(self.verbose)
        if self.specs:
            from loadgrpc.cli.outputs import asked  # noqa: PLC0415

            self.asked.extend(asked(self.specs, TERMINAL))

    async def tell(
        self, client: Client, summary: Summary, broker: str = "", *, patience_s: float = 0.0
    ) -> int:
        """Print and write what was asked for; the exit code. `broker`: of a run on agents."""
        from loadgrpc.cli import github  # noqa: PLC0415

        self._report(summary, broker)
        unwritten = await self._write(client, summary, patience_s)
        if self.silent and unwritten:
            self._notice(unwritten)
        judged = verdict.also_unwritten(summary.verdict, unwritten)
        summary = replace(summary, verdict=judged)
        if not self.silent and (trouble := github.report(summary, self.stream, os.environ)):
            self._notice(trouble)
        self._conclude(summary)
        return judged.exit_code

    async def tell_past(self, client: Client, summary: Summary, broker: str) -> int:
        """The same of a run that is the subject of a question: it is answered, or not."""
        self._report(summary, broker)
        unwritten = await self._write(client, summary, 0.0)
        self._conclude(summary)
        if not unwritten:
            return verdict.PASSED
        self._notice(unwritten)
        return verdict.INCOMPLETE

    def _report(self, summary: Summary, broker: str) -> None:
        """Print the report without its last line."""
        from loadgrpc.cli import line, report  # noqa: PLC0415

        if self.quiet or self.silent:
            return
        width = line.width_of(self.stream)
        lines = report.report(summary, verbose=bool(self.verbose), width=width, broker=broker)
        line.write(lines[:-1], self.stream)

    def _conclude(self, summary: Summary) -> None:
        """Print the last line."""
        from loadgrpc.cli import line, report  # noqa: PLC0415

        if not self.silent:
            line.write([report.last_line(summary)], self.stream)

    async def _write(self, client: Client, summary: Summary, patience_s: float) -> str:
        """Write the outputs; what could not be written, as a sentence, or nothing."""
        if not self.asked:
            return ""
        from loadgrpc.cli.outputs import write  # noqa: PLC0415
        from loadgrpc.client import RunResults  # noqa: PLC0415

        results = RunResults(client, summary, patience_s=patience_s)
        return "; ".join(await write(self.asked, results, self._progress))

    async def write_known(self, summary: Summary) -> None:
        """Write the outputs that need only a summary, of a run whose broker is not there."""
        if not self.asked:
            return
        from loadgrpc.cli.known import KnownResults  # noqa: PLC0415
        from loadgrpc.cli.outputs import write  # noqa: PLC0415

        for sentence in await write(self.asked, KnownResults(summary), self._progress):
            self._notice(sentence)

    def _progress(self, text: str) -> None:
        """How far outputs are."""
        if not self.quiet and not self.silent:
            self._notice(text)

    def _notice(self, text: str) -> None:
        """What cannot be left unsaid."""
        from loadgrpc.cli import line  # noqa: PLC0415

        line.write([line.Line(text, line.Style.WARNING)], sys.stderr)
