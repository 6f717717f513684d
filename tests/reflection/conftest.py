import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionResponse

from loadgrpc.reflection import add_reflection, packaged

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"


class _OnlyV1alpha(grpc.aio.ServerInterceptor):
    """Takes v1 from a server: whoever asks there gets UNIMPLEMENTED."""

    async def intercept_service(self, continuation, call):
        return None if call.method.startswith(f"/{V1}/") else await continuation(call)


@pytest.fixture
def only_v1alpha():
    """An interceptor that makes a server an older one."""
    return _OnlyV1alpha()


@pytest.fixture
def served():
    """What the live server says it serves, besides reflection."""
    return [
        "loadgrpc.v1.RunnerService",
        "loadgrpc.v1.ControlService",
        "loadgrpc.v1.FleetService",
        "loadgrpc.v1.CampaignService",
        "loadgrpc.v1.ScheduleService",
        "loadgrpc.v1.AccessService",
        "grpc.health.v1.Health",
    ]


@pytest.fixture
def live(served):
    """Calls a function, in a thread, with the address of a live server; returns its result."""

    async def serve(use, services, registry, interceptors):
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)], interceptors=interceptors)
        add_reflection(server, services, registry)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            return await asyncio.to_thread(use, f"127.0.0.1:{port}")
        finally:
            await server.stop(None)

    return lambda use, *, services=served, registry=packaged, interceptors=(): asyncio.run(
        serve(use, services, registry, interceptors)
    )


@pytest.fixture
def live_in_threads(served):
    """The same with a server of gRPC's threaded kind."""

    def serve(use, *, registry=packaged):
        with ThreadPoolExecutor() as threads:
            server = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
            add_reflection(server, served, registry)
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            try:
                return use(f"127.0.0.1:{port}")
            finally:
                server.stop(None).wait()

    return serve


@pytest.fixture(scope="session")
def stream():
    """`stream(target, service, requests)`: the answers to all of them, asked on one stream."""

    def ask(target, service, requests, response_type=ServerReflectionResponse):
        with grpc.insecure_channel(target) as channel:
            call = channel.stream_stream(
                f"/{service}/ServerReflectionInfo",
                request_serializer=lambda request: request.SerializeToString(),
                response_deserializer=response_type.FromString,
            )
            return list(call(iter(requests), timeout=20))

    return ask


@pytest.fixture(params=[V1, V1ALPHA])
def version(request):
    """Each of the two names of the service."""
    return request.param


@pytest.fixture
def ask(live, stream, version):
    """`ask(*requests)` asks a live server, under either name, on one stream."""
    return lambda *requests, registry=packaged: live(
        lambda target: stream(target, version, requests), registry=registry
    )
