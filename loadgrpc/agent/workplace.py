"""Where runners work: the folders of an agent that they enter, and whose these are.

    files/RUNNER_ID/   of a runner: LOADGRPC_RUN_DIR
    runs/RUN_ID/       of a run: where its runners start
    packages/          what pip has installed
    relay/             the socket by which our own runners report

Rule: without an account all of it is in the state folder, which the agent's user alone can enter,
and the files of a runner are where else is kept of it (`folder.py`).
With one it is in a folder of its own, in which everybody can be and nobody look around, and each of
these folders is given to the account when the agent has written to it for the last time. Where that
folder is, is kept in the state folder: an agent that is started again goes on with it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.agent.account import Account

PASSABLE: Final = 0o711
"""What is in such a folder can be reached by its name, and not listed."""
PLACE: Final = "workplace"
"""The file in the state folder that says where it is."""
MAX_PLACE_BYTES: Final = 4_096
PREFIX: Final = "loadgrpc-"
TEMPORARY: Final = Path("/var/tmp")  # noqa: S108 - it gets a folder that only root writes to
"""It survives the machine, and everybody can enter it."""


class Workplace:
    """See the module."""

    def __init__(self, state: Path, account: Account | None = None) -> None:
        """Raises OSError."""
        self.account = account
        self.root = state if account is None else _passable(state)

    def files_of(self, runner: Path) -> Path:
        """The files of a runner, whose folder in the state this is."""
        return runner / "files" if self.account is None else self.root / "files" / runner.name

    def folder(self, path: Path) -> None:
        """Makes a folder in which folders of runners are, unless it is there. Raises OSError."""
        private.folder(path)
        if self.account is not None:
            path.chmod(PASSABLE)

    def give(self, path: Path) -> None:
        """Gives a folder, and all that is in it, to the account. Raises OSError."""
        if self.account is not None:
            self.account.give(path)

    def take_back(self, path: Path) -> None:
        """The agent owns a folder again, which the account can read. Raises OSError."""
        if self.account is not None:
            self.account.take_back(path)


def _passable(state: Path) -> Path:
    """The folder of its own, which is made if it is not there."""
    note = state / PLACE
    try:
        kept = (private.read(note, MAX_PLACE_BYTES) or b"").decode().strip()
    except FileNotFoundError:
        kept = ""
    place = Path(kept)
    if not kept or not _is_ours(place):
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=TEMPORARY))
        private.replace(note, f"{place}\n".encode())
    place.chmod(PASSABLE)
    return place


def _is_ours(place: Path) -> bool:
    """Whether it is a folder in which nobody else can have put anything."""
    try:
        status = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
