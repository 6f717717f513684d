"""A process of a round: started, signalled, ended by its pid; and what is left of a round.

Rule: everything that a round starts carries the round's mark in its environment, and so do its
children, whatever becomes of their parents. Nothing is ended that does not carry it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import process

MARK: Final = "LOADGRPC_FAULTS_ROUND"
READY_S: Final = 30.0
LOOK_EVERY_S: Final = 0.05


class Broken(Exception):
    """A round could not be played, or did not end; the words are for people."""


class Daemon:
    """A process whose output goes to a log."""

    def __init__(self, command: Sequence[str], *, log: Path, cwd: Path, mark: str) -> None:
        self.log = log
        self._seen = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command,
                cwd=cwd,
                env=process.environment({MARK: mark}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self.popen.pid

    @property
    def output(self) -> str:
        """What it has printed; not what processes before it wrote to the same log."""
        return self.log.read_bytes()[self._seen :].decode(errors="replace")

    @property
    def last_words(self) -> str:
        """The last line that it has printed."""
        return self.output.rstrip().rpartition("\n")[2]

    def wait_for(self, pattern: str, within_s: float = READY_S) -> re.Match[str]:
        """The first match in its output.

        Raises:
            Broken: it ended, or took too long.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            ended = self.popen.poll() is not None
            if match := re.search(pattern, self.output):
                return match
            if ended:
                break
            time.sleep(LOOK_EVERY_S)
        raise Broken(f"no {pattern!r} from {self.log.name}: {self.last_words}")

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal, if it lives."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def kill(self) -> None:
        """Kills it, and waits until it is dead."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def end(self, within_s: float) -> int | None:
        """Asks it to end; its exit code, None: it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


def family(pid: int) -> dict[int, str]:
    """Command lines of a process's descendants, by pid."""
    return {one.pid: one.command for one in process.tree(pid)[1:] if is_alive(one.pid)}


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def alive_after(pids: Sequence[int] | Mapping[int, str], within_s: float) -> list[int]:
    """Those that still live after so long; returns at once when none does."""
    deadline = time.monotonic() + within_s
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return left


def marked(mark: str) -> dict[int, str]:
    """Command lines of the living processes of a round, by pid."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or not is_alive(pid := int(entry.name)):
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                found[pid] = b" ".join(words).decode(errors="replace").strip()
        except OSError:
            continue  # it has just ended, or is another user's
    return found


def clear_away(mark: str, within_s: float) -> list[str]:
    """Kills what is left of a round after so long; the command lines of these."""
    alive_after(marked(mark), within_s)
    left = marked(mark)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return [f"{pid} {command}" for pid, command in left.items()]
