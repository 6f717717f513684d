"""What the tests of runners in other languages share: the conformance kit, and a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def loadgrpc(root, tmp_path, monkeypatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`loadgrpc("run", …)` runs the command in the root of the project, to its end."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "loadgrpc", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


@pytest.fixture
def conforms(loadgrpc) -> Callable[..., None]:
    """`conforms("./runner", "{test}")` has the conformance kit judge a command."""

    def judge(*command: str, options: tuple[str, ...] = ()) -> None:
        judged = loadgrpc("conformance", *options, "--", *command)
        assert judged.returncode == 0, judged.stdout + judged.stderr

    return judge


@pytest.fixture
def summary_of(loadgrpc) -> Callable[..., dict]:
    """`summary_of("./runner {test}", url, "-u", "3")` runs that; it must exit with `code`."""

    def summary(test_runner: str, *arguments: str, code: int = 0) -> dict:
        ran = loadgrpc("run", "--test-runner", test_runner, "--json", *arguments)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    return summary
