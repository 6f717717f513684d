"""The broker's memory on disk: runs, sources, batches, windows, types, bundles.

What is acked was committed here first. `Store` is the door; importing it costs nothing of
SQLAlchemy, which is loaded by the writer thread when a store is opened.
"""

from __future__ import annotations

from loadgrpc.store.error import StoreError
from loadgrpc.store.record import (
    AttemptRecord,
    BundleRecord,
    CampaignRecord,
    ChangeRecord,
    DrainedAgent,
    EndRecord,
    Filter,
    Retention,
    RunRecord,
    ScheduleRecord,
    SourceProgress,
    StoredBatch,
    StoredWindow,
    TokenRecord,
    TypeSet,
)
from loadgrpc.store.store import Store
from loadgrpc.store.target import MEMORY, parse_target

__all__ = [
    "MEMORY",
    "AttemptRecord",
    "BundleRecord",
    "CampaignRecord",
    "ChangeRecord",
    "DrainedAgent",
    "EndRecord",
    "Filter",
    "Retention",
    "RunRecord",
    "ScheduleRecord",
    "SourceProgress",
    "Store",
    "StoreError",
    "StoredBatch",
    "StoredWindow",
    "TokenRecord",
    "TypeSet",
    "parse_target",
]
