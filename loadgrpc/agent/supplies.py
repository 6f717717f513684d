"""What a run needs on this agent before its runners can start: files, a folder, packages.

    runs/RUN_ID/    where its runners start, with what its bundle has

Rule: it is prepared once for all parts of a run, and held until the last of them is over; then
the folder goes, unless the plan says where it is (`test_dir`). What an agent finds when it starts
was left by one that was killed, and goes too.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.agent.cache import BundleCache
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.agent.identity import Identity
from loadgrpc.agent.packages import NotInstalled, Packages
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.workplace import Workplace
from loadgrpc.bundle.unpack import unpack
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import Assignment, Plan
from loadgrpc.v1 import fleet_pb2_grpc

TIMEOUT_S: Final = 540.0
"""How long it may take in all; the broker gives up a part that has not begun after 600 s."""
RUNS: Final = "runs"
PACKAGES: Final = "packages"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

_log = logging.getLogger(__name__)


class NotPrepared(Exception):
    """What a run needs could not be fetched, unpacked or installed; the message says why."""


@dataclass(frozen=True)
class Prepared:
    """What was prepared for the runners of a run."""

    folder: Path
    """Where they start."""
    packages: Path | None = None
    """What pip has installed for them."""
    python_path: tuple[str, ...] = ()
    """Folders that tests import from, after their own."""

    def start_of(self, command: Sequence[str]) -> Path:
        """Where a program starts: if its command names a file that only the agent has, there."""
        own = Path.cwd()
        for word in command:
            if os.path.isfile(own / word) and not os.path.isfile(self.folder / word):  # noqa: PTH113 - whatever a word is
                return own
        return self.folder


@dataclass(eq=False)
class _Held:
    """What is prepared for a run, and how many of its parts hold it."""

    preparing: asyncio.Task[Prepared]
    parts: int = 0


class Supplies:
    """See the module."""

    def __init__(
        self,
        held: Identity,
        fleet: fleet_pb2_grpc.FleetServiceStub,
        start_process: Callable[..., RunnerProcess],
        on_step: Callable[[str, str], None],
        packages: Path | None = None,
        *,
        workplace: Workplace | None = None,
        offers_own: bool = True,
    ) -> None:
        """`on_step` gets a run and what is being done for it; empty: nothing any more.

        `packages`: where they are installed. None: where runners work. `offers_own`: tests may
        import what is in the folder that the agent was started in.
        """
        self._workplace = workplace or Workplace(held.folder)
        self._offers_own = offers_own
        self._runs = self._workplace.root / RUNS
        self._agent_id = held.agent_id
        self._cache = BundleCache(held.folder / "bundles", fleet)
        at = packages or self._workplace.root / PACKAGES
        self._packages = Packages(at, start_process, self._workplace)
        self._on_step = on_step
        self._held: dict[str, _Held] = {}

    @asynccontextmanager
    async def of_run(self, assignment: Assignment) -> AsyncIterator[asyncio.Task[Prepared]]:
        """What prepares the run of an assignment; that is held for as long as the context lasts.

        The task raises NotPrepared. It goes on for other parts of the run if this one gives up.
        """
        run_id = assignment.run_id
        held = self._held.get(run_id)
        if held is None:
            preparing = asyncio.create_task(self._prepare(run_id, assignment.plan))
            held = self._held[run_id] = _Held(preparing)
        held.parts += 1
        try:
            yield held.preparing
        finally:
            held.parts -= 1
            if not held.parts:
                del self._held[run_id]
                await self._clear(run_id, assignment.plan, held.preparing)

    async def clear(self, runners: Sequence[RunnerFolder]) -> Coroutine[None, None, None]:
        """What removes the folders that an agent before this one has left.

        It waits until none of the `runners` left by it is at work in them.
        """
        left = await asyncio.to_thread(self._left)
        return asyncio.to_thread(_clear, left, runners)

    def _left(self) -> list[Path]:
        unfinished = self._packages.unfinished() + self._cache.unfinished()
        return unfinished + (sorted(self._runs.iterdir()) if self._runs.is_dir() else [])

    async def _prepare(self, run_id: str, plan: Plan) -> Prepared:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._prepare_all(run_id, plan)
        except TimeoutError as error:
            raise NotPrepared(
                f"fetching and installing what the test needs took over {TIMEOUT_S:.0f} s"
            ) from error
        except LoadgrpcError as error:
            raise NotPrepared(f"cannot fetch and unpack the test's files: {error}") from error
        except NotInstalled as error:
            raise NotPrepared(str(error)) from error
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            words = f"{error.strerror or error}{where}"
            raise NotPrepared(f"cannot prepare the folder of the test: {words}") from error
        finally:
            self._on_step(run_id, "")

    async def _prepare_all(self, run_id: str, plan: Plan) -> Prepared:
        own = Path.cwd()
        if plan.test_dir and (account := self._workplace.account) is not None:
            raise NotPrepared(
                f"this agent runs tests as {account.name}, in folders that it makes: leave out"
                " --test-dir"
            )
        folder = self._folder_of(run_id, plan)
        await asyncio.to_thread(self._make, folder, plan)
        if plan.bundle:
            await self._unpack(run_id, plan.bundle, folder)
            if not plan.test_dir:
                await asyncio.to_thread(self._workplace.give, folder)
        packages = None
        if plan.python_deps:
            count = len(plan.python_deps)
            step = f"installing {count} Python package{'s' if count > 1 else ''}"
            packages = await self._packages.install(
                plan.python_deps, folder, run_id, lambda: self._on_step(run_id, step)
            )
        python_path = [str(packages)] if packages else []
        if folder != own and self._offers_own:
            python_path.append(str(own))
        return Prepared(folder, packages, tuple(python_path))

    async def _unpack(self, run_id: str, sha256: str, folder: Path) -> None:
        def note(received: int, size: int) -> None:
            self._on_step(run_id, f"fetching {received / 1e6:.1f} of {size / 1e6:.1f} MB of files")

        with await self._cache.open(sha256, note) as file:
            stopped = threading.Event()
            unpacking = asyncio.create_task(
                asyncio.to_thread(unpack, file, folder, lambda: not stopped.is_set())
            )
            try:
                await asyncio.shield(unpacking)
            finally:  # nobody removes the folder, or closes the file, while a thread is at it
                stopped.set()
                await asyncio.gather(unpacking, return_exceptions=True)

    def _folder_of(self, run_id: str, plan: Plan) -> Path:
        if plan.test_dir:
            return Path(plan.test_dir + self._agent_id).absolute()
        if not plan.bundle:
            return Path.cwd()
        plain = _PLAIN.fullmatch(run_id)
        name = run_id if plain else hashlib.sha256(run_id.encode()).hexdigest()
        return (self._runs / name).absolute()

    def _make(self, folder: Path, plan: Plan) -> None:
        """Makes the folder of a run."""
        if plan.test_dir:
            folder.mkdir(parents=True, exist_ok=True)
        elif plan.bundle:
            self._workplace.folder(folder.parent)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(private.FOLDER_MODE)

    async def _clear(self, run_id: str, plan: Plan, preparing: asyncio.Task[Prepared]) -> None:
        """Removes what was prepared for a run, or ends the preparation."""
        preparing.cancel()
        (outcome,) = await asyncio.gather(preparing, return_exceptions=True)
        if isinstance(outcome, Prepared) and outcome.packages is not None:
            self._packages.release(outcome.packages)
        if plan.bundle and not plan.test_dir:
            folder = self._folder_of(run_id, plan)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _clear(left: list[Path], runners: Sequence[RunnerFolder]) -> None:
    for runner in runners:
        runner.wait_for_end()
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
