"""An agent and a broker: it comes, works, comes back, and leaves in an orderly way."""

import asyncio
import signal
import sys
import time
from contextlib import asynccontextmanager

import pytest

from loadgrpc.agent import agent as module
from loadgrpc.agent import part as part_module
from loadgrpc.agent import runner as runner_module
from loadgrpc.agent import serving
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker import broker as broker_module
from loadgrpc.broker.server import BrokerConfig
from loadgrpc.broker.server import running as broker_running
from loadgrpc.client import Client
from loadgrpc.model import AgentState, AssignmentState, Run, RunState
from loadgrpc.protocol.transport import new_channel
from loadgrpc.testing import plan_of
from loadgrpc.v1 import fleet_pb2, fleet_pb2_grpc

TEST = """
import time, unittest
class TestIt(unittest.TestCase):
    def test_pass(self):
        pass
    def test_slow(self):
        time.sleep(60)
    def test_marked(self):
        with open("marks", "ab") as file:
            file.write(b"x")
        time.sleep(0.05)
    def test_dies(self):
        import os
        os._exit(9)
"""


@pytest.fixture
def tests(tmp_path, monkeypatch):
    """A folder of tests, which the agents of this process work in."""
    (tmp_path / "agent_house_test.py").write_text(TEST)
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def agent(endpoint, folder, connected=None):
    """An agent that has connected."""
    connected = asyncio.Queue() if connected is None else connected
    config = AgentConfig(broker=endpoint, state_dir=folder)
    async with serving.running(config, on_connected=connected.put_nowait):
        await connected.get()
        yield


def broker(endpoint="127.0.0.1:0", *, store=":memory:", **config):
    """A broker in this process."""
    return broker_running(BrokerConfig(listen=endpoint, store=str(store), **config))


def check_exact_loss(summary, words):
    """The part of the only agent was lost, for this reason, and all of what was lost is known."""
    (part,) = summary.agents
    assert part.state is AssignmentState.LOST
    assert words in part.reason
    assert not any(loss.at_least for loss in summary.accounting.losses)
    assert summary.verdict.exit_code == 3


def run(use):
    """Runs a coroutine; nothing may take long."""

    async def main():
        async with asyncio.timeout(60):
            return await use

    return asyncio.run(main())


async def until(client, run_id, state):
    """Watches a run until it has come to a state."""
    async for news in client.watch_run(run_id):
        if isinstance(news.update, Run) and news.update.state is state:
            return news.update
    pytest.fail(f"the run never was {state}")


def marks(folder):
    """Iterations of `test_marked` that have begun."""
    file = folder / "marks"
    return file.stat().st_size if file.exists() else 0


async def comes(holds):
    """Waits until something holds."""
    while not holds():  # noqa: ASYNC110 - of files nobody tells when they change
        await asyncio.sleep(0.02)


def plan(test, **fields):
    """A plan of one of the tests above."""
    return plan_of(test=f"agent_house_test.TestIt.{test}", **{"iterations": (1,), **fields})


def test_an_agent_that_leaves_is_off_the_list_at_once(tmp_path):
    """An idle agent says goodbye: the broker forgets it, and does not wait for its lease."""

    async def use():
        async with broker() as endpoint, Client.connect(endpoint) as client:
            for _ in range(5):
                async with agent(endpoint, tmp_path):
                    (listed,) = await client.list_agents()
                    assert listed.state is AgentState.IDLE
                assert await client.list_agents() == []

    run(use())


def test_an_agent_leaves_though_its_broker_is_gone(tmp_path):
    """Without a broker there is nobody to say goodbye to, and nothing to wait for."""

    async def use():
        leaving = broker()
        endpoint = await leaving.__aenter__()
        async with agent(endpoint, tmp_path):
            await leaving.__aexit__(None, None, None)
            began = time.monotonic()
        assert time.monotonic() - began < 3

    run(use())


def test_an_agent_comes_back_to_a_broker_that_was_started_anew(tmp_path):
    """The agent dials until there is a broker again, and is the same agent."""

    async def use():
        connected = asyncio.Queue()
        first = broker(f"unix:{tmp_path}/broker.sock")
        endpoint = await first.__aenter__()
        async with agent(endpoint, tmp_path / "state", connected):
            await first.__aexit__(None, None, None)
            async with broker(endpoint), Client.connect(endpoint) as client:
                agent_id = await connected.get()
                assert [found.agent_id for found in await client.list_agents()] == [agent_id]

    run(use())


@pytest.mark.system
def test_a_runner_that_cannot_be_started(tmp_path, monkeypatch):
    """The broker hears why, the run has failed, and the agent is idle again."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def use():
        async with (
            broker() as endpoint,
            Client.connect(endpoint) as client,
            agent(endpoint, tmp_path),
        ):
            started = await client.start_run(plan("test_pass"))
            over = await until(client, started.run_id, RunState.FAILED)
            assert "/nowhere/python" in over.reason
            assert (await client.list_agents())[0].state is AgentState.IDLE

    run(use())


@pytest.mark.system
def test_a_user_process_that_dies_is_a_loss(tmp_path, tests):
    """A test that ends its own process costs the part; the reason says which process, and how."""

    async def use():
        async with (
            broker() as endpoint,
            Client.connect(endpoint) as client,
            agent(endpoint, tmp_path / "state"),
        ):
            started = await client.start_run(plan("test_dies", users=(2,), processes=2))
            await until(client, started.run_id, RunState.FAILED)
            summary = await client.get_summary(started.run_id)
            assert summary.verdict.exit_code == 3
            assert "of 2 ended with status 9" in summary.agents[0].reason

    run(use())


@pytest.mark.system
def test_leaving_ends_the_load(tmp_path, tests):
    """An agent that leaves with a user asleep stops it, says that its part is lost, and goes."""

    async def use():
        async with broker() as endpoint, Client.connect(endpoint) as client:
            async with agent(endpoint, tmp_path / "state"):
                started = await client.start_run(plan("test_slow"))
                await until(client, started.run_id, RunState.RUNNING)
                began = time.monotonic()
            assert time.monotonic() - began < module.LEAVE_TIMEOUT_S - 1
            assert await client.list_agents() == []
            summary = await client.get_summary(started.run_id)
            assert summary.agents[0].state is AssignmentState.LOST
            assert summary.verdict.exit_code == 3

    run(use())


@pytest.mark.system
def test_leaving_while_a_runner_starts(tmp_path, tests):
    """A runner whose process is just being made when the agent leaves is ended with it."""

    async def use():
        async with broker() as endpoint, Client.connect(endpoint) as client:
            async with agent(endpoint, tmp_path / "state"):
                started = await client.start_run(plan("test_slow"))
                began = time.monotonic()
            assert time.monotonic() - began < module.LEAVE_TIMEOUT_S - 1
            over = await until(client, started.run_id, RunState.FAILED)
            assert over.reason

    run(use())


@pytest.mark.system
def test_a_lease_that_is_over_ends_the_load(tmp_path, tests, monkeypatch):
    """An agent that finds no broker within its lease ends its runners by itself."""

    async def use():
        monkeypatch.setattr(broker_module, "TICK_S", 60.0)  # it would not wait for heartbeats
        leaving = broker(lease_s=0.3)
        endpoint = await leaving.__aenter__()
        statuses = asyncio.Queue()
        wait = runner_module.RunnerProcess.wait

        async def watched(self):
            ended = await wait(self)
            statuses.put_nowait(ended.status)
            return ended

        monkeypatch.setattr(runner_module.RunnerProcess, "wait", watched)
        async with agent(endpoint, tmp_path / "state"):
            async with Client.connect(endpoint) as client:
                started = await client.start_run(plan("test_slow"))
                await until(client, started.run_id, RunState.RUNNING)
            await leaving.__aexit__(None, None, None)
            assert await statuses.get() == -signal.SIGKILL

    run(use())


@pytest.mark.system
def test_what_was_done_before_a_lease_was_over_is_delivered(tmp_path, tests):
    """The load has ended without a broker; when it is back, it gets what was done until then."""

    async def use():
        where, store = f"unix:{tmp_path}/broker.sock", tmp_path / "broker.db"
        first = broker(where, store=store, lease_s=2.5)
        endpoint = await first.__aenter__()
        state = tmp_path / "state"
        async with agent(endpoint, state):
            async with Client.connect(endpoint) as client:
                begun = plan("test_marked", duration_s=60.0, iterations=())
                started = await client.start_run(begun)
                await until(client, started.run_id, RunState.RUNNING)
            await first.__aexit__(None, None, None)
            before = marks(tmp_path)
            await comes(lambda: list(state.glob("runners/*/exit")))
            await comes(lambda: list(state.glob("runners/*/spool/*")))
            async with broker(where, store=store), Client.connect(endpoint) as client:
                await until(client, started.run_id, RunState.FAILED)
                summary = await client.get_summary(started.run_id)
                check_exact_loss(summary, module.LEASE_OVER)
                lost = sum(loss.count for loss in summary.accounting.losses)
                made = marks(tmp_path)
                assert summary.iterations.success > before
                assert made - 1 <= summary.iterations.success + lost
                assert summary.iterations.success <= made
                await comes(lambda: not list(state.glob("runners/*")))

    run(use())


@pytest.mark.system
def test_an_agent_that_leaves_without_a_broker_leaves_what_it_has(tmp_path, tests):
    """Told to end while the broker is away, it ends soon; its next life delivers the rest."""

    async def use():
        where, store = f"unix:{tmp_path}/broker.sock", tmp_path / "broker.db"
        first = broker(where, store=store)
        endpoint = await first.__aenter__()
        state = tmp_path / "state"
        async with agent(endpoint, state):
            async with Client.connect(endpoint) as client:
                begun = plan("test_marked", duration_s=60.0, iterations=())
                started = await client.start_run(begun)
                await until(client, started.run_id, RunState.RUNNING)
            await first.__aexit__(None, None, None)
            before = marks(tmp_path)
            await comes(lambda: marks(tmp_path) > before + 10)
        async with broker(where, store=store), Client.connect(endpoint) as client:
            async with agent(endpoint, state):
                await until(client, started.run_id, RunState.FAILED)
                await comes(lambda: not list(state.glob("runners/*")))
            summary = await client.get_summary(started.run_id)
            check_exact_loss(summary, part_module.STOPPED)
            assert summary.iterations.success > before

    run(use())


@pytest.mark.system
def test_what_a_broker_does_not_know_goes(tmp_path, tests, caplog):
    """A run that the broker has never heard of is not kept for ever; it is told how much went."""

    async def use():
        where = f"unix:{tmp_path}/broker.sock"
        first = broker(where)
        endpoint = await first.__aenter__()
        state = tmp_path / "state"
        async with agent(endpoint, state):
            async with Client.connect(endpoint) as client:
                begun = plan("test_marked", duration_s=60.0, iterations=())
                started = await client.start_run(begun)
                await until(client, started.run_id, RunState.RUNNING)
            await first.__aexit__(None, None, None)
            before = marks(tmp_path)
            await comes(lambda: marks(tmp_path) > before + 10)
            assert list(state.glob("runners/*"))
            async with broker(where):  # its store is another
                await comes(lambda: not list(state.glob("runners/*")))
        assert "uncommitted events" in caplog.text

    run(use())


@pytest.mark.system
def test_a_broken_stream_does_not_end_a_run(tmp_path, tests):
    """Runners go on while their agent is away, and what they did is counted when it is back."""

    async def use():
        connected = asyncio.Queue()
        async with (
            broker() as endpoint,
            Client.connect(endpoint) as client,
            agent(endpoint, tmp_path / "state", connected),
            new_channel(endpoint) as channel,
        ):
            started = await client.start_run(plan("test_pass", duration_s=1.0, iterations=()))
            await until(client, started.run_id, RunState.RUNNING)
            # A second stream under its name ends the agent's own.
            impostor = fleet_pb2_grpc.FleetServiceStub(channel).Connect()
            register = fleet_pb2.Register(agent_id=started.agent_ids[0], run_ids=[started.run_id])
            await impostor.write(fleet_pb2.ConnectRequest(register=register))
            await connected.get()
            await until(client, started.run_id, RunState.FINISHED)
            summary = await client.get_summary(started.run_id)
            assert summary.verdict.exit_code == 0
            assert summary.iterations.success > 0
            impostor.cancel()

    run(use())


@pytest.mark.system
def test_a_defect_of_the_agent_ends_the_part(tmp_path, tests, monkeypatch):
    """Whatever goes wrong in the agent's own code, the run hears of it, and ends."""

    async def broken(*_):
        raise ZeroDivisionError("oops")

    async def use():
        monkeypatch.setattr(runner_module.Runner, "_start_process", broken)
        async with (
            broker() as endpoint,
            Client.connect(endpoint) as client,
            agent(endpoint, tmp_path / "state"),
        ):
            started = await client.start_run(plan("test_slow"))
            over = await until(client, started.run_id, RunState.FAILED)
            assert "a defect of the agent: ZeroDivisionError: oops" in over.reason

    run(use())
