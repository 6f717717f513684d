"""The bundles of files that clients have brought for their tests, and that agents fetch.

Rule: a bundle is used when all of it is stored and was checked; what is wrong with it is sent to
the client, and it is dropped. Together they are bounded: what no active run needs makes room.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final

from loadgrpc.bundle import archive
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import InvalidRequest, NoRoom, NotFound, Violation
from loadgrpc.protocol.bundles import Piece
from loadgrpc.store import BundleRecord, Store

MAX_BYTES: Final = 1 << 30
"""Of all bundles together: four of the largest, or thousands of usual ones."""
GRACE_S: Final = 60.0
"""A bundle that was brought or asked for this lately makes no room: a run with it is coming."""
UNUSED_S: Final = 3_600.0
"""One that no run uses is dropped after this, when others come."""
IN_MEMORY_BYTES: Final = 8 << 20
"""Of one that is being checked; a larger one is in a file meanwhile."""

_log = logging.getLogger(__name__)


class Bundles:
    """See the module."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def receive(self, pieces: AsyncIterator[Piece]) -> BundleRecord:
        """Stores pieces of a bundle; what is there of it then.

        Raises:
            InvalidRequest: they are not one, or leave a gap.
            NoRoom: active runs need the room.
        """
        record: BundleRecord | None = None
        async for piece in pieces:
            if record is None:
                record = await self._begin(piece)
            if piece.offset + len(piece.data) > record.size:
                detail = f"goes beyond the {record.size:,} bytes of the bundle"
                raise InvalidRequest([Violation("chunk", detail)])
            if piece.offset > record.received:
                detail = f"leaves a gap: {record.received:,} bytes are there"
                raise InvalidRequest([Violation("offset", detail)])
            record = await self._store.append_to_bundle(
                record.sha256,
                record.size,
                piece.offset,
                piece.data,
                now_ns=self._clock.wall_ns(),
            )
        if record is None:
            raise InvalidRequest([Violation("sha256", "is required in the first message")])
        if record.received == record.size and not record.complete:
            return await self._complete(record)
        return record

    async def known(self, sha256: str) -> BundleRecord | None:
        """What is there of a bundle; None: nothing. Asking for it keeps it for a while."""
        return await self._store.touch_bundle(sha256, now_ns=self._clock.wall_ns())

    async def need(self, sha256: str) -> BundleRecord:
        """A bundle that is to be used.

        Raises:
            NotFound: it is not there, or not all of it.
        """
        record = await self.known(sha256)
        if record is None or not record.complete:
            there = "is not there"
            if record is not None:
                there = f"has only {record.received:,} of its {record.size:,} bytes there"
            raise NotFound(f"the bundle {sha256} {there}: UploadBundle brings it")
        return record

    async def read(self, record: BundleRecord, offset: int) -> AsyncIterator[bytes]:
        """The bytes of a bundle, from an offset on, piece by piece.

        Raises:
            NotFound: it was dropped meanwhile.
        """
        while offset < record.size:
            data = await self._store.read_bundle(record.sha256, offset)
            if not data:
                raise NotFound(f"the bundle {record.sha256} is not there any more")
            offset += len(data)
            yield data

    async def _begin(self, piece: Piece) -> BundleRecord:
        now_ns = self._clock.wall_ns()
        record = await self._store.get_bundle(piece.sha256)
        if record is None or (record.size != piece.size and not record.complete):
            has_room = await self._store.make_room(
                piece.size,
                MAX_BYTES,
                touched_before_ns=now_ns - round(GRACE_S * NS_PER_S),
                unused_before_ns=now_ns - round(UNUSED_S * NS_PER_S),
            )
            if not has_room:
                raise NoRoom(
                    f"the bundles of active runs leave no room for {piece.size:,} bytes more: all"
                    f" together may have {MAX_BYTES >> 30} GiB"
                )
            record = BundleRecord(piece.sha256, size=piece.size)
        return record

    async def _complete(self, record: BundleRecord) -> BundleRecord:
        """Checks a bundle of which all bytes are there.

        Raises:
            InvalidRequest: it is wrong, and dropped.
        """
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            async for data in self.read(record, 0):
                await asyncio.to_thread(file.write, data)
            try:
                count = await asyncio.to_thread(_check, file, record.sha256)
            except InvalidRequest as error:
                await self._store.drop_bundle(record.sha256)
                _log.warning("refused the bundle %s: %s", record.sha256, error)
                raise
        _log.info(
            "received the bundle %s: %d files and folders, %d bytes",
            record.sha256,
            count,
            record.size,
        )
        now_ns = self._clock.wall_ns()
        done = await self._store.touch_bundle(record.sha256, now_ns=now_ns, complete=True)
        if done is None:
            raise NotFound(f"the bundle {record.sha256} is not there any more")
        return done


def _check(file: IO[bytes], sha256: str) -> int:
    """How many files and folders a bundle has.

    Raises:
        InvalidRequest: it is not the one of this SHA-256, or not a bundle.
    """
    if (found := archive.digest(file)) != sha256:
        detail = f"is not that of the bytes, which is {found}; they are dropped: send them again"
        raise InvalidRequest([Violation("sha256", detail)])
    return sum(1 for _ in archive.entries(file))
