"""`loadgrpc protos`: what it writes, and what it leaves alone."""

from pathlib import Path

import pytest
from grpc_tools import protoc

BUNDLED = Path(protoc.__file__).parent / "_proto"
"""google/protobuf/*.proto, which every compiler brings."""


@pytest.fixture
def ours(root):
    """The content of our .proto files, by name."""
    return {
        str(path.relative_to(root / "protos")): path.read_bytes()
        for path in (root / "protos").rglob("*.proto")
    }


def written(folder):
    """The content of all files in a folder, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_all_protos_are_written_and_compile(invoke, tmp_path, ours):
    """Every file of the protocol is there, told by its path, and the folder compiles as it is."""
    folder = tmp_path / "a/new/folder"
    code, out, err = invoke("protos", "--out", str(folder))
    assert (code, err) == (0, "")
    assert out.splitlines() == [str(folder / name) for name in sorted(ours)]
    assert written(folder) == ours
    compiled = f"-o{tmp_path / 'compiled.binpb'}"
    assert protoc.main(["protoc", f"-I{folder}", f"-I{BUNDLED}", compiled, *ours]) == 0


def test_what_is_there_and_the_same_is_no_hindrance(invoke, tmp_path, ours):
    """A second time changes nothing, and leaves other files alone."""
    (tmp_path / "mine.txt").write_text("mine")
    for _ in range(2):
        assert invoke("protos", "--out", str(tmp_path))[0] == 0
    assert written(tmp_path) == ours | {"mine.txt": b"mine"}


def test_files_that_differ_are_kept(invoke, tmp_path, ours):
    """A file that says something else is named, and nothing is written, until there is --force."""
    changed = tmp_path / "loadgrpc/v1/run.proto"
    changed.parent.mkdir(parents=True)
    changed.write_text("mine")
    refused = f"loadgrpc protos: error: --out: {changed} would change; --force overwrites\n"
    assert invoke("protos", "--out", str(tmp_path)) == (2, "", refused)
    assert written(tmp_path) == {"loadgrpc/v1/run.proto": b"mine"}

    assert invoke("protos", "--out", str(tmp_path), "--force")[0] == 0
    assert written(tmp_path) == ours


def test_a_file_is_no_folder(invoke, tmp_path):
    """A folder that cannot be made is told with the reason."""
    (tmp_path / "file").write_text("")
    code, out, err = invoke("protos", "--out", str(tmp_path / "file"))
    assert (code, out) == (2, "")
    assert err.startswith("loadgrpc protos: error: --out: cannot write ")
    assert err.endswith(": Not a directory\n")


def test_a_folder_is_asked_for(invoke):
    """Without --out nothing is written."""
    assert invoke("protos") == (2, "", "loadgrpc protos: error: missing --out\n")
