"""What was done at a broker and by whom, and what was refused: stored, bounded, without secrets.

Rule: an entry is stored within a second of the act, in the order of acts; nobody waits for that,
and no act fails by it. While the store takes no writes entries wait, up to a bound, beyond which
they are counted, and the count is an entry. What anybody can cause as often as they like, which is
refusals and connections, has one entry for many.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from loadgrpc.broker.callers import CALLER, place_of
from loadgrpc.broker.work import Guard, meanwhile
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import LoadgrpcError, StoreUnavailable
from loadgrpc.model import Audited
from loadgrpc.protocol.required import page_number
from loadgrpc.protocol.transport import Context
from loadgrpc.secrets import masked
from loadgrpc.store import Store, StoreError

MAX_AUDITED: Final = 100_000
"""Entries in the store: years of a team's acts; each has some 200 bytes."""
MAX_AUDIT_WAITING: Final = 10_000
"""Entries that wait for the store."""
MAX_CALLERS_SEEN: Final = 1_000
"""Callers, and refusals, of which it is known when they last had an entry."""
AUDIT_S: Final = 1.0
CONNECTED_S: Final = 3_600.0
REFUSED_S: Final = 60.0
MAX_AUDIT_DETAIL: Final = 512
MAX_AUDIT_PAGE: Final = 1_000
AUDIT_PAGE: Final = 100

_log = logging.getLogger(__name__)


class Audit:
    """See the module."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[Audited] = deque()
        self._lost = 0
        self._added = asyncio.Event()
        """Set while something waits for the store."""
        self._seen: OrderedDict[tuple[str, ...], int] = OrderedDict()
        """When something last had an entry, the oldest first."""

    def note(self, context: Context, did: str, what: str = "", detail: str = "") -> None:
        """The caller did something."""
        self._add(place_of(context), did, what, detail)

    def came(self, context: Context) -> None:
        """A caller called, who may have done so before."""
        caller = CALLER.get()
        host = context.peer().rpartition(":")[0]
        if caller is not None and self._is_new(("came", caller.name, host), CONNECTED_S):
            self._add(place_of(context), "connected")

    def refused(self, context: Context, method: str, error: LoadgrpcError) -> None:
        """Somebody was not allowed to call a method."""
        host = context.peer().rpartition(":")[0]
        if self._is_new(("refused", host, method, str(error)), REFUSED_S):
            address, why = place_of(context), str(error)
            _log.warning("%s may not call %s: %s", address, method, why)
            self._add(address, "was refused", method, why)

    async def list(self, limit: int, before: int | None, name: str) -> list[Audited]:
        """At most this many entries before a number, newest first.

        Raises:
            StoreUnavailable: they cannot be read.
        """
        try:
            return await self._store.access.audited(limit, before, name)
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Stores entries again and again, for as long as the context lasts, and then the rest."""
        try:
            async with meanwhile(self._watch()):
                yield
        finally:
            await self.store()

    async def _watch(self) -> None:
        guard = Guard()
        while True:
            await self._added.wait()
            await asyncio.sleep(AUDIT_S)
            with guard("storing what was done"):
                await self.store()

    async def store(self) -> None:
        """Stores what waits."""
        if not self._waiting and not self._lost:
            return
        entries = [*self._waiting]
        lost = self._lost
        if lost:
            did = f"lost {lost} entries like these"
            entries.append(Audited(time_ns=self._clock.wall_ns(), did=did))
        try:
            await self._store.access.add_audited(entries, MAX_AUDITED)
        except StoreError:
            return  # the store says so itself; it is tried again
        for _ in range(len(entries) - bool(lost)):  # others may have come meanwhile
            self._waiting.popleft()
        self._lost -= lost
        if not self._waiting and not self._lost:
            self._added.clear()

    def _add(self, address: str, did: str, what: str = "", detail: str = "") -> None:
        self._added.set()
        if len(self._waiting) >= MAX_AUDIT_WAITING:
            self._lost += 1
            return
        caller = CALLER.get()
        self._waiting.append(
            Audited(
                time_ns=self._clock.wall_ns(),
                name=caller.name if caller else "",
                role=caller.role if caller else None,
                address=address,
                did=did,
                what=what,
                detail=masked(detail)[:MAX_AUDIT_DETAIL],
            )
        )

    def _is_new(self, key: tuple[str, ...], within_s: float) -> bool:
        """Whether something has had no entry within this time; it has one now."""
        now_ns = self._clock.monotonic_ns()
        last_ns = self._seen.get(key)
        if last_ns is not None and now_ns - last_ns < within_s * NS_PER_S:
            return False
        self._seen[key] = now_ns
        self._seen.move_to_end(key)
        if len(self._seen) > MAX_CALLERS_SEEN:
            self._seen.popitem(last=False)
        return True


def page_of(page_size: int, page_token: str) -> tuple[int, int | None]:
    """How many entries are wanted, and before which number.

    Raises:
        InvalidRequest: the token is none of ours.
    """
    return min(page_size or AUDIT_PAGE, MAX_AUDIT_PAGE), page_number(page_token)
