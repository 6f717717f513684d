"""Generates `loadgrpc/v1/` from `protos/`, or checks that it is fresh.

    python tools/protos.py            write the generated code, the descriptor set, and the page
    python tools/protos.py --check    exit 1 when what is committed differs
    python tools/protos.py --freeze   make today's protos the ones `buf breaking` compares with

The page is docs/protocol.md; reference.py makes it.

Proto path equals Python path, so generated imports resolve without rewriting. The
descriptor set keeps source information, because the comments are the specification and
reflection serves them. It is generated with the oldest supported grpcio-tools: generated
code demands at least the version it was made with.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import google.rpc
import reference
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = Path("loadgrpc/v1")
DESCRIPTORS = GENERATED / "descriptors.binpb"
PAGE = Path("docs/protocol.md")
FROZEN = PROTOS / "loadgrpc/v1.frozen.binpb"
BUNDLED = Path(protoc.__file__).parent / "_proto"
"""google/protobuf/*.proto, as grpcio-tools ships them."""
GOOGLEAPIS = Path(next(iter(google.rpc.__path__))).parent.parent
"""google/rpc/*.proto, as googleapis-common-protos ships them."""


def generate(into: Path) -> None:
    """Writes all generated files below `into`."""
    (into / GENERATED).mkdir(parents=True, exist_ok=True)
    ours = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("loadgrpc/v1/*.proto"))
    services = [name for name in ours if "\nservice " in (PROTOS / name).read_text()]
    paths = [f"-I{PROTOS}", f"-I{BUNDLED}", f"-I{GOOGLEAPIS}"]
    _protoc(paths, f"--python_out={into}", f"--pyi_out={into}", *ours)
    _protoc(paths, f"--grpc_python_out={into}", *services)
    _protoc(
        paths,
        f"--descriptor_set_out={into / DESCRIPTORS}",
        "--include_imports",
        "--include_source_info",
        *ours,
        # Error details have to resolve through reflection too, or grpcurl prints them raw.
        "google/rpc/error_details.proto",
        "google/rpc/status.proto",
    )
    (into / GENERATED / "__init__.py").write_text(
        '"""Generated from protos/loadgrpc/v1 by tools/protos.py. Do not edit."""\n'
    )
    (into / PAGE).parent.mkdir(exist_ok=True)
    (into / PAGE).write_text(reference.page((into / DESCRIPTORS).read_bytes()))


def stale(fresh: Path) -> list[str]:
    """The committed files that differ from those in `fresh`, missing and surplus ones too."""
    names = {GENERATED / p.name for p in (fresh / GENERATED).iterdir()} | {PAGE}
    names |= {GENERATED / p.name for p in (ROOT / GENERATED).iterdir() if p.is_file()}
    _, mismatch, errors = filecmp.cmpfiles(fresh, ROOT, sorted(map(str, names)), shallow=False)
    return mismatch + errors


def _protoc(paths: list[str], *arguments: str) -> None:
    if protoc.main(["protoc", *paths, *arguments]) != 0:
        sys.exit("protoc failed, see above")


def main() -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--freeze", action="store_true", help="freeze today's protos")
    options = parser.parse_args()
    if options.check:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder))
            differing = stale(Path(folder))
        for name in differing:
            print(f"{name} is not what protos/ generates: run `make protos`")
        return 1 if differing else 0
    generate(ROOT)
    if options.freeze:
        shutil.copyfile(ROOT / DESCRIPTORS, FROZEN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
