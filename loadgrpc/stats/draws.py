"""Random numbers that follow from a seed and from what they are drawn for.

Rule: pure. The same seed and the same whole numbers make the same draw, in every process, on every
machine and in every version of Python; nothing is remembered from one draw to the next.
"""

from __future__ import annotations

import hashlib
from struct import pack


def seed_of(text: str) -> int:
    """The seed that a text stands for: a number of 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def draw(seed: int, *what: int) -> int:
    """A number of 64 bits, each equally likely, for what it is drawn for.

    `seed` and `what` are from 0 to 2^64 - 1.
    """
    packed = pack(f"<{1 + len(what)}Q", seed, *what)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest())


def shuffled(size: int, seed: int, *what: int) -> list[int]:
    """The numbers from 0 to `size` - 1 in an order that is drawn, each order equally likely."""
    return sorted(range(size), key=lambda each: draw(seed, *what, each))
