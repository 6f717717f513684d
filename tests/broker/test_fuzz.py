"""Messages of every method, made by its shape and then bent: nothing of it harms the broker.

5,000 of them, or as many as LOADGRPC_FUZZ says, in LOADGRPC_FUZZ_S seconds at most. What is made
is what a stranger may send: fields of the right kind with edges in them, lists, wild times,
columns of any width, bytes that were changed, cut, or are none. Meanwhile others ask for a run,
and are answered. The broker and the others are processes of their own: what making all that costs
is not theirs.
"""

import collections
import contextlib
import os
import random
import time

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loadgrpc.v1 import (
    access_pb2,
    campaign_pb2,
    control_pb2,
    fleet_pb2,
    runner_pb2,
    schedule_pb2,
)

MESSAGES = int(os.environ.get("LOADGRPC_FUZZ", "5000"))
MOST_S = float(os.environ.get("LOADGRPC_FUZZ_S", "50"))
"""After so long no more are sent: it says how many were."""
A_CALL = 8
"""Messages that a stream carries, or calls that are made at once."""
A_CALL_S = 60
A_WATCH_S = 0.1
"""How long streams unfinished are read."""
MAX_READ = 500
"""Answers of a stream that are read, at least; then it is ended."""
HELD_S = 0.3
"""How long the loop may be held by one turn, in processor time of its thread: a turn of gRPC's
takes all that came since the last one, and what that costs doubles where a core is shared."""
MAX_PEAK_MB = 300
"""Of the broker's memory."""
MAX_P99_S = 5.0
"""Of others' GetRun; on a machine of its own it is below 0.2 s, which is printed."""
NO_LIMITS = [f"{name}=1000000000" for name in ("requests", "calls", "watches", "events")]
"""What is fuzzed is what comes behind them."""
DEFECTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}

MODULES = (access_pb2, campaign_pb2, control_pb2, fleet_pb2, runner_pb2, schedule_pb2)
METHODS = [
    (f"/{service.full_name}/{method.name}", method)
    for module in MODULES
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
            elif field.message_type.GetOptions().map_entry:
                key, value = field.message_type.fields
                for _ in range(size):
                    self._entry(several, self._plain(key), value, depth)
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

    def _entry(self, entries, key, value, depth):
        if value.message_type is None:
            entries[key] = self._plain(value)
        else:
            entries[key].CopyFrom(self.message(value.message_type, depth + 1))

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


def call(channel, path, method, sent):
    """Calls a method with bytes, all at once or on one stream, and reads what comes.

    The statuses that the calls ended with.
    """
    raw = {"request_serializer": None, "response_deserializer": None}
    if method.client_streaming:
        calls = [channel.stream_stream(path, **raw)(iter(sent), timeout=A_CALL_S)]
    elif method.server_streaming:
        calls = [channel.unary_stream(path, **raw)(each, timeout=A_WATCH_S) for each in sent]
    else:
        calls = [channel.unary_unary(path, **raw).future(each, timeout=A_CALL_S) for each in sent]
        return [each.code() for each in calls]
    for each in calls:
        with contextlib.suppress(grpc.RpcError):
            for number, _ in enumerate(each):
                if number > MAX_READ:
                    each.cancel()
    return [each.code() for each in calls]


@pytest.mark.timeout(0)
def test_messages_of_every_shape_harm_nobody(tmp_path, capsys, beside, run_by_hand):
    """No INTERNAL, no UNKNOWN, no traceback; no turn is long; memory and waits are bounded."""
    log = tmp_path / "broker.log"
    broker = beside("serve", str(tmp_path / "store.db"), *NO_LIMITS, log=log)
    endpoint = broker.first["endpoint"]
    run_id, leave = run_by_hand(endpoint)
    other_id, leave_other = run_by_hand(endpoint, "a2")
    others = beside("ask", endpoint, run_id, log=tmp_path / "others.log")
    channel = grpc.insecure_channel(endpoint)
    ended = collections.Counter()
    sent_messages = 0
    over_s = time.monotonic() + MOST_S

    @settings(
        max_examples=MESSAGES // A_CALL,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32), which=st.sampled_from(METHODS))
    def every(seed, which):
        nonlocal sent_messages
        if time.monotonic() > over_s:
            return
        path, method = which
        ends = method.name in ("StopRun", "DeleteRun")
        maker = Maker(seed, other_id if ends else run_id)
        made = [maker.message(method.input_type) for _ in range(A_CALL)]
        sent = []
        if method.client_streaming:
            sent = [opening(method.name, run_id, seed).SerializeToString()]
            made = [along(message, run_id, seed) for message in made]
        sent += [maker.bent(message.SerializeToString()) for message in made]
        codes = call(channel, path, method, sent)
        ended.update((method.name, code) for code in codes)
        sent_messages += A_CALL
        assert DEFECTS.isdisjoint(codes), (path, codes, log.read_text()[-5_000:])

    try:
        every()
    finally:
        asked = others.end()
        channel.close()
        leave()
        leave_other()
        told = broker.end()
    with capsys.disabled():
        print(  # noqa: T201 - what this is for
            f"\n{sent_messages} messages: GetRun of others p99 {asked['p99_s'] * 1e3:.0f} ms,"
            f" at most {asked['worst_s'] * 1e3:.0f} ms;"
            f" longest turn {told['longest_s'] * 1e3:.0f} ms,"
            f" at most {told['peak_mb']:.0f} MB; {len(ended)} ends"
        )
    assert "Traceback" not in log.read_text(), log.read_text()[-5_000:]
    assert {name for name, _ in ended} == {method.name for _, method in METHODS}
    assert told["longest_s"] < HELD_S, told["longest"]
    assert told["peak_mb"] < MAX_PEAK_MB
    assert asked["p99_s"] < MAX_P99_S
