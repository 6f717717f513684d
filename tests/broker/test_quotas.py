"""What each caller may take: slowed down first, refused then, counted, and no matter for others."""

import asyncio
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker import quotas as module
from loadgrpc.broker import server
from loadgrpc.broker.callers import CALLER, taker_of
from loadgrpc.broker.inbox import Source
from loadgrpc.broker.pace import Pace
from loadgrpc.broker.quotas import MAX_CALLERS, Quotas
from loadgrpc.client import Client, Credentials
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import NotFound, OverLimit
from loadgrpc.model import LIMITS, Caller, Role, SourceId
from loadgrpc.protocol import status
from loadgrpc.protocol.transport import new_channel
from loadgrpc.testing import ManualClock
from loadgrpc.v1 import (
    access_pb2,
    campaign_pb2,
    control_pb2,
    control_pb2_grpc,
    fleet_pb2,
    runner_pb2,
    schedule_pb2,
)

CONTROL = "/loadgrpc.v1.ControlService"
GET_RUN, WATCH, UPLOAD = (f"{CONTROL}/{each}" for each in ("GetRun", "WatchRun", "UploadBundle"))
PUBLISH = "/loadgrpc.v1.RunnerService/PublishEvents"
MODULES = (access_pb2, campaign_pb2, control_pb2, fleet_pb2, runner_pb2, schedule_pb2)


class Waits:
    """Stands for `asyncio.sleep`: time passes on a clock, and nobody waits."""

    def __init__(self, clock):
        self.clock = clock
        self.waited_s = []

    async def sleep(self, seconds):
        """See asyncio."""
        self.waited_s.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def waits(monkeypatch):
    """Time that passes when somebody waits for it."""
    waits = Waits(ManualClock())
    monkeypatch.setattr(module.asyncio, "sleep", waits.sleep)
    return waits


def use(quotas, name):
    """What a limit has done."""
    return next(each for each in quotas.uses() if each.name == name)


@given(
    per_s=st.integers(1, 1_000),
    burst=st.integers(1, 100),
    gaps_ns=st.lists(st.integers(0, 2 * NS_PER_S), max_size=60),
)
def test_whoever_waits_as_long_as_it_says_keeps_the_pace(per_s, burst, gaps_ns):
    """In no stretch of time more go than its seconds allow, and a burst."""
    pace, now_ns, went_ns = Pace(per_s, burst), NS_PER_S, []
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        now_ns += pace.take(now_ns)
        went_ns.append(now_ns)
    for first, first_ns in enumerate(went_ns):
        for last, last_ns in enumerate(went_ns[first:]):
            assert last + 1 <= burst + (last_ns - first_ns) * per_s / NS_PER_S + 1e-3 * (last + 1)


def test_calls_in_the_pace_do_not_wait_and_faster_ones_do(waits):
    """Two seconds' worth go at once; one after another they are then as fast as the limit."""
    quotas = Quotas({"requests": 10}, waits.clock)

    async def main():
        for _ in range(50):
            async with quotas.call(GET_RUN, "ann (run)"):
                pass

    asyncio.run(main())
    assert len(waits.waited_s) == 30
    assert sum(waits.waited_s) == pytest.approx(3.0)
    assert (use(quotas, "requests").delayed, use(quotas, "requests").refused) == (30, 0)
    assert use(quotas, "requests").last_caller == "ann (run)"


def calls(quotas, method, count, caller="ann (run)"):
    """So many calls at once, none of which ends; how many were refused, and the first refusal."""

    async def main():
        refusals = []
        async with AsyncExitStack() as stack:
            for _ in range(count):
                try:
                    await stack.enter_async_context(quotas.call(method, caller))
                except OverLimit as error:
                    refusals.append(error)
        return refusals

    return asyncio.run(main())


def test_what_would_wait_for_long_is_refused_and_costs_no_turn(monkeypatch):
    """Of many calls at once those go that have their turn within a second; others know when."""
    clock = ManualClock()
    monkeypatch.setattr(module.asyncio, "sleep", Waits(ManualClock()).sleep)  # time stands still
    quotas = Quotas({"requests": 10}, clock)
    refusals = calls(quotas, GET_RUN, 100)

    assert len(refusals) == 100 - 20 - 10
    assert refusals[-1].retry_s == pytest.approx(1.1)
    assert str(refusals[0]) == (
        "ann (run) has more than 10 calls per second: try again in 1.1 s, or start the broker with"
        " a higher --limit requests=10/s"
    )
    assert len(calls(quotas, GET_RUN, 10, "bob (run)")) == 0
    clock.advance(1.1)
    assert calls(quotas, GET_RUN, 1) == []
    assert use(quotas, "requests").refused == len(refusals)


def test_agents_wait_and_are_not_sent_away(waits):
    """However many runners come back at once: their streams open in turn."""
    quotas = Quotas({"requests": 100}, waits.clock)

    assert calls(quotas, PUBLISH, 3_000, "one (agent)") == []
    assert sum(waits.waited_s) == pytest.approx(28.0)


@pytest.mark.parametrize(
    ("method", "name"), [(GET_RUN, "calls"), (WATCH, "watches"), (UPLOAD, "uploads")]
)
def test_calls_that_are_open_are_counted(method, name):
    """The next is refused; when one has ended there is room again; others are not concerned."""
    quotas = Quotas({name: 3}, ManualClock())

    assert len(calls(quotas, method, 5)) == 2
    assert len(calls(quotas, method, 3)) == 0
    found = use(quotas, name)
    assert (found.refused, found.delayed, found.value) == (2, 0, 3)
    assert quotas._of("ann (run)").open.total() == 0


def test_only_calls_of_their_kind_are_counted():
    """A caller that watches may ask; streams of runners are as many as there are runners."""
    quotas = Quotas({"watches": 1, "calls": 5}, ManualClock())

    assert len(calls(quotas, GET_RUN, 5)) == 0
    assert len(calls(quotas, PUBLISH, 100, "one (agent)")) == 0


def test_callers_that_are_known_are_bounded():
    """Of more callers than it can count, the one that came longest ago is forgotten."""
    quotas = Quotas({}, ManualClock())
    for number in range(MAX_CALLERS + 5):
        quotas._of(f"c{number}")
    assert len(quotas._taken) == MAX_CALLERS
    assert "c4" not in quotas._taken


def test_a_source_that_is_too_fast_is_read_more_slowly():
    """Never refused: after a second's worth the broker waits, as long as it takes."""
    clock = ManualClock()
    quotas = Quotas({"events": 200_000}, clock)
    source = Source(SourceId("r", "a", "1"))

    assert quotas.read_ns(source, 200_000) == 0
    assert quotas.read_ns(source, 100_000) == pytest.approx(0, abs=1e4)
    assert quotas.read_ns(source, 1) == pytest.approx(NS_PER_S // 2, rel=1e-3)
    assert quotas.read_ns(Source(SourceId("r", "a", "2")), 1) == 0
    assert use(quotas, "events").last_caller == "r/a/1"
    assert use(quotas, "events").refused == 0


class Context:
    """A call from an address."""

    def __init__(self, peer):
        self._peer = peer

    def peer(self):
        """See gRPC."""
        return self._peer


@pytest.mark.parametrize(
    ("peer", "taker"),
    [
        ("ipv4:192.0.2.7:4711", "ipv4:192.0.2.7"),
        ("ipv6:%5B2001:db8::7%5D:4711", "ipv6:[2001:db8::7]"),
        ("ipv4:127.0.0.1:4711", "ipv4:127.0.0.1:4711"),
        ("ipv6:%5B::1%5D:4711", "ipv6:[::1]:4711"),
        ("unix:", ""),
    ],
)
def test_callers_without_a_name_are_machines(peer, taker):
    """On loopback they are connections; by a Unix socket they are nobody."""
    assert taker_of(Context(peer)) == taker


def test_a_caller_with_a_name_is_that_wherever_it_comes_from():
    """A token counts the same from all machines."""

    async def main():
        CALLER.set(Caller(name="ann", role=Role.RUN, token=True))
        return taker_of(Context("ipv4:192.0.2.7:4711"))

    assert asyncio.run(main()) == "ann (run)"


def test_calls_that_go_on_have_their_limit():
    """Each stream to a client, and each from one, is counted by its kind; and they exist."""
    streams = {
        f"/{service.full_name}/{method.name}"
        for file in MODULES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if method.server_streaming or method.client_streaming
    }
    ours = {path for path in module._HELD if path.startswith("/loadgrpc")}

    assert ours == {path for path in streams if not module._of_agents(path)}
    assert set(module._HELD.values()) <= LIMITS.keys()


def test_a_broker_refuses_says_why_and_counts(tmp_path):
    """End to end: RESOURCE_EXHAUSTED with RetryInfo for one connection, and others are served."""

    async def main():
        config = server.BrokerConfig(
            listen="127.0.0.1:0", store=":memory:", limits={"requests": 5, "watches": 2}
        )
        async with server.running(config) as address, new_channel(address) as channel:
            stub = control_pb2_grpc.ControlServiceStub(channel)
            request = control_pb2.GetRunRequest(run_id="r-none")
            asked = [stub.GetRun(request) for _ in range(40)]
            codes = []
            for call in asked:
                try:
                    await call
                except grpc.aio.AioRpcError as error:
                    codes.append(status.from_rpc_error(error))
            async with Client.connect(address, credentials=Credentials()) as client:
                return codes, await client.get_broker()

    errors, info = asyncio.run(main())
    kinds = {type(error) for error in errors}
    assert kinds == {NotFound, OverLimit}
    (*_, last) = [error for error in errors if isinstance(error, OverLimit)]
    assert 1.0 < last.retry_s < 2.0
    assert "5 calls per second" in str(last)
    uses = {use.name: use for use in info.limits}
    assert uses.keys() == LIMITS.keys()
    assert uses["requests"].refused == info.errors["OVER_LIMIT"] > 10
    assert info.errors["NOT_FOUND"] == len(errors) - info.errors["OVER_LIMIT"]
    assert uses["requests"].last_caller.startswith("ipv4:127.0.0.1:")
    assert uses["watches"].value == 2


def test_a_call_counts_before_it_has_sent_its_request():
    """Whoever begins calls and never says what they are for has as many as others."""

    async def main():
        config = server.BrokerConfig(listen="127.0.0.1:0", store=":memory:", limits={"calls": 3})
        silence = asyncio.Event()

        async def nothing():
            await silence.wait()
            yield b""

        async with server.running(config) as address, new_channel(address) as channel:
            begin = channel.stream_unary(GET_RUN)
            silent = [begin(nothing()) for _ in range(3)]
            # Which of the calls comes first is up to gRPC: only four are too many.
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await asyncio.gather(*silent, begin(nothing()))
            silence.set()
            return raised.value.details()

    assert "has more than 3 open calls: end others first" in asyncio.run(main())
