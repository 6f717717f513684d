"""What comes through the door: hostile messages cost little, are named, and harm nobody else."""

import asyncio
import json
import logging

import grpc
import grpc.aio
import pytest
from grpc._cython import cygrpc

from loadgrpc.broker import server, split
from loadgrpc.broker.listing import Wanted
from loadgrpc.model import Plan, RunState, Scenario
from loadgrpc.protocol import answers, batches, bounds, described, door, rows
from loadgrpc.protocol.decoded import STATES_AT_ONCE
from loadgrpc.protocol.events import exception_from_proto
from loadgrpc.protocol.shrinking import shrink
from loadgrpc.protocol.transport import new_channel
from loadgrpc.store import Store
from loadgrpc.v1 import control_pb2, event_pb2, fleet_pb2, run_pb2, runner_pb2

STREAMS = {"Connect", "PublishEvents", "ServerReflectionInfo"}
METHODS = [
    *(
        (f"/{service.full_name}/{method.name}", method.server_streaming)
        for module in (control_pb2, fleet_pb2, runner_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ),
    ("/grpc.health.v1.Health/Check", False),
    ("/grpc.health.v1.Health/Watch", True),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", True),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", True),
]


def on_broker(use):
    """Runs `use` with a channel to a broker."""

    async def main():
        config = server.BrokerConfig(listen="127.0.0.1:0", store=":memory:")
        async with server.running(config) as endpoint, new_channel(endpoint) as channel:
            return await use(channel)

    return asyncio.run(main())


async def ending(channel, path, many, data):
    """The status that a call with these bytes ends with, and its words."""
    name = path.rpartition("/")[2]
    try:
        if name in STREAMS:
            call = channel.stream_stream(path)(iter([data]), timeout=20)
        elif many:
            call = channel.unary_stream(path)(data, timeout=20)
        else:
            await channel.unary_unary(path)(data, timeout=20)
            return grpc.StatusCode.OK, ""
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize(("path", "many"), METHODS)
def test_hostile_9_bytes_that_are_no_message_are_an_invalid_argument(path, many, caplog):
    """Of every method of every service, and without a traceback."""

    async def use(channel):
        return await ending(channel, path, many, b"\xff\xff\xff\xff")

    assert on_broker(use)[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert not [record for record in caplog.records if record.exc_info]


def test_hostile_9_a_client_that_is_gone_leaves_no_traceback(caplog):
    """What gRPC logs with a traceback when nobody takes an answer is no error; its others are."""

    async def use(_):
        log = logging.getLogger("grpc._cython.cygrpc")
        for error in (cygrpc.ExecuteBatchError("gone"), ValueError("a defect")):
            try:
                raise error
            except (cygrpc.ExecuteBatchError, ValueError):
                log.exception("raised in core by servicer method")

    on_broker(use)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a defect"]


def test_d1_the_field_that_is_not_utf8_is_named():
    """A byte that is not UTF-8 ends the stream with INVALID_ARGUMENT, and says where it is."""
    hit = event_pb2.Event(hit=event_pb2.Hit(name="caf!"))
    batch = runner_pb2.EventBatch(events=[event_pb2.Event(), hit])
    data = runner_pb2.PublishEventsRequest(batch=batch).SerializeToString()

    async def use(channel):
        path = "/loadgrpc.v1.RunnerService/PublishEvents"
        return await ending(channel, path, True, data.replace(b"caf!", b"caf\xe9"))

    code, words = on_broker(use)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "batch.events[1].hit.name: is not UTF-8" in words


@pytest.mark.parametrize("size", [2 << 20, 15 << 20])
def test_a_batch_too_large_to_be_read_is_to_be_split(size):
    """The answer is `too_large`, with its number, as for one that is a little too large."""
    source = runner_pb2.SourceId(run_id="r", agent_id="a", runner_id="x")
    url = event_pb2.Event(hit=event_pb2.Hit(url="x" * size))
    batch = runner_pb2.EventBatch(first_sequence=7, events=[url])
    request = runner_pb2.PublishEventsRequest(source=source, batch=batch)

    from loadgrpc.protocol import raw

    read = raw.read(request.SerializeToString())
    assert isinstance(read, raw.Oversized)
    assert (read.source, read.first_sequence) == (source, 7)
    assert read.size == batch.ByteSize()


def test_hostile_6_long_texts_of_runners_that_ended_are_cut_not_refused():
    """An agent that tells 15 MB of an error is heard; what is kept of it is 4 KiB."""
    exited = fleet_pb2.RunnerExit(run_id="none", start_error="é" * 7_000_000, exit_status=-9)
    messages = [
        fleet_pb2.ConnectRequest(register={"agent_id": "a"}),
        fleet_pb2.ConnectRequest(runner_exit=exited),
    ]

    async def use(channel):
        call = channel.stream_stream("/loadgrpc.v1.FleetService/Connect")(
            iter([message.SerializeToString() for message in messages]), timeout=20
        )
        return [fleet_pb2.ConnectResponse.FromString(data) async for data in call]

    kinds = [message.WhichOneof("message") for message in on_broker(use)]
    assert kinds[0] == "registered"


def half_open(request):
    """How a call of GetRun ends that a client begins as a stream of this."""

    async def use(channel):
        call = channel.stream_unary("/loadgrpc.v1.ControlService/GetRun")(request, timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        return raised.value.code(), raised.value.details()

    return on_broker(use)


async def nothing():
    """A stream that sends nothing, and does not end."""
    await asyncio.Event().wait()
    yield b""


def test_a_call_that_sends_no_request_ends(monkeypatch):
    """It holds nothing for long: neither one that goes on, nor one that has ended without."""
    monkeypatch.setattr(door, "REQUEST_S", 0.2)
    code = grpc.StatusCode.INVALID_ARGUMENT

    assert half_open(nothing()) == (code, "no request came within 0.2 s")
    assert half_open(iter([])) == (code, "there is no request")


def zeros(count, **fields):
    """A block of hits whose columns are empty."""
    return event_pb2.HitBlock(
        count=count, base_time={"seconds": 1}, labels=[{"name": "x", "status": 200}], **fields
    )


def test_hostile_1_a_rejected_block_uses_up_room():
    """Blocks that are rejected cost what others cost: behind the bound none is looked at."""
    most = bounds.MAX_BATCH_ENTRIES
    wrong = zeros(most // 2, label=b"\1" * (most // 2))
    batch = runner_pb2.EventBatch(hit_blocks=[wrong] * 3 + [zeros(5)])
    decoded = batches.decode(batch, arrival_ns=0)

    assert decoded.rejected == 3 * (most // 2) + 5
    assert "points to entry 1 of 1" in decoded.violations[1]
    assert "entries together" in decoded.violations[2]
    assert [*rows.rows(batch, arrival_ns=0)] == [None] * 4


def test_hostile_2_entries_of_other_kinds_are_passed_over():
    """A listing makes no row that nobody asked for, and none before it is read."""
    block = event_pb2.TestBlock(
        count=100_000,
        base_time={"seconds": 1},
        labels=[{"test": "t", "outcome": 1}, {"test": "t", "outcome": 1}],
    )
    batch = runner_pb2.EventBatch(test_blocks=[block], hit_blocks=[zeros(30_000)])

    for kinds in (("custom",), ("test_failure",)):
        assert [*rows.rows(batch, arrival_ns=0, kinds=kinds)] == [None, None]
    found = rows.rows(batch, arrival_ns=0, kinds=("test_success",), first=129_999)
    assert [row.entry for row in found if row is not None] == [129_999]


def test_hostile_2_a_listing_gives_turns(at_desk, new_batch):
    """Others are answered while many events are listed."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        for _ in range(3):
            await runner.publish(500)
        turns = 0

        async def others():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        asking = asyncio.create_task(others())
        listed = [event async for event in desk.broker.list_events(Wanted(run_id=run.run_id))]
        asking.cancel()
        assert len(listed) == 1_500
        assert turns > 15

    at_desk(use)


def test_hostile_3_parts_of_many_agents_share_their_plans():
    """The parts still sum to the plan, and the plans of equal shares are one."""
    users = (10, 7, 3, 0)
    plan = Plan(
        scenarios=(Scenario(name="a", test="a.B.c", users=users, iterations=(1,)),), split=True
    )
    ids = [f"a{number}" for number in range(8)]
    found = [assignment.plan for assignment in split.assignments(plan, "r", ids)]

    shares = [plan.scenarios[0].users for plan in found]
    assert [[*each] for each in zip(*shares, strict=True)] == [split.shares(u, 8) for u in users]
    assert len({id(plan) for plan in found}) <= len(users)


def test_hostile_6_reasons_of_losses_are_bounded(at_desk):
    """A source that skips with ever other reasons has twenty, and one for the rest."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        for number in range(30):
            await runner.skip(number + 1, 1, f"reason {number}")
        accounting = (await desk.broker.get_summary(run.run_id)).accounting
        assert accounting.lost == 30
        assert len(accounting.losses) == 21
        assert answers.Acked(30) in runner.answers()

    at_desk(use)


def any_of(name, value):
    """An Any."""
    message = event_pb2.Event()
    message.custom.type_url, message.custom.value = f"x/google.protobuf.{name}", value
    return message.custom


def nested(depth):
    """Any in Any, so deep."""
    value = b""
    for _ in range(depth):
        value = any_of("Any", value).SerializeToString()
    return any_of("Any", value)


@pytest.mark.parametrize(
    "custom",
    [
        any_of("Value", b"\x11\0\0\0\0\0\0\xf8\x7f"),
        any_of("Timestamp", b"\x08" + b"\xff" * 8 + b"\x3f"),
        any_of("Duration", b"\x08" + b"\xff" * 8 + b"\x3f"),
        any_of("FieldMask", b"\x0a\x03a_B"),
        any_of("Any", b"\x0a\x03abc"),
        any_of("Empty", b"\xff"),
        nested(1_500),
    ],
    ids=lambda each: each.type_url + f"-{len(each.value)}",
)
def test_hostile_7_what_json_cannot_say_is_shown_as_its_bytes(custom):
    """An event with a value that is none is listed, and so are those behind it."""
    listed = control_pb2.ListedEvent(event={"custom": custom})

    json.dumps(described.Types().event(listed))


def test_hostile_7_chains_of_imports_are_no_danger():
    """Files that import one another a thousand deep are read one after the other."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    files = [
        FileDescriptorProto(
            name=str(number), dependency=[str(number + 1)] if number < 2_000 else []
        ).SerializeToString()
        for number in range(2_001)
    ]
    described.Types().add(files)


def test_hostile_19_a_plan_that_does_not_pass_any_more_is_listed(at_desk, tmp_path):
    """A store with plans of other rules opens; a run that is damaged is named, and ends."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        return (await desk.start("a1")).run_id, (await desk.start("a2")).run_id

    old_id, damaged_id = at_desk(before, store=path)

    async def damage():
        store = await Store.open(path)
        old = await store.get_run(old_id)
        plan = run_pb2.RunSpec(test="x" * 5_000, users=[0] * 500)
        from dataclasses import replace

        await store.save_run(
            replace(old, plan=plan.SerializeToString(), state=RunState.FINISHED, end_time_ns=1)
        )
        damaged = await store.get_run(damaged_id)
        await store.save_run(replace(damaged, roster=b"{}"))
        await store.close()

    asyncio.run(damage())

    async def after(desk):
        runs = (await desk.broker.list_runs(0, "")).runs
        assert {run.run_id: run.state for run in runs} == {
            old_id: RunState.FINISHED,
            damaged_id: RunState.FAILED,
        }
        assert "damaged in the store" in (await desk.broker.get_run(damaged_id)).reason

    at_desk(after, store=path)


def test_d4_a_page_of_runs_is_what_a_client_takes(at_desk, monkeypatch):
    """Pages end before they are too large, and going on shows all runs, each once."""
    monkeypatch.setattr("loadgrpc.broker.archive.MAX_ANSWER_BYTES", 5_000)

    async def use(desk):
        ids = [
            (await desk.start(f"a{number}", server_url="http://x/" + "y" * 1_500)).run_id
            for number in range(7)
        ]
        found, token = [], ""
        while True:
            runs, token, _ = await desk.broker.list_runs(500, token)
            assert len(runs) <= 2
            found += [run.run_id for run in runs]
            if not token:
                break
        assert found == ids[::-1]

    at_desk(use)


def test_hostile_20_the_largest_summary_is_what_a_client_takes():
    """Names, groups, agents and losses at their bounds, all of four bytes: below 4 MiB."""
    wide = "\N{PILE OF POO}" * 256
    summary = run_pb2.RunSummary(run_id="r")
    for number in range(1_100):
        name = f"{number}{wide}"[:256]
        summary.names.add(name=name, method=name, scenario=name[:128], hits={"count": 1})
        summary.counters[name] = 1
    for groups in (summary.failures, summary.errors):
        for number in range(100):
            text = f"{number}" + "\N{PILE OF POO}" * 1_000
            groups.add(count=1, test=text[:256]).exception.MergeFrom(
                event_pb2.ExceptionInfo(type=text[:256], message=text, traceback=text * 4)
            )
    for number in range(2_000):
        summary.agents.add(agent_id=f"{number}" + "a" * 100, hostname="h" * 255, reason=wide)
        for reason in range(20):
            summary.accounting.losses.add(reason=f"{reason}{wide}", agent_id=str(number), count=2)
    shrink(summary)

    assert summary.ByteSize() <= bounds.MAX_ANSWER_BYTES
    assert len({(each.name, each.method) for each in summary.names}) == 1_100
    assert sum(loss.count for loss in summary.accounting.losses) == 80_000
    assert len(summary.agents) == 2_000


def test_a_summary_that_is_small_stays_as_it_is():
    """Nothing is cut of what everybody takes."""
    summary = run_pb2.RunSummary(names=[{"name": "x" * 256}], counters={"y" * 256: 1})
    before = run_pb2.RunSummary.FromString(summary.SerializeToString())
    shrink(summary)

    assert summary == before


def test_hostile_18_texts_that_are_kept_have_no_nul():
    """What a runner says of a load error reaches the reason of a run, without NUL."""
    kept = exception_from_proto(event_pb2.ExceptionInfo(type="E\0", message="a\0b"))

    assert (kept.type, kept.message) == (
        "E\N{REPLACEMENT CHARACTER}",
        "a\N{REPLACEMENT CHARACTER}b",
    )


def test_states_of_generators_are_counted_some_at_a_time():
    """Ten thousand in one batch do not hold the loop: they are taken out in pieces, none lost."""
    state = event_pb2.Event(generator={"elapsed": {"seconds": 1}})
    decoded = batches.decode(runner_pb2.EventBatch(events=[state] * 1_050), arrival_ns=5)
    pieces = [len(some.generator) for some in decoded.surplus()]

    assert max(pieces) == STATES_AT_ONCE
    assert sum(pieces) + len(decoded.generator) == 1_050
