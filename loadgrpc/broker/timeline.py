"""Timelines beyond what is in memory: windows are stored as they leave, and read together.

Rule: a window is in memory until it is stored, so that every reader finds it in one of the two. The
stored batches are the truth: a broker that continues a run reads them again, and makes its windows
of them. A run that is over has all its windows in the store before its result is.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Final

from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.store_watch import StoreWatch
from loadgrpc.broker.windows import shown_window
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    TimelinePage,
    TimelineQuery,
    TimelineWindow,
)
from loadgrpc.protocol.bounds import MAX_ANSWER_BYTES
from loadgrpc.protocol.required import page_number
from loadgrpc.stats.rows import Bucket, Row, buckets, fitting
from loadgrpc.stats.timeline import FIRST_NUMBER, Timeline
from loadgrpc.stats.window import Window
from loadgrpc.store import Store, StoredWindow, StoreError

MAX_WINDOWS: Final = 1_000
"""Of a page."""
WRITTEN_ROWS: Final = 64
"""Rows that are stored in one transaction: what is reported meanwhile does not wait for long."""
READ_ROWS: Final = 32
"""Rows that are read at once."""
ROWS_A_TURN: Final = 8
"""Rows that are merged without a turn for others: each takes about a millisecond."""
WINDOW_BYTES: Final = 400
SERIES_BYTES: Final = 300
RULE_BYTES: Final = 450
COUNT_BYTES: Final = 6
"""What a window, and a series, a rule or a count of it, take in an answer at most, besides their
texts."""


class Timelines:
    """See the module."""

    def __init__(self, store: Store, store_watch: StoreWatch) -> None:
        self._store = store
        self._store_watch = store_watch
        self._writing: dict[str, asyncio.Lock] = {}
        self._dropped: dict[str, dict[int, int]] = {}
        """By run and length: which rows were dropped, those that started before that second."""

    def leaves(self, run: ActiveRun) -> bool:
        """Whether rows of a run wait to be stored, and nothing is storing them."""
        writing = self._writing.get(run.run.attempt_id)
        return bool(run.aggregate.timeline.leaving) and not (writing and writing.locked())

    async def keep(self, run: ActiveRun) -> None:
        """Stores what leaves memory of an active run.

        Raises:
            StoreError: the store failed; it stays in memory.
        """
        run_id, timeline = run.run.attempt_id, run.aggregate.timeline
        async with self._writing.setdefault(run_id, asyncio.Lock()):
            while rows := list(timeline.leaving.values())[:WRITTEN_ROWS]:
                kept = dict(timeline.kept_from_s)
                before = self._dropped.get(run_id, {})
                dropped = {each: of for each, of in kept.items() if of > before.get(each, 0)}
                windows = [StoredWindow(*row[:3], _sealed(row)) for row in rows]
                await self._store.save_windows(run_id, windows, dropped)
                self._dropped[run_id] = kept
                timeline.stored([row.number for row in rows])

    async def keep_if_possible(self, run: ActiveRun) -> None:
        """As `keep`; what cannot be stored now stays in memory."""
        with suppress(StoreError):
            await self.keep(run)

    async def finish(self, run: ActiveRun) -> None:
        """Stores all windows of a run that is over.

        Raises:
            StoreError: the store failed; it may be tried again.
        """
        run.aggregate.timeline.end()
        await self.keep(run)
        self.forget(run.run.attempt_id)

    async def begin_again(self, run_id: str) -> None:
        """Drops the windows of a run that is read again from its batches."""
        await self._store.drop_windows(run_id)

    def forget(self, run_id: str) -> None:
        """A run is over."""
        self._writing.pop(run_id, None)
        self._dropped.pop(run_id, None)

    async def page(
        self, query: TimelineQuery, find: Callable[[str], ActiveRun | None]
    ) -> TimelinePage:
        """Some windows of a run; `find` knows the runs that are not over.

        Raises:
            InvalidRequest: the token is none of ours.
            StoreError: the store cannot be read.
        """
        first_s = page_number(query.page_token) or 0
        resolution_s = fitting(query.resolution_s)
        run = find(query.run_id)
        timeline = run.aggregate.timeline if run is not None else None
        wanted = [
            bucket
            for bucket in buckets(await self._rows(query.run_id, timeline), resolution_s)
            if bucket.start_s >= first_s and _wanted(bucket, query)
        ]
        closed_s = timeline.closed_s if timeline is not None and not timeline.over else None
        limit = min(query.page_size or MAX_WINDOWS, MAX_WINDOWS)
        windows: list[TimelineWindow] = []
        size = 0
        next_token = ""
        async with aclosing(self._merged(query.run_id, wanted)) as merged:
            async for window in merged:
                closed = closed_s is None or window.end_s <= closed_s
                shown = shown_window(
                    window,
                    query.names,
                    series=query.series,
                    closed=closed,
                    distribution=query.distribution,
                    by_name=query.by_name,
                )
                size += _size_of(shown)
                if windows and (len(windows) == limit or size > MAX_ANSWER_BYTES):
                    next_token = str(window.start_s)
                    break
                windows.append(shown)
        return TimelinePage(
            windows=tuple(windows), resolution_s=resolution_s, next_token=next_token
        )

    async def closed(
        self,
        run_id: str,
        run: ActiveRun | None,
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> AsyncGenerator[Window]:
        """The windows of a run that are closed, as fine as they are kept.

        Args:
            run_id: The attempt.
            run: The run, if it is not over.
            from_ns: No window that begins before this (wall clock); None: from the beginning.
            to_ns: No window that ends after this; None: to the end.

        Raises:
            StoreError: the store cannot be read.
        """
        timeline = run.aggregate.timeline if run is not None else None
        wanted = buckets(await self._rows(run_id, timeline), 1)
        if timeline is not None and not timeline.over:
            closed_s = timeline.closed_s
            wanted = [each for each in wanted if each.end_s <= closed_s]
        if from_ns is not None:
            wanted = [each for each in wanted if each.start_s * NS_PER_S >= from_ns]
        if to_ns is not None:
            wanted = [each for each in wanted if each.end_s * NS_PER_S <= to_ns]
        async with aclosing(self._merged(run_id, wanted)) as merged:
            async for window in merged:
                yield window

    async def _rows(self, run_id: str, timeline: Timeline | None) -> list[Row]:
        """All rows of a run, those in the store without their windows."""
        # What is in memory first: what is stored meanwhile has a number, and is not taken twice.
        held = timeline.rows() if timeline is not None else []
        known = {row.number for row in held if row.number}
        next_number = timeline.next_number if timeline is not None else None
        kept_from_s = dict(timeline.kept_from_s) if timeline is not None else {}
        stored = []
        if next_number != FIRST_NUMBER:  # else all is in memory, and the store may be away
            stored = [
                Row(row.number, row.length_s, row.start_s, None)
                for row in await self._store_watch.read(self._store.windows(run_id))
                if row.number not in known and (next_number is None or row.number < next_number)
            ]
        rows = [*stored, *held]
        return [row for row in rows if row.start_s >= kept_from_s.get(row.length_s, row.start_s)]

    async def _merged(self, run_id: str, wanted: Sequence[Bucket]) -> AsyncGenerator[Window]:
        """The windows of some buckets, read piece by piece; others have their turn meanwhile."""
        read: dict[int, bytes] = {}
        merged = 0
        for at, bucket in enumerate(wanted):
            if any(row.window is None and row.number not in read for row in bucket.rows):
                reading = self._store.sealed_windows(run_id, _next_rows(wanted, at))
                read = await self._store_watch.read(reading)
            rows = [
                row if row.window is not None else row._replace(window=read[row.number])
                for row in bucket.rows
                if row.window is not None or row.number in read
            ]
            merged += len(rows)
            if merged >= ROWS_A_TURN:
                await asyncio.sleep(0)
                merged = 0
            yield bucket._replace(rows=rows).window()


def _next_rows(wanted: Sequence[Bucket], at: int) -> list[int]:
    """Rows to be read at once: those of the bucket at a place, and of some that follow."""
    numbers: list[int] = []
    for bucket in itertools.islice(wanted, at, None):
        numbers += [row.number for row in bucket.rows if row.window is None]
        if len(numbers) >= READ_ROWS:
            break
    return numbers


def _wanted(bucket: Bucket, query: TimelineQuery) -> bool:
    return (query.from_ns is None or bucket.end_s * NS_PER_S > query.from_ns) and (
        query.to_ns is None or bucket.start_s * NS_PER_S < query.to_ns
    )


def _sealed(row: Row) -> bytes:
    assert isinstance(row.window, bytes)  # noqa: S101 - what leaves is sealed
    return row.window


def _size_of(window: TimelineWindow) -> int:
    """Bytes of a window in an answer, about; never less."""
    texts = sum(
        4 * (len(each.scenario) + len(each.name) + len(each.method) + len(each.protocol))
        + sum(len(name) + 4 * len(value) + 8 for name, value in each.tags)
        for each in window.series
    )
    texts += sum(4 * (len(each.scenario) + len(each.case)) for each in window.cases)
    measured = [each for kind in vars(window.measures).values() for each in kind]
    texts += sum(4 * (len(each.scenario) + len(each.name)) for each in measured)
    lists = SERIES_BYTES * (len(window.series) + len(measured)) + RULE_BYTES * len(window.cases)
    if window.distribution is not None:
        lists += COUNT_BYTES * len(window.distribution.counts)
    return WINDOW_BYTES + lists + texts
