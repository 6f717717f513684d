"""Brokers that are killed at any moment, while runs wait, start and are tried again.

A kill is what it leaves: the files of the store as they are at that moment, which the next broker
opens. Agents live on, with what they were ordered.
"""

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from loadgrpc.broker.broker import Broker
from loadgrpc.model import RetryPolicy, Run, Submission
from loadgrpc.store import Store
from loadgrpc.testing import ManualClock, plan_of

LIVES = 3
"""Before the last one: each ends with a kill."""
ROUNDS = range(17)
"""51 kills."""


class Worker:
    """An agent that outlives brokers: it starts what it is ordered, and remembers all of it."""

    def __init__(self, agent, agent_id):
        self._agent = agent
        self.agent_id = agent_id
        self.held: set[str] = set()
        """Attempts that it has begun, and whose end no broker has noted."""
        self.begun: list[str] = []
        self.ended: dict[str, tuple[int, str]] = {}
        self.link = None

    def connect(self, desk):
        """Introduces itself to a broker, with what it holds, and says again what has ended."""
        self.link = desk.agents[self.agent_id] = self._agent(desk.broker, self.agent_id)
        self.link.connect(self.held)
        for attempt_id in list(self.ended):
            self._say_ended(desk, attempt_id)

    def obey(self):
        """Does what it was ordered."""
        for order in self.link.orders():
            if order[0] == "start":
                self.begun.append(order[1])
                self.held.add(order[1])

    def end(self, desk, attempt_id, status):
        """Its runner of an attempt ends."""
        self.ended[attempt_id] = (status, "it crashed" if status else "")
        self._say_ended(desk, attempt_id)

    def _say_ended(self, desk, attempt_id):
        status, words = self.ended[attempt_id]
        desk.broker.runner_exited(self.agent_id, attempt_id, "x", status, words)

    def forget(self, desk):
        """What a broker has noted need not be said again."""
        for attempt_id in list(self.ended):
            run = desk.broker._runs.get(attempt_id.partition(".")[0])
            if run is None or run.announced.attempt_id != attempt_id:
                self.held.discard(attempt_id)
                del self.ended[attempt_id]


async def some_turns(drawn):
    """Lets others have some turns, and the store some of its time."""
    for _ in range(drawn.randint(0, 12)):
        await asyncio.sleep(0)
    if drawn.random() < 0.3:
        await asyncio.sleep(0.002)


async def live(desk, drawn, workers, asked, *, steps):
    """A broker's life: runs are asked for, start, end well or not, and time passes."""
    for worker in workers:
        worker.connect(desk)
    for _ in range(steps):
        act = drawn.choice(["ask", "end", "end", "look", "look"])
        if act == "ask" and len(asked) < 8:
            plan = plan_of(
                test="a.B.c",
                iterations=(1,),
                agents=drawn.randint(1, 2),
                retry=RetryPolicy(max_attempts=2),
            )
            submission = Submission(queue=True, delay_s=drawn.choice([0.0, 0.0, 1.0]))
            key = f"q{len(asked)}"
            asked[key] = plan
            await desk.broker.start_run(plan, key, submission)
        elif act == "end":
            worker = drawn.choice(workers)
            left = sorted(worker.held - worker.ended.keys())
            if left:
                worker.end(desk, drawn.choice(left), drawn.choice([0, 9]))
        else:
            desk.clock.advance(drawn.choice([0.0, 1.0]))
            for worker in workers:
                desk.broker.heard_from_agent(worker.agent_id)
            desk.broker.look()
        await some_turns(drawn)
        for worker in workers:
            worker.obey()


async def finish(desk, workers, asked):
    """Everybody does their work, until all that was asked for is over."""
    for key, plan in asked.items():  # whoever asked and got no answer asks again
        await desk.broker.start_run(plan, key, Submission(queue=True))
    for _ in range(200):
        desk.clock.advance(1)
        for worker in workers:
            desk.broker.heard_from_agent(worker.agent_id)
        desk.broker.look()
        await desk.settled()
        for worker in workers:
            worker.obey()
            for attempt_id in sorted(worker.held - worker.ended.keys()):
                worker.end(desk, attempt_id, 0)
        await desk.settled()
        for worker in workers:
            worker.forget(desk)
        if all(run.state.final for run in (await desk.broker.list_runs(0, "")).runs):
            return  # between two attempts a run is active nowhere


def left_by(path: Path) -> None:
    """Copies the files of a store as they are, between two transactions."""
    following = path.with_name(f"{path.stem}x.db")
    for file in path.parent.glob(f"{path.name}*"):
        if not file.name.endswith("lock"):
            shutil.copy(file, str(file).replace(path.name, following.name))


@pytest.mark.parametrize("seed", ROUNDS)
def test_none_is_forgotten_and_none_starts_twice(seed, tmp_path, of_desk):
    """Whatever was accepted is there and ends; no agent is ordered to begin an attempt twice."""
    desk_of, agent = of_desk
    drawn, clock = random.Random(seed), ManualClock()
    workers = [Worker(agent, f"a{at}") for at in range(3)]
    asked: dict[str, object] = {}
    ended: list[Run] = []

    async def one_life(path: Path, *, last: bool):
        store = await Store.open(str(path))
        broker = Broker(store, clock, store_name="test", lease_s=1e9)
        await broker.start()
        broker._ticker.cancel()  # by a clock that is moved in steps, parts would be overdue
        desk = desk_of(broker, clock, store)
        try:
            if last:
                for worker in workers:
                    worker.connect(desk)
                await finish(desk, workers, asked)
                ended.extend((await desk.broker.list_runs(0, "")).runs)
                assert len(ended) == len(asked)
                assert [(run.state, run.attempt) for run in ended if not run.state.final] == []
            else:
                await live(desk, drawn, workers, asked, steps=drawn.randint(4, 12))
                await store._writer.read(lambda _: left_by(path))
        finally:
            await broker.close()
            await store.close()

    async def rounds():
        path = tmp_path / "s.db"
        for _ in range(LIVES):
            await one_life(path, last=False)
            path = path.with_name(f"{path.stem}x.db")
        await one_life(path, last=True)

    asyncio.run(rounds())
    begun = [attempt for worker in workers for attempt in worker.begun]
    assert {each.partition(".")[0] for each in begun} == {run.run_id for run in ended}
    for worker in workers:
        assert len(worker.begun) == len(set(worker.begun)), worker.begun
