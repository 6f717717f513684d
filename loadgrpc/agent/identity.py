"""Who an agent is: a name that lives in its state directory and survives restarts.

Rule: one agent at a time has a state directory, held by a lock that ends with the process.
Without a directory of its own an agent takes the first free slot under the user's state
folder, so that several start on one machine without a flag.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
from pathlib import Path
from typing import IO, Final

from loadgrpc.errors import LoadgrpcError

MAX_SLOTS: Final = 1_000


class StateDirError(LoadgrpcError):
    """A state directory cannot be used."""

    reason = "STATE_DIR"


class Identity:
    """A held state directory and the name in it; `release` lets it go."""

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        self.folder = folder
        self._lock = lock
        name = folder / "agent-id"
        if not name.exists() or not name.read_bytes().strip():
            name.write_text(f"{_host_word()}-{secrets.token_hex(3)}\n", encoding="utf-8")
        try:
            self.agent_id = name.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError as error:
            self.release()
            raise StateDirError(f"{name} is not UTF-8: delete it, and it is made anew") from error

    def release(self) -> None:
        """Lets another agent have the directory."""
        self._lock.close()


def claim(state_dir: Path | None) -> Identity:
    """Takes `state_dir`, or the first free slot under the user's state folder.

    Raises:
        StateDirError: it is held by another agent, or cannot be written.
    """
    try:
        if state_dir is not None:
            identity = _try(state_dir)
            if identity is None:
                raise StateDirError(f"another agent is using the state directory {state_dir}")
            return identity
        for slot in range(MAX_SLOTS):
            identity = _try(state_home() / "agents" / str(slot))
            if identity is not None:
                return identity
    except OSError as error:
        raise StateDirError(
            f"cannot use the state directory {error.filename}: {error.strerror}"
        ) from error
    raise StateDirError(f"{MAX_SLOTS} agents are running on this machine already")


def state_home() -> Path:
    """Where this user's programs keep their state, by the XDG rules.

    Raises:
        StateDirError: the user has no home.
    """
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home) / "loadgrpc"
    try:
        return Path.home() / ".local" / "state" / "loadgrpc"
    except RuntimeError as error:  # a user of a container, say, whom no passwd file knows
        raise StateDirError(
            "there is no home folder to keep the agent's state in: "
            "set --state-dir, XDG_STATE_HOME or HOME"
        ) from error


def _try(folder: Path) -> Identity | None:
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return Identity(folder, lock)


def _host_word() -> str:
    return re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower())[:40].strip("-") or "agent"
