"""What processes take, as /proc has it: those below some others, all together.

Rule: memory is what is a process's own, in memory or swapped out: what it shares with others by
files, such as libraries, is not counted. A process that ends meanwhile counts for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from loadgrpc.agent.limits import Usage

_PROC: Final = Path("/proc")
_OWN: Final = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
"""Lines of a status that count, in KiB."""


def usage_below(keepers: Collection[int], *, files: bool) -> Usage:
    """What is below some processes takes; its time is left out. `files`: they are counted, too."""
    below = _below(keepers)
    return Usage(
        memory_bytes=sum(map(_memory_bytes, below)),
        processes=len(below),
        files=max(map(_open_files, below), default=0) if files else 0,
    )


def _below(roots: Collection[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, todo = [], list(roots)
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Each running process, and its parent."""
    for path in _PROC.iterdir():
        if path.name.isdigit():
            try:
                status = (path / "stat").read_bytes()
            except OSError:
                continue
            state, parent = status.rpartition(b") ")[2].split()[:2]
            if state not in (b"Z", b"X"):
                yield int(path.name), int(parent)


def _memory_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_bytes().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(_OWN))


def _open_files(pid: int) -> int:
    try:
        return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return 0
