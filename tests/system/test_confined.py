"""Agents that run only what is signed, as another user, within limits: what a run makes of that."""

import asyncio
import os
import shlex
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from loadgrpc.agent import serving, workplace
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker import server
from loadgrpc.bundle.pack import pack
from loadgrpc.bundle.signed import signed
from loadgrpc.certs.signing import SigningKey
from loadgrpc.client import Client
from loadgrpc.errors import TooFewAgents
from loadgrpc.model import Limits, plan_of

pytestmark = pytest.mark.system

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run what is another user's")
TEST = """\
from loadgrpc import TestCase


class TestIt(TestCase):
    def test_it(self):
        pass
"""


@pytest.fixture
def open_place(monkeypatch):
    """Where folders of runners are that everybody can enter; it goes with the test."""
    with tempfile.TemporaryDirectory(prefix="loadgrpc-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setattr(workplace, "TEMPORARY", Path(folder))
        yield


@asynccontextmanager
async def confined(tmp_path, **config):
    """A client of a broker with one agent, which confines what it runs."""
    connected = asyncio.Event()
    settings = server.BrokerConfig(listen=f"unix:{tmp_path}/broker", store=":memory:")
    async with server.running(settings) as endpoint:
        agent = AgentConfig(broker=endpoint, state_dir=tmp_path / "agent", **config)
        async with (
            serving.running(agent, on_connected=lambda _: connected.set()),
            Client.connect(endpoint) as client,
        ):
            await connected.wait()
            yield client


async def summary_of(client, plan):
    """The result of a run of a plan."""
    run = await client.start_run(plan)
    async with asyncio.timeout(60):
        async for _ in client.watch_run(run.run_id):
            pass
    return await client.get_summary(run.run_id)


def by_program(command):
    """A plan of one process."""
    return plan_of(test="x", test_runner=command, stop_timeout_s=1.0)


def test_only_what_is_signed_is_run(tmp_path, issue):
    """A signed test passes; unsigned ones are not given to the agent, the others it refuses."""
    del issue  # skips where the library is missing
    key, keys, test = SigningKey.make(), tmp_path / "keys", tmp_path / "it.py"
    keys.write_text(key.public_line("ann"))
    test.write_text(TEST)

    async def main():
        async with confined(tmp_path, trusted_keys=(keys,)) as client:
            (agent,) = await client.list_agents()
            assert agent.confinement.signed_only
            with pack({"it.py": test}) as bundle:
                plan = plan_of(test="it.py::TestIt.test_it", bundle=bundle.sha256)
                await client.upload_bundle(bundle)
            passed = await summary_of(client, signed(plan, key))
            with pytest.raises(TooFewAgents, match="1 of them for what is signed only"):
                await client.start_run(plan)
            evil = replace(signed(plan, key), env=(("LD_PRELOAD", "./evil.so"),))
            return (
                passed,
                await summary_of(client, evil),
                await summary_of(client, signed(plan, SigningKey.make())),
            )

    passed, changed, unknown = asyncio.run(main())
    assert passed.verdict.exit_code == 0
    assert passed.plan.signatures[0].signature == b""  # not shown
    assert changed.verdict.exit_code == unknown.verdict.exit_code == 107
    assert "the signature by ann is of something else" in changed.agents[0].load_error.message
    assert "by somebody it trusts" in unknown.agents[0].load_error.message


@AS_ROOT
@pytest.mark.usefixtures("open_place")
def test_a_run_is_another_users(tmp_path):
    """It works in a folder of its own, and cannot enter what is the agent's."""
    script = (
        'cd "$LOADGRPC_RUN_DIR" && echo mine > it && id -un >&2 &&'
        f" ! cat {tmp_path}/agent/agent-id 2> /dev/null && exit 9"
    )

    async def main():
        async with confined(tmp_path, run_as="nobody") as client:
            (agent,) = await client.list_agents()
            assert agent.confinement.run_as == "nobody"
            return await summary_of(client, by_program(f"/bin/sh -c '{script}'"))

    (agent,) = asyncio.run(main()).agents
    assert "status 9" in agent.reason
    assert "nobody" in agent.reason


@pytest.mark.parametrize(
    ("code", "limits", "why"),
    [
        ("", Limits(time_s=0.5), "it has had 500ms, which is its limit on this agent"),
        (
            "held = [Popen(['sleep', '60']) for _ in range(4)]",
            Limits(processes=3),
            "it had 5 processes; the limit on this agent is 3",
        ),
        (
            "held = b'x' * 200_000_000",
            Limits(memory_bytes=150_000_000),
            " of memory together; the limit on this agent is 150 MB",
        ),
        (
            "with suppress(OSError):\n    while True: held.append(open('/dev/null'))",
            Limits(files=90),
            "a process had 90 files open, which is the limit on this agent",
        ),
    ],
    ids=["time", "processes", "memory", "files"],
)
def test_a_run_that_takes_too_much_is_ended(tmp_path, code, limits, why):
    """Its summary says which limit it was."""
    program = tmp_path / "program.py"
    program.write_text(
        "import time\nfrom contextlib import suppress\nfrom subprocess import Popen\n"
        f"held = []\n{code}\ntime.sleep(60)\n"
    )

    async def main():
        async with confined(tmp_path, limits=limits) as client:
            command = shlex.join([sys.executable, "-S", str(program)])
            return await summary_of(client, by_program(command))

    summary = asyncio.run(main())
    assert summary.verdict.exit_code == 3
    assert why in summary.agents[0].reason
