"""Where runners reach the relay, and what others on the machine can take of it."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import grpc
import pytest

from loadgrpc.agent import doors as module
from loadgrpc.agent.doors import Doors
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.workplace import Workplace
from loadgrpc.protocol import descriptors as descriptors_of
from loadgrpc.protocol.transport import new_channel
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc


def at_doors(use, state):
    """Runs a coroutine function with open doors."""

    async def main():
        relay = Relay(None)
        doors = Doors(relay, Workplace(state))
        await doors.open()
        try:
            async with asyncio.timeout(30):
                return await use(doors)
        finally:
            await doors.close()
            await relay.close()

    return asyncio.run(main())


def descriptors():
    """How many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def asks(endpoint):
    """How a call without a token is answered."""
    async with new_channel(endpoint) as channel:
        stub = runner_pb2_grpc.RunnerServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetAssignment(runner_pb2.GetAssignmentRequest(), timeout=20)
        return caught.value.code()


@pytest.mark.parametrize("name", ["plain", "x" * 120, "with 100%25 ?#"])
def test_hostile_12_our_runners_come_by_a_socket_of_their_owner(tmp_path, name):
    """It is in a folder that only the user enters, wherever the state is, and it goes with the
    agent; an open port there is not.
    """

    async def use(doors):
        assert doors.endpoint.startswith("unix:")
        path = Path(doors.endpoint.removeprefix("unix:"))
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.is_relative_to(tmp_path) == (name == "plain")
        assert await asks(doors.endpoint) is grpc.StatusCode.UNAUTHENTICATED
        return path

    before = os.umask(0)
    try:
        assert not at_doors(use, tmp_path / name).parent.exists()
    finally:
        os.umask(before)


def test_hostile_12_a_socket_that_was_left_behind_is_no_obstacle(tmp_path):
    """The agent before this one was killed."""
    (tmp_path / "relay").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "relay" / "socket"))
    code = at_doors(lambda doors: asks(doors.endpoint), tmp_path)
    assert code is grpc.StatusCode.UNAUTHENTICATED


def test_hostile_12_who_says_nothing_is_sent_away(tmp_path, monkeypatch):
    """Of connections over loopback that say nothing there is a bound, and each ends soon; then
    there is room for a runner again.
    """
    monkeypatch.setattr(module, "most_connections", lambda: 16)
    monkeypatch.setattr(module, "GREETING_S", 0.5)

    async def use(doors):
        endpoint = await doors.outside()
        assert await doors.outside() == endpoint
        host, _, port = endpoint.partition(":")
        assert host == "127.0.0.1"
        before = descriptors()
        streams = [await asyncio.open_connection(host, int(port)) for _ in range(100)]
        await asyncio.sleep(0.2)
        taken = descriptors() - before - len(streams)
        assert taken <= 16
        for reader, writer in streams:
            with contextlib.suppress(ConnectionError):
                await reader.read()  # to its end
            writer.close()
        assert await asks(endpoint) is grpc.StatusCode.UNAUTHENTICATED

    at_doors(use, tmp_path)


def test_hostile_12_an_agent_takes_the_descriptors_that_it_may_have(monkeypatch):
    """Its soft limit is raised, and connections of others take a share of it only."""
    limits = [256, 4096]
    monkeypatch.setattr(descriptors_of.resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(
        descriptors_of.resource, "setrlimit", lambda _, both: limits.__setitem__(0, both[0])
    )
    assert module.most_connections() == 64
    descriptors_of.raise_limit()
    assert module.most_connections() == 1024
