"""The Python API to a broker, on a real one."""

import asyncio
import socket
import time

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from loadgrpc.client import Client
from loadgrpc.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    TooFewAgents,
    Unavailable,
)
from loadgrpc.model import AgentState, Progress, Run, RunState, StopMode
from loadgrpc.protocol.transport import listen, new_server
from loadgrpc.testing import plan_of, running_cluster

TEST = """
import time, unittest
class TestIt(unittest.TestCase):
    def test_pass(self):
        pass
    def test_slow(self):
        time.sleep(60)
"""


@pytest.fixture
def tests(tmp_path, monkeypatch):
    """A folder of tests, which the agents of this process work in."""
    (tmp_path / "house_test.py").write_text(TEST)
    monkeypatch.chdir(tmp_path)


def with_client(use, *, agents=1):
    """Runs a coroutine function with a client of a cluster."""

    async def main():
        async with (
            asyncio.timeout(60),
            running_cluster(agents=agents) as endpoint,
            Client.connect(endpoint) as client,
        ):
            return await use(client)

    return asyncio.run(main())


@pytest.mark.system
def test_a_run_from_start_to_summary(tests):
    """A run is started, watched and read; the whole of it adds up over two agents."""

    async def use(client):
        plan = plan_of(
            test="house_test.TestIt.test_pass", users=(2, 1), iterations=(3, 2), agents=2
        )
        run = await client.start_run(plan, request_id="x")
        assert (run.state, run.plan) == (RunState.STARTING, plan)
        news = [item.update async for item in client.watch_run(run.run_id)]
        assert isinstance(news[0], Run)
        assert news[-1].state is RunState.FINISHED
        assert any(isinstance(item, Progress) for item in news)
        summary = await client.get_summary(run.run_id)
        assert (summary.iterations.started, summary.iterations.success) == (30, 30)
        assert (summary.verdict.exit_code, summary.accounting.lost) == (0, 0)
        assert [agent.iterations for agent in summary.agents] == [15, 15]
        assert await client.get_run(run.run_id) == news[-1]
        assert await client.start_run(plan, request_id="x") == news[-1]
        with pytest.raises(AlreadyExists):
            await client.start_run(plan_of(test="a.B.c", iterations=(1,)), request_id="x")
        assert await client.list_runs(page_size=1) == ([news[-1]], "")
        states = [agent.state for agent in await client.list_agents()]
        assert states == [AgentState.IDLE] * 2

    with_client(use, agents=2)


@pytest.mark.system
def test_events_are_listed(tests):
    """What the columns of a real runner stand for: each iteration with its start and stop."""

    async def use(client):
        plan = plan_of(test="house_test.TestIt.test_pass", users=(2,), iterations=(3,))
        run = await client.start_run(plan)
        async for _ in client.watch_run(run.run_id):
            pass
        kinds = ("test_start", "test_success", "test_stop")
        events = [event async for event in client.list_events(run.run_id, kinds=kinds)]
        found = [event.event.WhichOneof("event") for event in events]
        assert sorted(found) == [*["test_start"] * 6, *["test_stop"] * 6, *["test_success"] * 6]
        assert {event.event.status.current_user for event in events} == {1, 2}
        after = events[9].position
        rest = client.list_events(run.run_id, kinds=kinds, after=after, limit=3)
        assert [event async for event in rest] == events[10:13]
        other = client.list_events(run.run_id, agent_id="nobody")
        assert [event async for event in other] == []

    with_client(use)


def test_types_are_described():
    """What the broker's reflection knows is given, the file of the symbol first."""

    async def use(client):
        first, *imports = await client.describe("loadgrpc.v1.Event")
        assert FileDescriptorProto.FromString(first).name == "loadgrpc/v1/event.proto"
        assert len(imports) >= 3
        with pytest.raises(NotFound, match=r"acme\.Order"):
            await client.describe("acme.Order")

    with_client(use, agents=0)


@pytest.mark.system
def test_a_run_is_killed(tests):
    """A kill ends a user that would sleep for a minute, at once, and its agent is idle again."""

    async def use(client):
        plan = plan_of(test="house_test.TestIt.test_slow", iterations=(1,))
        run = await client.start_run(plan)
        async for news in client.watch_run(run.run_id):
            if isinstance(news.update, Run) and news.update.state is RunState.RUNNING:
                began = time.monotonic()
                stopping = await client.stop_run(run.run_id, StopMode.KILL)
                assert stopping.state in (RunState.STOPPING, RunState.STOPPED)
        assert news.update.state is RunState.STOPPED
        assert time.monotonic() - began < 5
        assert (await client.get_summary(run.run_id)).verdict.exit_code == 105

    with_client(use)


@pytest.mark.system
def test_a_test_that_is_not_there(tests):
    """A module that agents do not find gives 107, and names what is missing."""

    async def use(client):
        run = await client.start_run(plan_of(test="nowhere.TestIt.test_pass", iterations=(1,)))
        async for _ in client.watch_run(run.run_id):
            pass
        summary = await client.get_summary(run.run_id)
        assert (summary.state, summary.verdict.exit_code) == (RunState.FAILED, 107)
        assert "no module named 'nowhere'" in summary.reason

    with_client(use)


def test_errors_are_ours():
    """What the broker refuses arrives as an error of the tree, with its fields."""

    async def use(client):
        with pytest.raises(TooFewAgents, match="0 idle"):
            await client.start_run(plan_of(test="a.B.c"))
        with pytest.raises(InvalidRequest) as caught:
            await client.start_run(plan_of(test="c", spawn_rate=-1))
        assert [v.field for v in caught.value.violations] == ["plan.test", "plan.spawn_rate"]
        with pytest.raises(InvalidRequest, match="page_token"):
            await client.list_runs(page_token="x")
        for call in (client.get_run, client.get_summary, client.stop_run):
            with pytest.raises(NotFound, match="r-none"):
                await call("r-none")
        for stream in (client.watch_run, client.list_events):
            with pytest.raises(NotFound, match="r-none"):
                await anext(stream("r-none"))
        with pytest.raises(InvalidRequest) as caught:
            await anext(client.list_events("r-none", kinds=["hit", "hits"]))
        assert [v.field for v in caught.value.violations] == ["kinds[1]"]
        with pytest.raises(InvalidRequest, match="after"):
            await anext(client.list_events("r-none", after="x"))
        assert await client.list_agents() == []

    with_client(use, agents=0)


def test_nobody_answers():
    """A broker that is not there is Unavailable, in the time that was given, with its address."""

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as silent:
            endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
            began = time.monotonic()
            with pytest.raises(Unavailable, match=endpoint):
                async with Client.connect(endpoint, connect_timeout_s=0.2):
                    pass
        with pytest.raises(Unavailable, match=endpoint):
            async with Client.connect(endpoint, connect_timeout_s=0.2):
                pass
        assert time.monotonic() - began < 3

    asyncio.run(main())


def test_somebody_else_answers():
    """A gRPC server that is no broker is told apart from one that does not answer."""

    async def main():
        server = await new_server([])
        endpoint = listen(server, "127.0.0.1:0")
        await server.start()
        with pytest.raises(Unavailable, match="is not a broker"):
            async with Client.connect(endpoint):
                pass
        await server.stop(None)

    asyncio.run(main())


def test_a_broker_that_goes_ends_the_watch():
    """Whoever watches a broker that stops gets Unavailable."""

    async def main():
        cluster = running_cluster(agents=0)
        endpoint = await cluster.__aenter__()
        async with Client.connect(endpoint) as client:
            await cluster.__aexit__(None, None, None)
            with pytest.raises(Unavailable):
                await client.get_broker()

    asyncio.run(main())
