"""The bundles that an agent has fetched: each comes once, however many runs use it.

    bundles/SHA256         a bundle, whole and checked
    bundles/SHA256.part    what has come of one that is being fetched

Rule: what breaks off is continued from where it was. What is as long as the bundle, but is not
it, is fetched once more, from the beginning; so is what has changed here since it came. Together
they are bounded: the one that was used longest ago goes first.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import grpc.aio

from loadgrpc import private
from loadgrpc.bundle import archive
from loadgrpc.errors import Unavailable
from loadgrpc.protocol import status
from loadgrpc.protocol.backoff import Backoff
from loadgrpc.v1 import fleet_pb2, fleet_pb2_grpc

MAX_CACHE_BYTES: Final = 1 << 30
"""Of all bundles, beside the one that is used."""
FIRST_RETRY_S: Final = 0.2
MAX_RETRY_S: Final = 5.0
_PART: Final = ".part"

_log = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
"""Gets the bytes that have come, and how many there are."""


class BundleCache:
    """See the module. It is `folder`'s only user."""

    def __init__(self, folder: Path, fleet: fleet_pb2_grpc.FleetServiceStub) -> None:
        self._folder = folder
        self._fleet = fleet
        self._lock = asyncio.Lock()
        """One is fetched at a time."""

    async def open(self, sha256: str, on_progress: OnProgress) -> IO[bytes]:
        """A bundle, to be read and closed; waits for the broker while that is away.

        Raises:
            LoadgrpcError: the broker does not have it, or what comes is not it.
            OSError: the disk does not take it.
        """
        path = self._folder / sha256
        async with self._lock:
            if not path.exists():
                await asyncio.to_thread(private.folder, self._folder)
                await self._fetch(sha256, on_progress)
            elif await asyncio.to_thread(_digest, path) != sha256:
                _log.warning("the bundle %s is not what it was: fetching it again", sha256)
                path.unlink()
                await self._fetch(sha256, on_progress)
            os.utime(path)
            file = path.open("rb")
            await asyncio.to_thread(self._prune, path)
        return file

    def unfinished(self) -> list[Path]:
        """What was being fetched when an agent was killed."""
        return sorted(self._folder.glob(f"*{_PART}"))

    async def _fetch(self, sha256: str, on_progress: OnProgress) -> None:
        part = self._folder / f"{sha256}{_PART}"
        for attempt in (1, 2):
            await self._receive(sha256, part, on_progress)
            if await asyncio.to_thread(_digest, part) == sha256:
                part.replace(self._folder / sha256)
                return
            _log.warning("what came of the bundle %s is not it (attempt %d)", sha256, attempt)
            part.unlink()
        raise Unavailable(f"the bytes that come of the bundle {sha256} have another SHA-256")

    async def _receive(self, sha256: str, part: Path, on_progress: OnProgress) -> None:
        """Receives what is missing of a bundle."""
        backoff = Backoff(FIRST_RETRY_S, MAX_RETRY_S)
        while True:
            try:
                if await self._receive_once(sha256, part, on_progress, backoff):
                    return
            except Unavailable as error:
                if backoff.fresh:
                    _log.warning("fetching the bundle %s broke off (%s)", sha256, error)
                await asyncio.sleep(backoff.next_s())

    async def _receive_once(
        self, sha256: str, part: Path, on_progress: OnProgress, backoff: Backoff
    ) -> bool:
        """Receives until the stream ends; whether all has come.

        Raises:
            Unavailable: it broke off.
            LoadgrpcError: the broker does not have it.
        """
        with os.fdopen(
            private.open_file(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "wb"
        ) as out:
            at = out.seek(0, os.SEEK_END)
            size = 0
            call = self._fleet.FetchBundle(fleet_pb2.FetchBundleRequest(sha256=sha256, offset=at))
            try:
                async for response in call:
                    size = size or response.size
                    at += await asyncio.to_thread(out.write, response.chunk)
                    backoff.reset()
                    on_progress(at, size)
            except grpc.aio.AioRpcError as error:
                raise status.from_rpc_error(error) from error
            finally:
                call.cancel()
        if at < size:
            raise Unavailable(f"{at:,} of {size:,} bytes came")
        return True

    def _prune(self, keep: Path) -> None:
        """Removes the bundles that were used longest ago, if there are too many."""
        others = [
            (path.stat().st_mtime_ns, path.stat().st_size, path)
            for path in self._folder.iterdir()
            if path != keep
        ]
        total = sum(size for _, size, _ in others)
        for _, size, path in sorted(others):
            if total <= MAX_CACHE_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= size


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return archive.digest(file)
