"""The plugin of pytest: the fixture, and what it costs those who do not use it."""

import subprocess
import sys
import tomllib
from types import SimpleNamespace

from loadgrpc import eager, pytest_plugin

TESTS = """
def test_it_runs(loadgrpc):
    result = loadgrpc.run("beside.py::T.test_it", users=2, iterations=3)
    assert result.successful, result.reason
    assert result.iterations.success == 6

def test_it_is_refused(loadgrpc):
    result = loadgrpc.run("beside.py::T.test_fails")
    assert result.successful, result.reason
"""
BESIDE = """
from loadgrpc import TestCase

class T(TestCase):
    def test_it(self):
        pass

    def test_fails(self):
        self.fail("as it should")
"""


def test_the_fixture_runs_load(tmp_path):
    """A test whose load passes passes; one whose load fails says why. Files are found beside it."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_load.py").write_text(TESTS)
    (folder / "beside.py").write_text(BESIDE)
    plugin = ("-p", "no:loadgrpc", "-p", "loadgrpc.pytest_plugin", "-p", "no:cacheprovider")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 failed, 1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "AssertionError: 1 of 1 iterations went wrong" in ran.stdout


def test_pytest_finds_it(root):
    """By its entry point."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"loadgrpc": "loadgrpc.pytest_plugin"}


def test_nothing_is_loaded_for_those_who_do_not_use_it():
    """Pytest imports the plugin everywhere: it brings nothing with it but itself."""
    code = (
        "import sys, pytest; before = set(sys.modules); import loadgrpc.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "['loadgrpc', 'loadgrpc.pytest_plugin']"


def test_a_file_is_found_beside_the_test(tmp_path, monkeypatch):
    """Unless there is one from the current folder; names of modules stay."""
    asked = []
    monkeypatch.setattr(eager, "run", lambda test, **options: asked.append((test, options)))
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "a.py").touch()
    (beside / "b.py").touch()
    (tmp_path / "b.py").touch()
    monkeypatch.chdir(tmp_path)
    request = SimpleNamespace(path=beside / "test_x.py")
    load = pytest_plugin.LoadOfTest(request.path.parent)
    for test in ("a.py::T.t", "b.py::T.t", "a.T.t", "c.py::T.t"):
        load.run(test, users=3)
    found = [test for test, _ in asked]
    assert found == [f"{beside}/a.py::T.t", "b.py::T.t", "a.T.t", "c.py::T.t"]
    assert asked[0][1] == {"users": 3}
