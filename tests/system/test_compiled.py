"""The compiled wheel does as the source does: differential tests of the fast lane run with it."""

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def compiled(root, tool, tmp_path_factory):
    """A folder with what the compiled wheel has."""
    tool("gcc")
    folder = tmp_path_factory.mktemp("compiled")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", folder, root],
        check=True,
        env={**os.environ, "HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true"},
    )
    return folder


@pytest.mark.parametrize("more", [[], ["--no-patching"]], ids=["greenlets", "threads"])
def test_users_run_with_it(compiled, demo_server, tmp_path, more):
    """Whatever users run in; a class that stays Python cannot inherit from a compiled one."""
    test = "loadgrpc.examples.demo.TestDemo.test_browse"
    load = ["-u", "3", "-i", "4", "-H", demo_server.url, "--quiet"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "loadgrpc", "run", test, *load, *more],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(compiled)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compiled_lane_is_the_same(compiled, root, tmp_path):
    """What tests of the lane demand of the source, the compiled modules do, on the same roads."""
    look = "import loadgrpc.runner.http.lane.lane as lane; print(lane.__file__)"
    env = {**os.environ, "PYTHONPATH": str(compiled), "CI": ""}
    where = subprocess.run(
        [sys.executable, "-c", look],
        cwd=tmp_path,
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )
    assert where.stdout.strip().endswith(tuple(EXTENSION_SUFFIXES)), where.stderr

    tests = [root / f"tests/runner/http/lane/test_{name}.py" for name in ("lane", "redirects")]
    pytest_ = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    which = ["-n", "auto", "-x", "-m", "not system"]
    done = subprocess.run(
        [*pytest_, "--rootdir", root, "-c", root / "pyproject.toml", *which, *tests],
        cwd=tmp_path,
        env={**env, "EXAMPLES": "0.3"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
