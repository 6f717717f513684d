"""Tokens: secrets by which a broker knows people and programs.

Rule: a secret is 32 random bytes, shown once; the broker has its hash, in the store and in memory.
A token is there once that is stored, and is void once its end is stored. Those that are void stay
in the list until another one gets their name.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import Final

from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import AlreadyExists, NoRoom, NotAllowed, NotFound, StoreUnavailable
from loadgrpc.model import Caller, Role, Token
from loadgrpc.store import Store, StoreError, TokenRecord

MAX_TOKENS: Final = 1_000
SECRET_BYTES: Final = 32
MARK: Final = "lgt_"
"""How secrets begin, so that those who look for leaked ones find them."""


class Tokens:
    """See the module."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._records: dict[str, TokenRecord] = {}
        """By name."""
        self._names: dict[str, str] = {}
        """Names by the hash of the secret."""

    async def recall(self) -> None:
        """Reads them, when the broker starts."""
        for record in await self._store.access.tokens():
            self._keep(record)

    def all(self) -> list[Token]:
        """All of them, by name."""
        return [record.token for _, record in sorted(self._records.items())]

    def caller(self, secret: str) -> Caller:
        """The one who shows a secret.

        Raises:
            NotAllowed: it is not known, or void.
        """
        record = self._records.get(self._names.get(_digest(secret), ""))
        if record is None:
            raise NotAllowed("the token is not known here")
        token = record.token
        if why := self.void(token.name):
            raise NotAllowed(why)
        return Caller(
            name=token.name, role=token.role, token=True, expire_time_ns=token.expire_time_ns
        )

    def void(self, name: str) -> str:
        """Why a token is not valid, as a sentence; empty: it is."""
        record = self._records.get(name)
        if record is None:
            return f"there is no token {name}"
        token = record.token
        if token.revoke_time_ns is not None:
            return f"the token {name} was revoked"
        if token.expire_time_ns <= self._clock.wall_ns():
            return f"the token {name} has expired: an admin can make another one"
        return ""

    async def create(self, name: str, role: Role, expires_after_s: float) -> tuple[Token, str]:
        """A new one, and its secret.

        Raises:
            AlreadyExists: there is a valid one of its name.
            NoRoom: there are too many.
            StoreUnavailable: it could not be stored.
        """
        if name in self._records and not self.void(name):
            raise AlreadyExists(f"there is a token {name}: revoke it first")
        if name not in self._records and len(self._records) >= MAX_TOKENS:
            raise NoRoom(f"there are {MAX_TOKENS:,} tokens, void ones too: reuse their names")
        secret = MARK + secrets.token_urlsafe(SECRET_BYTES)
        now_ns = self._clock.wall_ns()
        token = Token(
            name=name,
            role=role,
            create_time_ns=now_ns,
            expire_time_ns=now_ns + round(expires_after_s * NS_PER_S),
        )
        await self._save(TokenRecord(_digest(secret), token))
        return token, secret

    async def revoke(self, name: str) -> Token:
        """Makes one void, for good.

        Raises:
            NotFound: there is none of that name.
            StoreUnavailable: it could not be stored.
        """
        record = self._records.get(name)
        if record is None:
            raise NotFound(f"no token {name!r}: `loadgrpc tokens list` has all of them")
        if record.token.revoke_time_ns is None:
            revoked = replace(record.token, revoke_time_ns=self._clock.wall_ns())
            record = TokenRecord(record.digest, revoked)
            await self._save(record)
        return record.token

    async def _save(self, record: TokenRecord) -> None:
        try:
            await self._store.access.save_token(record)
        except StoreError as error:
            raise StoreUnavailable(f"token {record.token.name} stays as it is: {error}") from error
        self._keep(record)

    def _keep(self, record: TokenRecord) -> None:
        """Keeps one; its name is that of no other secret any more."""
        name = record.token.name
        if (former := self._records.get(name)) is not None:
            self._names.pop(former.digest, None)
        self._names[record.digest] = name
        self._records[name] = record


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
