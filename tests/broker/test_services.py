"""The broker's services over gRPC: wrong requests by field, and the long stream of an agent."""

import asyncio

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from loadgrpc.broker.server import BrokerConfig, running, serve
from loadgrpc.errors import Unavailable
from loadgrpc.model import RunState
from loadgrpc.protocol.transport import new_channel
from loadgrpc.store import RunRecord, Store, StoreError
from loadgrpc.v1 import (
    control_pb2,
    control_pb2_grpc,
    fleet_pb2,
    fleet_pb2_grpc,
    run_pb2,
    runner_pb2,
    runner_pb2_grpc,
)

CODE = grpc.StatusCode


def on_channel(use, **config):
    """Runs a coroutine function with a channel to a broker."""

    async def main():
        broker = BrokerConfig(listen="127.0.0.1:0", **{"store": ":memory:", **config})
        async with (
            asyncio.timeout(20),
            running(broker) as endpoint,
            new_channel(endpoint) as channel,
        ):
            return await use(channel)

    return asyncio.run(main())


def fields(error):
    """The fields that a status calls wrong."""
    for detail in rpc_status.from_call(error).details:
        bad_request = error_details_pb2.BadRequest()
        if detail.Unpack(bad_request):
            return [violation.field for violation in bad_request.field_violations]
    return []


PLAN = {"test": "a.B.c"}
CALLS = [
    ("StartRun", control_pb2.StartRunRequest(), CODE.INVALID_ARGUMENT, ["plan.test"]),
    (
        "StartRun",
        control_pb2.StartRunRequest(plan={"test": "x", "users": [0], "agents": 10_001}),
        CODE.INVALID_ARGUMENT,
        ["plan.test", "plan.users[0]", "plan.agents"],
    ),
    (
        "StartRun",
        control_pb2.StartRunRequest(plan=PLAN, request_id="x" * 129),
        CODE.INVALID_ARGUMENT,
        ["request_id"],
    ),
    ("StartRun", control_pb2.StartRunRequest(plan=PLAN), CODE.RESOURCE_EXHAUSTED, []),
    ("GetRun", control_pb2.GetRunRequest(), CODE.INVALID_ARGUMENT, ["run_id"]),
    ("GetRun", control_pb2.GetRunRequest(run_id="r-none"), CODE.NOT_FOUND, []),
    ("StopRun", control_pb2.StopRunRequest(), CODE.INVALID_ARGUMENT, ["run_id"]),
    ("StopRun", control_pb2.StopRunRequest(run_id="r-none"), CODE.NOT_FOUND, []),
    ("GetSummary", control_pb2.GetSummaryRequest(), CODE.INVALID_ARGUMENT, ["run_id"]),
    ("GetSummary", control_pb2.GetSummaryRequest(run_id="r-none"), CODE.NOT_FOUND, []),
    ("GetRun", control_pb2.GetRunRequest(run_id="x" * 100_000), CODE.INVALID_ARGUMENT, ["run_id"]),
    ("DeleteRun", control_pb2.DeleteRunRequest(), CODE.INVALID_ARGUMENT, ["run_id"]),
    ("DeleteRun", control_pb2.DeleteRunRequest(run_id="r-none"), CODE.NOT_FOUND, []),
    ("PurgeRuns", control_pb2.PurgeRunsRequest(), CODE.INVALID_ARGUMENT, ["older_than"]),
    (
        "PurgeRuns",
        control_pb2.PurgeRunsRequest(older_than={"seconds": -1}),
        CODE.INVALID_ARGUMENT,
        ["older_than"],
    ),
    (
        "ListRuns",
        control_pb2.ListRunsRequest(page_token="x"),
        CODE.INVALID_ARGUMENT,
        ["page_token"],
    ),
]


@pytest.mark.parametrize(("method", "request_", "code", "wrong"), CALLS)
def test_wrong_requests_are_answered_by_field(method, request_, code, wrong):
    """Each wrong request has its status, and the fields that are wrong by name."""

    async def use(channel):
        stub = control_pb2_grpc.ControlServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(stub, method)(request_)
        assert (caught.value.code(), fields(caught.value)) == (code, wrong)

    on_channel(use)


@pytest.mark.parametrize(
    ("run_id", "code"), [("", CODE.INVALID_ARGUMENT), ("r-none", CODE.NOT_FOUND)]
)
def test_watching_the_wrong_run(run_id, code):
    """A stream that cannot begin ends with the same statuses."""

    async def use(channel):
        stub = control_pb2_grpc.ControlServiceStub(channel)
        call = stub.WatchRun(control_pb2.WatchRunRequest(run_id=run_id))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is code

    on_channel(use)


class Agent:
    """An agent of a stranger, on one Connect stream."""

    def __init__(self, channel):
        self.call = fleet_pb2_grpc.FleetServiceStub(channel).Connect()

    async def say(self, **message):
        await self.call.write(fleet_pb2.ConnectRequest(**message))

    async def hear(self):
        """The next message, or the status when the stream ended."""
        try:
            response = await self.call.read()
        except grpc.aio.AioRpcError as error:
            return error.code()
        return await self.call.code() if response == grpc.aio.EOF else response

    async def register(self, agent_id="a1", **fields_):
        await self.say(register={"agent_id": agent_id, "cores": 2, **fields_})
        return (await self.hear()).registered


def test_an_agent_is_welcomed():
    """Register is answered with how often to beat, and how long the lease is."""

    async def use(channel):
        agent = Agent(channel)
        registered = await agent.register()
        assert registered.version
        assert (registered.heartbeat_interval.seconds, registered.lease.seconds) == (2, 12)
        stub = control_pb2_grpc.ControlServiceStub(channel)
        (listed,) = (await stub.ListAgents(control_pb2.ListAgentsRequest())).agents
        assert (listed.agent_id, listed.state) == ("a1", control_pb2.AGENT_STATE_IDLE)

    on_channel(use, lease_s=12.0)


@pytest.mark.parametrize(
    "message",
    [
        {"heartbeat": {}},
        {"goodbye": {}},
        {},
        {"register": {}},
        {"register": {"agent_id": "x" * 129}},
    ],
)
def test_an_agent_introduces_itself_first(message):
    """Anything before a valid register is INVALID_ARGUMENT, and no agent is known."""

    async def use(channel):
        agent = Agent(channel)
        await agent.say(**message)
        assert await agent.hear() is CODE.INVALID_ARGUMENT
        stub = control_pb2_grpc.ControlServiceStub(channel)
        assert not (await stub.ListAgents(control_pb2.ListAgentsRequest())).agents

    on_channel(use)


def test_heartbeats_are_answered_and_what_is_unknown_is_ignored():
    """Each heartbeat has an answer; a message of a newer agent changes nothing."""

    async def use(channel):
        agent = Agent(channel)
        await agent.register()
        await agent.say()
        await agent.say(heartbeat={})
        assert (await agent.hear()).WhichOneof("message") == "heartbeat"

    on_channel(use)


def test_goodbye_ends_the_stream_well():
    """The broker ends the stream of an agent that leaves with OK, and forgets the agent."""

    async def use(channel):
        agent = Agent(channel)
        await agent.register()
        await agent.say(goodbye={})
        await agent.call.done_writing()
        assert await agent.hear() is CODE.OK
        stub = control_pb2_grpc.ControlServiceStub(channel)
        assert not (await stub.ListAgents(control_pb2.ListAgentsRequest())).agents

    on_channel(use)


def test_a_second_stream_ends_the_first():
    """Of two streams of one agent process, as far as it is known, the first is ABORTED, at once."""

    async def use(channel):
        first, second = Agent(channel), Agent(channel)
        await first.register()
        await second.register()
        assert await first.hear() is CODE.ABORTED

    on_channel(use)


def test_f22_a_copy_of_an_agent_is_refused():
    """While an agent lives, one of its name from another process is told what to do."""

    async def use(channel):
        first, second = Agent(channel), Agent(channel)
        await first.register(hostname="one", pid=7)
        await second.say(register={"agent_id": "a1", "hostname": "two", "pid": 7})
        hearing = asyncio.create_task(second.hear())
        while not hearing.done():
            await first.say(heartbeat={})
            assert (await first.hear()).WhichOneof("message") == "heartbeat"
            await asyncio.sleep(0.01)
        assert await hearing is CODE.ALREADY_EXISTS
        assert "connected, from one (process 7)" in await second.call.details()

    on_channel(use)


def test_a_run_over_the_wire():
    """What grpcurl would do: start, be told to stop, exit, and read how it ended."""

    async def use(channel):
        agent = Agent(channel)
        await agent.register()
        stub = control_pb2_grpc.ControlServiceStub(channel)
        run = (await stub.StartRun(control_pb2.StartRunRequest(plan=PLAN))).run
        assert (await agent.hear()).run.assignment.run_id == run.run_id
        watching = stub.WatchRun(control_pb2.WatchRunRequest(run_id=run.run_id))
        updates = aiter(watching)
        assert (await anext(updates)).run == run
        kill = control_pb2.StopRunRequest(run_id=run.run_id, mode=control_pb2.STOP_MODE_KILL)
        assert (await stub.StopRun(kill)).run.state == 3
        order = (await agent.hear()).stop
        assert (order.run_id, order.mode) == (run.run_id, control_pb2.STOP_MODE_KILL)
        await agent.say(
            runner_exit={
                "run_id": run.run_id,
                "runner_id": "one",
                "exit_status": -9,
                "stderr_tail": "a\nlast\n\n",
                "last": True,
            }
        )
        last = [update async for update in updates][-1].run
        assert last.state == 5
        summary = (await stub.GetSummary(control_pb2.GetSummaryRequest(run_id=run.run_id))).summary
        assert summary.agents[0].reason == "its runner ended with signal 9: last"
        (listed,) = (await stub.ListRuns(control_pb2.ListRunsRequest())).runs
        assert listed == last

    on_channel(use)


@pytest.mark.parametrize("mode", [-1, 3, 2**31 - 1])
def test_d6_a_way_to_stop_that_is_not_known_stops_nothing(mode):
    """Whoever asks for it meant something else than to stop gracefully."""

    async def use(channel):
        agent = Agent(channel)
        await agent.register()
        stub = control_pb2_grpc.ControlServiceStub(channel)
        run = (await stub.StartRun(control_pb2.StartRunRequest(plan=PLAN))).run
        with pytest.raises(grpc.aio.AioRpcError, match="mode: is not known here") as caught:
            await stub.StopRun(control_pb2.StopRunRequest(run_id=run.run_id, mode=mode))
        assert caught.value.code() is CODE.INVALID_ARGUMENT
        found = await stub.GetRun(control_pb2.GetRunRequest(run_id=run.run_id))
        assert found.run.state == run.state

    on_channel(use)


def test_a_run_is_deleted_over_the_wire():
    """A live run is refused with FAILED_PRECONDITION; one that is over goes, by id or by age."""

    async def use(channel):
        agent = Agent(channel)
        await agent.register()
        stub = control_pb2_grpc.ControlServiceStub(channel)
        for purge in (False, True):
            run = (await stub.StartRun(control_pb2.StartRunRequest(plan=PLAN))).run
            delete = control_pb2.DeleteRunRequest(run_id=run.run_id)
            with pytest.raises(grpc.aio.AioRpcError, match="stop it first") as caught:
                await stub.DeleteRun(delete)
            assert caught.value.code() is CODE.FAILED_PRECONDITION
            await agent.say(runner_exit={"run_id": run.run_id, "exit_status": 1, "last": True})
            missed = control_pb2.WatchRunRequest(run_id=run.run_id, after=0)
            updates = [update async for update in stub.WatchRun(missed)]
            changes = [(news.sequence, news.run.state) for news in updates if news.HasField("run")]
            assert changes == [(1, 1), (3, 6)]  # 2: its runner was lost
            if purge:
                age = control_pb2.PurgeRunsRequest(older_than={})
                assert (await stub.PurgeRuns(age)).run_ids == [run.run_id]
            else:
                await stub.DeleteRun(delete)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.DeleteRun(delete)
            assert caught.value.code() is CODE.NOT_FOUND

    on_channel(use)


def test_a_runner_that_could_not_start_over_the_wire():
    """A start error is a loss even though no process ever had a status."""

    async def use(channel):
        agent = Agent(channel)
        await agent.register()
        stub = control_pb2_grpc.ControlServiceStub(channel)
        run = (await stub.StartRun(control_pb2.StartRunRequest(plan=PLAN))).run
        await agent.say(
            runner_exit={"run_id": run.run_id, "start_error": "no such file", "last": True}
        )
        watching = stub.WatchRun(control_pb2.WatchRunRequest(run_id=run.run_id))
        last = [update async for update in watching][-1].run
        assert (last.state, "no such file" in last.reason) == (6, True)

    on_channel(use)


def test_streams_end_when_the_broker_stops():
    """Agents, sources and watchers get UNAVAILABLE, so that they know to come back."""

    async def main():
        config = BrokerConfig(listen="127.0.0.1:0", store=":memory:")
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(config, on_ready=ready.set_result, stop=stop))
        async with asyncio.timeout(20), new_channel(await ready) as channel:
            agent = Agent(channel)
            await agent.register()
            stub = control_pb2_grpc.ControlServiceStub(channel)
            run = (await stub.StartRun(control_pb2.StartRunRequest(plan=PLAN))).run
            await agent.hear()
            source = runner_pb2_grpc.RunnerServiceStub(channel).PublishEvents()
            source_id = {"run_id": run.run_id, "agent_id": "a1", "runner_id": "r"}
            opening = runner_pb2.PublishEventsRequest(source=source_id, open={"epoch": 1})
            await source.write(opening)
            await source.read()
            stop.set()
            assert await agent.hear() is CODE.UNAVAILABLE
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await source.read()
            assert caught.value.code() is CODE.UNAVAILABLE
            await serving

    asyncio.run(main())


def test_a_broker_that_cannot_serve_says_why(tmp_path):
    """A store or an address that cannot be had is an error of ours, and leaves nothing open."""

    async def main():
        with pytest.raises(StoreError, match="is not a file"):
            async with running(BrokerConfig(listen="127.0.0.1:0", store=str(tmp_path))):
                pass
        path = str(tmp_path / "store.db")
        with pytest.raises(Unavailable, match=r"203\.0\.113\.1"):
            async with running(BrokerConfig(listen="203.0.113.1:1", store=path)):
                pass
        async with running(BrokerConfig(listen="127.0.0.1:0", store=path)):
            pass

    asyncio.run(main())


def test_a_summary_keeps_what_a_newer_broker_has_stored_with_it(tmp_path):
    """GetSummary answers with what is in the store, fields that this broker does not know too."""
    path, unknown = str(tmp_path / "store.db"), b"\xfa\x7f\x03new"  # field 2,047, which is none

    async def store_it():
        store = await Store.open(path)
        summary = run_pb2.RunSummary(run_id="r-1", state=run_pb2.RUN_STATE_FINISHED)
        await store.save_run(
            RunRecord(
                run_id="r-1",
                state=RunState.FINISHED,
                plan=run_pb2.RunSpec(test="a.B.c").SerializeToString(),
                create_time_ns=1,
                end_time_ns=2,
                summary=summary.SerializeToString() + unknown,
            )
        )
        await store.close()

    async def use(channel):
        stub = control_pb2_grpc.ControlServiceStub(channel)
        answer = await stub.GetSummary(control_pb2.GetSummaryRequest(run_id="r-1"))
        assert unknown in answer.summary.SerializeToString()

    asyncio.run(store_it())
    on_channel(use, store=path)
