"""How much of a text is kept, and texts that can be sent.

Rule: a text is cut before it is kept, not when it is sent: a test may produce megabytes of them.
"""

from __future__ import annotations

from typing import Final

from loadgrpc.protocol.short_names import HASH_CHARS, short_hash

NAME_BYTES: Final = 1024
"""Kept of names, methods and exception types."""
MESSAGE_BYTES: Final = 4 * 1024
TRACEBACK_BYTES: Final = 16 * 1024
URL_BYTES: Final = 8 * 1024


def bounded(text: str, limit: int) -> str:
    """The beginning of a text, as UTF-8 can carry it, in at most `limit` bytes of that."""
    # Of a subclass of str this takes the characters and none of its methods. Lone surrogates
    # come from undecodable file names.
    raw = str.__getitem__(text, slice(limit)).encode("utf-8", "replace")
    return raw[:limit].decode("utf-8", "ignore")


def name(text: str) -> str:
    """A name; one that is too long ends in a hash of the whole.

    So names that differ only in what is cut stay apart.
    """
    kept = bounded(text, NAME_BYTES)
    if len(text) <= len(kept):
        return kept
    # As above, of the characters; a lone surrogate counts as what it is.
    whole = str.__getitem__(text, slice(None))
    return f"{bounded(text, NAME_BYTES - HASH_CHARS - 1)}~{short_hash(whole)}"


def without_middle(text: str, limit: int) -> str:
    """The same of a text of which the end matters as much as the beginning."""
    if len(text) > limit:
        half = limit // 2 - 32  # room for the line that says so
        text = f"{text[:half]}\n[... {len(text) - 2 * half} characters ...]\n{text[-half:]}"
    return bounded(text, limit)
