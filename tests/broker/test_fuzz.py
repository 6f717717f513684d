"""Messages of every method, made by its shape and then bent: nothing of it harms the broker.

5,000 of them, or as many as LOADGRPC_FUZZ says. What is made is what a stranger may send: fields
of the right kind with edges in them, lists, wild times, columns of any width, bytes that were
changed, cut, or are none. Meanwhile others ask for a run, and are answered.
"""

import asyncio
import contextlib
import logging
import os
import random
import resource
import statistics
import threading
import time

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loadgrpc.broker import server
from loadgrpc.v1 import (
    control_pb2,
    control_pb2_grpc,
    fleet_pb2,
    fleet_pb2_grpc,
    run_pb2,
    runner_pb2,
    runner_pb2_grpc,
)

MESSAGES = int(os.environ.get("LOADGRPC_FUZZ", "5000"))
A_CALL = 8
"""Messages that a stream carries, and that are made at once."""
HELD_S = 0.1
"""How long the loop may be held by one turn, in processor time of its thread."""
MAX_RSS_MB = 300
MAX_P99_S = 5.0
"""Of others' GetRun; on a machine of its own it is below 0.2 s, which is printed."""
DEFECTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}

METHODS = [
    (f"/{service.full_name}/{method.name}", method)
    for module in (control_pb2, fleet_pb2, runner_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
KNOWN = ["r-0", "fuzz-1", "fuzz", "x", "t", "hit", "custom", "1-0-0", "google.protobuf.Value"]
"""Words that lead further in than others: `r-0` stands for a run that goes on."""


class Maker:
    """Makes messages of a descriptor; all chance is of one seed."""

    def __init__(self, seed, run_id):
        self.random = random.Random(seed)
        self.run_id = run_id

    def message(self, described, depth=0):
        """A message with some of its fields."""
        made = described._concrete_class()
        for field in described.fields:
            if depth > 5 or self.random.random() < 0.35:
                continue
            if not field.is_repeated:
                self._set(made, field, depth)
                continue
            size = self.random.choice([1, 1, 2, 3, 17, 200])
            several = getattr(made, field.name)
            if field.message_type is None:
                several.extend(self._plain(field) for _ in range(size))
            else:
                each = self.message(field.message_type, depth + 1)
                several.extend([each] * size)
        if described.name in ("HitBlock", "TestBlock") and self.random.random() < 0.8:
            self._columns(made)
        return made

    def _set(self, made, field, depth):
        if field.message_type is None:
            setattr(made, field.name, self._plain(field))
        else:
            getattr(made, field.name).CopyFrom(self.message(field.message_type, depth + 1))

    def _plain(self, field):
        chance = self.random
        if field.cpp_type in NUMBERS:
            low, high = NUMBERS[field.cpp_type]
            return chance.choice([0, 1, 2, 5, chance.randint(low, high), low, high])
        if field.type == FieldDescriptor.TYPE_BOOL:
            return chance.random() < 0.5
        if field.type == FieldDescriptor.TYPE_ENUM:
            return chance.choice([0, 1, 2, 3, 4, 77, 2**31 - 1])
        if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.randbytes(chance.choice([0, 1, 4, 8, 64, 3_000]))
        if field.type == FieldDescriptor.TYPE_STRING:
            word = chance.choice([*KNOWN, "", "\0", "é" * 130, "x" * 5_000, "\x1b[2J\n", "a/b.C"])
            return self.run_id if word == "r-0" or field.name == "run_id" else word
        return chance.choice([0.0, -1.5, 1e300, float("inf"), float("nan")])

    def _columns(self, block):
        """Columns that fit the block, mostly; so that what is behind them is reached."""
        block.count = self.random.choice([1, 7, 100, 5_000, 131_072])
        block.base_time.FromSeconds(1_700_000_000)
        if not block.labels:
            block.labels.add()
        for label in block.labels:
            with contextlib.suppress(AttributeError):
                label.name = label.name or "x"
            with contextlib.suppress(AttributeError):
                label.test, label.outcome = label.test or "t", 1
        for field in block.DESCRIPTOR.fields:
            if field.type == FieldDescriptor.TYPE_BYTES:
                width = self.random.choice([0, 0, 1, 2, 4, 8]) if block.count <= 5_000 else 0
                kind = self.random.random()
                data = bytes(width * block.count)
                if kind < 0.2:
                    data = self.random.randbytes(width * block.count)
                setattr(block, field.name, data[1:] if kind > 0.95 else data)

    def bent(self, data):
        """The bytes of a message, some of which are changed, gone, or others."""
        chance = self.random.random()
        if chance < 0.7 or not data:
            return data
        at = self.random.randrange(len(data))
        if chance < 0.8:
            return data[:at]
        if chance < 0.9:
            return data[:at] + self.random.randbytes(3) + data[at + 3 :]
        return self.random.choice([b"\xff" * 9, b"\x0a\x02\xff\xfe", data * 20, b"\0" * 50])


def opening(method, run_id, number):
    """What has to come first on a stream, so that the others are looked at."""
    if method == "Connect":
        return fleet_pb2.ConnectRequest(register={"agent_id": f"fuzz-{number % 50}"})
    source = runner_pb2.SourceId(run_id=run_id, agent_id="a1", runner_id=f"fuzz-{number % 20}")
    return runner_pb2.PublishEventsRequest(source=source, open={"epoch": number + 1})


def along(message, run_id, number):
    """A message of a stream that is about what was opened, as most are."""
    if isinstance(message, runner_pb2.PublishEventsRequest):
        message.source.CopyFrom(opening("PublishEvents", run_id, number).source)
        if message.WhichOneof("message") == "batch":
            message.batch.first_sequence = 0  # the next, whatever that is
        if message.HasField("finish"):
            message.finish.ClearField("load_error")  # it would stop the run
    return message


class Others:
    """Who asks for a run all the time, from a thread of their own, and how long they wait."""

    def __init__(self, endpoint, run_id):
        self.waits_s = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(endpoint, run_id), daemon=True)
        self._thread.start()

    def _ask(self, endpoint, run_id):
        with grpc.insecure_channel(endpoint) as channel:
            stub = control_pb2_grpc.ControlServiceStub(channel)
            while not self._over.wait(0.02):
                began_s = time.monotonic()
                with contextlib.suppress(grpc.RpcError):  # it may have been ended and deleted
                    stub.GetRun(control_pb2.GetRunRequest(run_id=run_id), timeout=100)
                self.waits_s.append(time.monotonic() - began_s)

    def end(self):
        """Asks no more; the 99th percentile of the waits."""
        self._over.set()
        self._thread.join()
        return statistics.quantiles(self.waits_s, n=100)[98]


class Turns:
    """How long the turns of an event loop take, in processor time of its thread."""

    def __init__(self, monkeypatch):
        self.worst_s, self.worst = 0.0, ""
        run = asyncio.Handle._run

        def timed(handle):
            began_ns = time.thread_time_ns()
            run(handle)
            took_s = (time.thread_time_ns() - began_ns) / 1e9
            if took_s > self.worst_s and self.watched == threading.get_ident():
                self.worst_s = took_s
                self.worst = repr(getattr(handle._callback, "__self__", handle))

        self.watched = 0
        monkeypatch.setattr(asyncio.Handle, "_run", timed)


class Serving:
    """A broker in a thread of its own, with an agent and a run that goes on."""

    def __init__(self, store):
        self._store = store
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    async def _serve(self):
        self.ident = threading.get_ident()
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        config = server.BrokerConfig(listen="127.0.0.1:0", store=self._store)
        async with server.running(config) as self.endpoint:
            self._ready.set()
            await self._over.wait()

    def end(self):
        """Ends the broker."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)


def start_run(endpoint, agent_id="a1"):
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


def call(channel, path, method, sent):
    """Calls a method with bytes, and reads what comes; the status it ended with."""
    raw = {"request_serializer": None, "response_deserializer": None}
    try:
        if method.client_streaming:
            answers = channel.stream_stream(path, **raw)(iter(sent), timeout=30)
        elif method.server_streaming:
            answers = channel.unary_stream(path, **raw)(sent[0], timeout=0.5)
        else:
            channel.unary_unary(path, **raw)(sent[0], timeout=30)
            return grpc.StatusCode.OK
        for number, _ in enumerate(answers):
            if number > 500:
                answers.cancel()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.timeout(0)
def test_messages_of_every_shape_harm_nobody(tmp_path, monkeypatch, caplog, capsys):
    """No INTERNAL, no UNKNOWN, no traceback; no turn is long; memory and waits are bounded."""
    turns = Turns(monkeypatch)
    serving = Serving(str(tmp_path / "store.db"))
    run_id, leave = start_run(serving.endpoint)
    other_id, leave_other = start_run(serving.endpoint, "a2")
    others = Others(serving.endpoint, run_id)
    channel = grpc.insecure_channel(serving.endpoint)
    ended = {}
    calls = MESSAGES // A_CALL
    # What the first error loads is loaded once, and before a broker serves: see server.serve.
    path, get_run = next(each for each in METHODS if each[1].name == "GetRun")
    for garbage in (b"", b"\xff", b"\x0a\x01\xff"):
        call(channel, path, get_run, [garbage])
    turns.watched = serving.ident

    @settings(
        max_examples=calls,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32), which=st.sampled_from(METHODS))
    def every(seed, which):
        path, method = which
        ends = method.name in ("StopRun", "DeleteRun")
        maker = Maker(seed, other_id if ends else run_id)
        made = [maker.message(method.input_type) for _ in range(A_CALL)]
        if not method.client_streaming:
            codes = [call(channel, path, method, [maker.bent(m.SerializeToString())]) for m in made]
        else:
            sent = [opening(method.name, run_id, seed).SerializeToString()]
            sent += [maker.bent(along(m, run_id, seed).SerializeToString()) for m in made]
            codes = [call(channel, path, method, sent)]
        for code in codes:
            ended[method.name, code] = ended.get((method.name, code), 0) + 1
        assert DEFECTS.isdisjoint(codes), (path, codes)

    try:
        every()
        p99_s = others.end()
    finally:
        others.end()
        channel.close()
        leave()
        leave_other()
        serving.end()
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with capsys.disabled():
        print(  # noqa: T201 - what this is for
            f"\n{MESSAGES} messages: GetRun of others p99 {p99_s * 1e3:.0f} ms, longest turn"
            f" {turns.worst_s * 1e3:.0f} ms, at most {rss_mb:.0f} MB; {len(ended)} ends"
        )
    failed = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not [record for record in failed if record.exc_info], failed
    assert {name for name, _ in ended} == {method.name for _, method in METHODS}
    assert turns.worst_s < HELD_S, turns.worst
    assert rss_mb < MAX_RSS_MB
    assert p99_s < MAX_P99_S
