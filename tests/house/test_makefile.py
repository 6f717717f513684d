"""The Makefile tells what it can do, and sets up what it needs once."""

import os
import re
import shutil
import subprocess

import pytest

TARGETS = {
    *("help", "demo", "test", "check", "lint", "format"),
    *("long", "oldest", "audit", "tools", "protos", "runners", "bench", "faults", "clean"),
}


@pytest.fixture
def make(tool, root):
    """Runs make in the project (or in `cwd`), and returns what it prints."""
    program = tool("make")
    # Make that runs these tests tells its children how it was called.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")
    }

    def run(*arguments, cwd=root):
        done = subprocess.run(
            [program, "--no-print-directory", *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    return run


def test_make_alone_lists_every_target(make, root):
    """`make` alone prints each target there is, and a line on it, and does nothing else."""
    listed = dict(re.findall(r"^  make (\w+) +(\S.*)$", make(), re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(), re.MULTILINE)

    assert listed.keys() == set(phony.split()) == TARGETS
    assert all(listed.values())


def test_a_fresh_clone_is_set_up_first(make, root, tmp_path):
    """Without .venv each target makes one and installs, before anything else."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)

    demo = make("--dry-run", "demo", cwd=tmp_path)
    test = make("--dry-run", "test", cwd=tmp_path)

    assert demo.index("-m venv") < demo.index("install --quiet --editable .")
    assert demo.index("--editable .") < demo.index("-m loadgrpc.examples")
    assert test.index("-m venv") < test.index("--editable '.[dev]'") < test.index("ruff format")
    assert test.index("mypy") < test.index("-m pytest")


def test_what_is_set_up_is_not_set_up_again(make, root, tmp_path):
    """With fresh stamps nothing is installed; a newer pyproject.toml installs again."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(root / name, tmp_path / name)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("bin/python", ".installed", ".installed-dev"):
        (tmp_path / ".venv" / name).touch()

    assert "install" not in make("--dry-run", "test", cwd=tmp_path)
    assert "install" not in make("--dry-run", "demo", cwd=tmp_path)

    assert "install" in make("--dry-run", "--what-if=pyproject.toml", "test", cwd=tmp_path)
