"""Tokens in the store: a part of `Store`, with its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadgrpc.store.record import TokenRecord
    from loadgrpc.store.writer import Writer


class AccessStore:
    """Tokens in the store: `Store.access`. Errors are those of `Store`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def save_token(self, record: TokenRecord) -> None:
        """Add a token, or replace the one of its name."""
        await self._writer.write(lambda tables: tables.access.save_token(record), patient=False)

    async def tokens(self) -> list[TokenRecord]:
        """All tokens, by name."""
        return await self._writer.read(lambda tables: tables.access.tokens())
