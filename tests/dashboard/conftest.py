"""A broker with its page, in this process: driven as the broker's own tests drive it."""

from __future__ import annotations

import importlib.util
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadgrpc.broker.audit import Audit
from loadgrpc.broker.control_service import ControlService
from loadgrpc.client import Client
from loadgrpc.protocol.transport import listen, new_server
from loadgrpc.stats.load_text import stages
from loadgrpc.v1 import control_pb2_grpc

httpx = pytest.importorskip("httpx", reason="needs httpx, which the extra `httpx` brings")

from loadgrpc.dashboard import page_server  # noqa: E402

_BROKER = Path(__file__).resolve().parent.parent / "broker/conftest.py"
_spec = importlib.util.spec_from_file_location("of_brokers", _BROKER)
of_brokers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(of_brokers)

at_desk = of_brokers.at_desk
WRITES = {"X-Loadgrpc": "1"}


@dataclass
class Page:
    """A page that is served, and a client of it."""

    url: str
    http: Any
    client: Client
    reading: Any
    server: Any
    """Of gRPC."""

    async def get(self, path, http=200, **query):
        """The document there."""
        answer = await self.http.get(path, params=query or None)
        assert answer.status_code == http, answer.text
        return answer.json()

    async def post(self, path, body=None, http=200, method="POST", headers=WRITES):
        """The answer to a request that changes something."""
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == http, answer.text
        return answer.json()

    @asynccontextmanager
    async def watch(self, run_id, after=None, last_event_id=None):
        """The messages of an event stream as they come: (id, event, document)."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        query = {} if after is None else {"after": after}
        path = f"/api/runs/{run_id}/watch"
        async with self.http.stream("GET", path, params=query, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            yield messages(answer)


async def messages(answer):
    """The messages of an event stream."""
    fields = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields.get("id"), fields.get("event", ""), json.loads(fields["data"])
            fields = {}


@asynccontextmanager
async def page_of(broker, audit, *, control=False, names=()):
    """The page of a broker."""
    server = await new_server(["loadgrpc.v1.ControlService"], broker.types.described)
    control_pb2_grpc.add_ControlServiceServicer_to_server(ControlService(broker, audit), server)
    address = listen(server, "127.0.0.1:0")
    await server.start()
    listening = page_server.bound("127.0.0.1:0")
    config = page_server.PageConfig(control=control, names=names)
    url = page_server.url_of(listening)
    try:
        async with (
            Client.connect(address) as client,
            page_server.served(client, config, listening, address) as reading,
            httpx.AsyncClient(base_url=url, timeout=20) as http,
        ):
            yield Page(url, http, client, reading, server)
    finally:
        await server.stop(0)


@pytest.fixture
def at_page(at_desk):
    """`at_page(use, …)` runs `use(desk, page)`; options are the page's and the broker's."""

    def run(use, *, control=False, names=(), **options):
        async def with_page(desk):
            async with page_of(
                desk.broker._parts[0], Audit(desk.store, desk.clock), control=control, names=names
            ) as page:
                return await use(desk, page)

        return at_desk(with_page, **options)

    return run


@pytest.fixture
def ended():
    """Makes a run with hits and a failure that is over, given a desk and how many hits."""

    async def make(desk, hits=5, **plan):
        run = await desk.start(**plan)
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        desk.clock.advance(1.0)
        await runner.publish(hits, failed=1, first=1)
        await runner.ends()
        await desk.settled()
        return run

    return make


@pytest.fixture
def active():
    """Makes a run that goes on, with its runner, given a desk, and perhaps a load as a text."""

    async def make(desk, **plan):
        if "load" in plan:
            plan = {**plan, "load": stages(plan["load"])}
        run = await desk.start(**({} if "load" in plan else {"duration_s": 600.0}), **plan)
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        return run, runner

    return make
