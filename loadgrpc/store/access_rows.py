"""Tokens, as rows. Rule: as in `tables`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from loadgrpc.model import Role, Token
from loadgrpc.store.record import TokenRecord
from loadgrpc.store.schema import TOKENS

_INSERT: Final = sa.insert(TOKENS)
_DELETE: Final = sa.delete(TOKENS).where(TOKENS.c.name == sa.bindparam("of_name"))
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
