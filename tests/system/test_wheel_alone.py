"""The wheel alone: in an environment that has it and what it asks for, and nothing of the clone."""

import importlib.metadata
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.system


def requirements(metadata):
    """The distributions that some metadata ask for, without extras."""
    for line in metadata or ():
        named, _, marker = line.partition(";")
        if (
            "extra" not in marker
            and "platform_system" not in marker
            and "sys_platform" not in marker
        ):
            yield re.match(r"[\w.-]+", named)[0]


def closure(names):
    """Those distributions and all that they need, as they are installed here."""
    found, todo = {}, list(names)
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name not in found:
            try:
                found[name] = importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                continue  # not for this version of Python
            todo += requirements(found[name].requires)
    return found.values()


@pytest.fixture
def alone(root, tmp_path):
    """The folder of the programs of an environment with the wheel, and its dependencies alone.

    These are links to what the tests run with: no network is needed.
    """
    built = tmp_path / "dist"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    python = str(place / "bin/python")
    install = ["install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    (site,) = place.glob("lib/python3*/site-packages")
    metadata = importlib.metadata.distributions(name="loadgrpc", path=[str(site)])
    for distribution in closure(requirements(next(iter(metadata)).requires)):
        for file in distribution.files or ():
            top = site / file.parts[0]
            if file.parts[0] not in ("..", "__pycache__") and not top.exists():
                top.symlink_to(Path(distribution.locate_file(file.parts[0])))
    return place / "bin"


def test_a_newcomer_with_the_wheel_alone(alone, tmp_path):
    """Installed, examples copied, run as a functional test and as load, a cluster laid out."""
    folder = tmp_path / "new"
    folder.mkdir()
    env = {"PATH": f"{alone}:/usr/bin:/bin", "HOME": str(folder)}
    if marked := os.environ.get("LOADGRPC_TEST_ID"):
        env["LOADGRPC_TEST_ID"] = marked

    def run(*command):
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run("python", "-c", "import loadgrpc; print(loadgrpc.__file__)")
    assert Path(where.strip()).is_relative_to(alone.parent)
    run("loadgrpc", "examples", "--copy", ".")
    run("python", "-m", "unittest", "test_blog.TestWebSite.test_health")
    said = run("loadgrpc", "run", "test_blog.TestWebSite.test_health", "-u", "2", "-i", "3")
    assert said.splitlines()[-1] == "exit 0: passed"
    run("loadgrpc", "examples", "deploy", "--copy", "cluster")
    assert {"Dockerfile", "circus.ini", "compose.yaml"} < {
        path.name for path in (folder / "cluster").iterdir()
    }
