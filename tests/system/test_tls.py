"""TLS with real processes: certificates replaced under load, and grpcurl with a token."""

import asyncio
import json
import subprocess

import pytest

from loadgrpc.agent import serving
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker import server
from loadgrpc.certs import TlsChoice, files
from loadgrpc.client import Client, Credentials
from loadgrpc.model import Progress, Role, plan_of

pytestmark = pytest.mark.system


def test_certificates_are_replaced_under_load_and_no_event_is_lost(
    issue, tmp_path, demo_server, tool, monkeypatch
):
    """All are renewed in the middle of a run: each hit is accounted for, as the server counts.

    Meanwhile grpcurl watches with a token, until that is revoked.
    """
    monkeypatch.setattr(files, "LOOK_S", 0.1)
    issued = issue()
    issued.caller("agent", "one")
    choice = TlsChoice(folder=issued.path)
    test = "loadgrpc.examples.test_blog.TestWebSite.test_something"

    def grpcurl(address, secret, method, request="{}"):
        command = [tool("grpcurl"), "-cacert", issued.path / "ca.pem", "-max-time", "20"]
        command += ["-H", f"authorization: Bearer {secret}", "-d", request]
        command += [address, f"loadgrpc.v1.{method}"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    async def main():
        config = server.BrokerConfig(
            listen="127.0.0.1:0",
            listen_tokens="127.0.0.1:0",
            store=":memory:",
            tls=choice.for_broker(),
        )
        connected = asyncio.Event()
        shown = Credentials(choice=choice)
        async with server.running(config) as address:
            settings = AgentConfig(
                broker=address, state_dir=tmp_path / "one", certificates=choice.for_agents()
            )
            async with (
                serving.running(settings, on_connected=lambda _: connected.set()),
                Client.connect(address, credentials=shown) as client,
            ):
                await connected.wait()
                tokens = (await client.access.caller()).tokens_address
                _, secret = await client.access.create_token("ci", Role.WATCH)
                plan = plan_of(test=test, users=(2,), duration_s=4.0, server_url=demo_server.url)
                run = await client.start_run(plan)
                request = json.dumps({"run_id": run.run_id})
                watching = asyncio.create_task(
                    asyncio.to_thread(grpcurl, tokens, secret, "ControlService/WatchRun", request)
                )
                refused = await asyncio.to_thread(
                    grpcurl, tokens, secret, "ControlService/StopRun", request
                )
                async for news in client.watch_run(run.run_id):
                    if isinstance(news.update, Progress) and news.update.hits:
                        break
                for kept in list(issued.folder.kept()):
                    issued.folder.renew(kept, issued.now())
                await client.access.revoke_token("ci")
                watched = await watching
                async for _ in client.watch_run(run.run_id):
                    pass
                return await client.get_summary(run.run_id), refused, watched

    summary, refused, watched = asyncio.run(main())
    assert summary.verdict.exit_code == 0
    assert summary.hits.count == demo_server.requests()
    assert summary.accounting.lost == summary.accounting.rejected == 0
    assert "ci (watch) may not call StopRun: it needs the role run" in refused.stderr
    assert '"sequence"' in watched.stdout
    assert "the token ci was revoked" in watched.stderr
