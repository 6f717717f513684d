"""Following a run, and what the first, the second and the third signal do."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.cli.follow import follow, patiently
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.model import News, RunState, StopMode


class Notes:
    """A display that keeps what it is told."""

    def __init__(self):
        self.news, self.notices, self.draws = [], [], 0

    def update(self, news):
        self.news.append(news)

    def notice(self, text):
        self.notices.append(text)

    def draw(self):
        self.draws += 1

    def close(self):
        pass


@pytest.fixture
def endless(client, run):
    """A run that only a stop ends."""
    client.updates = [run, replace(run, state=RunState.STOPPED)]
    return client


def following(client, run, *signals, redraw_s=0.01, **options):
    """Follow the run; each signal comes when everything else has settled."""
    notes = Notes()

    async def go():
        with Interrupts() as interrupts:

            async def send():
                for number in signals:
                    await asyncio.sleep(0.05)
                    os.kill(os.getpid(), number)

            sending = asyncio.create_task(send())
            try:
                return await follow(client, run, interrupts, notes, redraw_s=redraw_s, **options)
            finally:
                sending.cancel()

    return asyncio.run(go()), notes


def test_a_run_is_followed_to_its_end(client, run, progress):
    """All that is watched is shown, and the final run is the answer."""
    final, notes = following(client, run)
    assert final.state is RunState.FINISHED
    assert notes.news == [run, *client.updates]
    assert client.asked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_gracefully(endless, run, number):
    """Ctrl-C or SIGTERM asks for a graceful stop once, says so, and keeps following."""
    final, notes = following(endless, run, number)
    assert final.state is RunState.STOPPED
    assert endless.asked == [("stop_run", StopMode.GRACEFUL)]
    assert notes.notices == ["stopping: users finish their iteration; again to kill"]


def test_the_second_signal_kills(endless, run):
    """Who does not want to wait for the users kills them, and still gets a summary."""
    endless.ignores = {StopMode.GRACEFUL}
    final, _ = following(endless, run, signal.SIGINT, signal.SIGINT)
    assert final.state is RunState.STOPPED
    assert endless.asked == [("stop_run", StopMode.GRACEFUL), ("stop_run", StopMode.KILL)]


def test_the_third_signal_gives_up(endless, run):
    """A broker that does not react cannot hold people."""
    endless.ignores = set(StopMode)
    with pytest.raises(asyncio.CancelledError):
        following(endless, run, signal.SIGINT, signal.SIGINT, signal.SIGTERM)


def test_who_only_looks_on_stops_nothing(endless, run):
    """Without stops the first signal gives up, and the run is left alone."""
    with pytest.raises(asyncio.CancelledError):
        following(endless, run, signal.SIGINT, stops=())
    assert endless.asked == []


def test_a_lost_broker_is_told(client, run):
    """A watch that breaks is Unavailable, not an end."""
    client.updates = [run, errors.Unavailable("connection reset")]
    with pytest.raises(errors.Unavailable, match="connection reset"):
        following(client, run)


def test_a_watch_without_an_end_is_no_end(client, run):
    """A stream that closes before the final state is not taken for one."""
    client.updates = [run]
    with pytest.raises(errors.Unavailable, match="before the run's end"):
        following(client, run)


def test_a_stop_that_fails_is_told(endless, run):
    """When the broker cannot be asked to stop, following ends with the reason."""
    endless.fails["stop_run"] = errors.Unavailable("gone")
    with pytest.raises(errors.Unavailable, match="gone"):
        following(endless, run, signal.SIGINT)


def test_news_do_not_redraw_more_often_than_allowed(client, run, progress):
    """A thousand updates in a moment are one redraw."""
    client.updates = [run, *[progress] * 1000, replace(run, state=RunState.FINISHED)]
    _, notes = following(client, run, redraw_s=60)
    assert notes.draws <= 1


def test_time_passes_on_the_display_without_news(endless, run):
    """While nothing is reported the display is still redrawn."""
    _, notes = following(endless, run, signal.SIGINT)
    assert notes.draws >= 2


def test_a_broker_that_comes_back_is_followed_again(client, run, monkeypatch):
    """A watch that breaks goes on from what it has told, and people are told of both."""
    monkeypatch.setattr("loadgrpc.cli.follow.RETRY_S", 0.0)
    over = replace(run, state=RunState.FINISHED)
    watches = iter(
        [[run, errors.Unavailable("gone")], [errors.Unavailable("still")], [run], [over]]
    )

    seen = []

    async def watch_run(run_id, *, after=None):
        assert run_id == run.run_id
        seen.append(after)
        for each in next(watches):
            if isinstance(each, Exception):
                raise each
            yield News(7, each)

    client.watch_run = watch_run
    notes = Notes()

    async def go():
        with Interrupts() as interrupts:
            return await follow(client, run, interrupts, notes, patience_s=60.0)

    assert asyncio.run(go()) == over
    assert seen == [None, 7, 7, 7]
    assert notes.notices == [
        "lost the broker (gone); trying again for 60 s",
        "the broker is back",
        "lost the broker (the broker ended the watch before the run's end); trying again for 60 s",
        "the broker is back",
    ]


def test_a_stop_waits_for_the_broker(monkeypatch):
    """Who asks a broker that is away is answered when it is back, or told in the end."""
    monkeypatch.setattr("loadgrpc.cli.follow.RETRY_S", 0.0)
    left = [errors.Unavailable("gone"), errors.Unavailable("still")]

    async def ask():
        if left:
            raise left.pop()
        return "answer"

    assert asyncio.run(patiently(ask, 60.0)) == "answer"
    left.append(errors.Unavailable("gone"))
    with pytest.raises(errors.Unavailable):
        asyncio.run(patiently(ask, 0.0))
