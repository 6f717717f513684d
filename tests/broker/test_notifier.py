"""Notifications on their way: tried again, given up, after a restart, and in nobody's way."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from loadgrpc.broker import notifier as module
from loadgrpc.broker.tries import TryResult
from loadgrpc.model import NotificationState, ObserverChoice, ObserverEvent, RunState
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.store import StoreError

START, END, LOST, *_ = ObserverEvent
PENDING, DELIVERED, GIVEN_UP = NotificationState
DONE = TryResult(outcome="delivered")
FAILED = TryResult(outcome="failed", reason="it is ill")


class Tries:
    """Instead of processes: what was tried, and how it goes, by observer and in turn."""

    def __init__(self, **outcomes):
        self.outcomes = outcomes
        self.made = []

    async def __call__(self, asked):
        self.made.append((asked["observer"], asked["notice"]["notice_id"].partition("/")[2]))
        outcomes = self.outcomes.get(asked["observer"], [DONE])
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
            return DONE
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


NAMES = ("one", "two", "three")


def config(*names, events=(START, END)):
    """A broker that notifies these of every run."""
    return ObserverConfig(chosen=tuple(ObserverChoice(name=name, events=events) for name in names))


@pytest.fixture
def desk_of(at_desk, monkeypatch):
    """`desk_of(use, tries, *names)`: a desk whose broker notifies these; no pause is long."""

    async def fine(self):
        """Observers that are not there: what they have for settings is not asked."""

    monkeypatch.setattr("loadgrpc.broker.observing.Observing.check_own", fine)

    def run(use, tries, *names, waits_s=(0.0,) * 5, events=(START, END), **more):
        monkeypatch.setattr(module, "CLOSE_S", 0.05)

        def made(store, observing, clock):
            return module.Notifier(store, observing, clock, attempt=tries, waits_s=waits_s)

        monkeypatch.setattr("loadgrpc.broker.broker.Notifier", made)
        return at_desk(use, observers=config(*names, events=events), **more)

    return run


async def finished(desk, agent="a1"):
    """A run that went to its end."""
    run = await desk.start(agent)
    runner = await desk.runner(run, agent)
    runner.ready(1)
    await desk.settled()
    await runner.publish(hits=3, passed=1)
    await runner.ends()
    assert (await desk.over(run)).state is RunState.FINISHED
    return run


async def until(condition):
    """Waits; the desk's own limit ends it otherwise."""
    while not await condition():  # noqa: ASYNC110 - what it asks is in the store
        await asyncio.sleep(0.005)


async def told(desk, run):
    """How the notifications of a run stand, in short, as its summary shows it."""
    summary = await desk.broker.get_summary(run.run_id)
    return [
        (each.observer.removesuffix(" (broker)"), each.event, each.state, each.tries)
        for each in summary.notifications
    ]


async def settled(desk, run):
    """As above, when nothing is pending."""

    async def none_pending():
        return all(state is not PENDING for _, _, state, _ in await told(desk, run))

    await until(none_pending)
    return await told(desk, run)


def test_a_run_is_notified_of(desk_of):
    """Its start and its end, once each, in this order; and its summary shows it."""
    tries = Tries()

    async def use(desk):
        run = await finished(desk)
        assert await settled(desk, run) == [
            ("one", START, DELIVERED, 1),
            ("one", END, DELIVERED, 1),
        ]

    desk_of(use, tries, "one")
    assert tries.made == [("one", "2"), ("one", "4")]


def test_what_fails_is_tried_again(desk_of):
    """Until it is delivered; meanwhile it shows why it is not."""
    answers = asyncio.Event()
    tries = Tries(one=[FAILED, FAILED, answers])

    async def use(desk):
        run = await finished(desk)

        async def third():
            return len(tries.made) == 3

        await until(third)
        (pending,) = (await desk.broker.get_summary(run.run_id)).notifications
        assert (pending.state, pending.tries, pending.reason) == (PENDING, 2, "it is ill")
        answers.set()
        assert await settled(desk, run) == [("one", END, DELIVERED, 3)]

    desk_of(use, tries, "one", events=(END,))


@pytest.mark.parametrize(
    ("outcomes", "tried"),
    [([FAILED], 6), ([FAILED, TryResult(outcome="refused", reason="no")], 2)],
    ids=["always", "refused"],
)
def test_what_always_fails_is_given_up(desk_of, outcomes, tried):
    """After so many tries, or at once where another would not help; and that is stored."""
    tries = Tries(one=list(outcomes))

    async def use(desk):
        run = await finished(desk)
        assert await settled(desk, run) == [("one", END, GIVEN_UP, tried)]
        (stored,) = await desk.store.notifications(run.run_id)
        assert stored.reason == outcomes[-1].reason

    desk_of(use, tries, "one", events=(END,))
    assert len(tries.made) == tried


def test_one_that_raises_hinders_nobody(desk_of):
    """Of three observers one is a defect: the others are notified, and the run is what it is."""
    tries = Tries(two=[RuntimeError("a defect")])

    async def use(desk):
        run = await finished(desk)

        async def others():
            found = await told(desk, run)
            return sum(state is DELIVERED for _, _, state, _ in found) == 4

        await until(others)
        assert {name for name, _, state, _ in await told(desk, run) if state is PENDING} == {"two"}

    desk_of(use, tries, *NAMES)


def test_one_that_hangs_hinders_nobody(desk_of):
    """Neither the others, nor the end of the run, nor the end of the broker."""
    never = asyncio.Event()
    tries = Tries(two=[never])

    async def use(desk):
        for _ in range(3):
            run = await finished(desk)  # its end is stored and shown
        async with asyncio.timeout(10):

            async def others():
                found = await told(desk, run)
                return sum(state is DELIVERED for _, _, state, _ in found) == 4

            await until(others)

    desk_of(use, tries, *NAMES)


def test_a_broker_that_is_restarted_notifies_of_what_is_left(desk_of, tmp_path):
    """What was not delivered is, with the same id; what was is not tried again."""
    never = asyncio.Event()
    path = str(tmp_path / "store.db")
    before = Tries(two=[never])
    runs = []

    async def interrupted(desk):
        run = await finished(desk)
        runs.append(run)

        async def others():
            found = await told(desk, run)
            return sum(state is DELIVERED for _, _, state, _ in found) == 4

        await until(others)

    desk_of(interrupted, before, *NAMES, store=path)
    after = Tries()

    async def use(desk):
        found = await settled(desk, runs[0])
        assert {state for _, _, state, _ in found} == {DELIVERED}

    desk_of(use, after, *NAMES, store=path)
    assert after.made == [("two", "2"), ("two", "4")]
    assert ("two", "2") in before.made


def test_a_run_that_goes_on_after_a_restart_is_notified_of(desk_of, tmp_path):
    """Its end comes from the broker that is there then."""
    path = str(tmp_path / "store.db")
    runs = []

    async def begun(desk):
        run = await desk.start("a1")
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        runs.append((run, runner))
        await settled(desk, run)

    desk_of(begun, Tries(), "one", store=path)
    tries = Tries()

    async def use(desk):
        run, _ = runs[0]
        desk.clock.advance(61)
        desk.broker.end_leases()
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.FAILED
        assert await settled(desk, run) == [
            ("one", START, DELIVERED, 1),
            ("one", LOST, DELIVERED, 1),
            ("one", END, DELIVERED, 1),
        ]

    desk_of(use, tries, "one", events=(START, END, LOST), store=path)
    assert [observer for observer, _ in tries.made] == ["one", "one"]


def test_nothing_is_notified_of_before_it_is_stored(desk_of):
    """An end that the store does not take is no news: a restart would have forgotten it."""
    tries = Tries()

    async def use(desk):
        run = await desk.start("a1")
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        await settled(desk, run)
        takes = desk.store.save_run

        async def refuse(record, *, patient=False):
            raise StoreError("no")

        desk.store.save_run = refuse
        await runner.ends()
        with suppress(StoreError):
            await desk.settled()
        assert tries.made == [("one", "2")]
        desk.store.save_run = takes
        await desk.broker._parts[0]._store_result(desk.broker._parts[0]._runs[run.run_id])
        assert (await settled(desk, run))[-1] == ("one", END, DELIVERED, 1)

    desk_of(use, tries, "one")


def test_a_run_that_is_deleted_is_forgotten(desk_of):
    """What was pending of it is not tried any more."""
    answers = asyncio.Event()
    tries = Tries(one=[answers, DONE])

    async def use(desk):
        run = await finished(desk)
        assert len(tries.made) == 1
        await desk.broker.delete_run(run.run_id)
        answers.set()
        broker = desk.broker._parts[0]

        async def idle():
            return not broker.notifier._lanes

        await until(idle)
        assert len(tries.made) == 1

    desk_of(use, tries, "one")


def test_old_news_are_given_up(desk_of, tmp_path):
    """A broker that was away for days does not say that a run has just ended."""
    path = str(tmp_path / "store.db")
    runs = []

    async def interrupted(desk):
        runs.append(await finished(desk))

    never = asyncio.Event()
    desk_of(interrupted, Tries(one=[never]), "one", events=(END,), store=path)
    tries = Tries()

    async def use(desk):
        (pending,) = await desk.store.pending_notifications(9)
        await desk.store.save_notification(
            pending[0], replace(pending[1], time_ns=pending[1].time_ns - 86_401 * 10**9)
        )
        await desk.broker._parts[0].notifier.start()
        assert await settled(desk, runs[0]) == [("one", END, GIVEN_UP, 1)]
        (stored,) = await desk.store.notifications(runs[0].run_id)
        assert stored.reason == "it is older than a day"

    from loadgrpc.broker.notifier import Notifier

    real, Notifier.start = Notifier.start, _later(Notifier.start)
    try:
        desk_of(use, tries, "one", events=(END,), store=path)
    finally:
        Notifier.start = real
    assert tries.made == []


def _later(start):
    """The first call does nothing: that of the broker."""
    calls = []

    async def wrapped(self):
        calls.append(self)
        if len(calls) > 1:
            await start(self)

    return wrapped


def test_an_observer_that_the_broker_runs_no_more_is_given_up(desk_of, tmp_path):
    """The sentence says why."""
    path = str(tmp_path / "store.db")
    runs = []

    async def interrupted(desk):
        runs.append(await finished(desk))

    desk_of(interrupted, Tries(one=[asyncio.Event()]), "one", events=(END,), store=path)

    async def use(desk):
        await settled(desk, runs[0])
        (stored,) = await desk.store.notifications(runs[0].run_id)
        assert (stored.state, stored.reason) == (
            GIVEN_UP,
            "this broker does not run it any more",
        )

    desk_of(use, Tries(), "two", events=(END,), store=path)


def test_memory_is_bounded_and_nothing_is_forgotten(desk_of, monkeypatch):
    """What there is no room for stays in the store, and has its turn later."""
    monkeypatch.setattr(module, "MAX_QUEUED", 4)
    gate = asyncio.Event()
    tries = Tries(one=[gate])

    async def use(desk):
        broker = desk.broker._parts[0]
        runs = []
        for _ in range(9):
            runs.append(await finished(desk))
            assert broker.notifier._queued <= 4
        gate.set()
        for run in runs:
            assert [state for _, _, state, _ in await settled(desk, run)] == [DELIVERED] * 2

    desk_of(use, tries, "one", within_s=60)
    assert len(tries.made) == 18


def test_tries_at_the_same_time_are_bounded(desk_of, monkeypatch):
    """A hundred runs that end at once are not a hundred processes."""
    monkeypatch.setattr(module, "MAX_PROCESSES", 2)
    now, most = 0, 0
    gate = asyncio.Event()

    async def attempt(asked):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await gate.wait()
        now -= 1
        return DONE

    async def use(desk):
        runs = [await finished(desk) for _ in range(3)]
        assert now == 2
        gate.set()
        for run in runs:
            await settled(desk, run)

    desk_of(use, attempt, *NAMES)
    assert most == 2
