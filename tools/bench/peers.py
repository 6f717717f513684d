"""The tools we compare with: found, or installed beside our tools, or left out with a reason."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import toolbox

from bench import process

ROOT: Final = Path(__file__).resolve().parents[2]
TOOLS: Final = toolbox.folder()
BIN: Final = TOOLS / "bin"
VENV: Final = TOOLS / "bench-venv"
GO_RUNNER: Final = ROOT / "tools/runners/go"
BUILD_S: Final = 3600.0
"""k6 and oha are compiled: minutes on two cores, and no more than this."""
WRK2: Final = "https://github.com/giltene/wrk2"


@dataclass(frozen=True)
class Peer:
    """A program to be had."""

    program: str
    needs: str
    """What installs it."""
    install: Callable[[], list[list[str]]]
    version: Sequence[str]
    """Arguments that make it print its version; its exit code does not matter."""
    whence: str = ""
    """What has to be known of where it comes from, if it did not install."""
    ours: Path | None = None
    """Where its installation leaves it, if it is of this project: it is built each time."""


def _go(module: str) -> Callable[[], list[list[str]]]:
    return lambda: [["env", f"GOBIN={BIN}", "go", "install", module]]


def _pip(package: str) -> Callable[[], list[list[str]]]:
    def commands() -> list[list[str]]:
        make = [] if VENV.exists() else [[sys.executable, "-m", "venv", str(VENV)]]
        return [*make, [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet", package]]

    return commands


PEERS: Final = (
    Peer("wrk", "apt-get", lambda: [["apt-get", "install", "--yes", "wrk"]], ["-v"]),
    Peer(
        "wrk2",
        "make",
        lambda: [
            ["rm", "-rf", str(TOOLS / "wrk2-source")],
            ["git", "clone", "--depth", "1", WRK2, str(TOOLS / "wrk2-source")],
            ["make", "-C", str(TOOLS / "wrk2-source")],
            ["mkdir", "-p", str(BIN)],
            ["cp", str(TOOLS / "wrk2-source/wrk"), str(BIN / "wrk2")],
        ],
        ["-v"],
        whence=f"no package has it, so that it is built from its source, {WRK2}",
    ),
    Peer("hey", "go", _go("github.com/rakyll/hey@latest"), []),
    Peer(
        "oha",
        "cargo",
        lambda: [["cargo", "install", "oha", "--locked", "--root", str(TOOLS)]],
        ["--version"],
    ),
    Peer("k6", "go", _go("go.k6.io/k6@latest"), ["version"]),
    Peer("locust", "python3", _pip("locust"), ["--version"]),
    Peer("molotov", "python3", _pip("molotov"), ["--version"]),
    Peer("k9", "python3", _pip("k9-load"), ["--version"]),
    Peer(
        "go-runner",
        "go",
        lambda: [[str(GO_RUNNER / "build.sh")]],
        [],
        ours=GO_RUNNER / "bin/runner",
    ),
)


@dataclass(frozen=True)
class Found:
    """A program that is there."""

    path: str
    version: str
    """Empty for what is of this project."""


def find(program: str) -> str | None:
    """Where a program is: on PATH, or in our folder of tools."""
    return toolbox.find(program) or shutil.which(program, path=str(VENV / "bin"))


def provide(wanted: set[str]) -> tuple[dict[str, Found], dict[str, str]]:
    """The programs that are wanted, and for those that cannot be had the reason."""
    there: dict[str, Found] = {}
    missing: dict[str, str] = {}
    for peer in PEERS:
        if peer.program not in wanted:
            continue
        if peer.ours is not None:
            if reason := _install(peer):
                missing[peer.program] = reason
            else:
                there[peer.program] = Found(str(peer.ours), version="")
            continue
        path = find(peer.program)
        if path is None:
            reason = _install(peer)
            path = find(peer.program)
            if path is None:
                missing[peer.program] = reason or "its installation left no program"
                continue
        there[peer.program] = Found(path, _version(peer, path))
    return there, missing


def _install(peer: Peer) -> str:
    """Installs a peer; why not, if it did not go well."""
    if shutil.which(peer.needs) is None:
        return f"it is not installed, and {peer.needs}, which installs it, is not there"
    TOOLS.mkdir(parents=True, exist_ok=True)
    for command in peer.install():
        print(f"installing {peer.program} (this may take minutes) …", flush=True)
        try:
            code, output = process.run(["nice", *command], timeout_s=BUILD_S)
        except subprocess.TimeoutExpired:
            return f"it did not install within {BUILD_S:g} s"
        if code:
            print(output[-4000:], file=sys.stderr)
            failed = " ".join(each for each in command[:2] if not each.startswith(("-", "/")))
            return "; ".join(
                filter(None, [f"`{failed}` could not install it (exit code {code})", peer.whence])
            )
    return ""


def _version(peer: Peer, path: str) -> str:
    """The version, in the peer's own words; hey has none, Go knows it."""
    if peer.needs == "go" and not peer.version:
        code, text = process.run(["go", "version", "-m", path], timeout_s=60)
        found = [line.split()[2] for line in text.splitlines() if line.strip().startswith("mod\t")]
        return found[0].lstrip("v") if code == 0 and found else "unknown"
    _, text = process.run([path, *peer.version], timeout_s=60)
    return version_in(text)


def version_in(text: str) -> str:
    """The first thing in `text` that looks like a version."""
    match = re.search(r"\d+\.\d+[\w.]*", text)
    return match[0] if match else "unknown"
