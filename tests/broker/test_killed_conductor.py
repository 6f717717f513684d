"""Schedules and campaigns of a broker that is killed anywhere: nothing twice, nothing forgotten."""

import asyncio
import random

import pytest

from loadgrpc import campaign as compose
from loadgrpc.broker.announcing import Announcing
from loadgrpc.broker.campaigns import Campaigns
from loadgrpc.broker.launcher import Launched
from loadgrpc.broker.observing import Observing
from loadgrpc.broker.schedules import Schedules
from loadgrpc.broker.tries import TryResult
from loadgrpc.model import (
    FiringState,
    Missed,
    ObserverChoice,
    Overlap,
    RunState,
    ScheduleSpec,
    StepResult,
    StopMode,
    Verdict,
)
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.store import Store
from loadgrpc.testing import ManualClock, plan_of

PLAN = plan_of(test="a.B.c", iterations=(1,))


class Killed(BaseException):
    """The broker is killed: nothing after it happens."""


class World:
    """What a killed broker leaves behind: runs by request. As in a store, a request starts one."""

    def __init__(self, rng):
        self.rng = rng
        self.runs = {}
        self.started = []
        self.over = {}
        self.places = 2
        self.queued = []
        self.notified = []

    @property
    def active(self):
        """Runs that are not over."""
        return [run_id for run_id in self.runs.values() if run_id not in self.over]

    def ends_some(self):
        """Some runs end, well or not."""
        for run_id in self.active:
            if run_id not in self.queued and self.rng.random() < 0.5:
                self.over[run_id] = self.rng.choice((0, 0, 0, 1))
        while self.queued and len(self.active) - len(self.queued) < self.places:
            self.queued.pop(0)


class Mortal:
    """A life of a broker: it dies at a certain call, before or after that has had its effect."""

    def __init__(self, world, dies_at):
        self.world = world
        self.left = dies_at

    def _step(self):
        self.left -= 1
        if self.left <= 0:
            raise Killed

    async def start(self, plan, request_id, *, label, within_s):
        """See Launcher. Runs that find no place wait in the queue, or the queue is full."""
        self._step()
        world = self.world
        if request_id not in world.runs:
            busy = len(world.active) >= world.places
            if busy and world.rng.random() < 0.3:
                return Launched(reason="10,000 runs wait already", waits=True)
            run_id = world.runs[request_id] = f"r-{len(world.runs)}"
            world.started.append(request_id)
            world.queued += [run_id] if busy else []
        self._step()
        run_id = world.runs[request_id]
        why = self.waiting(run_id)
        return Launched(run_id=run_id, reason=why or "", waits=why is not None)

    def waiting(self, run_id):
        """See Launcher."""
        if run_id not in self.world.queued or run_id in self.world.over:
            return None
        return f"{self.world.queued.index(run_id) + 1} in the queue"

    async def find(self, request_id):
        """See Launcher."""
        self._step()
        return Launched(run_id=self.world.runs.get(request_id, ""))

    async def result(self, run_id):
        """See Launcher."""
        if run_id not in self.world.over:
            return None
        self._step()
        verdict = Verdict(exit_code=self.world.over[run_id], reason="")
        return StepResult(state=RunState.FINISHED, verdict=verdict)

    async def stop(self, run_id, mode, by):
        """See Launcher."""
        self._step()
        self.world.over.setdefault(run_id, 105)
        self.world.queued = [each for each in self.world.queued if each != run_id]

    async def check(self, plan, where):
        """See Launcher."""

    async def attempt(self, asked):
        """An observer takes what it is given."""
        self._step()
        self.world.notified.append(asked["notice"]["notice_id"])
        self._step()
        return TryResult(outcome="delivered")


class Life:
    """A broker's life, from its start to its end."""

    def __init__(self, store, mortal, clock):
        save = store.campaigns
        for name in ("save", "save_schedule"):
            self._dies_around(save, name, mortal)
        self.announcing = Announcing(
            Observing(ObserverConfig(), environ={"LOADGRPC_OBSERVER_WEBHOOK_URL": "http://x/"}),
            lambda: None,
            attempt=mortal.attempt,
            waits_s=(),
        )
        self.campaigns = Campaigns(store, mortal, self.announcing, clock.wall_ns)
        self.schedules = Schedules(store, mortal, clock.wall_ns)

    @staticmethod
    def _dies_around(store, name, mortal):
        real = getattr(store, name)

        async def written(record):
            mortal._step()
            await real(record)
            mortal._step()

        setattr(store, name, written)

    async def tick(self):
        """As the conductor does it, but that a death is not survived."""
        for kept in list(self.schedules._kept.values()):
            await self.schedules._turn(kept)
        for active in list(self.campaigns._active.values()):
            await self.campaigns._turn(active)
        await asyncio.sleep(0)  # observers have their turn
        for task in self.announcing._tasks.values():
            if task.done() and isinstance(task.exception(), Killed):
                raise Killed


async def lives(path, world, clock, begin, until, *, deaths, within=400):
    """Broker after broker with the same store, the first `deaths` of them killed."""
    died = 0
    for _ in range(within):
        dies_at = world.rng.randint(1, 25) if died < deaths else 10**9
        store = await Store.open(str(path))
        life = Life(store, Mortal(world, dies_at), clock)
        try:
            await life.schedules.recall()
            await life.campaigns.recall()
            await begin(life)
            for _ in range(within):
                clock.advance(world.rng.choice((1.0, 20.0)))
                world.ends_some()
                await life.tick()
                if await until(life):
                    return died
        except Killed:
            died += 1
            clock.advance(world.rng.choice((0.5, 5.0, 30.0)))
        finally:
            await life.announcing.close()
            await store.close()
    pytest.fail("it does not end")


def chorded():
    """A campaign of everything: a chain, a chord in it, and an observer."""

    def run(name):
        return compose.run(PLAN, name=name)

    return compose.of(
        compose.chain(
            run("first"),
            compose.chord(compose.group(*(run(f"g{at}") for at in range(4))), run("body")),
            compose.notify(ObserverChoice(name="webhook"), name="tell"),
            on_failure="continue",
        )
    )


@pytest.mark.parametrize("seed", range(50))
def test_a_campaign_of_a_broker_that_is_killed(seed, tmp_path):
    """50 seeded rounds, three deaths in each: each step has one run, and all of them end."""
    rng = random.Random(seed)
    world, clock = World(rng), ManualClock()
    stopped = seed % 5 == 0

    async def begin(life):
        campaign = await life.campaigns.start(chorded(), "the request")
        if stopped and rng.random() < 0.3 and not campaign.state.final:
            await life.campaigns.stop(campaign.campaign_id, StopMode.GRACEFUL)

    async def until(life):
        (campaign,) = (await life.campaigns.list(10)).campaigns
        return campaign.state >= 3

    async def kept(path):
        store = await Store.open(str(path / "s.db"))
        try:
            (record,) = await store.campaigns.listed(10)
            campaigns = Campaigns(store, None, None, clock.wall_ns)
            return await campaigns.get(record.campaign_id)
        finally:
            await store.close()

    async def whole():
        await lives(tmp_path / "s.db", world, clock, begin, until, deaths=3)
        return await kept(tmp_path)

    campaign = asyncio.run(whole())
    runs = [status.run_id for status in campaign.steps if status.run_id]
    assert len(world.started) == len(set(world.started))
    assert sorted(runs) == sorted(world.runs.values())
    assert not world.active
    if not stopped:
        without = {status.name for status in campaign.steps if not status.run_id}
        assert without <= {"tell", "body"}
        failed = any(world.over[campaign.by_name[f"g{at}"].run_id] for at in range(4))
        assert ("body" in without) is failed
        assert set(world.notified) == {f"{campaign.campaign_id}/tell"}


@pytest.mark.parametrize("seed", range(13))
@pytest.mark.parametrize("overlap", Overlap)
def test_a_schedule_of_a_broker_that_is_killed(seed, overlap, tmp_path):
    """Whenever it is killed: a time that came has one run at most, and none is left unfinished."""
    rng = random.Random(seed)
    world, clock = World(rng), ManualClock()
    spec = ScheduleSpec(
        name="n",
        cron="* * * * *",
        time_zone="UTC",
        plan=PLAN,
        missed=Missed.RUN_ONCE,
        overlap=overlap,
    )
    seen = {}

    async def begin(life):
        await life.schedules.add(spec)

    async def until(life):
        schedule = life.schedules.get("n")
        seen.update({each.number: each for each in schedule.firings})
        if schedule.fired >= 12 and not schedule.paused:
            await life.schedules.pause("n")
        left = [each for each in schedule.firings if not each.state.final]
        return schedule.paused and all(each.state is FiringState.WAITING for each in left)

    asyncio.run(lives(tmp_path / "s.db", world, clock, begin, until, deaths=3))
    runs = [each.run_id for each in seen.values() if each.run_id]
    assert sorted(runs) == sorted(world.runs.values())
    assert len(world.started) == len(set(world.started))
    assert [*range(1, len(seen) + 1)] == sorted(seen)
    planned = [seen[number].planned_time_ns for number in sorted(seen)]
    assert planned == sorted(set(planned))
    assert not world.active
