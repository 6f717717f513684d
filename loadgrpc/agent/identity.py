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
from collections.abc import Sequence
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

    def __init__(self, folder: Path, lock: int, names: Sequence[str] = ()) -> None:
        """Its name is one of `names`, if there are any: those of certificates."""
        self.folder = folder
        self._lock = lock
        try:
            self.agent_id = _name(folder / "agent-id", names)
        except (OSError, StateDirError):
            self.release()
            raise

    def release(self) -> None:
        """Lets another agent have the directory."""
        os.close(self._lock)


def claim(state_dir: Path | None, names: Sequence[str] = ()) -> Identity:
    """Takes `state_dir`, or the first free slot under the user's state folder.

    With `names`, the slots are called so, and so is the agent.

    Raises:
        StateDirError: it is held by another agent, or cannot be written.
    """
    try:
        if state_dir is not None:
            identity = _try(state_dir, names)
            if identity is None:
                raise StateDirError(f"another agent is using the state directory {state_dir}")
            return identity
        for slot in names or map(str, range(MAX_SLOTS)):
            identity = _try(state_home() / "agents" / slot, [slot] if names else [])
            if identity is not None:
                return identity
    except OSError as error:
        raise StateDirError(
            f"cannot use the state directory {error.filename}: {error.strerror}"
        ) from error
    if names:
        raise StateDirError(
            f"all agents that have a certificate here are running: {', '.join(names)};"
            " `loadgrpc certs agent NAME` makes another one"
        )
    raise StateDirError(f"{MAX_SLOTS} agents are running on this machine already")


def state_home() -> Path:
    """Where this user's programs keep their state, by the XDG rules.

    Raises:
        StateDirError: the user has no home.
    """
    if (home := private.state_home()) is None:
        raise StateDirError(
            "there is no home folder to keep the agent's state in: "
            "set --state-dir, XDG_STATE_HOME or HOME"
        )
    return home


def _try(folder: Path, names: Sequence[str]) -> Identity | None:
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
    return Identity(folder, lock, names)


def _name(path: Path, names: Sequence[str]) -> str:
    """The name in a file, which is one of `names` if there are any; a new one, if there is none.

    Raises:
        OSError: it cannot be read, or written.
        StateDirError: it is no name, or is none of those.
    """
    try:
        kept: bytes | None = private.read(path, MAX_NAME_BYTES)
    except FileNotFoundError:
        kept = b""
    if kept is not None and not kept.strip():
        new = names[0] if names else f"{_host_word()}-{secrets.token_hex(3)}"
        kept = f"{new}\n".encode()
        private.write(path, kept)
    if kept is None:
        raise StateDirError(f"{path} is not a name: delete it, and a new one is made")
    try:
        name = kept.decode().strip()
    except UnicodeDecodeError as error:
        raise StateDirError(f"{path} is not UTF-8: delete it, and a new one is made") from error
    if names and name not in names:
        raise StateDirError(
            f"{path.parent} is the state folder of agent {name}, which has no certificate here:"
            " give another --state-dir"
        )
    return name


def _host_word() -> str:
    return re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower())[:40].strip("-") or "agent"
