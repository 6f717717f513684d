"""An agent's part: what it reports of its end, and which users it starts when there is no room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from loadgrpc.agent.part import STOPPED, AssignedPart
from loadgrpc.agent.places import Places
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.reports import Reports
from loadgrpc.agent.runner import AgentServices, Runner
from loadgrpc.agent.spool import SpoolRoom
from loadgrpc.model import Parameter, RunnerMode, StopMode
from loadgrpc.protocol import environment
from loadgrpc.testing import assignment_of

from .conftest import Passing, leaping

LOAD = {"test": "x", "users": (2, 3), "iterations": (1,), "test_runner": "./x {test}"}
LEASE_OVER = "no broker was heard"


async def _outside():
    return "127.0.0.1:1"


class Desk:
    """A part, the reports of which are kept, and whose processes only pass time."""

    def __init__(self, folder, *, places=1_000, takes_s=1.0, starts=None, **load):
        self.began_s = asyncio.get_running_loop().time()
        self.started = []
        """When each user was started, and its duration, from the beginning."""
        self.alive = self.most = 0
        self.takes_s = takes_s
        self.held = []
        self.reports = Reports(lambda: None)
        self.relay = Relay(None)
        self.services = AgentServices(
            state=folder,
            room=SpoolRoom(1 << 20),
            relay=self.relay,
            doors=SimpleNamespace(endpoint="unix:x", outside=_outside),
            reports=self.reports,
            places=Places(places),
            supplies=None,
            start_process=starts or self.start,
        )
        self.assignment = assignment_of(**{**LOAD, **load})
        self.part = AssignedPart(self.assignment, self.services)

    def start(self, command, variables, *_, **__):
        """Starts a process that passes its time."""
        now_s = asyncio.get_running_loop().time() - self.began_s
        user = int(variables["LOADGRPC_CURRENT_USER"])
        self.started.append((user, round(now_s, 3), variables.get("LOADGRPC_DURATION")))
        return Passing(self.takes_s)

    @property
    def told(self):
        """Ends that were reported without a runner."""
        sent = [request.runner_exit for request in self.sent() if request.HasField("runner_exit")]
        return [(e.exit_status, e.start_error, e.last) for e in sent if not e.runner_id]

    def sent(self):
        """All that is to be reported, from the first."""
        self.reports.connected()
        return list(self.reports.unsent())


def lives(folder, use, **desk):
    """Runs a part, and hands it to a coroutine; it must end by itself then."""

    async def main():
        made = Desk(folder, **desk)
        life = asyncio.create_task(made.part.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(100_000):
            await use(made)
            await life
        await made.relay.close()
        return made

    return leaping(main())


async def enter_all(desk):
    """Begins each cycle when the part is ready for it."""
    for cycle in range(1, len(desk.assignment.cycles) + 1):
        while not any(request.ready.cycle == cycle for request in desk.sent()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        desk.began_s = asyncio.get_running_loop().time()
        desk.part.enter(cycle)


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
def test_a_part_that_its_agent_ends_is_not_finished(tmp_path, mode, end, told):
    """With cycles to come and no process to say so, the part says it; one that is told to stop
    has nothing to excuse.
    """

    async def use(desk):
        end(desk.part)

    assert lives(tmp_path, use, runner_mode=mode).told == [told]


def test_what_is_run_by_hand_has_the_stop_timeout(tmp_path):
    """Its agent does not say that it is over, until the time is, or somebody knows better."""

    async def use(desk):
        for stop_timeout_s in (30.0, 0.5):
            desk.part.stop(StopMode.GRACEFUL, stop_timeout_s)
            for _ in range(20):  # turns of the loop
                await asyncio.sleep(0)
            assert desk.told == []
        desk.part.stop(StopMode.GRACEFUL, 30.0)
        began_s = asyncio.get_running_loop().time()
        await desk.part.processes_ended.wait()
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(0.5)

    assert lives(tmp_path, use, runner_mode=RunnerMode.BY_HAND).told == [(0, "", True)]


WITHHELD = {
    "password": {"parameters": (Parameter("password", "hunter2").kept(), Parameter("n", "9"))},
    "API_TOKEN": {"env": (("API_TOKEN", "***"), ("STAGE", "test"))},
    "in server_url": {"server_url": "http://ann:***@host/"},
}


@pytest.mark.parametrize("what", WITHHELD)
def test_nothing_starts_without_the_secrets_that_it_needs(tmp_path, what):
    """A broker that was restarted has `***` in their place; no server gets that as a password."""
    desk = lives(tmp_path, _nothing, runner_mode=RunnerMode.ALL_USERS, **WITHHELD[what])
    assert desk.started == []
    ((status, why, last),) = desk.told
    assert why.startswith(f"the broker was restarted, and no longer has the secret {what}:")
    assert (status, last) == (0, True)


async def _nothing(_):
    """The part ends by itself."""


def test_users_start_at_their_rate(tmp_path):
    """User n starts (n - 1) / rate after the cycle, and a cycle ends with its last process."""
    desk = lives(tmp_path, enter_all, users=(3, 2), spawn_rate=2.0, takes_s=5.0)

    assert [(user, at) for user, at, _ in desk.started] == [
        *((1, 0.0), (2, 0.5), (3, 1.0)),
        *((1, 0.0), (2, 0.5)),
    ]
    assert desk.told == [(0, "", True)]
    assert not any(request.HasField("held_back") for request in desk.sent())


def test_a_duration_counts_from_the_beginning_of_the_cycle(tmp_path):
    """Who starts later has what is left of it; who would start after its end never does."""
    load = {"users": (9,), "spawn_rate": 2.0, "iterations": (), "duration_s": 1.5}
    desk = lives(tmp_path, enter_all, takes_s=0.1, **load)

    assert desk.started == [(1, 0.0, "1.5"), (2, 0.5, "1"), (3, 1.0, "0.5")]


def test_users_wait_for_others_to_end(tmp_path):
    """No more processes are alive at once than there are places; all run in their order."""
    desk = lives(tmp_path, enter_all, users=(5,), places=2, takes_s=10.0)

    assert [(user, at) for user, at, _ in desk.started] == [
        *((1, 0.0), (2, 0.0)),
        *((3, 10.0), (4, 10.0)),
        (5, 20.0),
    ]


def test_how_many_wait_is_reported(tmp_path, caplog):
    """While users wait, the report says how many, and at the end how many had to; the log too."""
    seen = []

    async def use(desk):
        await enter_all(desk)
        for seconds in (5, 10, 10):
            await asyncio.sleep(seconds)
            held = [request.held_back for request in desk.sent() if request.HasField("held_back")]
            seen.append([(each.waiting, each.total, each.max_processes) for each in held])
        await desk.part.processes_ended.wait()

    lives(tmp_path, use, users=(5,), places=2, takes_s=10.0)

    assert seen == [[(3, 3, 2)], [(1, 3, 2)], [(0, 3, 2)]]
    assert "runs at most 2 of them at once (--max-processes)" in caplog.text


def test_users_that_find_no_place_in_a_cycle_are_never_started(tmp_path):
    """A cycle is over with its duration, and those that waited for others are among its users."""
    load = {"users": (5,), "iterations": (), "duration_s": 15.0}
    desk = lives(tmp_path, enter_all, places=2, takes_s=10.0, **load)
    (held,) = [request.held_back for request in desk.sent() if request.HasField("held_back")]

    assert [(user, at, duration) for user, at, duration in desk.started] == [
        *((1, 0.0, "15"), (2, 0.0, "15")),
        *((3, 10.0, "5"), (4, 10.0, "5")),
    ]
    assert (held.waiting, held.total, held.max_processes) == (0, 3, 2)


def test_who_comes_late_to_a_full_agent_is_not_counted_twice(tmp_path):
    """Users that are not due yet do not wait; they are counted when they are."""
    desk = lives(tmp_path, enter_all, users=(4,), places=1, takes_s=1.0, spawn_rate=0.5)

    assert [at for _, at, _ in desk.started] == [0.0, 2.0, 4.0, 6.0]
    assert not any(request.HasField("held_back") for request in desk.sent())


def test_a_stop_ends_the_waiting_for_a_place(tmp_path):
    """Who waits when the stop comes never starts, and places are as many as before."""

    async def use(desk):
        await enter_all(desk)
        await asyncio.sleep(1)
        desk.part.stop(StopMode.GRACEFUL, 0.0)

    desk = lives(tmp_path, use, users=(5,), places=2, takes_s=10.0)

    assert [user for user, _, _ in desk.started] == [1, 2]
    assert not desk.services.places.full


def test_a_defect_ends_the_part_with_its_reason(tmp_path, caplog):
    """What one user's task raises is no silence: the others are ended, and the broker hears why."""

    def broken(*_, **__):
        raise ZeroDivisionError("odd")

    desk = lives(tmp_path, enter_all, users=(3,), starts=broken)

    assert desk.told == [(1, "a defect of the agent: ZeroDivisionError: odd", True)]
    assert "a defect of the agent ends its part" in caplog.text


@pytest.mark.parametrize(("done_s", "stop_timeout_s", "ended"), [(20, 30, False), (40, 30, True)])
def test_b_a_runner_that_has_reported_everything_has_the_stop_timeout_to_end(
    tmp_path, done_s, stop_timeout_s, ended
):
    """What shuts down slowly after a passed run is no lost agent; what stays on is ended."""

    async def main():
        desk = Desk(tmp_path, takes_s=done_s, stop_timeout_s=stop_timeout_s)
        runner = Runner(desk.assignment.of_user(1, 1, duration_s=None), desk.services)
        await runner.start()
        runner.source.finished_s = asyncio.get_running_loop().time()
        how = await runner.wait(last=False, why=lambda: "")
        await desk.relay.close()
        return how.exit_status

    assert leaping(main()) == ended


def test_the_environment_names_the_user():
    """What tests here know a process by."""
    own = assignment_of(**LOAD).of_user(2, 1, duration_s=None)

    assert environment.work(own)["LOADGRPC_CURRENT_USER"] == "2"


@pytest.mark.parametrize("load", [{}, {"test_runner": ""}])
def test_runners_get_the_variables_of_the_plan(tmp_path, load):
    """Besides those about the run, which win; those about proxies are kept for other hosts."""
    env = (("LOADGRPC_X", "kept"), ("STAGE", "test"), ("no_proxy", "shop.example"))
    found = []

    async def main():
        desk = Desk(
            tmp_path, env=env, starts=lambda _, variables, *__, **___: found.append(variables)
        )
        part = replace(desk.assignment.plan.scenarios[0], **load)
        plan = replace(desk.assignment.plan, scenarios=(part,))
        assignment = replace(desk.assignment, plan=plan).of_user(1, 1, duration_s=None)
        await Runner(assignment, desk.services).start()
        await desk.relay.close()

    leaping(main())
    (variables,) = found
    assert (variables["STAGE"], variables["LOADGRPC_RUN_ID"]) == ("test", "r")
    assert "shop.example" in variables["no_proxy"].split(",")
