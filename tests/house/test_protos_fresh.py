"""The protos: what is committed is what they generate, they are tidy, and nobody is broken."""

import importlib.util
import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def protos(root):
    """The generator, tools/protos.py; it is run as a script, so its folder is on the path."""
    sys.path.insert(0, str(root / "tools"))
    spec = importlib.util.spec_from_file_location("protos", root / "tools/protos.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def buf(root, tool, tmp_path):
    """Runs buf in protos/; nothing of it is kept in the user's folders."""
    program = tool("buf")

    def run(*arguments):
        environment = {**os.environ, "BUF_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [program, *arguments],
            cwd=root / "protos",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout + done.stderr, done.returncode

    return run


def test_generated_code_is_fresh(protos, tmp_path):
    """Generating anew gives what is committed, code and page, neither more nor less."""
    protos.generate(tmp_path)

    assert protos.stale(tmp_path) == [], "run `make protos`"


def test_stale_code_is_found(protos, tmp_path):
    """A changed, a missing and a surplus file are all found."""
    protos.generate(tmp_path)
    folder = tmp_path / protos.GENERATED
    (folder / "run_pb2.py").write_text("")
    (folder / "fleet_pb2.py").unlink()
    (folder / "new_pb2.py").write_text("")
    (tmp_path / protos.PAGE).write_text("")

    assert sorted(protos.stale(tmp_path)) == [
        "docs/protocol.md",
        *(f"loadgrpc/v1/{name}" for name in ("fleet_pb2.py", "new_pb2.py", "run_pb2.py")),
    ]


def test_protos_are_tidy(buf):
    """Lint has nothing to say: the standard rules, and a comment on everything."""
    assert buf("lint") == ("", 0)


def test_nothing_breaks_what_was_frozen(buf):
    """Whatever was generated from the frozen protos still works with today's."""
    frozen = "loadgrpc/v1.frozen.binpb"

    # The path leaves out google/, which the frozen set carries and we do not change.
    assert buf("breaking", "--path", "loadgrpc/v1", "--against", frozen) == ("", 0)
