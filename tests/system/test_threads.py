"""--no-patching: users are threads of processes in which nothing was patched."""

import asyncio

import pytest

from loadgrpc.client import Client
from loadgrpc.testing import plan_of, running_cluster

pytestmark = pytest.mark.system

TESTS = """
import asyncio, sys, threading, unittest
from loadgrpc.case import TestCase

class Awaits(TestCase, unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        assert self.session.get(self.server_url + "/").ok
        self.incr_counter(f"index {self.user_index}")
    async def test_it(self):
        assert not any(name.split(".")[0] == "gevent" for name in sys.modules)
        assert threading.current_thread() is not threading.main_thread()
        assert type(asyncio.current_task()).__module__ == "_asyncio"
        answers = [asyncio.to_thread(self.session.get, self.server_url + "/") for _ in range(2)]
        assert all(answer.ok for answer in await asyncio.gather(*answers))

class Talks(TestCase):
    def test_it(self):
        ws = self.create_ws(self.server_url + "/ws")
        ws.send("hello")
        assert str(ws.receive()) == "hello"
        assert not any(name.split(".")[0] == "gevent" for name in sys.modules)
"""


def test_users_are_threads(tmp_path, monkeypatch, demo_server):
    """They are counted as ever; the server has seen what they say. So are their WebSockets."""
    (tmp_path / "plain.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)

    async def main():
        async with running_cluster() as endpoint, Client.connect(endpoint) as client:
            summaries = []
            for test in ("Awaits", "Talks"):
                plan = plan_of(
                    test=f"plain.{test}.test_it",
                    users=(5,),
                    iterations=(10,),
                    server_url=demo_server.url,
                    processes=2,
                    no_patching=True,
                )
                run = await client.start_run(plan)
                async for _ in client.watch_run(run.run_id):
                    pass
                summaries.append(await client.get_summary(run.run_id))
            return summaries

    summary, talked = asyncio.run(main())
    assert talked.verdict.reason == "passed", talked.errors
    assert talked.sockets.total.messages_received == 50
    assert summary.verdict.reason == "passed", summary.errors
    assert (summary.hits.count, summary.hits.failed) == (150, 0)
    assert summary.counters == {f"index {at}": 10 for at in range(5)}
    assert demo_server.requests() == 150 + 50  # each WebSocket is opened by a request
    assert summary.generator.watched_ns > 0
