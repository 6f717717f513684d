"""`make tools`: the programs that tests use beside Python's, in a folder outside of the checkout.

The folder is `$LOADGRPC_TOOLS`, or `loadgrpc/tools` in the user's cache; tests and the bench look
there, beside PATH. Debian's packages are installed as root only; what cannot be installed is
named, and the tests that need it skip with that reason, or fail with CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 600.0
"""One installation takes no longer than this."""


def folder() -> Path:
    """Where the tools are."""
    if told := os.environ.get("LOADGRPC_TOOLS"):
        return Path(told)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "loadgrpc/tools"


def node_modules() -> Path:
    """Where the packages of Node are."""
    return folder() / "node_modules"


def folders() -> Iterator[Path]:
    """Where programs are looked for: PATH, our folder, Go's, and that of Debian's daemons."""
    yield from map(Path, os.get_exec_path())
    yield folder() / "bin"
    yield node_modules() / ".bin"
    go = os.environ.get("GOPATH", "").split(os.pathsep)[0]
    yield Path(os.environ.get("GOBIN") or (Path(go) if go else Path.home() / "go") / "bin")
    yield Path("/usr/sbin")
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def find(program: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(program, path=os.pathsep.join(map(str, folders())))


@dataclass(frozen=True)
class Tool:
    """A program, or a package of Node, that some tests need."""

    name: str
    command: tuple[str, ...]
    """What installs it into our folder."""
    is_there: Callable[[], bool]


def _debian() -> dict[str, str]:
    """Packages of Debian by the program that tells that they are there."""
    programs = {"nginx": "nginx", "tmux": "tmux", "jq": "jq", "curl": "curl"}
    programs |= {"ip": "iproute2", "tc": "iproute2", "initdb": "postgresql"}
    programs |= {"systemd-analyze": "systemd", "chromium": "chromium", "ngircd": "ngircd"}
    programs |= {"go": "golang-go", "npm": "npm", "javac": "default-jdk-headless", "mvn": "maven"}
    return programs


def _go(program: str, module: str) -> Tool:
    command = ("env", f"GOBIN={folder() / 'bin'}", "go", "install", module)
    return Tool(program, command, lambda: find(program) is not None)


def _python(program: str, requirement: str) -> Tool:
    """A program of Python's, in an environment of its own, with its siblings."""
    name = requirement.partition("=")[0]
    place = folder() / name
    made = f"{sys.executable} -m venv '{place}' && '{place}/bin/pip' install -q {requirement}"
    linked = f"mkdir -p '{folder()}/bin' && ln -sf '{place}/bin/{name}'* '{folder()}/bin/'"
    command = ("sh", "-c", f"{made} && {linked}")
    return Tool(program, command, lambda: find(program) is not None)


NODE_PACKAGES: Final = (
    "@bufbuild/buf@1.75.0",
    "@grpc/grpc-js@1",
    "@grpc/proto-loader@0.8",
    "axe-core@4",
)
"""Installed by one command: npm removes what the command before it has installed."""


def _node(package: str) -> Tool:
    name = package.rpartition("@")[0]
    options = ("--prefix", str(folder()), "--no-save", "--no-audit", "--no-fund")
    there = (node_modules() / name).is_dir
    return Tool(name, ("npm", "install", *options, *NODE_PACKAGES), there)


def tools() -> Iterator[Tool]:
    """What is installed into our folder."""
    yield _go("grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3")
    yield _go("ghz", "github.com/bojand/ghz/cmd/ghz@v0.120.0")
    yield _go("vegeta", "github.com/tsenart/vegeta/v12@v12.12.0")
    yield _python("circusd", "circus==0.19.0")
    yield from map(_node, NODE_PACKAGES)


def _run(*command: str) -> bool:
    print("+", " ".join(command), flush=True)
    try:
        done = subprocess.run(
            ["nice", *command], stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"failed: {error}", file=sys.stderr)
        return False
    return done.returncode == 0


def _install_debian(packages: list[str]) -> None:
    if not packages:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"missing, and only root of a Debian can let us install it: {' '.join(packages)}")
        return
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    _run("apt-get", "-q", "update")
    for package in packages:  # one by one: one that is not to be had keeps no other away
        _run("apt-get", "-q", "-y", "install", "--no-install-recommends", package)


def install() -> list[str]:
    """Installs what is missing; the names of what still is."""
    wanted = {package for program, package in _debian().items() if find(program) is None}
    _install_debian(sorted(wanted))
    folder().mkdir(parents=True, exist_ok=True)
    for tool in tools():
        if not tool.is_there():
            _run(*tool.command)
    missing = [program for program in _debian() if find(program) is None]
    return [*missing, *(tool.name for tool in tools() if not tool.is_there())]


def main() -> None:
    """See the module."""
    missing = install()
    print(f"tools are in {folder()}, and on PATH")
    if missing:
        sys.exit(f"still missing, and the tests that need it will say so: {', '.join(missing)}")


if __name__ == "__main__":
    main()
