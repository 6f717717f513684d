"""Defects of ours in the tasks of an agent: logged, and what the task does goes on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from loadgrpc.agent.agent import AgentProcess
from loadgrpc.agent.backlog import Backlog
from loadgrpc.agent.places import Places
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.uplink import Uplink

from .conftest import leaping
from .test_many_processes import Stream

DEFECT = "a defect: please report it"


class Fails:
    """Fails the first time that it is used, and is counted."""

    def __init__(self):
        self.times = 0

    def use(self):
        """Raises the first time."""
        self.times += 1
        if self.times == 1:
            raise ZeroDivisionError("odd")


def test_events_are_kept_on_disk_after_a_defect(caplog):
    """The relay looks again at its next turn."""
    fails = Fails()

    async def main():
        relay = Relay(None)

        async def keep(_):
            fails.use()

        relay._keep_all = keep
        await asyncio.sleep(5)
        await relay.close()

    leaping(main())
    assert fails.times > 5
    assert DEFECT in caplog.text


def test_a_source_is_opened_again_after_a_defect(caplog):
    """Its stream to the broker is tried again, so that nobody waits for its events in vain."""
    fails = Fails()

    async def main():
        def publish(**_):
            fails.use()
            raise AssertionError("odd, too")

        uplink = Uplink(
            SimpleNamespace(PublishEvents=publish),
            None,
            "",
            Backlog(),
            None,
            answered=lambda _: None,
            refused=lambda _: None,
        )
        uplink.begin()
        await asyncio.sleep(20)
        await uplink.close()

    leaping(main())
    assert fails.times > 3
    assert DEFECT in caplog.text


def test_an_agent_connects_again_when_it_fails_to_speak(caplog, tmp_path):
    """A stream on which it says nothing any more would end with its lease, and nobody knew why."""
    fails, streams = Fails(), []

    async def main():
        def connect():
            stream = Stream(None, lambda _: None)
            beat = stream.write

            async def write(request):
                if request.HasField("heartbeat"):
                    fails.use()
                await beat(request)

            stream.write = write
            streams.append(stream)
            return stream

        relay = Relay(None)
        agent = AgentProcess(
            SimpleNamespace(agent_id="a", folder=tmp_path),
            SimpleNamespace(Connect=connect),
            relay,
            SimpleNamespace(endpoint="unix:x"),
            room=None,
            places=Places(1),
        )
        running = asyncio.create_task(agent.run(lambda _: None))
        await asyncio.sleep(30)
        await agent.leave()
        await running
        await relay.close()

    leaping(main())
    assert len(streams) == 2
    assert streams[1].heartbeats > 20
    assert DEFECT in caplog.text
