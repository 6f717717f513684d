"""Live: a run is watched once for all who look at it; nobody misses a change, and none waits."""

import asyncio
import time

import pytest

from loadgrpc.clock import SystemClock
from loadgrpc.dashboard import shared_watch
from loadgrpc.dashboard.shared_watch import SharedWatches
from loadgrpc.errors import Unavailable
from loadgrpc.model import StopMode
from loadgrpc.v1 import control_pb2


def sequences(messages):
    """The numbers of the changes among messages."""
    return [int(id_) for id_, _, document in messages if document.get("change")]


async def read(page, run_id, **more):
    """All messages of a stream to its end."""
    async with page.watch(run_id, **more) as messages:
        return [each async for each in messages]


def test_a_run_that_is_over_has_all_its_changes(at_page, ended):
    """From any number on each later change comes once, then the end is said."""

    async def use(desk, page):
        run = await ended(desk)
        log = (await page.get(f"/api/runs/{run.run_id}/changes"))["changes"]
        for after in range(len(log) + 1):
            for how in ({"after": after}, {"last_event_id": after}):
                found = await read(page, run.run_id, **how)
                told = [document["change"] for *_, document in found[:-1]]
                assert told == log[after:]
                assert found[-1][1:] == ("end", {})
        (first, last) = await read(page, run.run_id)
        assert first[2]["run"] == await page.get(f"/api/runs/{run.run_id}")
        assert last[1] == "end"
        (refused,) = await read(page, run.run_id, after=len(log) + 1)
        assert refused[1] == "trouble"
        assert refused[2]["fields"][0]["field"] == "after"

    at_page(use)


def test_a_viewer_sees_a_run_to_its_end(at_page, active):
    """It begins with the run as it is, gets figures and changes, and is told of the end."""

    async def use(desk, page):
        run, runner = await active(desk)
        async with page.watch(run.run_id) as messages:
            first = await anext(messages)
            assert first[2]["run"]["state"] == "RUN_STATE_RUNNING"
            assert (await anext(messages))[2]["progress"]["hits"] == "0"
            await page.client.add_note(run.run_id, "cache off")
            await runner.publish(3, first=1)
            await runner.ends()
            later = [each async for each in messages]
        assert [each[1] for each in later if each[1]] == ["end"]
        changes = [each[2]["change"] for each in later if each[2].get("change")]
        assert changes[0]["reason"] == "cache off"
        assert changes[-1]["state"] == "RUN_STATE_FINISHED"
        assert [each[2]["progress"]["hits"] for each in later if each[2].get("progress")][-1] == "3"

    at_page(use)


def test_a_viewer_that_slept_comes_back_complete(at_page, active):
    """It says what it saw last, and gets each change since, once, whoever looked meanwhile."""

    async def use(desk, page):
        run, runner = await active(desk)
        seen = []
        async with page.watch(run.run_id, after=0) as messages:
            async for each in messages:
                seen.append(each)
                if each[2].get("progress"):
                    break
        for at in range(5):
            await page.client.add_note(run.run_id, f"note {at}")
        await runner.ends()
        seen += await read(page, run.run_id, last_event_id=seen[-1][0])
        log = (await page.get(f"/api/runs/{run.run_id}/changes"))["changes"]
        assert sequences(seen) == list(range(1, len(log) + 1))

    at_page(use)


def test_a_run_is_watched_once(at_page, active):
    """Twenty viewers cost the broker one watch; when all have left, none."""

    async def use(desk, page):
        run, _ = await active(desk)
        live = desk.broker.live_run(run.run_id)
        async with asyncio.TaskGroup() as group:
            ready = asyncio.Barrier(21)

            async def look():
                async with page.watch(run.run_id) as messages:
                    await anext(messages)
                    await ready.wait()
                    await ready.wait()

            for _ in range(20):
                group.create_task(look())
            await ready.wait()
            assert page.reading.watches.viewers == 20
            assert len(live.watchers) == 1
            await ready.wait()
        async with asyncio.timeout(10):
            while page.reading.watches.viewers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    at_page(use)


def test_there_are_not_too_many_viewers(at_page, active, monkeypatch):
    """Beyond the bound a page is told so, and the others stay."""
    monkeypatch.setattr(shared_watch, "MAX_VIEWERS", 1)

    async def use(desk, page):
        run, _ = await active(desk)
        async with page.watch(run.run_id) as messages:
            await anext(messages)
            refused = await page.get(f"/api/runs/{run.run_id}/watch", http=503)
            assert refused["reason"] == "TOO_MANY_VIEWERS"

    at_page(use)


@pytest.mark.parametrize("viewers", [1, 20])
def test_a_hit_is_shown_soon(at_page, active, viewers):
    """From the moment at which the broker has it, it is with each viewer within two seconds."""

    async def use(desk, page):
        run, runner = await active(desk)
        ready = asyncio.Barrier(viewers + 1)

        async def look():
            async with page.watch(run.run_id) as messages:
                await anext(messages)
                await ready.wait()
                async for *_, document in messages:
                    if (document.get("progress") or {}).get("hits") == "7":
                        return time.monotonic()
            return None

        looking = [asyncio.create_task(look()) for _ in range(viewers)]
        await ready.wait()
        began = time.monotonic()
        await runner.publish(7, first=1)
        assert max(await asyncio.gather(*looking)) - began < 4.0  # 1.1 where nothing else runs

    at_page(use, clock=SystemClock())


class Script:
    """A broker that sends what it is given, to one who watches."""

    def __init__(self):
        self.queue = asyncio.Queue()
        self.watches = 0

    async def watch(self, _):
        """See RawCalls."""
        self.watches += 1
        while (each := await self.queue.get()) is not None:
            if isinstance(each, Exception):
                raise each
            yield each

    def change(self, number, **more):
        """A change happens."""
        change = control_pb2.Change(sequence=number, **more)
        self.queue.put_nowait(control_pb2.WatchRunResponse(sequence=number, change=change))

    def window(self, number, start):
        """A window closes."""
        window = control_pb2.TimelineWindow()
        window.start.seconds = start
        window.series.add(name="/" * 1_000)
        self.queue.put_nowait(control_pb2.WatchRunResponse(sequence=number, window=window))

    def figures(self, number, hits):
        """Figures come."""
        progress = control_pb2.RunProgress(hits=hits)
        self.queue.put_nowait(control_pb2.WatchRunResponse(sequence=number, progress=progress))


async def turns(count=20):
    """Lets others have their turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_slow_viewer_has_no_queue():
    """It misses figures and windows, and learns from where on; it never misses a change."""

    async def main():
        script = Script()
        watches = SharedWatches(script)
        slow = watches.view("r", 0)
        script.change(1)
        script.figures(1, 0)
        assert b'"sequence":"1"' in await anext(slow)
        kept = shared_watch.WINDOWS
        for at in range(500):
            script.change(2 + at)
            script.window(2 + at, 1_000 + at)
            script.figures(2 + at, at)
        await turns(10)
        (watch,) = watches._watches.values()
        async with asyncio.timeout(10):
            while len(watch._changes) < 501:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert len(watch._windows) == kept
        script.queue.put_nowait(None)
        later = [each async for each in slow]
        changes = [each for each in later if b'"change":{' in each]
        assert [each.split(b"\n")[0] for each in changes] == [
            f"id: {number}".encode() for number in range(2, 502)
        ]
        (gap,) = [each for each in later if each.startswith(b"event: gap")]
        assert b'"from":"1970-01-01T00:24:00Z"' in gap  # 1_000 + 500 - 60 seconds
        windows = [each for each in later if b'"window":{' in each]
        assert len(windows) == kept
        assert b"////" not in windows[0]
        figures = [each for each in later if b'"progress":{' in each]
        assert len(figures) == 1
        assert b'"hits":"499"' in figures[0]
        assert later[-1] == b"event: end\ndata: {}\n\n"

    asyncio.run(main())


def test_a_stream_that_breaks_is_said_to():
    """Each viewer gets the error; the next one begins another watch."""

    async def main():
        script = Script()
        watches = SharedWatches(script)
        script.change(1)
        script.queue.put_nowait(Unavailable("the broker is going away"))
        for _ in range(2):
            (*_, last) = [each async for each in watches.view("r", 0)]
            assert last.startswith(b"event: trouble\n")
            assert b"the broker is going away" in last
            script.queue.put_nowait(Unavailable("the broker is going away"))
        assert script.watches == 2
        assert watches.viewers == 0
        watches.close()

    asyncio.run(main())


def test_nothing_is_watched_for_nobody(monkeypatch):
    """A moment after the last viewer has left, the watch ends; one that comes back keeps it."""
    monkeypatch.setattr(shared_watch, "LINGER_S", 0.01)

    async def main():
        script = Script()
        watches = SharedWatches(script)
        script.figures(0, 1)
        for _ in range(2):
            view = watches.view("r", 0)
            await anext(view)
            await view.aclose()
        assert script.watches == 1
        assert watches.looked_at
        async with asyncio.timeout(10):
            while watches._watches:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_quiet_stream_is_kept_open(monkeypatch):
    """Where nothing happens a comment comes now and again, for whatever is in between."""
    monkeypatch.setattr(shared_watch, "QUIET_S", 0.01)

    async def main():
        script = Script()
        view = SharedWatches(script).view("r", 0)
        script.figures(0, 1)
        assert b'"hits":"1"' in await anext(view)
        assert await anext(view) == b": \n\n"
        await view.aclose()

    asyncio.run(main())


def test_a_stop_of_the_page_ends_its_streams(at_page, active):
    """A page that goes away does not wait for those who look at it."""

    async def use(desk, page):
        run, _ = await active(desk)
        async with page.watch(run.run_id) as messages:
            await anext(messages)
            page.reading.watches.close()
            last = [each async for each in messages][-1]
        assert (last[1], last[2]["reason"]) == ("trouble", "UNAVAILABLE")
        await desk.broker.stop_run(run.run_id, StopMode.KILL)

    at_page(use)
