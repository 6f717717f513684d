"""Agents leave because of their age, or are drained, between two runs and never in one."""

import asyncio

import pytest

from loadgrpc import __version__
from loadgrpc.agent import serving
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker.server import BrokerConfig
from loadgrpc.broker.server import running as broker_running
from loadgrpc.client import Client
from loadgrpc.errors import OtherVersion, TooFewAgents
from loadgrpc.model import AgentState, RunState
from loadgrpc.protocol import status
from loadgrpc.protocol.fleet import Registration, registration_to_proto
from loadgrpc.protocol.transport import new_channel
from loadgrpc.testing import plan_of, running_cluster
from loadgrpc.v1 import fleet_pb2, fleet_pb2_grpc

VOLUME = "loadgrpc.examples.test_blog.TestWebSite.test_volume"


def run(use):
    """Runs a coroutine; nothing may take long."""

    async def main():
        async with asyncio.timeout(60):
            return await use

    return asyncio.run(main())


async def state_of(client, *wanted):
    """Waits until the only agent is in one of these states; which."""
    while True:
        (agent,) = await client.list_agents()
        if agent.state in wanted:
            return agent.state
        await asyncio.sleep(0.05)


def test_r3_an_agent_of_age_leaves_after_its_run(tmp_path):
    """Loads' R3: --max-age ended agents that were busy. Here the run is whole, and no other comes.

    Then the agent ends by itself, in an orderly way.
    """

    async def use():
        config = BrokerConfig(listen="127.0.0.1:0", store=":memory:")
        async with broker_running(config) as endpoint, Client.connect(endpoint) as client:
            connected = asyncio.Queue()
            config = AgentConfig(broker=endpoint, state_dir=tmp_path, max_age_s=1.0)
            life = asyncio.create_task(
                serving.serve(config, on_connected=connected.put_nowait, stop=asyncio.Event())
            )
            await connected.get()
            plan = plan_of(test=VOLUME, duration_s=3.0, processes=1)
            begun = await client.start_run(plan)
            await state_of(client, AgentState.DRAINING)
            (agent,) = await client.list_agents()
            assert (agent.retiring, agent.drained) == (True, False)
            with pytest.raises(TooFewAgents):
                await client.start_run(plan)
            async for _ in client.watch_run(begun.run_id):
                pass
            await life
            summary = await client.get_summary(begun.run_id)
            return summary, await client.list_agents()

    summary, agents = run(use())
    assert (summary.state, summary.verdict.exit_code) == (RunState.FINISHED, 0)
    assert agents == []


def test_an_idle_agent_of_age_leaves_at_once(tmp_path):
    """Without a part it is let go as soon as it asks."""

    async def use():
        config = BrokerConfig(listen="127.0.0.1:0", store=":memory:")
        async with broker_running(config) as endpoint, Client.connect(endpoint) as client:
            config = AgentConfig(
                broker=endpoint, state_dir=tmp_path, max_age_s=0.01, max_age_delta_s=0.01
            )
            await serving.serve(config, on_connected=lambda _: None, stop=asyncio.Event())
            return await client.list_agents()

    assert run(use()) == []


def test_a_drained_agent_finishes_its_run_and_gets_no_other(tmp_path):
    """It stays connected; undone, it gets the next run."""

    async def use():
        async with running_cluster() as endpoint, Client.connect(endpoint) as client:
            (agent,) = await client.list_agents()
            plan = plan_of(test=VOLUME, duration_s=1.0, processes=1)
            begun = await client.start_run(plan)
            assert (await client.drain_agent(agent.agent_id)).state is AgentState.DRAINING
            async for _ in client.watch_run(begun.run_id):
                pass
            summary = await client.get_summary(begun.run_id)
            await state_of(client, AgentState.DRAINED)
            with pytest.raises(TooFewAgents, match=r"but 0 idle \(1 known, 1 drained\)"):
                await client.start_run(plan)
            assert (await client.drain_agent(agent.agent_id, undo=True)).state is AgentState.IDLE
            again = await client.start_run(plan)
            await client.stop_run(again.run_id)
            return summary.verdict.exit_code

    assert run(use()) == 0


def test_an_agent_of_another_minor_version_is_refused_with_a_sentence():
    """On the wire: FAILED_PRECONDITION, and what to do; a broker may be told to accept it."""

    async def connect(endpoint):
        registration = Registration(agent_id="old", hostname="h", pid=1, version="0.9.0", cores=1)
        register = fleet_pb2.ConnectRequest(register=registration_to_proto(registration))
        async with new_channel(endpoint) as channel:
            call = fleet_pb2_grpc.FleetServiceStub(channel).Connect()
            await call.write(register)
            try:
                answer = await anext(aiter(call))
            except Exception as error:
                raise status.from_rpc_error(error) from error
            finally:
                call.cancel()
            return answer.registered.version

    async def use():
        for allow in (False, True):
            config = BrokerConfig(listen="127.0.0.1:0", store=":memory:", allow_version_skew=allow)
            async with broker_running(config) as endpoint:
                if not allow:
                    with pytest.raises(OtherVersion, match="--allow-version-skew"):
                        await connect(endpoint)
                else:
                    return await connect(endpoint)
        return ""

    assert run(use()) == __version__
