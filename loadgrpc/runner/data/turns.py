"""Which row is whose turn: from who a user is, and how many rows it has taken, to a number.

    unique    the user's index in its cycle, however often it asks
    in turn   the index, then as many on as the cycle has users: all users of all agents together
              go through the file from its beginning to its end
    once      the same over all cycles of the run: those of later cycles come behind those of
              earlier ones, so that no number comes twice
    random    a hash of the seed and of all that says which draw this is

Rule: pure. A number beyond the last row means that the file has ended; what follows from that is
not decided here. No two users have a number in common, and without gaps in what users take there
are none in the numbers, except where a user takes fewer than another.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from loadgrpc.model import DataMode


class Seat(NamedTuple):
    """Who a user is among those who share a file."""

    place: int = 0
    """Among the users of its cycle and scenario on all agents, from 0."""
    users: int = 1
    """How many these are."""
    before: int = 0
    """Users of the cycles before, on all agents."""
    ever: int = 1
    """Users of all cycles, on all agents."""


def number(mode: DataMode, seat: Seat, taken: int, rows: int, seed: str) -> int:
    """The number, from 0, of the row for a user who has `taken` some already; see the module."""
    if mode is DataMode.UNIQUE:
        return seat.place
    if mode is DataMode.IN_TURN:
        return seat.place + taken * seat.users
    if mode is DataMode.ONCE:
        return seat.before + seat.place + taken * seat.ever
    what = f"{seed}/{seat.before + seat.place}/{taken}"
    drawn = hashlib.blake2b(what.encode(), digest_size=8).digest()
    return int.from_bytes(drawn) * rows >> 64
