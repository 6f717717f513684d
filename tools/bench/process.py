"""Processes as /proc tells them: trees, processor seconds, memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
READY_S: Final = 20.0
STOP_S: Final = 10.0


@dataclass(frozen=True)
class Process:
    """A process at a moment."""

    pid: int
    parent: int
    command: str
    cpu_s: float

    @property
    def anonymous_kib(self) -> int:
        """Memory of its own, in KiB; 0 when it is gone."""
        return anonymous_kib(self.pid)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Our own environment and `more`, without what bends requests: proxies and CA bundles."""
    bends = ("_proxy", "_ca_bundle")
    ours = {name: word for name, word in os.environ.items() if not name.lower().endswith(bends)}
    return {**ours, **more}


def tree(root: int) -> list[Process]:
    """The process `root` and all its descendants, `root` first; empty when it is gone."""
    everyone = list(_everyone())
    found = [process for process in everyone if process.pid == root]
    for process in found:  # grows while it is walked
        found.extend(child for child in everyone if child.parent == process.pid)
    return found


def _everyone() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes().split(b"\0")
                yield Process(
                    pid=int(entry.name),
                    parent=int(fields[1]),
                    command=b" ".join(words).decode(errors="replace").strip(),
                    cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
                )


def cpu_s(pid: int) -> float:
    """Processor seconds of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def exact_cpu_s(pid: int) -> float:
    """As `cpu_s`, but to the nanosecond: of the threads that live; 0 when it is gone."""
    used_ns = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            used_ns += int(thread.read_text().split()[0])
    return used_ns / 1e9


def anonymous_kib(pid: int) -> int:
    """Memory of a process of its own (not of files), in KiB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("RssAnon:")[2].split()[0]) if "RssAnon:" in status else 0


@contextlib.contextmanager
def background(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs as long as the context; its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


def wait_for_line(process: subprocess.Popen[bytes], log: Path, word: str) -> str:
    """The first line of the log of a background process that has `word` in it.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if word in line:
                return line
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"no {word!r} from {process.args!r}:\n{log.read_text()}")


def run(
    command: Sequence[str],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    errors: IO[bytes] | int = subprocess.STDOUT,
) -> tuple[int, str]:
    """Runs a command to its end; its exit code and what it printed.

    Raises:
        subprocess.TimeoutExpired: it was ended.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, output.decode(errors="replace")
