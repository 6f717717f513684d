"""A batch on its way into the store. Rule: only the writer thread calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadgrpc.store.record import SourceProgress, StoredBatch

if TYPE_CHECKING:
    from loadgrpc.store.packing import Packed
    from loadgrpc.store.tables import Tables


class Append:
    """A batch on its way, packed once however often it is tried."""

    def __init__(self, batch: StoredBatch, progress: SourceProgress) -> None:
        self._batch = batch
        self._progress = progress
        self._packed: Packed | None = None

    def __call__(self, tables: Tables) -> int:
        """Append it; its number."""
        if self._packed is None:
            from loadgrpc.store.packing import pack  # noqa: PLC0415 - loads NumPy

            self._packed = pack(self._batch.payload)
        return tables.append(self._batch, self._packed, self._progress)
