"""Generates `gen/`, messages and client of the Go runner, or checks that it is fresh.

    python tools/runners/go/go_protos.py            write the generated code
    python tools/runners/go/go_protos.py --check    exit 1 when what is committed differs

It is generated from `protos/`, and committed, so that building the runner needs only Go. The
plugins of protoc have the versions that `go.mod` names.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from grpc_tools import protoc

HERE: Final = Path(__file__).resolve().parent
PROTOS: Final = HERE.parents[2] / "protos"
BUNDLED: Final = Path(protoc.__file__).parent / "_proto"
"""google/protobuf/*.proto, as grpcio-tools ships them."""
GENERATED: Final = "gen"
SOURCES: Final = tuple(f"loadgrpc/v1/{name}.proto" for name in ("event", "run", "runner"))
"""What RunnerService speaks; a runner imports no more."""


def generate(into: Path) -> None:
    """Writes all generated files below `into`/gen."""
    target = into / GENERATED
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as plugins:
        subprocess.run(
            ["go", "install", "tool"], cwd=HERE, env={**os.environ, "GOBIN": plugins}, check=True
        )
        arguments = [f"-I{PROTOS}", f"-I{BUNDLED}"]
        for name in ("go", "go-grpc"):
            arguments += [
                f"--plugin={Path(plugins) / f'protoc-gen-{name}'}",
                f"--{name}_out={target}",
                f"--{name}_opt=paths=source_relative",
            ]
        if protoc.main(["protoc", *arguments, *SOURCES]) != 0:
            sys.exit("protoc failed, see above")


def stale(fresh: Path) -> list[str]:
    """The committed files that differ from those in `fresh`/gen, missing and surplus ones too."""
    roots = (fresh / GENERATED, HERE / GENERATED)
    names = {str(path.relative_to(root)) for root in roots for path in root.rglob("*.go")}
    _, mismatch, errors = filecmp.cmpfiles(*roots, sorted(names), shallow=False)
    return mismatch + errors


def main() -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if not parser.parse_args().check:
        generate(HERE)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        differing = stale(Path(folder))
    for name in differing:
        print(f"{GENERATED}/{name} is not what protos/ generates: run {Path(__file__).name}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
