"""Users whose number changes over time, where each is a process: whom an agent starts and ends."""

from __future__ import annotations

import asyncio

import pytest

from loadgrpc.model import LoadChange, LoadChangeKind, Placement, StopMode
from loadgrpc.stats.load_text import stages

from .conftest import Passing
from .test_part import enter_all, lives


class User(Passing):
    """A process that ends when its time is over, or some time after it was asked to leave."""

    def __init__(self, users, variables):
        super().__init__(float(variables["LOADGRPC_DURATION"]))
        self._users = users
        self._number = int(variables["LOADGRPC_CURRENT_USER"])
        users.note("comes", self._number)
        users.environments[self._number] = variables

    def stop(self, mode, stop_timeout_s):
        """See RunnerProcess."""
        self._users.note("leaves", self._number)
        after_s = self._users.finishes_s if mode is StopMode.GRACEFUL else 0.0
        asyncio.get_running_loop().call_later(after_s, self._end, 0)


class Users:
    """All users of a part, and what became of them."""

    def __init__(self, finishes_s=0.1):
        self.finishes_s = finishes_s
        self.environments = {}
        self._notes = []

    def __call__(self, command, variables, *_, **_more):
        return User(self, variables)

    def note(self, what, user):
        """Something happened to a user."""
        self._notes.append((what, user, asyncio.get_running_loop().time()))

    def since(self, began_s):
        """What happened, when."""
        return [(what, user, round(at_s - began_s, 2)) for what, user, at_s in self._notes]


def followed(folder, text, seen, use=enter_all, **more):
    """What a part made of a load of users."""
    load = stages(text)
    fields = {"users": (round(load.peak),), "iterations": (), "duration_s": load.duration_s}
    desk = lives(folder, use, starts=seen, load=load, **{**fields, **more})
    return desk, seen.since(desk.began_s)


def test_users_come_and_go_with_the_level(tmp_path):
    """Who comes has a number that no other had, the place of one who is gone, and what is left."""
    users = Users()
    desk, seen = followed(tmp_path, "levels 1,3,1,3 users each 1s", users)

    assert seen == [
        *(("comes", 1, 0.0), ("comes", 2, 1.0), ("comes", 3, 1.0)),
        *(("leaves", 2, 2.0), ("leaves", 3, 2.0), ("comes", 4, 3.0), ("comes", 5, 3.0)),
    ]
    told = [
        (each["LOADGRPC_DURATION"], each["LOADGRPC_USER_INDEX"])
        for each in users.environments.values()
    ]
    assert told == [("4", "0"), ("3", "1"), ("3", "2"), ("1", "1"), ("1", "2")]
    assert not any("LOADGRPC_LOAD" in each for each in users.environments.values())
    assert desk.told == [(0, "", True)]


def test_a_place_is_that_of_one_user_at_a_time(tmp_path):
    """While one finishes its iteration, and the level rises again, nobody else takes its place."""
    users = Users(finishes_s=0.7)
    _, seen = followed(tmp_path, "2 users for 1s; 1 user for 200ms; 2 users for 1s", users)

    *_, left, (what, user, at_s) = seen
    assert left == ("leaves", 2, 1.0)
    assert (what, user) == ("comes", 3)
    assert 1.7 <= at_s <= 1.76


def test_agents_share_the_users(tmp_path):
    """The second of two has every second one, of those that the level asks for."""
    place = Placement(agent_index=1, agents=2, user_offsets=(3,), total_users=(5,))
    users = Users()
    _, seen = followed(tmp_path, "levels 5,2 users each 1s", users, placement=place, users=(2,))

    assert seen == [("comes", 1, 0.0), ("comes", 2, 0.0), ("leaves", 2, 1.0)]
    assert [each["LOADGRPC_USER_INDEX"] for each in users.environments.values()] == ["3", "4"]


def test_a_live_change_holds_from_its_moment(tmp_path):
    """A pause lets all of them go; then others come, and the load ends as much later."""

    async def use(desk):
        await enter_all(desk)
        await asyncio.sleep(0.5)
        pause = LoadChange(1.0, LoadChangeKind.PAUSE)
        desk.part.change_load((pause,))
        await asyncio.sleep(4)
        more = LoadChange(5.5, LoadChangeKind.LEVEL, 3.0)
        desk.part.change_load((pause, LoadChange(5.0, LoadChangeKind.RESUME), more))

    users = Users()
    _desk, seen = followed(tmp_path, "2 users for 2s", users, use)

    assert seen == [
        *(("comes", 1, 0.0), ("comes", 2, 0.0), ("leaves", 1, 1.0), ("leaves", 2, 1.0)),
        *(("comes", 3, 5.0), ("comes", 4, 5.0), ("comes", 5, 5.5)),
    ]
    assert [each["LOADGRPC_DURATION"] for each in users.environments.values()][2:] == [
        *("1", "1", "0.5"),
    ]


def test_users_wait_for_a_place_of_the_agent(tmp_path):
    """They come when there is one, if they are still wanted; how many had to wait is reported."""
    users = Users()
    desk, seen = followed(tmp_path, "levels 3,1,2 users each 1s", users, places=2)
    held = [request.held_back for request in desk.sent() if request.HasField("held_back")]

    assert seen == [
        *(("comes", 1, 0.0), ("comes", 2, 0.0)),
        *(("leaves", 2, 1.0), ("comes", 3, 2.0)),
    ]
    assert [(each.waiting, each.total, each.max_processes) for each in held] == [(0, 1, 2)]


@pytest.mark.parametrize("mode", list(StopMode))
def test_a_stop_ends_it(tmp_path, mode):
    """All leave, and none comes."""

    async def use(desk):
        await enter_all(desk)
        await asyncio.sleep(0.5)
        desk.part.stop(mode, 1.0)

    users = Users()
    desk, seen = followed(tmp_path, "levels 2,9 users each 1s", users, use)

    came = {("comes", 1, 0.0), ("comes", 2, 0.0)}
    assert set(seen) == came | {("leaves", 1, 0.5), ("leaves", 2, 0.5)}
    assert desk.told == [(0, "", True)]
