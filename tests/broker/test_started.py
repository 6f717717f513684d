"""How many users were started: from what runners tell, or from what it follows from."""

import numpy as np
import pytest

from loadgrpc.broker.started import StartedUsers
from loadgrpc.model import TestOutcome
from loadgrpc.protocol.decoded import Decoded, IterationLabel, Iterations, UsersTold

PASSED = IterationLabel("t", TestOutcome.SUCCESS, None)


def told(*states):
    """A batch of (cycle, active, started)."""
    return Decoded(users=[UsersTold(*state) for state in states])


def block(users, cycle=0):
    """A batch of a block of iterations of these users."""
    zeros = np.zeros(len(users), np.int64)
    user = np.array(users, np.uint16)
    return Decoded(iterations=[Iterations([PASSED], zeros, zeros, zeros, user, cycle)])


def started(planned, *batches):
    """What is known after these batches of one runner: (whether anything is, how many)."""
    users = StartedUsers(planned)
    for batch in batches:
        users.add("r", batch)
    return users.known, users.total


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([], (False, 0)),
        ([Decoded()], (False, 0)),
        ([told((0, 0, None))], (False, 0)),  # nobody lives, which says nothing of before
        ([told((1, 2, 3))], (True, 3)),
        ([told((0, 2, 3), (0, 0, 3))], (True, 3)),
        ([told((1, 0, 0))], (True, 0)),
        ([told((1, 2, None)), told((1, 4, None)), told((1, 1, None))], (True, 4)),
        ([told((1, 99, 99))], (True, 10)),  # no more than are planned
        ([told((2, 5, 5))], (False, 0)),  # there is no such cycle
        ([block([1, 2, 2, 7])], (True, 3)),
        ([block([1, 2]), block([2, 3], cycle=1)], (True, 3)),
        ([block([0, 0])], (True, 0)),  # an iteration of nobody
        ([block([11, 60_000])], (True, 0)),  # nor of those who are not planned
        ([Decoded(user_starts={(0, 1), (1, 5), (2, 6)})], (True, 2)),
        ([told((1, 2, None)), block([1, 2, 3])], (True, 3)),
        ([told((1, 10, 10)), block([1])], (True, 10)),
    ],
)
def test_f23_users_of_one_cycle(batches, expected):
    """What is told, or the most alive, or those that iterations name, if these are more."""
    assert started([10], *batches) == expected


def test_f23_each_cycle_has_its_users():
    """In a plan of several cycles only what names its cycle counts; one without users is done."""
    assert started([3, 0, 5], told((0, 3, 3))) == (False, 0)
    assert started([3, 0, 5], told((1, 3, 3), (3, 2, None)), block([4, 5, 1], cycle=3)) == (True, 6)


def test_f23_runners_add_up():
    """Of several runners of a part each has users of its own."""
    users = StartedUsers([10])
    for runner, number in (("x", 3), ("y", 4), ("x", 2)):
        users.add(runner, told((1, number, number)))
    assert users.total == 7


def test_the_number_that_is_planned_may_change():
    """Those who were started before still were, whether they are named again or not."""
    users = StartedUsers([4])
    users.add("r", told((1, 2, 2)))
    users.expect(2)
    assert users.total == 2
    users.expect(8)
    assert users.total == 2
    users.add("r", block([1, 2, 3, 7, 8]))
    assert users.total == 5
    users.expect(6)
    users.add("r", told((1, 2, 9)))
    assert users.total == 6
