"""Rows are shared out exactly over agents, processes, users and iterations."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.split import assignments
from loadgrpc.model import DataMode
from loadgrpc.protocol.assignments import assignment_from_proto, assignment_to_proto
from loadgrpc.runner.context import ProcessContext
from loadgrpc.runner.data.turns import Seat, number
from loadgrpc.runner.share import WorkerShare
from loadgrpc.testing import plan_of

runs = st.fixed_dictionaries(
    {
        "agents": st.integers(1, 8),
        "processes": st.lists(st.integers(1, 4), min_size=8, max_size=8),
        "users": st.lists(st.integers(1, 25), min_size=1, max_size=4).map(tuple),
        "iterations": st.integers(1, 6),
        "split": st.booleans(),
    }
)


class NoFeeds:
    """Nobody takes a row."""


def seats(run):
    """The seats of all users, cycle by cycle, as their processes on all agents know them."""
    plan = plan_of(
        test="a.B.c",
        users=run["users"],
        iterations=(run["iterations"],),
        agents=run["agents"],
        split=run["split"],
    )
    parts = assignments(plan, "r", [f"a{at}" for at in range(run["agents"])])
    found = [[] for _ in run["users"]]
    for part, processes in zip(parts, run["processes"], strict=False):
        sent = assignment_from_proto(assignment_to_proto(part))
        context = ProcessContext(sent, NoFeeds())
        for first in range(1, processes + 1):
            share = WorkerShare(sent, first, processes)
            for cycle, of_cycle in enumerate(sent.cycles, 1):
                for user in share.users(of_cycle.users):
                    found[cycle - 1].append(context.of_user(cycle, user).data._seat)
    return found


def draws(mode, users, iterations, rows=1_000):
    """How often each number comes when every user takes a row in each of its iterations."""
    return Counter(
        number(mode, seat, taken, rows, "s") for seat in users for taken in range(iterations)
    )


@given(runs)
def test_each_user_has_a_row_of_its_own(run):
    """However often users of a cycle ask, their rows are the first ones, each with one user."""
    for users in seats(run):
        own = [{number(DataMode.UNIQUE, seat, taken, 9, "s") for taken in (0, 5)} for seat in users]
        assert sorted(map(tuple, own)) == [(at,) for at in range(len(users))]


@given(runs)
def test_users_go_through_a_file_in_turn(run):
    """All users of a cycle together take the first rows, each once, whoever they are."""
    for users in seats(run):
        count = len(users) * run["iterations"]
        assert draws(DataMode.IN_TURN, users, run["iterations"]) == Counter(range(count))


@given(runs, st.integers(1, 200))
def test_when_a_file_is_repeated_its_rows_are_used_equally(run, rows):
    """After passes through a file, no row was used more than once more than another."""
    for users in seats(run):
        used = Counter(
            number(DataMode.IN_TURN, seat, taken, rows, "s") % rows
            for seat in users
            for taken in range(run["iterations"])
        )
        counts = [used[row] for row in range(rows)]
        assert max(counts) - min(counts) <= 1


@given(runs)
def test_no_row_is_used_twice_in_a_run(run):
    """Over all cycles; and where users take one row each, none is left out."""
    everybody = [seat for users in seats(run) for seat in users]
    used = draws(DataMode.ONCE, everybody, run["iterations"])
    assert set(used.values()) == {1}
    assert sorted(used) == list(range(len(everybody) * run["iterations"]))


@given(runs, st.data())
def test_what_one_user_does_changes_nothing_for_others(run, data):
    """Users who are lost, or slow, leave their own rows unused, and no other's."""
    users = [seat for users in seats(run) for seat in users]
    took = [data.draw(st.integers(0, 4)) for _ in users]
    used = [
        number(DataMode.ONCE, seat, taken, 9, "s")
        for seat, count in zip(users, took, strict=True)
        for taken in range(count)
    ]
    assert len(set(used)) == len(used)


def test_random_rows_are_drawn_by_a_seed():
    """The same seed draws the same rows, another one others; each row about equally often."""
    users = [Seat(place, 50, 0, 50) for place in range(50)]

    def drawn(seed):
        return [
            number(DataMode.RANDOM, seat, taken, 20, seed) for seat in users for taken in range(200)
        ]

    assert drawn("a") == drawn("a")
    assert drawn("a") != drawn("b")
    counts = Counter(drawn("a"))
    assert set(counts) == set(range(20))
    assert max(counts.values()) < 1.3 * min(counts.values())  # 500 each, with a deviation of 22


def test_users_of_later_cycles_draw_other_rows():
    """They are other users."""
    first, later = Seat(0, 5, 0, 10), Seat(0, 5, 5, 10)
    mode = DataMode.RANDOM
    assert [number(mode, first, at, 1_000, "s") for at in range(5)] != [
        number(mode, later, at, 1_000, "s") for at in range(5)
    ]
