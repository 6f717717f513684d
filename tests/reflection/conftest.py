import asyncio

import grpc
import grpc.aio
import pytest

from loadgrpc.reflection import add_reflection


@pytest.fixture
def served():
    """What the live server says it serves, besides reflection."""
    return [
        "loadgrpc.v1.RunnerService",
        "loadgrpc.v1.ControlService",
        "loadgrpc.v1.FleetService",
        "grpc.health.v1.Health",
    ]


@pytest.fixture
def live(served):
    """Calls a function, in a thread, with the address of a live server; returns its result."""

    async def serve(use):
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        add_reflection(server, served)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            return await asyncio.to_thread(use, f"127.0.0.1:{port}")
        finally:
            await server.stop(None)

    return lambda use: asyncio.run(serve(use))
