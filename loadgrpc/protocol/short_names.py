"""Names as they are kept: those that are too long end in a hash, so that they stay apart."""

from __future__ import annotations

import hashlib
from typing import Final

from loadgrpc.protocol.bound import MAX_NAME_CHARS

HASH_CHARS: Final = 8


def short_name(name: str, most: int = MAX_NAME_CHARS) -> str:
    """A name as it is kept: one that is too long ends in a hash, so that it stays apart."""
    if len(name) <= most:
        return name
    return f"{name[: most - HASH_CHARS - 1]}~{short_hash(name)}"


def short_hash(name: str) -> str:
    """The suffix that keeps names distinct that are cut."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:HASH_CHARS]
