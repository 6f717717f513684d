"""`loadgrpc protos`: hand out the protocol, for programs in other languages.

Rule: all files are written or none; one that is there and says something else is its
owner's, and stays unless --force is given.
"""

from __future__ import annotations

import os
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from loadgrpc import verdict
from loadgrpc.cli import line
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure


@click.command(cls=Command)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="The folder to write to, created if it does not exist.",
)
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
def command(*, folder: Path, force: bool) -> int:
    """Write the .proto files of the protocol to a folder.

    They have every comment, and compile by themselves: what they import comes with each protobuf
    compiler. A running server hands out the same by reflection. It prints the path of each file;
    one that is there already and differs is left as it is, and an error, unless --force is given.

    \b
    For a runner in Java:
      loadgrpc protos --out proto
      protoc -I proto --java_out=src proto/loadgrpc/v1/*.proto
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    files = {folder / name: content for name, content in _packaged().items()}
    try:
        differing = [
            str(path)
            for path, content in files.items()
            if path.exists() and path.read_bytes() != content
        ]
        if differing and not force:
            raise Failure(f"--out: {', '.join(differing)} would change; --force overwrites")
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            line.say(os.fsdecode(path))
    except OSError as error:
        where = error.filename or folder
        raise Failure(f"--out: cannot write {str(where)!r}: {error.strerror}") from error
    return verdict.PASSED


def _packaged() -> dict[str, bytes]:
    """Our .proto files, by the names that they import each other by."""
    root: Traversable = resources.files("loadgrpc").joinpath("protos")
    if not root.is_dir():  # a working copy has them beside the package
        root = Path(__file__).resolve().parents[2] / "protos"
    return {
        f"loadgrpc/v1/{file.name}": file.read_bytes()
        for file in sorted(root.joinpath("loadgrpc/v1").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".proto")
    }
