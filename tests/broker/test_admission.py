"""Two agents of one name: one that was started anew, or a copy of its state folder."""

import asyncio
import logging

import pytest

from loadgrpc.broker import admission as module
from loadgrpc.broker.admission import Admission
from loadgrpc.broker.orders import AgentLink
from loadgrpc.broker.roster import Roster
from loadgrpc.errors import AlreadyExists
from loadgrpc.protocol.fleet import Registration
from loadgrpc.testing import ManualClock


def registered(hostname="one", pid=7, peer="ipv4:10.0.0.1"):
    """What an agent says of itself."""
    return Registration(agent_id="a1", hostname=hostname, pid=pid, version="1", cores=2, peer=peer)


class Door:
    """A broker's door, with an agent that is connected."""

    def __init__(self):
        self.clock = ManualClock()
        self.roster = Roster()
        self.roster.register(registered(), self.clock.monotonic_ns())
        self.link = AgentLink("a1", self.clock.monotonic_ns())
        self.links = {"a1": self.link}
        self.admission = Admission(self.links, self.roster, self.clock)

    async def asked(self, registration, *, then=lambda: None):
        """Asks to be let in; `then` happens while that is waited for."""
        asking = asyncio.create_task(self.admission.wait(registration))
        for _ in range(3):
            await asyncio.sleep(0)
        then()
        async with asyncio.timeout(20):
            await asking


@pytest.fixture
def at_door():
    """`at_door(use)` runs a coroutine function with a Door."""
    return lambda use: asyncio.run(use_door(use))


async def use_door(use):
    """See `at_door`."""
    await use(Door())


@pytest.mark.parametrize(
    "copy",
    [
        registered(hostname="two"),
        registered(pid=8),
        registered(peer="ipv4:10.0.0.2"),  # a container: its process is 1, its host has one name
        registered(),  # so soon after the other, it may be one that only looks the same
    ],
)
def test_f22_who_is_alive_stays(at_door, copy, caplog):
    """A copy is refused when the agent that is connected is heard; told with host and what to do,
    and logged once.
    """

    async def use(door):
        for _ in range(2):
            with pytest.raises(AlreadyExists, match=r"from one \(process 7\).*--state-dir"):
                await door.asked(copy, then=door.link.sign.set)

    with caplog.at_level(logging.WARNING):
        at_door(use)
    assert len(caplog.records) == 1


def test_f22_who_is_silent_makes_room(at_door):
    """One that was started anew gets in when the stream of the former one is a dead one."""

    async def use(door):
        door.clock.advance(module.UNREACHABLE_AFTER_S)
        await door.asked(registered(pid=8))

    at_door(use)


def test_f22_whose_stream_ends_makes_room_at_once(at_door):
    """When the stream of the former one ends while the new one waits, that gets in."""

    async def use(door):
        def ends():
            del door.links["a1"]
            door.link.sign.set()

        await door.asked(registered(pid=8), then=ends)
        await door.asked(registered(pid=9))

    at_door(use)


def test_f22_a_process_that_comes_back_waits_for_nobody(at_door):
    """A second stream of the same process is a newer one."""

    async def use(door):
        door.clock.advance(module.FLAPPING_S + 1)
        door.roster.heard("a1", door.clock.monotonic_ns())
        await door.asked(registered())

    at_door(use)
