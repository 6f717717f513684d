"""Places for processes: how many there are, and who gets one."""

import asyncio

import pytest

from loadgrpc.agent.places import LEAST, Places, default_places, places_for

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cores", "memory_bytes", "descriptors", "places"),
    [
        (2, 64 * GIB, 1 << 20, 200),
        (64, 8 * GIB, 1 << 20, 128),
        (64, 64 * GIB, 4_096, 512),
        (1, GIB // 4, 256, LEAST),
    ],
)
def test_a_machine_has_places_by_what_it_has_least_of(cores, memory_bytes, descriptors, places):
    """Cores, memory and open files bound them; any machine has a few."""
    room = {"cores": cores, "memory_bytes": memory_bytes, "descriptors": descriptors}

    assert places_for(**room) == places


def test_this_machine_has_places():
    """Whatever it is."""
    assert default_places() >= LEAST


def test_who_waits_longest_is_next():
    """There are never more than there are, and who gives up waiting holds nobody up."""

    async def main():
        places, got = Places(1), []

        async def user(name):
            await places.take()
            got.append(name)

        await user("first")
        assert places.full
        waiting = [asyncio.create_task(user(name)) for name in ("second", "leaves", "third")]
        await asyncio.sleep(0)
        waiting[1].cancel()
        for _ in range(2):
            places.free()
            for _ in range(5):  # turns of the loop
                await asyncio.sleep(0)
        assert got == ["first", "second", "third"]
        assert places.full

    asyncio.run(main())
