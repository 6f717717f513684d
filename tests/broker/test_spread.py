"""Which agents a run gets: spread over hosts, those with least work first."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.spread import spread

FLEETS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.sampled_from(["one", "two", "three", ""])
)


def test_one_of_each_host_before_two_of_any():
    """Three agents on one machine and one on each of two: a run of three is on three machines."""
    idle = {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "c1": "c"}

    assert spread(idle, 3) == ["a1", "b1", "c1"]
    assert spread(idle, 4) == ["a1", "a2", "b1", "c1"]
    assert spread(idle, 9) == ["a1", "a2", "a3", "b1", "c1"]
    assert spread(idle, 0) == []


def test_a_host_that_works_already_comes_last():
    """Of a machine with a busy agent the idle ones are taken when others have as much to do."""
    idle = {"a2": "a", "b1": "b", "b2": "b"}

    assert spread(idle, 1, working=["a"]) == ["b1"]
    assert spread(idle, 2, working=["a"]) == ["a2", "b1"]
    assert spread(idle, 2, working=["a", "a"]) == ["b1", "b2"]


def test_agents_without_a_host_are_hosts_of_their_own():
    """Nothing is known that they share."""
    assert spread({"x": "", "y": "", "z": "host"}, 3, working=["", ""]) == ["x", "y", "z"]
    assert spread({"x": "", "y": "", "a": "host", "b": "host"}, 3) == ["a", "x", "y"]


@given(FLEETS, st.integers(0, 12), st.lists(st.sampled_from(["one", "two"]), max_size=4))
def test_the_choice_is_even(idle, wanted, working):
    """As many as wanted if they are there, each once, and no host has two more than another.

    Unless that other has no idle agent left.
    """
    chosen = spread(idle, wanted, working)

    assert len(chosen) == min(wanted, len(idle))
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(idle)
    assert spread(dict(reversed(idle.items())), wanted, working) == chosen
    load = Counter(working) + Counter(idle[each] or each for each in chosen)
    left = {idle[each] or each for each in idle if each not in chosen}
    taken = {idle[each] or each for each in chosen}
    for host in taken:
        assert all(load[host] <= load[other] + 1 for other in left)
