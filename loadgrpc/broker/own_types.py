"""The types that sources bring for their custom events.

Rule: they last as long as their run is stored. What the catalog accepts is stored, so that the
next broker knows it too; reflection answers from the catalog.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound
from loadgrpc.model import run_id_of
from loadgrpc.protocol import bounds
from loadgrpc.protocol.answers import TypesRefused
from loadgrpc.protocol.home import TYPES_TOO_LARGE, too_large
from loadgrpc.reflection import Catalog, Registry, split
from loadgrpc.store import Store, TypeSet

MAX_RUN_BYTES: Final = bounds.MAX_RUN_TYPES_BYTES
"""Of the types that all sources of a run bring, the same ones counted once."""

_log = logging.getLogger(__name__)


class OwnTypes:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._catalog = Catalog()
        self._sizes: dict[str, dict[bytes, int]] = {}
        """How large the sets are that each run has brought, by their digests."""

    def described(self) -> Registry:
        """All that reflection knows now."""
        return self._catalog.current()

    async def recall(self) -> None:
        """Knows what runs have brought to brokers before this one, in the same order."""
        async for types in self._store.types():
            if refused := self._take(types.run_id, types.payload):
                _log.info(
                    "dropping the types of run %s, which is over: %s", types.run_id, refused.message
                )
                continue
            self._note(types.run_id, types.payload)
            if types.over:
                self.retire(types.run_id)

    async def bring(self, run_id: str, types: bytes) -> TypesRefused | None:
        """Types came with a source; returns why they are rejected, None: they are stored.

        Raises:
            StoreError: they could not be stored.
        """
        if _digest(types) in self._sizes.get(run_id, {}):
            return None
        if refused := self._take(run_id, types):
            _log.warning("rejected the types of run %s: %s", run_id, refused.message)
            return refused
        await self._store.save_types(TypeSet(run_id, types))
        self._note(run_id, types)
        return None

    def retire(self, run_id: str) -> None:
        """The run is over: what it has brought makes room for what clashes with it."""
        self._catalog.retire(run_id)

    def drop(self, run_id: str) -> None:
        """The run is deleted, with all its attempts."""
        for known in [each for each in self._sizes if run_id_of(each) == run_id]:
            del self._sizes[known]
            self._catalog.drop(known)

    def _take(self, run_id: str, types: bytes) -> TypesRefused | None:
        in_all = len(types) + sum(self._sizes.get(run_id, {}).values())
        if message := too_large(types):
            return TypesRefused(TYPES_TOO_LARGE, message)
        if in_all > MAX_RUN_BYTES:
            message = f"the types of the run would have {in_all} bytes, over {MAX_RUN_BYTES}"
            return TypesRefused(TYPES_TOO_LARGE, message)
        try:
            self._catalog.bring(run_id, split(types))
        except (AlreadyExists, NotFound, InvalidRequest) as error:
            return TypesRefused(error.reason, str(error))
        return None

    def _note(self, run_id: str, types: bytes) -> None:
        self._sizes.setdefault(run_id, {})[_digest(types)] = len(types)


def _digest(types: bytes) -> bytes:
    return hashlib.sha256(types).digest()
