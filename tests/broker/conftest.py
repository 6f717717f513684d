"""A broker without gRPC, on a clock that stands, and what agents and runners say to it."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from loadgrpc.broker.broker import Broker
from loadgrpc.broker.inbox import Inbox
from loadgrpc.model import ExceptionInfo, SourceId
from loadgrpc.protocol.fleet import Registration, StartProcesses, StartRunners, StopRunners
from loadgrpc.store import Store
from loadgrpc.testing import ManualClock, plan_of
from loadgrpc.v1 import (
    control_pb2,
    control_pb2_grpc,
    event_pb2,
    fleet_pb2,
    fleet_pb2_grpc,
    run_pb2,
    runner_pb2,
    runner_pb2_grpc,
)

ELAPSED_MS = 3


def batch(hits=0, *, first=0, invalid=0, passed=0, failed=0, cut=0, users=None, cycle=0):
    """A batch of rows: hits, invalid events, iterations that passed, failed or were cut off.

    `users` of that cycle were started.
    """
    message = runner_pb2.EventBatch(first_sequence=first)
    for _ in range(hits):
        hit = message.events.add().hit
        hit.name, hit.method, hit.status = "/", "GET", 200
        hit.elapsed.FromMilliseconds(ELAPSED_MS)
    for _ in range(invalid):
        message.events.append(event_pb2.Event())
    for _ in range(passed):
        message.events.add().test_success.test = "t"
    for _ in range(failed):
        failure = message.events.add().test_failure
        failure.test = "t"
        failure.exception.type = "AssertionError"
    for _ in range(passed + failed + cut if cut else 0):
        message.events.add().test_stop.test = "t"
    if users is not None:
        row = message.events.add()
        row.status.cycle, row.state.started_users = cycle, users
    return message


class Whole:
    """A broker as one thing: each call goes to the part of it that has it."""

    def __init__(self, broker):
        self._parts = (broker, broker.archive, broker.dispatcher, broker.fleet, broker.sources)

    def __getattr__(self, name):
        part = next((part for part in self._parts if hasattr(part, name)), self._parts[0])
        return getattr(part, name)


class FakeAgent:
    """An agent as the broker sees it: it registers, takes orders, and says how runners ended."""

    def __init__(self, broker, agent_id):
        self.broker = broker
        self.agent_id = agent_id
        self.link = None
        self.runner_id = ""

    def connect(self, run_ids=(), held=(), labels=()):
        """Opens a stream; `run_ids` are those it still has a runner for, or `held` parts of."""
        self.link = self.broker.connect_agent(
            Registration(
                agent_id=self.agent_id,
                hostname=f"host-of-{self.agent_id}",
                pid=1,
                version="1",
                cores=2,
                run_ids=tuple(run_ids),
                held=frozenset(held),
                labels=tuple(labels),
            )
        )
        return self

    def orders(self):
        """The orders that came since it was last asked, in short."""
        found = []
        while not self.link.orders.empty():
            order = self.link.orders.get_nowait()
            match order:
                case StartRunners(assignment):
                    found.append(("start", assignment.run_id))
                case StartProcesses(_, scenario, cycle):
                    found.append(("cycle", scenario, cycle))
                case StopRunners(run_id, mode, _, ""):
                    found.append(("stop", run_id, mode.name))
                case StopRunners(_, mode, patience_s, scenario):
                    found.append(("stop", scenario, mode.name, patience_s))
                case _:
                    found.append(type(order).__name__)
        return found

    def exits(self, run, status=0, words="", produced=None, **more):
        """Its runner ended; by default that was the last."""
        runner_id = getattr(run, "runner_id", self.runner_id)
        self.broker.runner_exited(
            self.agent_id, run.run_id, runner_id, status, words, produced=produced, **more
        )

    def disconnects(self, *, goodbye=False):
        """Its stream ended."""
        self.broker.disconnect_agent(self.link, goodbye=goodbye)


class FakeRunner:
    """A runner on a stream of its own."""

    def __init__(self, broker, run, agent, runner_id=None):
        self.broker = broker
        runner_id = runner_id or secrets.token_hex(3)
        self.source_id = SourceId(run.run_id, agent.agent_id, runner_id)
        self.agent = agent
        agent.runner_id = runner_id
        self.inbox = Inbox()
        self.epoch = 0

    async def open(self, *, barrier=True, anew=False, scenario="", feeds=True):
        """Opens the source, `anew` on another stream."""
        if anew:
            self.inbox = Inbox()
        self.epoch += 1
        await self.broker.open_source(
            self.inbox,
            self.source_id,
            epoch=self.epoch,
            barrier=barrier,
            scenario=scenario,
            feeds=feeds,
        )
        return self

    async def publish(self, *args, **kwargs):
        """Sends a batch, and waits until it is counted; raises what ends the stream."""
        await self.send(batch(*args, **kwargs))

    async def send(self, message):
        """The same, of a batch as it is."""
        await self.broker.intake.publish(self.inbox, self.source_id, message)
        source = self.inbox.sources.get(self.source_id)
        if source is None or source.writing is None:
            return
        await asyncio.wait({source.writing})
        if source.broken:
            raise next(each for each in self.answers() if isinstance(each, Exception))

    async def skip(self, first, count, reason="too fast", hits=0):
        """Declares numbers lost."""
        inbox, source_id = self.inbox, self.source_id
        await self.broker.intake.skip(inbox, source_id, first, count, reason, hits=hits)

    def ready(self, cycle):
        """Says that it is ready."""
        self.broker.ready(self.inbox, self.source_id, cycle)

    async def finish(self, produced=None, load_error=None, hits=None):
        """Says that it has sent everything."""
        if isinstance(load_error, str):
            load_error = ExceptionInfo(type="ModuleNotFoundError", message=load_error)
        await self.broker.finish(self.inbox, self.source_id, produced, load_error, hits)

    async def ends(self, produced=None):
        """Finishes, and its process exits with 0."""
        await self.finish(produced)
        self.agent.exits(self.run)

    @property
    def run(self):
        """The run, for `FakeAgent.exits`."""
        return self.source_id

    def answers(self):
        """The answers that came since it was last asked."""
        found = []
        while not self.inbox.answers.empty():
            item = self.inbox.answers.get_nowait()
            found.append(self.inbox.newest(*item) if isinstance(item, tuple) else item)
        return found


class Desk:
    """A broker and those who speak to it."""

    def __init__(self, broker, clock, store):
        self.broker = broker
        self.clock = clock
        self.store = store
        self.agents = {}

    def agent(self, agent_id="a1"):
        """The agent of that name, connected when it is first asked for."""
        if agent_id not in self.agents:
            self.agents[agent_id] = FakeAgent(self.broker, agent_id).connect()
        return self.agents[agent_id]

    def back(self, agent_id, run_ids):
        """An agent that had parts in runs of a broker before this one, connected."""
        self.agents[agent_id] = FakeAgent(self.broker, agent_id).connect(run_ids)
        return self.agents[agent_id]

    async def start(self, *agent_ids, request_id="", **plan):
        """Starts a run on these agents, which are there then."""
        for agent_id in agent_ids or ("a1",):
            self.agent(agent_id)
        plan = {"test": "a.B.c", "iterations": (1,), "agents": len(agent_ids) or 1, **plan}
        if "duration_s" in plan:
            plan["iterations"] = ()
        return await self.broker.start_run(plan_of(**plan), request_id)

    async def runner(
        self, run, agent_id="a1", *, barrier=True, runner_id=None, scenario="", feeds=True
    ):
        """A runner of an agent, open."""
        runner = FakeRunner(self.broker, run, self.agent(agent_id), runner_id)
        await runner.open(barrier=barrier, scenario=scenario, feeds=feeds)
        return runner

    async def settled(self):
        """Waits for what follows from what happened."""
        while tasks := self.broker._work._tasks:
            await asyncio.gather(*tasks)

    def uses(self, store):
        """Gives the broker another store, and gives that back."""
        broker = self.broker
        for part in (broker, broker.archive, broker.sources, broker.intake):
            part._store = store
        broker._run_store._store = broker._store_watch._store = store
        broker.timelines._store = broker.notifier._store = store
        return store

    async def over(self, run):
        """The run, when it is over."""
        async for news in self.broker.watch_run(run.run_id):
            last = news.update
        return last


class Beside:
    """A process of fuzzed.py: `first` and `last` are what it tells when it is ready, and over."""

    def __init__(self, *arguments, log):
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("fuzzed.py"), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.last = None
        self.pid = self._process.pid
        self.first = self._told()

    def _told(self):
        line = self._process.stdout.readline()
        assert line, f"it has ended: {self._log.read_text()}"
        return json.loads(line)

    def end(self):
        """Ends it, once; what it tells then."""
        if self.last is None:
            self._process.stdin.close()
            self.last = self._told()
            self._process.wait(100)
            self._process.stdout.close()
        return self.last


def by_hand(endpoint, agent_id="a1"):
    """A run by hand on an agent that stays; its id, and what ends the agent."""
    channel = grpc.insecure_channel(endpoint)
    over = threading.Event()

    def said():
        yield fleet_pb2.ConnectRequest(register={"agent_id": agent_id})
        while not over.wait(1):
            yield fleet_pb2.ConnectRequest(heartbeat={})

    def opens(run_id):
        source = runner_pb2.SourceId(run_id=run_id, agent_id=agent_id, runner_id="stays")
        yield runner_pb2.PublishEventsRequest(source=source, open={"epoch": 1})
        over.wait()

    orders = fleet_pb2_grpc.FleetServiceStub(channel).Connect(said())
    next(orders)
    plan = run_pb2.RunSpec(test="t", runner_mode=run_pb2.RUNNER_MODE_BY_HAND)
    run = control_pb2_grpc.ControlServiceStub(channel).StartRun(
        control_pb2.StartRunRequest(plan=plan)
    )
    run_id = run.run.run_id
    answers = runner_pb2_grpc.RunnerServiceStub(channel).PublishEvents(opens(run_id))
    next(answers)
    return run_id, lambda: (over.set(), orders.cancel(), answers.cancel(), channel.close())


@pytest.fixture
def beside():
    """`beside("serve", STORE, log=…)`: a process of fuzzed.py."""
    return Beside


@pytest.fixture
def run_by_hand():
    """`run_by_hand(endpoint)`: a run on an agent that stays; see `by_hand`."""
    return by_hand


@pytest.fixture
def new_batch():
    """`new_batch(hits, first=…)`: a batch of rows."""
    return batch


@pytest.fixture
def of_desk():
    """What makes a desk of a broker, a clock and a store; and an agent of a broker and its id."""
    return lambda broker, clock, store: Desk(Whole(broker), clock, store), FakeAgent


@pytest.fixture
def at_desk():
    """`at_desk(use, …)` runs a coroutine function with a Desk; options are the broker's.

    `store` is a path, or a store that is open already.
    """

    def run(use, *, store=":memory:", clock=None, within_s=20, **options):
        async def main():
            opened = await Store.open(store) if isinstance(store, str) else store
            its_clock = clock or ManualClock()
            options.setdefault("lease_s", 60.0)
            broker = Broker(opened, its_clock, store_name="test", **options)
            await broker.start()
            try:
                async with asyncio.timeout(within_s):
                    return await use(Desk(Whole(broker), its_clock, opened))
            finally:
                await broker.close()
                await opened.close()

        return asyncio.run(main())

    return run
