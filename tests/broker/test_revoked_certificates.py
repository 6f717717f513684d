"""A certificate that is revoked while it is used: what is open with it ends, and nothing begins."""

import asyncio

import grpc
import grpc.aio

from loadgrpc.agent import serving
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker import server
from loadgrpc.certs import TlsChoice
from loadgrpc.client import Client, Credentials
from loadgrpc.model import AgentState, Submission, plan_of
from loadgrpc.protocol.transport import new_channel

HEALTH = "/grpc.health.v1.Health/"


def test_what_is_open_with_it_ends(issue, tmp_path):
    """An agent and a client are cut off within ten seconds; another client's stream goes on."""
    issued = issue()
    ann, two = issued.caller("watch", "ann"), issued.caller("agent", "two")
    choice = TlsChoice(folder=issued.path)

    async def main():
        config = server.BrokerConfig(
            listen="127.0.0.1:0", store=":memory:", tls=choice.for_broker()
        )
        connected = asyncio.Event()
        async with asyncio.timeout(60), server.running(config) as address:
            settings = AgentConfig(
                broker=address, state_dir=tmp_path / "two", certificates={"two": two}
            )
            admin = Credentials(choice=TlsChoice(folder=issued.path))
            async with (
                serving.running(settings, on_connected=lambda _: connected.set()),
                Client.connect(address, credentials=admin) as client,
                new_channel(address, ann) as channel,
            ):
                await connected.wait()
                run = await client.start_run(
                    plan_of(test="a.B.c"), submission=Submission(delay_s=3_600.0)
                )
                others = client.watch_run(run.run_id)
                await anext(others)
                watch = channel.unary_stream(f"{HEALTH}Watch")(b"")
                await watch.read()
                began = asyncio.get_running_loop().time()
                for name in ("ann", "two"):
                    issued.folder.revoke(name, issued.now())
                try:
                    await watch.read()
                except grpc.aio.AioRpcError as error:
                    cut = error
                while (await client.list_agents())[0].state is AgentState.IDLE:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                took_s = asyncio.get_running_loop().time() - began
                try:
                    await channel.unary_unary(f"{HEALTH}Check")(b"")
                except grpc.aio.AioRpcError as error:
                    refused = error
                await client.stop_run(run.run_id)
                async for _ in others:
                    pass
                return cut, refused, took_s

    cut, refused, took_s = asyncio.run(main())
    for error in (cut, refused):
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert error.details() == "the certificate of ann (watch) was revoked"
    assert took_s < 10
