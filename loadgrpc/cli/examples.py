"""`loadgrpc examples`: the tests that come with loadgrpc, to look at and to copy.

Rule: what is shown is what was installed, and runs as it is. All files are copied or none; one
that is there and differs is its owner's, and stays unless --force is given.
"""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import click

from loadgrpc import verdict
from loadgrpc.cli import elsewhere, line
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.line import Line, Style

NAMES: Final = ("demo", "test_blog", "trouble")
"""The examples, in the order in which a newcomer wants them."""

README: Final = """\
# Examples of loadgrpc

Start the server that they run against, in a terminal of its own:

    python -m loadgrpc.examples.server

Then, in this folder, run a test as a functional test, and as load:

{commands}

Change the tests, and run them again. `loadgrpc run --help` explains the options; -H HOST runs a
test against another server.
"""


@dataclass(frozen=True)
class Example:
    """A module of tests."""

    name: str
    source: str

    @property
    def about(self) -> str:
        """What it shows, as a sentence."""
        return _first_line(ast.parse(self.source))

    def tests(self) -> list[tuple[str, str]]:
        """Each test, as CLASS.METHOD, and what it does."""
        return [
            (f"{case.name}.{test.name}", _first_line(test))
            for case in ast.parse(self.source).body
            if isinstance(case, ast.ClassDef)
            for test in case.body
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test")
        ]


@click.command(cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--copy",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Copy the example, or all of them, to this folder, with a README.md. It is created if"
    " it does not exist.",
)
@click.option("--force", is_flag=True, help="With --copy, overwrite files that differ.")
def command(*, name: str | None, folder: Path | None, force: bool) -> int:
    """List, show or copy the example tests.

    Without NAME it lists them. They run against the demo server, which comes with loadgrpc, too:
    `python -m loadgrpc.examples.server`.

    \b
    Which examples are there, and how is one written?
      loadgrpc examples
      loadgrpc examples demo
    Begin with copies of them:
      loadgrpc examples --copy tests
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if force and folder is None:
        raise Failure("--force needs --copy")
    if name is not None and name not in NAMES:
        hint = elsewhere.hint(name, NAMES, {}) or f" (there are {', '.join(NAMES)})"
        raise Failure(f"no such example: {name}{hint}")
    found = [_read(each) for each in ([name] if name else NAMES)]
    if folder is not None:
        _copy(found, folder, force=force)
    elif name is not None:
        print(found[0].source, end="")
    else:
        line.write(listed(found), sys.stdout)
    return verdict.PASSED


def _read(name: str) -> Example:
    path = resources.files("loadgrpc.examples").joinpath(f"{name}.py")
    return Example(name, path.read_text(encoding="utf-8"))


def _first_line(node: ast.Module | ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def listed(examples: list[Example]) -> list[Line]:
    """The examples and their tests, in lines."""
    found = []
    for example in examples:
        found.append(Line(f"{example.name}: {example.about}", Style.HEADING))
        found += [Line(f"  {test}: {about}") for test, about in example.tests()]
    module = f"loadgrpc.examples.{examples[0].name}"
    test = examples[0].tests()[0][0]
    return [
        *found,
        Line(),
        Line("Run one, against the demo server:", Style.DIM),
        Line("  python -m loadgrpc.examples.server &"),
        Line(f"  loadgrpc run {module}.{test}"),
    ]


def _copy(examples: list[Example], folder: Path, *, force: bool) -> None:
    commands = "\n".join(
        f"    python -m unittest {example.name}.{example.tests()[0][0]}\n"
        f"    loadgrpc run {example.name}.{example.tests()[0][0]} -u 10 -i 20"
        for example in examples
    )
    files = {folder / f"{example.name}.py": example.source for example in examples}
    files[folder / "README.md"] = README.format(commands=commands)
    try:
        differing = [
            os.fsdecode(path)
            for path, text in files.items()
            if path.exists() and path.read_bytes() != text.encode()
        ]
        if differing and not force:
            raise Failure(f"--copy: {', '.join(differing)} would change; --force overwrites")
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_bytes(text.encode())
            line.say(os.fsdecode(path))
    except OSError as error:
        where = error.filename or folder
        raise Failure(f"--copy: cannot write {str(where)!r}: {error.strerror}") from error
    line.say(f"{folder / 'README.md'} says what to do next")
