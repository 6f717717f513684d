"""Servers: where they listen, and what every one of them answers."""

import asyncio
import socket

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loadgrpc.errors import Unavailable
from loadgrpc.protocol.transport import listen, new_channel, new_server


def test_a_taken_port_says_so():
    """A port that somebody else has is refused, in words that name it; ours is not shared."""

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port}: .*in use"):
                listen(await new_server([]), f"127.0.0.1:{port}")
        first = await new_server([])
        address = listen(first, "127.0.0.1:0")
        await first.start()
        with pytest.raises(Unavailable, match="in use"):
            listen(await new_server([]), address)
        await first.stop(None)

    asyncio.run(main())


@pytest.mark.parametrize(
    "address", ["203.0.113.1:7979", "127.0.0.1:nothing", "unix:/proc/nowhere/s.sock"]
)
def test_an_impossible_address_says_so(address):
    """An address that is none of this machine's is refused, in words that name it."""

    async def main():
        with pytest.raises(Unavailable, match=address.replace(".", r"\.")):
            listen(await new_server([]), address)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_health_is_answered_for_each_service(kind, tmp_path):
    """Every server serves health checks, for itself and for each service by name."""

    async def main():
        server = await new_server(["loadgrpc.v1.RunnerService"])
        wanted = "127.0.0.1:0" if kind == "tcp" else f"unix:{tmp_path}/s.sock"
        endpoint = listen(server, wanted)
        await server.start()
        async with new_channel(endpoint) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for name in ("", "loadgrpc.v1.RunnerService"):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await server.stop(None)

    asyncio.run(main())
