"""Bundles of files that tests need, as rows: what is known of each, and its bytes in pieces.

Rule: as in `tables`. The bytes of a bundle come in order, and are never changed. A bundle goes
with the last run that used it, or when others need its room: that of an active run stays, and one
that a schedule or a campaign holds.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from loadgrpc.model import RunState
from loadgrpc.store.record import BundleRecord
from loadgrpc.store.schema import BUNDLES, CHUNKS, HOLDS, RUNS

_FINAL_STATES: Final = [int(state) for state in RunState if state.final]
_OF: Final = BUNDLES.c.sha256 == sa.bindparam("of_bundle")
_SELECT: Final = sa.select(BUNDLES).where(_OF)
_INSERT: Final = sa.insert(BUNDLES)
_UPDATE: Final = sa.update(BUNDLES).where(_OF)
_DELETE: Final = sa.delete(BUNDLES).where(_OF)
_INSERT_CHUNK: Final = sa.insert(CHUNKS)
_HELD: Final = sa.exists().where(HOLDS.c.sha256 == BUNDLES.c.sha256)
_USED: Final = sa.or_(sa.exists().where(RUNS.c.bundle == BUNDLES.c.sha256), _HELD)
_NEEDED: Final = sa.or_(
    sa.exists().where(RUNS.c.bundle == BUNDLES.c.sha256, RUNS.c.state.not_in(_FINAL_STATES)), _HELD
)
_SELECT_CHUNK: Final = (
    sa.select(CHUNKS.c.offset, CHUNKS.c.data)
    .where(CHUNKS.c.sha256 == sa.bindparam("of_bundle"), CHUNKS.c.offset <= sa.bindparam("at"))
    .order_by(CHUNKS.c.offset.desc())
    .limit(1)
)
_TOTAL: Final = sa.select(sa.func.coalesce(sa.func.sum(BUNDLES.c.size), 0))


class BundleRows:
    """See the module."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, sha256: str) -> BundleRecord | None:
        """See `Store.get_bundle`."""
        row = self._connection.execute(_SELECT, {"of_bundle": sha256}).one_or_none()
        return None if row is None else BundleRecord(**row._mapping)  # noqa: SLF001 - public

    def append(self, sha256: str, size: int, offset: int, data: bytes, now_ns: int) -> BundleRecord:
        """See `Store.append_to_bundle`."""
        known = self.get(sha256)
        if known is not None and not known.complete and known.size != size:
            self.drop(sha256)
            known = None
        if known is None:
            known = BundleRecord(sha256, size=size, touched_ns=now_ns)
            self._connection.execute(_INSERT, vars(known))
        new = data[max(known.received - offset, 0) :]
        if known.complete or offset > known.received or not new:
            return self._touched(known, now_ns)
        row = {"sha256": sha256, "offset": known.received, "data": new}
        self._connection.execute(_INSERT_CHUNK, row)
        return self._touched(known, now_ns, received=known.received + len(new))

    def touch(self, sha256: str, now_ns: int, *, complete: bool = False) -> BundleRecord | None:
        """See `Store.touch_bundle`."""
        known = self.get(sha256)
        if known is None:
            return None
        return self._touched(known, now_ns, complete=known.complete or complete)

    def _touched(self, known: BundleRecord, now_ns: int, **changed: Any) -> BundleRecord:
        record = BundleRecord(**{**vars(known), **changed, "touched_ns": now_ns})
        values = {name: value for name, value in vars(record).items() if name != "sha256"}
        self._connection.execute(_UPDATE, {**values, "of_bundle": known.sha256})
        return record

    def read(self, sha256: str, offset: int) -> bytes:
        """See `Store.read_bundle`."""
        at = {"of_bundle": sha256, "at": offset}
        row = self._connection.execute(_SELECT_CHUNK, at).one_or_none()
        return b"" if row is None else bytes(row.data[offset - row.offset :])

    def drop(self, sha256: str) -> None:
        """See `Store.drop_bundle`."""
        self._connection.execute(_DELETE, {"of_bundle": sha256})

    def drop_if_unused(self, sha256: str | None) -> None:
        """Drop a bundle that no run uses; None: there is none."""
        if sha256 is not None:
            self._connection.execute(_DELETE.where(~_USED), {"of_bundle": sha256})

    def make_room(
        self, size: int, most: int, *, touched_before_ns: int, unused_before_ns: int
    ) -> bool:
        """See `Store.make_room`."""
        old = sa.and_(~_USED, BUNDLES.c.touched_ns < unused_before_ns)
        self._connection.execute(sa.delete(BUNDLES).where(old))
        excess = int(self._connection.scalar(_TOTAL) or 0) + size - most
        query = (
            sa.select(BUNDLES.c.sha256, BUNDLES.c.size)
            .where(~_NEEDED, BUNDLES.c.touched_ns < touched_before_ns)
            .order_by(BUNDLES.c.touched_ns)
        )
        for row in self._connection.execute(query).all():
            if excess <= 0:
                break
            self.drop(row.sha256)
            excess -= row.size
        return excess <= 0
