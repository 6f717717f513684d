"""One stream of a runner at the relay: the answers that wait to be sent on it.

Rule: a runner that does not read its answers is not read from, and given up when that does not
help: what waits for it is bounded.
"""

from __future__ import annotations

import asyncio
from typing import Final

MOST_ANSWERS: Final = 1_000
"""Answers that may wait on a stream before reading from it stops; at twice as many it is closed."""


class RunnerStream:
    """One stream of the runner; `answers` is read by the servicer."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._freed = asyncio.Event()
        self._acking = False
        """Whether a None waits."""
        self.closed = False
        """The source was opened here when its part was over."""
        self.last = 0
        """The last number that came here."""
        self.told: tuple[int, int] | None = (0, 0)
        """What was acked of these."""
        self.finishing = False
        """`finish` came here and was not answered."""

    def put(self, answer: bytes | Exception | None) -> None:
        """Queues an answer. None: there may be an ack to send; one such note is enough."""
        if answer is None:
            if self._acking:
                return
            self._acking = True
        self._answers.put_nowait(answer)

    async def take(self) -> bytes | Exception | None:
        """The next answer."""
        answer = await self._answers.get()
        if answer is None:
            self._acking = False
        self._freed.set()
        return answer

    @property
    def empty(self) -> bool:
        """Whether no answer waits."""
        return self._answers.empty()

    async def room(self) -> None:
        """Waits while too many answers wait: a peer that does not read is not read from."""
        while self._answers.qsize() >= MOST_ANSWERS:
            self._freed.clear()
            await self._freed.wait()

    @property
    def deaf(self) -> bool:
        """Whether too many wait for more to be kept."""
        return self._answers.qsize() >= 2 * MOST_ANSWERS
