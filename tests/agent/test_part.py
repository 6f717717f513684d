"""What an agent's part tells of its end when no process lives: too early, and after which wait."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from loadgrpc.agent import part as module
from loadgrpc.agent.part import STOPPED, Means, Part
from loadgrpc.model import RunnerMode, StopMode
from loadgrpc.testing import assignment_of

LOAD = {"test": "x", "users": (2, 3), "iterations": (1,), "test_runner": "./x {test}"}
LEASE_OVER = "no broker was heard"


class Desk:
    """A part that lives, and what it has told."""

    def __init__(self, mode):
        assignment = assignment_of(**LOAD, runner_mode=mode)
        means = Means(
            state=None, room=None, relay=None, doors=None, tell=self._tell, news=lambda: None
        )
        self.told = []
        self.part = Part(assignment, means)

    def _tell(self, told, folder):
        assert folder is None
        self.told.append((told.exit_status, told.start_error, told.last))


def lives(mode, use):
    """Has a part live, and hands it to a coroutine; it must end by itself then."""

    async def main():
        desk = Desk(mode)
        life = asyncio.create_task(desk.part.live())
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await use(desk)
            await life
        return desk.told

    return asyncio.run(main())


@pytest.mark.parametrize("mode", [RunnerMode.ONE_USER, RunnerMode.BY_HAND])
@pytest.mark.parametrize(
    ("end", "told"),
    [
        (lambda part: part.leave(), (1, STOPPED, True)),
        (lambda part: part.end_load(LEASE_OVER), (1, LEASE_OVER, True)),
        (lambda part: part.stop(StopMode.GRACEFUL, 0.0), (0, "", True)),
        (lambda part: part.stop(StopMode.KILL, 30.0), (0, "", True)),
    ],
)
def test_a_part_that_its_agent_ends_is_not_finished(mode, end, told):
    """With cycles to come and no process to say so, the part says it; one that is told to stop
    has nothing to excuse.
    """

    async def use(desk):
        end(desk.part)

    assert lives(mode, use) == [told]


def test_what_is_lived_by_hand_has_the_stop_timeout():
    """Its agent does not say that it is over, until the time is, or somebody knows better."""

    async def use(desk):
        for stop_timeout_s in (30.0, 0.5):
            desk.part.stop(StopMode.GRACEFUL, stop_timeout_s)
            for _ in range(20):  # turns of the loop
                await asyncio.sleep(0)
            assert desk.told == []
        desk.part.stop(StopMode.GRACEFUL, 30.0)

    assert lives(RunnerMode.BY_HAND, use) == [(0, "", True)]


class Lingers:
    """A process that has reported everything, was told so some time ago, and lives on."""

    def __init__(self, done_s):
        self.process = SimpleNamespace(heard_s=time.monotonic(), terminate=self._terminate)
        self.source = SimpleNamespace(
            cycle_began=None, finished_s=time.monotonic() - done_s, heard_s=0.0, waits=False
        )
        self.terminated = False
        self.runner = module._Runner(self.process, self.source)

    def _terminate(self):
        self.terminated = True


@pytest.mark.parametrize(("done_s", "stop_timeout_s", "ended"), [(20, 30, False), (40, 30, True)])
def test_b_a_runner_that_has_reported_everything_has_the_stop_timeout_to_end(
    monkeypatch, done_s, stop_timeout_s, ended
):
    """What shuts down slowly after a passed run is no lost agent; what stays on is ended."""
    monkeypatch.setattr(module, "MAX_CHECK_INTERVAL_S", 0.001)
    lingers = Lingers(done_s)

    async def use():
        desk = Desk(RunnerMode.ONE_USER)
        assignment = assignment_of(**LOAD, stop_timeout_s=stop_timeout_s)
        guarding = asyncio.create_task(desk.part._guard(lingers.runner, assignment))
        await asyncio.wait({guarding}, timeout=20 if ended else 0.2)
        guarding.cancel()

    asyncio.run(use())
    assert lingers.terminated is ended
