"""What is kept about one runner in the agent's state directory.

    runners/RUNNER_ID/source    who it is, and its scenario
    runners/RUNNER_ID/spool/    what it sent and the broker has not committed
    runners/RUNNER_ID/exit      how it ended, once it has
    runners/RUNNER_ID/alive     locked while any of its processes runs
    runners/RUNNER_ID/files/    its own: LOADGRPC_RUN_DIR; with an account elsewhere: `workplace.py`

Rule: it exists from before the runner starts until the broker knows how it ended. Whatever an
agent finds when it starts is from an earlier agent process, which was killed, or ended while the
broker was away. Every function waits for the disk: call them in a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import time
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from loadgrpc import private
from loadgrpc.agent.spool import sync_folder
from loadgrpc.agent.workplace import Workplace
from loadgrpc.model import SourceId
from loadgrpc.protocol import produced
from loadgrpc.v1 import fleet_pb2

RUNNERS: Final = "runners"
LOOK_EVERY_S: Final = 0.02
MAX_SOURCE_BYTES: Final = 16 << 10
MAX_EXIT_BYTES: Final = 1 << 20
PATIENCE_S: Final = 15.0
"""How long to wait for the end of a runner of a former life, which its keeper is ending."""

_log = logging.getLogger(__name__)


class RunnerFolder:
    """See the module."""

    def __init__(
        self, state: Path, source_id: SourceId, scenario: str, workplace: Workplace | None = None
    ) -> None:
        """`workplace` None: in the state folder."""
        self.source_id = source_id
        self.scenario = scenario
        self._path = state / RUNNERS / source_id.runner_id
        self._workplace = workplace or Workplace(state)
        self.files = self._workplace.files_of(self._path)
        self.spool = self._path / "spool"

    def create(self) -> None:
        """Makes it, for a runner that is to be started.

        Raises:
            OSError: it cannot be made.
        """
        private.folder(self._path.parent)
        self._path.mkdir(private.FOLDER_MODE)
        if self.files.parent != self._path:
            self._workplace.folder(self.files.parent)
        self.files.mkdir(private.FOLDER_MODE)
        whose = {**asdict(self.source_id), "scenario": self.scenario}
        _write(self._path / "source", json.dumps(whose).encode())

    def hand_over(self) -> None:
        """Gives its files to whoever the runner runs as: the agent writes none any more.

        Raises:
            OSError: it cannot.
        """
        self._workplace.give(self.files)

    @classmethod
    def former(cls, state: Path, workplace: Workplace | None = None) -> list[RunnerFolder]:
        """Those of a former life; what cannot be read of them goes."""
        found = []
        for path in sorted((state / RUNNERS).glob("*")):
            try:
                scenario, source_id = _whose(path)
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                _log.warning("removing %s: not a runner folder (%s)", path, error)
                shutil.rmtree(path, ignore_errors=True)
            else:
                found.append(cls(state, source_id, scenario, workplace))
        return found

    def alive(self) -> int:
        """A descriptor with a lock, for the keeper: it lasts as long as anything of the runner.

        Raises:
            OSError: there is none.
        """
        descriptor = private.open_file(self._path / "alive", os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def wait_for_end(self) -> None:
        """Waits until nothing of a runner of a former life is alive."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            with contextlib.suppress(BlockingIOError):
                os.close(self.alive())
                return
            time.sleep(LOOK_EVERY_S)

    def save_exit(self, ended: fleet_pb2.RunnerExit) -> None:
        """Keeps how the runner ended."""
        _write(self._path / "exit", ended.SerializeToString())

    def exit(self) -> fleet_pb2.RunnerExit | None:
        """How the runner ended; None: nobody saw it."""
        try:
            kept = private.read(self._path / "exit", MAX_EXIT_BYTES)
            return None if kept is None else fleet_pb2.RunnerExit.FromString(kept)
        except (OSError, DecodeError):
            return None

    def produced(self) -> produced.Produced | None:
        """What the runner had produced; None: it does not count."""
        rows = produced.read(self.files)
        return produced.total(rows) if rows else None

    def remove(self) -> None:
        """Nothing of it is wanted any more."""
        shutil.rmtree(self.files, ignore_errors=True)
        shutil.rmtree(self._path, ignore_errors=True)


def _whose(path: Path) -> tuple[str, SourceId]:
    """Scenario and source of a runner's folder.

    Raises:
        OSError, ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    whose = json.loads(private.read(path / "source", MAX_SOURCE_BYTES) or b"")
    scenario = whose.pop("scenario")
    source_id = SourceId(**whose)
    if not all(isinstance(each, str) for each in (scenario, *astuple(source_id))):
        raise ValueError("its source is not made of strings")
    if source_id.runner_id != path.name:
        raise ValueError("its source is another runner's")  # and could be a path to anywhere
    return scenario, source_id


def _write(path: Path, data: bytes) -> None:
    """Writes a file that is there whole or not at all, whatever happens meanwhile."""
    private.replace(path, data)
    sync_folder(path.parent)
