"""`loadgrpc examples`: what comes with loadgrpc to look at and to copy: tests, and a cluster.

Rule: what is shown is what was installed, and runs as it is. All files are copied or none; one
that is there and differs is its owner's, and stays unless --force is given.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click

from loadgrpc import verdict
from loadgrpc.cli import elsewhere, line
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.line import Line, Style

NAMES: Final = ("demo", "test_blog", "nextdate", "trouble")
"""The examples that are tests, in the order in which a newcomer wants them."""
_TABLE: Final = re.compile(r'@cases\("([^"]+)"')
"""The file of a decision table that feeds a test."""
DEPLOY: Final = "deploy"
"""The example that is a cluster: files for Circus, systemd and Docker."""

README: Final = """\
# Examples of loadgrpc

Start the server that they run against, in a terminal of its own:

    python -m loadgrpc.examples.server

The example `nextdate` has a service of its own: `python -m loadgrpc.examples.nextdate`.

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
    help="Copy the example, or all tests, to this folder, with a README.md beside tests. It is"
    " created if it does not exist.",
)
@click.option("--force", is_flag=True, help="With --copy, overwrite files that differ.")
def command(*, name: str | None, folder: Path | None, force: bool) -> int:
    """List, show or copy the examples: tests, and the files of a cluster.

    Without NAME it lists them. The tests run against the demo server, which comes with loadgrpc,
    too: `python -m loadgrpc.examples.server`. The example `deploy` is a cluster for Circus, for
    systemd, or in containers.

    \b
    Which examples are there, and how is one written?
      loadgrpc examples
      loadgrpc examples demo
    Begin with copies of them:
      loadgrpc examples --copy tests
    A broker and five agents, kept running by Circus:
      loadgrpc examples deploy --copy cluster
      circusd --daemon cluster/circus.ini
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if force and folder is None:
        raise Failure("--force needs --copy")
    known = (*NAMES, DEPLOY)
    if name is not None and name not in known:
        hint = elsewhere.hint(name, known, {}) or f" (there are {', '.join(known)})"
        raise Failure(f"no such example: {name}{hint}")
    if name == DEPLOY:
        if folder is not None:
            _write(_deploy(), folder, force=force)
        else:
            line.write(_deploy_lines(), sys.stdout)
        return verdict.PASSED
    found = [_read(each) for each in ([name] if name else NAMES)]
    if folder is not None:
        _copy(found, folder, force=force)
        line.say(f"{os.fsdecode(folder / 'README.md')} says what to do next")
    elif name is not None:
        print(found[0].source, end="")
    else:
        line.write(listed(found), sys.stdout)
    return verdict.PASSED


def _read(name: str) -> Example:
    path = resources.files("loadgrpc.examples").joinpath(f"{name}.py")
    return Example(name, path.read_text(encoding="utf-8"))


def _bytes(name: str) -> bytes:
    return resources.files("loadgrpc.examples").joinpath(name).read_bytes()


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
        *_deploy_lines(),
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
    files = {f"{example.name}.py": example.source.encode() for example in examples}
    for example in examples:
        files |= {name: _bytes(name) for name in _TABLE.findall(example.source)}
    files["README.md"] = README.format(commands=commands).encode()
    _write(files, folder, force=force)


def _deploy() -> dict[str, bytes]:
    """The files of a cluster, by name."""
    root: Traversable = resources.files("loadgrpc.examples").joinpath("deploy")
    if not root.is_dir():  # a working copy has them elsewhere
        root = Path(__file__).resolve().parents[2] / "tools/deploy"
    files = sorted(root.iterdir(), key=lambda file: file.name)
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def _deploy_lines() -> list[Line]:
    """The files of a cluster, each with the first line that it has."""
    about = "A cluster: files for Circus, systemd and Docker. --copy writes them."
    files = {name: data.decode().splitlines()[0] for name, data in _deploy().items()}
    return [
        Line(f"{DEPLOY}: {about}", Style.HEADING),
        *(Line(f"  {name}: {first.lstrip('#; ')}") for name, first in files.items()),
    ]


def _write(found: dict[str, bytes], folder: Path, *, force: bool) -> None:
    """Write files, all or none, and print the path of each."""
    files = {folder / name: data for name, data in found.items()}
    try:
        differing = [
            os.fsdecode(path)
            for path, data in files.items()
            if path.exists() and path.read_bytes() != data
        ]
        if differing and not force:
            raise Failure(f"--copy: {', '.join(differing)} would change; --force overwrites")
        for path, data in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            line.say(os.fsdecode(path))
    except OSError as error:
        where = error.filename or folder
        raise Failure(f"--copy: cannot write {str(where)!r}: {error.strerror}") from error
