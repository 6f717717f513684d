"""Tokens, and what was done, in the store: a part of `Store`, with its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadgrpc.model import Audited
    from loadgrpc.store.record import TokenRecord
    from loadgrpc.store.writer import Writer


class AccessStore:
    """Tokens, and what was done: `Store.access`. Errors are those of `Store`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def save_token(self, record: TokenRecord) -> None:
        """Add a token, or replace the one of its name."""
        await self._writer.write(lambda tables: tables.access.save_token(record), patient=False)

    async def tokens(self) -> list[TokenRecord]:
        """All tokens, by name."""
        return await self._writer.read(lambda tables: tables.access.tokens())

    async def add_audited(self, entries: Sequence[Audited], keep: int) -> None:
        """Add what was done, in this order; of all entries the newest are kept."""
        await self._writer.write(
            lambda tables: tables.access.add_audited(entries, keep), patient=False
        )

    async def audited(self, limit: int, before: int | None, name: str) -> list[Audited]:
        """At most this many entries, newest first; only of a caller, and before a number."""
        return await self._writer.read(lambda tables: tables.access.audited(limit, before, name))
