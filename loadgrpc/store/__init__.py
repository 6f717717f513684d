"""The broker's memory on disk: runs, sources and committed batches.

What is acked was committed here first. `Store` is the door; importing it costs nothing of
SQLAlchemy, which is loaded by the writer thread when a store is opened.
"""

from __future__ import annotations

from loadgrpc.store.error import StoreError
from loadgrpc.store.record import RunRecord, SourceProgress, StoredBatch
from loadgrpc.store.store import Store

__all__ = ["RunRecord", "SourceProgress", "Store", "StoreError", "StoredBatch"]
