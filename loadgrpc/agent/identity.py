"""The identity of an agent: a name that is kept in its state directory and survives restarts.

Rule: one agent at a time has a state directory, held by a lock that ends with the process.
Without a directory of its own an agent takes the first free slot under the user's state folder,
so that several start on one machine without an option.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.errors import LoadgrpcError

MAX_SLOTS: Final = 1_000
MAX_NAME_BYTES: Final = 1_024
"""Of the file with the agent's name."""


class StateDirError(LoadgrpcError):
    """A state directory cannot be used."""

    reason = "STATE_DIR"


class Identity:
    """A held state directory and the name in it; `release` lets it go."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock
        try:
            self.agent_id = _name(folder / "agent-id")
        except (OSError, StateDirError):
            self.release()
            raise

    def release(self) -> None:
        """Lets another agent have the directory."""
        os.close(self._lock)


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
    except RuntimeError as error:  # a user that no passwd file knows, in a container for example
        raise StateDirError(
            "there is no home folder to keep the agent's state in: "
            "set --state-dir, XDG_STATE_HOME or HOME"
        ) from error


def _try(folder: Path) -> Identity | None:
    private.folder(folder)
    lock = private.open_file(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(lock, private.FILE_MODE)  # who can read it could hold it
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return Identity(folder, lock)


def _name(path: Path) -> str:
    """The name in a file; a new one, if there is none.

    Raises:
        OSError: it cannot be read, or written.
        StateDirError: it is no name.
    """
    try:
        kept: bytes | None = private.read(path, MAX_NAME_BYTES)
    except FileNotFoundError:
        kept = b""
    if kept is not None and not kept.strip():
        kept = f"{_host_word()}-{secrets.token_hex(3)}\n".encode()
        private.write(path, kept)
    if kept is None:
        raise StateDirError(f"{path} is not a name: delete it, and a new one is made")
    try:
        return kept.decode().strip()
    except UnicodeDecodeError as error:
        raise StateDirError(f"{path} is not UTF-8: delete it, and a new one is made") from error


def _host_word() -> str:
    return re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower())[:40].strip("-") or "agent"
