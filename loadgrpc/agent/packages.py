"""Python packages that tests need: installed by pip once for each set of requirements.

    packages/HASH/         what pip has installed; it is there as a whole or not at all
    packages/HASH.new-…/   what it is installing
    packages/HASH.lock     locked by whoever makes it, or uses it

Rule: the hash is of everything that the result depends on: the requirements, the wheels and
projects among them, the Python, and the versions of what loadgrpc itself needs. Those are
constraints for pip: tests and runner share one process, and so one version of each. Nothing is
installed into the agent's own Python. Pip is run with the environment of the agent (PIP_INDEX_URL
and the like), below a keeper, so that it ends with the agent; as the user whom runners run as,
because it may run what comes with a package. What it has installed is the agent's from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.agent.folder import LOOK_EVERY_S
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.workplace import Workplace
from loadgrpc.bundle import archive
from loadgrpc.model import StopMode
from loadgrpc.secrets import Redactor, masked, values_in

MAX_SETS: Final = 10
"""Sets of packages that are kept; the one that was used longest ago goes first."""
SHOWN_LINES: Final = 20
"""Of what pip prints when it fails."""
HASH_CHARS: Final = 32
_NEW: Final = ".new-"
_LOCK: Final = ".lock"
_OURS: Final = "loadgrpc"
_EXTRAS: Final = re.compile(r"\[[^\[\]]*\]$")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")

_log = logging.getLogger(__name__)


class NotInstalled(Exception):
    """Pip could not install what a test needs; the message has what it printed."""


class Packages:
    """See the module. Other agents may use the same folder."""

    def __init__(
        self,
        folder: Path,
        start_process: Callable[..., RunnerProcess],
        workplace: Workplace | None = None,
    ) -> None:
        self._folder = folder
        self._workplace = workplace or Workplace(folder.parent)
        self._start_process = start_process
        self._locks: dict[Path, list[int]] = {}
        """Of the sets that are used now: a descriptor with a lock for each user."""

    async def install(
        self, requirements: Sequence[str], base: Path, run_id: str, on_start: Callable[[], None]
    ) -> Path:
        """The folder with these packages, which stays at least until `release`.

        Paths among the requirements begin at `base`; `on_start` is called before pip is run.

        Raises:
            NotInstalled: pip fails, or there is none.
            OSError: the disk does not take them.
        """
        path = self._folder / await asyncio.to_thread(key_of, requirements, base)
        await asyncio.to_thread(self._workplace.folder, self._folder)
        lock = private.open_file(path.with_suffix(_LOCK), os.O_RDWR | os.O_CREAT)
        try:
            await _locked(lock, fcntl.LOCK_SH)
            if not path.exists():
                on_start()
                await _locked(lock, fcntl.LOCK_EX)
                if not path.exists():  # nobody else has made it meanwhile
                    await self._install(requirements, base, run_id, path)
                await _locked(lock, fcntl.LOCK_SH)
            os.utime(path)
            await asyncio.to_thread(self._prune)
        except BaseException:
            os.close(lock)
            raise
        self._locks.setdefault(path, []).append(lock)
        return path

    def release(self, path: Path) -> None:
        """It is not used any more by one of those that asked for it."""
        os.close(self._locks[path].pop())

    def unfinished(self) -> list[Path]:
        """What was being installed when an agent was killed."""
        return sorted(self._folder.glob(f"*{_NEW}*"))

    async def _install(
        self, requirements: Sequence[str], base: Path, run_id: str, path: Path
    ) -> None:
        making = path.with_name(f"{path.name}{_NEW}{secrets.token_hex(4)}")
        try:
            await asyncio.to_thread(making.mkdir, private.FOLDER_MODE)
            await self._run_pip(requirements, base, run_id, making)
            await asyncio.to_thread(self._workplace.take_back, making)
            if not stat.S_ISDIR((making / "target").lstat().st_mode):
                raise NotInstalled("pip has left something else than a folder of packages")
            (making / "target").replace(path)
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)

    async def _run_pip(
        self, requirements: Sequence[str], base: Path, run_id: str, making: Path
    ) -> None:
        """Raises: NotInstalled: it fails."""
        (making / "target").mkdir()
        constraints = making / "constraints.txt"
        private.write(constraints, "".join(f"{each}\n" for each in own_versions()).encode())
        command = [
            *(sys.executable, "-P", "-m", "pip", "install"),
            *("--quiet", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"),
            *("--constraint", str(constraints), "--target", str(making / "target")),
            *await asyncio.to_thread(_asked_for, requirements, making),
        ]
        _log.info("run %s: pip installs %s", run_id, ", ".join(requirements))
        variables = {
            **of_pip(os.environ),
            "LOADGRPC_RUN_ID": run_id,
            "PIP_ROOT_USER_ACTION": "ignore",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(making),
        }
        await asyncio.to_thread(self._workplace.give, making)
        redactor = Redactor(each for one in requirements for each in values_in(one))
        process = self._start_process(command, variables, cwd=base, redactor=redactor)
        waiting = asyncio.create_task(process.wait())
        try:
            ended = await asyncio.shield(waiting)
        except asyncio.CancelledError:
            process.stop(StopMode.KILL, 0.0)
            await waiting
            raise
        if ended.status:
            raise NotInstalled(why_failed(requirements, ended.status, ended.head))

    def _prune(self) -> None:
        """Removes the sets that were used longest ago, if there are too many."""
        there = sorted(
            (path.stat().st_mtime_ns, path) for path in self._folder.iterdir() if not path.suffix
        )
        for _, path in there[: max(len(there) - MAX_SETS, 0)]:
            lock = private.open_file(path.with_suffix(_LOCK), os.O_RDWR | os.O_CREAT)
            with contextlib.suppress(BlockingIOError):  # it is used
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


async def _locked(lock: int, how: int) -> None:
    """Waits for a lock that another process may have."""
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, how | fcntl.LOCK_NB)
            return
        await asyncio.sleep(LOOK_EVERY_S)


def of_pip(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that say where pip finds packages, and what leads there."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }


def why_failed(requirements: Sequence[str], status: int, printed: str) -> str:
    """Why a test's packages are not there: a sentence, and the first lines that pip printed."""
    lines = [line for line in printed.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        return f"there is no pip for {sys.executable}: install it for the agent's Python"
    shown = lines[:SHOWN_LINES] + (["…"] if len(lines) > SHOWN_LINES else [])
    what = masked(", ".join(requirements))
    return "\n".join([f"pip could not install {what} (status {status})", *shown])


def _asked_for(requirements: Sequence[str], making: Path) -> list[str]:
    """The arguments of pip that say what to install; those with a secret in them are in a file.

    Everybody on the machine can read a command line.
    """
    secret = [each for each in requirements if masked(each) != each]
    if not secret:
        return ["--", *requirements]
    file = making / "requirements.txt"
    private.write(file, "".join(f"{each}\n" for each in secret).encode())
    others = [each for each in requirements if each not in secret]
    return ["--requirement", str(file), "--", *others]


def key_of(requirements: Sequence[str], base: Path) -> str:
    """What a set of packages is kept as."""
    paths = [base / _EXTRAS.sub("", each) for each in sorted(requirements) if is_path(each)]
    known = {
        "requirements": sorted(requirements),
        "files": list(map(_contents, paths)),
        "python": [sys.implementation.cache_tag, sysconfig.get_platform(), sys.prefix],
        "constraints": own_versions(),
    }
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:HASH_CHARS]


def is_path(requirement: str) -> bool:
    """Whether a requirement is the path of a wheel or project in the bundle."""
    return requirement.startswith("./")


def _contents(path: Path) -> list[list[str]]:
    """What is in a file, or in all files of a folder, by name."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    found = []
    for each in files:
        with each.open("rb") as file:
            found.append([str(each.relative_to(path.parent)), archive.digest(file)])
    return found


@functools.cache
def own_versions() -> tuple[str, ...]:
    """What loadgrpc itself needs, directly or not, as `name==version`."""
    return tuple(sorted({f"{name}=={version}" for name, version in _needed(_OURS, set())}))


def _needed(name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    try:
        needs = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return  # of another platform, or of an extra
    for each in needs:
        if "extra ==" in each or "extra==" in each:
            continue
        found = _NAME.match(each)
        other = found[0].lower() if found else ""
        if not other or other in seen:
            continue
        seen.add(other)
        try:
            yield other, metadata.version(other)
        except metadata.PackageNotFoundError:
            continue
        yield from _needed(other, seen)
