"""What the tests of runners in other languages share: the conformance kit, and a real run."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture
def summary_when_ended(summary_of, demo_server, tmp_path) -> Callable[[str], dict]:
    """`summary_when_ended("./runner {test}")`: of one user, whose request hangs at SIGTERM.

    The signal goes to the process group of the runner, as the agent sends it.
    """
    pid, script = tmp_path / "pid", tmp_path / "script"
    over = threading.Event()

    def end() -> None:
        while not demo_server.requests():
            if over.wait(0.05):
                return
        os.killpg(int(pid.read_text()), signal.SIGTERM)

    def summary(test_runner: str) -> dict:
        command = test_runner.replace("{test}", '"$1"')
        script.write_text(f"#!/bin/sh\necho $$ >{pid}\nexec {command}\n")
        script.chmod(0o755)
        ending = threading.Thread(target=end)
        ending.start()
        url = f"{demo_server.url}/delay/60000"
        try:
            return summary_of(f"{script} {{test}}", url, "-u", "1", "-i", "1", code=3)
        finally:
            over.set()
            ending.join()

    return summary


@pytest.fixture(scope="session")
def build(lacks, tmp_path_factory) -> Callable[..., None]:
    """`build(folder, "make", …)` makes a runner in its folder; without the network, see `lacks`.

    Once, however many processes of pytest-xdist ask for it: a second build would take from under
    the tests of another process what they are running.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def build(folder: Path, *command: str) -> None:
        with (shared / f"{folder.name}.build").open("a+") as record:
            fcntl.flock(record, fcntl.LOCK_EX)
            record.seek(0)
            if shlex.join(command) in record.read().splitlines():
                return
            ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if ran.returncode:
                lacks(f"cannot be built in {folder.name}: {ran.stdout}{ran.stderr}")
            print(shlex.join(command), file=record)

    return build


@pytest.fixture(scope="session")
def go(tool, root, build) -> str:
    """The path of go, with the modules of the runner in its cache."""
    program: str = tool("go")
    build(root / "tools/runners/go", program, "mod", "download")
    return program


@pytest.fixture(scope="session")
def go_runner(go, root, build) -> str:
    """The path of the runner in Go, built."""
    folder = root / "tools/runners/go"
    build(folder, str(folder / "build.sh"))
    return str(folder / "bin/runner")


@pytest.fixture(scope="session")
def node(tool, root, build) -> str:
    """The path of node, with the packages of the runner in their place."""
    program: str = tool("node")
    folder = root / "tools/runners/node"
    built, lock = folder / "node_modules/.package-lock.json", folder / "package-lock.json"
    if not built.exists() or built.stat().st_mtime < lock.stat().st_mtime:
        build(folder, tool("npm"), "ci", "--no-audit", "--no-fund")
    return program


@pytest.fixture(scope="session")
def java_runner(tool, root, build) -> list[str]:
    """The command of the runner in Java, built."""
    program, folder = tool("java"), root / "tools/runners/java"
    build(folder, tool("mvn"), "-q", "-B", "package")
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]  # it starts often
    return [program, *quick, "-jar", str(folder / "target/runner.jar"), "{test}"]
