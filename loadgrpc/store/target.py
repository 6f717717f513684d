"""What `--store` may name, read without opening it.

    PATH, sqlite:///PATH    a file
    :memory:                nothing that lasts
    postgresql://…          a database of PostgreSQL

Rule: pure; and what is shown of a target holds no password.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from loadgrpc.store.error import StoreError

MEMORY: Final = ":memory:"

_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql", "postgres")
_KNOWN: Final = f"give a file, {_SQLITE}FILE, postgresql://HOST/DATABASE or {MEMORY}"

_ESCAPE: Final = (
    "give postgresql://USER@HOST:PORT/DATABASE, the password in PGPASSWORD or in the file of"
    " PGPASSFILE; within a URL each of its : / ? # @ % is percent-encoded, / as %2F"
)


@dataclass(frozen=True)
class Target:
    """Where a store is; `path` or `url` is set, or neither: memory."""

    name: str
    """What may be shown of it."""
    path: Path | None = None
    url: str = ""


def parse_target(text: str) -> Target:
    """What a target means.

    Raises:
        StoreError: it names no store.
    """
    if text.startswith(_SQLITE):
        text = text.removeprefix(_SQLITE)
        if "?" in text:
            raise StoreError(f"a store's URL takes no parameters: {_SQLITE}{text}")
    elif "://" in text:
        return _parse_url(text)
    if not text:
        raise StoreError(f"no store is named: {_KNOWN}")
    return Target(text) if text == MEMORY else Target(text, path=Path(text))


def _parse_url(text: str) -> Target:
    scheme, _, rest = text.partition("://")
    if scheme not in _POSTGRESQL:  # and not the whole: it may hold a password
        raise StoreError(f"no store can be opened at {scheme}://…: {_KNOWN}")
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # which says what it found there: it may be a piece of the password
        raise StoreError(f"{scheme}://… is not the URL of a database: {_ESCAPE}") from None
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise StoreError(f"{scheme}://… is not the URL of a database: {_ESCAPE}")
    if not parts.path.strip("/"):
        raise StoreError(f"no database is named: give {scheme}://HOST/DATABASE")
    user = f"{parts.username}@" if parts.username else ""
    name = f"postgresql://{user}{parts.hostname or ''}{port}{parts.path}"
    return Target(name, url=f"postgresql://{rest}")
