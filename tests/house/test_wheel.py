"""The wheel has what its users need. Built without network, by the backend itself."""

import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """The wheel, built from the project as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_the_wheel_ships_what_strangers_need(wheel, root):
    """The protos, the descriptor set with their comments, and the mark of typed packages."""
    names = set(wheel.namelist())

    assert "loadgrpc/py.typed" in names
    assert "loadgrpc/v1/descriptors.binpb" in names
    for proto in (root / "protos/loadgrpc/v1").glob("*.proto"):
        shipped = f"loadgrpc/protos/loadgrpc/v1/{proto.name}"
        assert wheel.read(shipped) == proto.read_bytes()


def test_the_wheel_has_every_module_and_nothing_else(wheel, root):
    """Every module of the package is in the wheel; tests, tools and caches are not."""
    packed = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    modules = {str(path.relative_to(root)) for path in (root / "loadgrpc").rglob("*.py")}

    assert {name for name in packed if name.endswith(".py")} == modules
    assert {name.split("/")[0] for name in packed} == {"loadgrpc"}
    assert not [name for name in packed if "__pycache__" in name]


def test_the_wheel_has_the_command_and_the_licence(wheel):
    """Installing it gives the command `loadgrpc`, and its licence is in it."""
    read = {name.rpartition("/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}

    assert "loadgrpc = loadgrpc.cli:main" in wheel.read(read["entry_points.txt"]).decode()
    assert "LICENSE" in read
    assert "License-Expression: Apache-2.0" in wheel.read(read["METADATA"]).decode()


def test_the_package_works_from_the_wheel(wheel, tmp_path):
    """Unpacked elsewhere it imports, from there, and finds its descriptor set."""
    wheel.extractall(tmp_path)
    look = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "import loadgrpc, importlib.resources as r; print(loadgrpc.__file__);"
        "import loadgrpc.v1.control_pb2;"
        "print(len((r.files('loadgrpc') / 'v1/descriptors.binpb').read_bytes()) > 1000)"
    )
    seen = subprocess.run(
        [sys.executable, "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert seen.stdout.split() == [str(tmp_path / "loadgrpc/__init__.py"), "True"]
