"""A test runs on agents that do not have it: all of the way, from its files to its counters."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import sys
import zipfile
from pathlib import Path

import pytest

from loadgrpc.broker.bundles import Bundles
from loadgrpc.broker.fleet_service import FleetService
from loadgrpc.bundle.pack import pack
from loadgrpc.client import Client
from loadgrpc.errors import InvalidRequest, NotFound, Unavailable
from loadgrpc.model import RunnerMode
from loadgrpc.protocol import bundles
from loadgrpc.protocol.transport import new_channel
from loadgrpc.testing import plan_of, running_cluster
from loadgrpc.v1 import control_pb2_grpc

TEST = """
import os
from loadgrpc.case import TestCase
from own.helper import NAME

class TestIt(TestCase):
    def test_it(self):
        self.incr_counter(NAME + ":" + open("data.txt").read())
"""


def shop(folder):
    """A test with a helper and data, and the names that they have in a bundle."""
    (folder / "own").mkdir(parents=True)
    (folder / "shop.py").write_text(TEST)
    (folder / "own/helper.py").write_text("NAME = 'helper'\n")
    (folder / "data.txt").write_text("data")
    return {name: folder / name for name in ("shop.py", "own/helper.py", "data.txt")}


def wheel(folder, name="shopping", value="from the wheel"):
    """A wheel with one module, as a build tool would make it."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{name}.py", f"VALUE = {value!r}\n")
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")
    return path


async def ran(files, agents=1, **options):
    """The summary of a run on agents that are sent these files."""
    async with running_cluster(agents=agents) as endpoint, Client.connect(endpoint) as client:
        with pack(files) as bundle:
            await client.upload_bundle(bundle)
        plan = plan_of(agents=agents, bundle=bundle.sha256, **options)
        return await result(client, plan)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The folder that agents are started in: an empty one, without an index of packages."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


async def result(client, plan):
    """The summary of a run of a plan."""
    run = await client.start_run(plan)
    async for _ in client.watch_run(run.run_id):
        pass
    return await client.get_summary(run.run_id)


def test_agents_that_do_not_have_the_test(tmp_path, elsewhere, monkeypatch):
    """Two agents fetch what they do not have, once for two runs; nothing of the runs stays."""
    files = shop(tmp_path / "client")
    fetches = []
    fetch = FleetService.FetchBundle

    async def counted(self, request, context):
        fetches.append((request.sha256, request.offset))
        async for response in fetch(self, request, context):
            yield response

    monkeypatch.setattr(FleetService, "FetchBundle", counted)

    async def main():
        cluster = running_cluster(agents=2)
        async with cluster as endpoint, Client.connect(endpoint) as client:
            with pack(files) as bundle:
                await client.upload_bundle(bundle)
                await client.upload_bundle(bundle)  # it is there
            plan = plan_of(test="shop.TestIt.test_it", users=(2,), agents=2, bundle=bundle.sha256)
            return bundle.sha256, [await result(client, plan) for _ in range(2)]

    sha256, summaries = asyncio.run(main())

    for summary in summaries:
        assert summary.verdict.reason == "passed"
        assert summary.counters == {"helper:data": 4}
    assert fetches == [(sha256, 0)] * 2
    assert list(elsewhere.iterdir()) == []


def test_packages_of_a_test(tmp_path, elsewhere, monkeypatch):
    """A wheel that is sent along, and one that pip finds where the agent's environment says."""
    client = tmp_path / "client"
    client.mkdir()
    (tmp_path / "links").mkdir()
    wheel(tmp_path / "links", "linked", "found")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    (client / "web.py").write_text(
        "import shopping, linked, subprocess, sys\n"
        "from loadgrpc.case import TestCase\n"
        "class TestIt(TestCase):\n"
        "    def test_it(self):\n"
        "        run = [sys.executable, '-c', 'import shopping; print(shopping.VALUE)']\n"
        "        assert subprocess.check_output(run) == b'from the wheel\\n'\n"
        "        self.incr_counter(shopping.VALUE + ', ' + linked.VALUE)\n"
    )
    files = {"web.py": client / "web.py", "x/shopping-1.0-py3-none-any.whl": wheel(client)}
    deps = ("./x/shopping-1.0-py3-none-any.whl", "linked==1.0")

    summary = asyncio.run(ran(files, test="web.py::TestIt.test_it", python_deps=deps))

    assert summary.verdict.reason == "passed"
    assert summary.counters == {"from the wheel, found": 1}
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("mode", [RunnerMode.ONE_USER, RunnerMode.ALL_USERS])
def test_a_program_of_test_runner(tmp_path, elsewhere, mode):
    """It starts in the folder with the files, and imports the packages, one process or many."""
    client = tmp_path / "client"
    client.mkdir()
    (client / "program.py").write_text(
        "import os, shopping, sys\n"
        "from pathlib import Path\n"
        "user = os.environ.get('LOADGRPC_CURRENT_USER', 'all')\n"
        "Path(f'said-{user}').write_text(f'{sys.argv[1]}: {shopping.VALUE}')\n"
    )
    made = wheel(client)
    files = {"program.py": client / "program.py", made.name: made}
    summary = asyncio.run(
        ran(
            files,
            test="checkout",
            users=(2,),
            test_runner=f"{shlex.quote(sys.executable)} program.py {{test}}",
            runner_mode=mode,
            test_dir=f"{tmp_path}/kept-",
            python_deps=(f"./{made.name}",),
        )
    )

    (kept,) = tmp_path.glob("kept-*")
    assert kept.name == f"kept-{summary.agents[0].agent_id}"
    said = {path.name: path.read_text() for path in kept.glob("said-*")}
    users = ("1", "2") if mode is RunnerMode.ONE_USER else ("all",)
    assert said == {f"said-{user}": "checkout: from the wheel" for user in users}
    assert list(elsewhere.iterdir()) == []


def test_what_cannot_be_installed_is_never_green(tmp_path, elsewhere):
    """The run ends with 107, with pip's own words; nothing of it runs."""
    summary = asyncio.run(
        ran(shop(tmp_path / "client"), 2, test="shop.TestIt.test_it", python_deps=("absent",))
    )

    assert summary.verdict.exit_code == 107
    assert "pip could not install absent" in summary.verdict.reason
    assert "No matching distribution found for absent" in next(
        agent.load_error.traceback for agent in summary.agents if agent.load_error
    )
    assert summary.iterations.started == 0


def test_an_upload_that_broke_off(tmp_path):
    """The client sends what is missing, and nothing twice; wrong bytes of another are refused."""
    data = tmp_path / "data"
    data.write_bytes(os.urandom(3 << 20))

    async def main():
        async with running_cluster(agents=0) as endpoint, Client.connect(endpoint) as client:
            with pack({"data": data}) as bundle:
                async with new_channel(endpoint) as channel:
                    stub = control_pb2_grpc.ControlServiceStub(channel)
                    bundle.file.seek(0)
                    piece = bundles.Piece(bundle.sha256, bundle.size, 0, bundle.file.read(700_000))
                    await stub.UploadBundle(iter([bundles.piece_to_proto(piece)]))
                with pytest.raises(NotFound, match="has only 700,000 of its"):
                    await client.start_run(plan_of(test="a.B.c", bundle=bundle.sha256))
                sent = []
                await client.upload_bundle(bundle, sent.append)
                bad = b"not a tar"
                bundle.file.seek(0)
                bundle.file.truncate()
                bundle.file.write(bad)
                wrong = type(bundle)(hashlib.sha256(bad).hexdigest(), len(bad), bundle.file)
                with pytest.raises(InvalidRequest, match="cannot be read as a tar"):
                    await client.upload_bundle(wrong)
                return sent, bundle.size

    sent, size = asyncio.run(main())

    assert sent[0] == 700_000
    assert sent[-1] == size
    assert sent == sorted(sent)


@pytest.mark.parametrize(("breaks", "said"), [(4, ""), (99, "could not be sent: the line is cut")])
def test_a_client_goes_on_by_itself(tmp_path, monkeypatch, breaks, said):
    """An upload that breaks off is continued, as long as that brings it on."""
    data = tmp_path / "data"
    data.write_bytes(os.urandom(3 << 20))
    receive = Bundles.receive
    offsets = []

    async def broken(self, pieces):
        async def first():
            async for piece in pieces:
                offsets.append(piece.offset)
                yield piece
                if len(offsets) <= breaks:
                    raise Unavailable("the line is cut")

        return await receive(self, first() if said == "" else none())

    async def none():
        raise Unavailable("the line is cut")
        yield

    monkeypatch.setattr(Bundles, "receive", broken)
    monkeypatch.setattr("loadgrpc.client.client.FIRST_RETRY_S", 0.001)

    async def main():
        async with running_cluster(agents=0) as endpoint, Client.connect(endpoint) as client:
            with pack({"data": data}) as bundle:
                await client.upload_bundle(bundle)

    if said:
        with pytest.raises(Unavailable, match=said):
            asyncio.run(main())
    else:
        asyncio.run(main())
        assert offsets[:4] == [0, 1 << 20, 2 << 20, 3 << 20]
        assert len(offsets) == 5  # all bytes were there, and not checked yet


def test_a_restarted_broker_has_the_bundle(tmp_path, elsewhere):
    """It is kept with the store, and goes with the run that used it."""
    files = shop(tmp_path / "client")
    store = str(tmp_path / "runs.db")

    async def first():
        cluster = running_cluster(agents=1, store=store)
        async with cluster as endpoint, Client.connect(endpoint) as client:
            with pack(files) as bundle:
                await client.upload_bundle(bundle)
            return bundle.sha256

    async def second(sha256):
        cluster = running_cluster(agents=1, store=store)
        async with cluster as endpoint, Client.connect(endpoint) as client:
            plan = plan_of(test="shop.TestIt.test_it", bundle=sha256)
            summary = await result(client, plan)
            await client.delete_run(summary.run_id)
            with pytest.raises(NotFound, match="is not there"):
                await client.start_run(plan)
            return summary

    summary = asyncio.run(second(asyncio.run(first())))

    assert summary.verdict.reason == "passed"
    assert Path(store).exists()
