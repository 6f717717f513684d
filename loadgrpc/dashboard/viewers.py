"""Everybody who looks at the page: asked of the broker, again and again, whether it knows them.

Rule: a token is asked about when it comes first, and whenever the answer is older than KNOWN_FOR_S;
one that was revoked gets no further after that, and what is open with it ends (`void`).
Whoever the broker does not know gets its sentence. Guesses are bounded (`guesses.py`); a token that
was known before is asked about in any case, so that nobody is locked out by others.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from loadgrpc.dashboard.guesses import Guesses
from loadgrpc.dashboard.viewer import VIEWER, Viewer
from loadgrpc.errors import LoadgrpcError, NotAllowed
from loadgrpc.model import AccessInfo

KNOWN_FOR_S: Final = 4.0
"""How old the broker's word about a token may be."""
REFUSED_S: Final = 10.0
"""How long it is remembered of a token that the broker does not know it."""
MAX_VIEWERS_KNOWN: Final = 1_000
"""As many as a broker has tokens."""
UNSEEN_AT_ONCE: Final = 8
"""Tokens not seen before that are asked about at the same time."""


@dataclass(frozen=True)
class _Asked:
    """What the broker said of a token, or is about to say."""

    asked_at: float
    answer: asyncio.Task[AccessInfo]


class Viewers:
    """See the module. `ask` asks the broker who the one is in whose request it is called."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[AccessInfo]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._guesses = Guesses(monotonic)
        self._known: OrderedDict[bytes, _Asked] = OrderedDict()
        """By the digest of the token, those that were asked about last at the end."""
        self._refused: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        """Until when it is remembered, and why."""
        self._turns = asyncio.Semaphore(UNSEEN_AT_ONCE)

    async def known(self, viewer: Viewer, fresh_s: float | None = None) -> AccessInfo:
        """Who somebody is to the broker, by an answer younger than this; None: than KNOWN_FOR_S.

        Raises:
            NotAllowed: it does not know them, or not any more.
            TurnedAway: too many wrong tokens came from there.
            LoadgrpcError: it cannot be asked.
        """
        digest, now = viewer.digest, self._monotonic()
        until, why = self._refused.get(digest, (now, ""))
        if until > now:
            raise NotAllowed(why)
        found = self._known.get(digest)
        if found is None:
            return await self._unseen(viewer, digest)
        if now - found.asked_at >= (KNOWN_FOR_S if fresh_s is None else fresh_s) or _failed(
            found.answer
        ):
            found = self._asked_again(viewer, digest)
        return await self._answer(found, digest)

    async def _unseen(self, viewer: Viewer, digest: bytes) -> AccessInfo:
        """The same, of somebody who was not there before."""
        async with self._turns:
            self._guesses.check(viewer.address)
            try:
                return await self._answer(self._asked_again(viewer, digest), digest)
            except LoadgrpcError as error:
                self._known.pop(digest, None)  # of this one nothing is known yet
                if isinstance(error, NotAllowed):
                    self._guesses.wrong(viewer.address)
                raise

    def _asked_again(self, viewer: Viewer, digest: bytes) -> _Asked:
        """Asks the broker, once for all who wait for it."""

        async def asking() -> AccessInfo:
            VIEWER.set(viewer)  # of this task alone
            access = await self._ask()
            if access.caller is None:
                raise NotAllowed(
                    "the broker does not ask for tokens any more: start the page again"
                )
            return access

        found = _Asked(self._monotonic(), asyncio.ensure_future(asking()))
        found.answer.add_done_callback(_looked_at)
        self._known[digest] = found
        self._known.move_to_end(digest)
        if len(self._known) > MAX_VIEWERS_KNOWN:
            self._known.popitem(last=False)
        return found

    async def _answer(self, known: _Asked, digest: bytes) -> AccessInfo:
        try:
            return await asyncio.shield(known.answer)
        except NotAllowed as error:
            self._refused[digest] = (self._monotonic() + REFUSED_S, str(error))
            self._refused.move_to_end(digest)
            if len(self._refused) > MAX_VIEWERS_KNOWN:
                self._refused.popitem(last=False)
            self._known.pop(digest, None)
            raise

    async def void(self, viewer: Viewer) -> LoadgrpcError:
        """Waits until the broker does not know somebody any more, or cannot be asked; why."""
        while True:
            await asyncio.sleep(KNOWN_FOR_S)
            try:
                await self.known(viewer)
            except LoadgrpcError as error:
                return error


def _looked_at(task: asyncio.Task[AccessInfo]) -> None:
    """Whoever waited for an answer may have gone: an error is no news of the loop then."""
    if not task.cancelled():
        task.exception()


def _failed(task: asyncio.Task[AccessInfo]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
