"""Notifications on their way: each observer of each run has a lane of its own.

Rule: what is to be delivered is in the store before anybody knows of it, and how it went is stored
when it is known: after a restart what is pending is delivered, possibly a second time. In a lane
one notification follows the other; lanes do not wait for each other, and no run waits for any.
What fails is tried again for some minutes, and then given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from loadgrpc.broker import tries
from loadgrpc.broker.notices import notice_of
from loadgrpc.broker.observing import Observing
from loadgrpc.broker.records import change_from_record, run_of
from loadgrpc.broker.tries import TryResult
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.model import Notification, NotificationState, hyphened
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, kept_chars
from loadgrpc.protocol.summary import summary_from_proto
from loadgrpc.store import Store, StoreError
from loadgrpc.v1 import run_pb2

WAITS_S: Final = (1.0, 5.0, 20.0, 60.0, 180.0)
"""Pauses between tries: a receiver that restarts is back by then, and nobody is flooded."""
MAX_AGE_S: Final = 86_400.0
"""What is older than that when a broker starts is no news any more, and given up."""
MAX_PROCESSES: Final = 16
"""Tries at the same time; further ones wait for their turn."""
MAX_QUEUED: Final = 1_000
"""Notifications in memory; further ones stay in the store until there is room."""
STORE_WAIT_S: Final = 5.0
"""Before a store that could not be read is asked again."""
CLOSE_S: Final = 1.0
"""How long tries may go on when the broker ends; what is not delivered then is tried later."""

Lane = tuple[str, str]
"""The id of a run, and what an observer is called there."""

_log = logging.getLogger(__name__)


class Notifier:
    """See the module. `attempt` makes a try, as `tries.attempt` does."""

    def __init__(
        self,
        store: Store,
        observing: Observing,
        clock: Clock,
        *,
        attempt: Callable[[Mapping[str, Any]], Awaitable[TryResult]] = tries.attempt,
        waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self._store = store
        self._observing = observing
        self._clock = clock
        self._attempt = attempt
        self._waits_s = waits_s
        self._lanes: dict[Lane, deque[Notification]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queued = 0
        self._more = False
        """Whether the store may have pending ones that are not queued."""
        self._recalling = False
        self._done: set[tuple[str, str, int]] = set()
        """What is over since the store was asked for what is pending."""
        self._places = asyncio.Semaphore(MAX_PROCESSES)
        self._closing = asyncio.Event()
        self.broker = ""
        """Where clients reach it, for what people are to type. Empty: its runs are not kept."""

    async def start(self) -> None:
        """Goes on with what an earlier broker has left pending.

        Raises:
            StoreError: the store cannot be read.
        """
        await self._recall()

    async def close(self) -> None:
        """Makes no more tries; those that are under way may end within CLOSE_S."""
        self._closing.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def add(self, run_id: str, notifications: Iterable[Notification]) -> None:
        """These are stored, and to be delivered."""
        for each in notifications:
            if self._queued >= MAX_QUEUED or self._closing.is_set():
                self._more = True
                continue
            lane = run_id, each.observer
            self._queued += 1
            if lane in self._lanes:
                self._lanes[lane].append(each)
                continue
            self._lanes[lane] = deque([each])
            task = asyncio.create_task(self._live(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _recall(self) -> None:
        """Queues what is pending in the store, as far as there is room."""
        self._recalling = True
        try:
            pending = await self._store.pending_notifications(MAX_QUEUED)
        finally:
            self._recalling = False
        self._more = len(pending) == MAX_QUEUED
        known = self._done | {
            (*lane, each.change) for lane, queue in self._lanes.items() for each in queue
        }
        self._done.clear()
        for run_id, each in pending:
            if (run_id, each.observer, each.change) not in known:
                self.add(run_id, [each])

    async def _live(self, lane: Lane) -> None:
        """Delivers what is in a lane, one after the other, until it is empty."""
        run_id, observer = lane
        queue = self._lanes[lane]
        try:
            while queue and not self._closing.is_set():
                await self._deliver(run_id, queue[0])
                self._queued -= 1
                done = queue.popleft()
                if self._recalling:
                    self._done.add((run_id, observer, done.change))
        except StoreError as error:
            _log.warning("run %s: how notifying %s went is not stored: %s", run_id, observer, error)
        except Exception:  # noqa: BLE001 - logged; what is in the lane stays in the store
            _log.exception("run %s: a defect in notifying %s", run_id, observer)
        finally:
            self._queued -= len(queue)
            del self._lanes[lane]
        room = self._more and self._queued <= MAX_QUEUED // 2
        if room and not (self._recalling or self._closing.is_set()):
            with suppress(StoreError):
                await self._recall()

    async def _deliver(self, run_id: str, notification: Notification) -> None:
        """Tries until it is delivered or given up, or the broker ends."""
        now = replace(notification, tries=0, reason="")
        while True:
            outcome = await self._try(run_id, now)
            if outcome is None:
                return
            now = replace(
                now,
                tries=now.tries + 1,
                reason=kept_chars(outcome.reason, MAX_REASON_CHARS),
                time_ns=self._clock.wall_ns(),
            )
            given_up = outcome.final or now.tries > len(self._waits_s)
            if outcome.delivered:
                now = replace(now, state=NotificationState.DELIVERED)
            elif given_up:
                now = replace(now, state=NotificationState.GIVEN_UP)
            self._note(run_id, now, outcome)
            await self._store.save_notification(run_id, now)
            if outcome.delivered or given_up:
                return
            if await self._closed_within(self._waits_s[now.tries - 1]):
                return

    async def _try(self, run_id: str, notification: Notification) -> TryResult | None:
        """How a try went; None: the run is no more, or the broker ends."""
        while True:
            try:
                facts = await self._facts(run_id, notification)
                break
            except StoreError as error:
                _log.info("run %s: notifying waits for the store: %s", run_id, error)
            if await self._closed_within(STORE_WAIT_S):
                return None
        if facts is None:
            return None
        if isinstance(facts, str):
            return TryResult(outcome="refused", reason=facts)
        async with self._places:
            return None if self._closing.is_set() else await self._attempt(facts)

    async def _facts(
        self, run_id: str, notification: Notification
    ) -> Mapping[str, Any] | str | None:
        """What a try is given; why none is made; or None: the run was deleted."""
        record = await self._store.get_run(run_id)
        if record is None:
            return None
        run = run_of(record)
        asked = self._observing.asked(run.plan, notification.observer)
        if asked is None:
            return "this broker does not run it any more"
        if self._clock.wall_ns() - notification.time_ns > MAX_AGE_S * NS_PER_S:
            return "it is older than a day"
        found = [
            change_from_record(each)
            for each in await self._store.changes(run_id)
            if each.sequence == notification.change
        ]
        if not found:
            return "the store has no such change of the run"
        summary = (
            summary_from_proto(run_pb2.RunSummary.FromString(record.summary))
            if record.summary is not None
            else None
        )
        notice = notice_of(run, found[0], notification.event, summary, self.broker)
        return {**asked, "notice": notice.as_json()}

    async def _closed_within(self, seconds: float) -> bool:
        """Waits; whether the broker ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def _note(self, run_id: str, now: Notification, outcome: TryResult) -> None:
        """Logs how a try went."""
        what = hyphened(now.event.name)
        fields = {"run_id": run_id}
        if now.state is NotificationState.DELIVERED:
            _log.info("run %s: %s was notified of %s", run_id, now.observer, what, extra=fields)
            return
        given_up = now.state is NotificationState.GIVEN_UP
        _log.warning(
            "run %s: %s could not be notified of %s (try %d%s): %s",
            run_id,
            now.observer,
            what,
            now.tries,
            ", given up" if given_up else "",
            now.reason,
            extra=fields,
        )
        if outcome.traceback:
            _log.info("run %s: %s: %s", run_id, now.observer, outcome.traceback, extra=fields)
