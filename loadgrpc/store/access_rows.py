"""Tokens, and what was done, as rows. Rule: as in `tables`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from loadgrpc.model import Audited, Role, Token
from loadgrpc.store.history import NO_TEXT
from loadgrpc.store.record import TokenRecord
from loadgrpc.store.schema import AUDIT, TOKENS

_INSERT: Final = sa.insert(TOKENS)
_DELETE: Final = sa.delete(TOKENS).where(TOKENS.c.name == sa.bindparam("of_name"))
_ADD: Final = sa.insert(AUDIT)
_OLDER: Final = sa.delete(AUDIT).where(AUDIT.c.number <= sa.bindparam("up_to"))
_NEWEST: Final = sa.select(sa.func.max(AUDIT.c.number))
_SELECT: Final = sa.select(TOKENS).order_by(TOKENS.c.name)


class AccessRows:
    """See the module."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def save_token(self, record: TokenRecord) -> None:
        """See `AccessStore`."""
        token = record.token
        self._connection.execute(_DELETE, {"of_name": token.name})
        row = {
            "name": token.name,
            "digest": record.digest,
            "role": int(token.role),
            "create_time_ns": token.create_time_ns,
            "expire_time_ns": token.expire_time_ns,
            "revoke_time_ns": token.revoke_time_ns,
        }
        self._connection.execute(_INSERT, row)

    def tokens(self) -> list[TokenRecord]:
        """See `AccessStore`."""
        return [
            TokenRecord(
                row.digest,
                Token(
                    name=row.name,
                    role=Role(row.role),
                    create_time_ns=row.create_time_ns,
                    expire_time_ns=row.expire_time_ns,
                    revoke_time_ns=row.revoke_time_ns,
                ),
            )
            for row in self._connection.execute(_SELECT)
        ]

    def add_audited(self, entries: Sequence[Audited], keep: int) -> None:
        """See `AccessStore`."""
        rows = [
            {
                "time_ns": each.time_ns,
                "name": each.name.translate(NO_TEXT),
                "role": None if each.role is None else int(each.role),
                "address": each.address.translate(NO_TEXT),
                "did": each.did,
                "what": each.what.translate(NO_TEXT),
                "detail": each.detail.translate(NO_TEXT),
            }
            for each in entries
        ]
        self._connection.execute(_ADD, rows)
        newest = self._connection.scalar(_NEWEST) or 0
        self._connection.execute(_OLDER, {"up_to": newest - keep})

    def audited(self, limit: int, before: int | None, name: str) -> list[Audited]:
        """See `AccessStore`."""
        query = sa.select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(AUDIT.c.number < before)
        if name:
            query = query.where(AUDIT.c.name == name)
        return [
            Audited(
                number=row.number,
                time_ns=row.time_ns,
                name=row.name,
                role=None if row.role is None else Role(row.role),
                address=row.address,
                did=row.did,
                what=row.what,
                detail=row.detail,
            )
            for row in self._connection.execute(query)
        ]
