"""The search for a limit: it ends, its answer contains the limit, and generators are no servers."""

import heapq
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadgrpc.stats.limit import (
    MAX_CLOSING,
    MAX_HALVINGS,
    FoundLimit,
    LevelOutcome,
    LimitSearch,
    TriedLevel,
    crossing_of,
    grows,
)

HELD, BROKEN, GENERATOR = LevelOutcome
MOST_LEVELS = 40


def found(search, excess):
    """The answer, and the levels on the way; `excess` of a rate, None: it cannot be made."""
    levels = []
    while not isinstance(level := search.next(), FoundLimit):
        levels.append(level.rate)
        assert len(levels) <= MOST_LEVELS
        missed = excess(level.rate)
        outcome = GENERATOR if missed is None else HELD if missed < 0 else BROKEN
        search.add(
            TriedLevel(
                rate=level.rate,
                measured_s=level.measure_s,
                outcome=outcome,
                excess=2.0 if missed is None else missed,
            )
        )
    return level, levels


def sharp(limit):
    """A server that is at its end all at once."""
    return lambda rate: -2.0 if rate <= limit else 2.0


@given(st.floats(1, 100), st.floats(0.2, 10_000))
def test_a_sharp_limit_is_found(first, limit):
    """Whatever it is, and with no level over twice the limit once one has held."""
    answer, levels = found(LimitSearch(first, 1e6), sharp(limit))
    if limit < first / 2**MAX_HALVINGS:
        assert (answer.least, answer.generator) == (0, False)
        return
    assert answer.least <= limit <= answer.most
    assert answer.width <= 0.05
    assert max(levels) <= max(first, 2 * limit)


@example(86.5, 65.0, 0.0546875)
@given(st.floats(10, 10_000), st.floats(5, 100), st.floats(0.05, 0.2))
def test_a_gradual_limit_is_found(limit, slope, within):
    """As exactly as was asked for."""
    search = LimitSearch(5, 1e6, within)
    answer, _ = found(search, lambda rate: slope * math.log(rate / limit))

    assert answer.least <= limit <= answer.most
    assert answer.width <= within or sum(each.measured_s >= 10 for each in search.tried) == (
        MAX_CLOSING
    )


def test_the_highest_level_may_hold():
    """Then the limit is only known to be higher."""
    answer, levels = found(LimitSearch(50, 300), lambda _: -1)

    assert answer == FoundLimit(least=300, most=math.inf)
    assert answer.width == math.inf
    assert levels == [50, 100, 200, 300]


def test_no_level_may_hold():
    """After some halvings nobody looks further."""
    answer, levels = found(LimitSearch(64, 300), lambda _: 1)

    assert answer == FoundLimit(least=0, most=1)
    assert levels == [64, 32, 16, 8, 4, 2, 1]


@pytest.mark.parametrize(("server", "machine", "generator"), [(900, 500, True), (500, 900, False)])
def test_a_generator_that_cannot_go_on_is_an_answer_of_its_own(server, machine, generator):
    """The server may take more; what was made of it held."""
    answer, _ = found(
        LimitSearch(50, 5_000), lambda rate: None if rate > machine else sharp(server)(rate)
    )
    assert answer.generator is generator
    assert answer.least <= 500 <= answer.most


@given(st.randoms(use_true_random=False), st.floats(1, 100))
def test_it_ends_whatever_comes(random, first):
    """With an interval that is no nonsense."""
    answer, _ = found(
        LimitSearch(first, 1e4), lambda _: random.choice([None, random.uniform(-2, 2)])
    )
    assert answer.least <= answer.most


def test_both_ends_are_confirmed():
    """For longer than the levels on the way: the lower one held, the upper one did not."""
    search = LimitSearch(50, 5_000)
    answer, _ = found(search, lambda rate: 8 * math.log(rate / 333))
    long = [each for each in search.tried if each.measured_s >= 10]

    assert min(abs(each.rate / answer.least - 1) for each in long if each.outcome is HELD) < 0.03
    assert min(abs(each.rate / answer.most - 1) for each in long if each.outcome is BROKEN) < 0.03


@pytest.mark.parametrize(("first", "most"), [(0, 1), (-1, 1), (2, 1), (1, math.inf)])
def test_levels_go_upwards(first, most):
    """From more than nothing."""
    with pytest.raises(ValueError, match="not upwards"):
        LimitSearch(first, most)


def test_levels_that_contradict_each_other_leave_more_open():
    """The line goes between them."""

    def tried(rate, excess):
        outcome = HELD if excess < 0 else BROKEN
        return TriedLevel(rate=rate, measured_s=10, outcome=outcome, excess=excess)

    agree, little = crossing_of([tried(96, -0.4), tried(104, 0.4)], 100)
    differ, much = crossing_of([tried(96, 0.8), tried(104, -0.8), tried(100, 0)], 100)
    assert agree == pytest.approx(100, rel=0.02)
    assert differ == pytest.approx(100, rel=0.03)
    assert much > 1.3 * little


@pytest.mark.parametrize(
    ("values", "growing"),
    [
        ([10, 11, 10, 9, 10, 11, 10, 9, 11], False),
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], True),
        ([90, 80, 70, 60, 50, 40, 30, 20, 10], False),
        ([10, 10, 10, 80, 80, 80, 20, 20, 20], False),
        ([1, 2], False),
    ],
)
def test_a_queue_that_grows_is_seen(values, growing):
    """A level on which it does would break the condition if it went on."""
    assert grows(values) is growing


# A server with a queue

BOUND_S, OVERHEAD_S = 0.2, 2
PAGE = Path(__file__).resolve().parents[2] / "docs/load-models.md"


class Server:
    """An M/M/c queue: `servers` that take 1 / `rate` seconds on average; arrivals are Poisson.

    What is in it when a level begins is still there; after a level that broke, it is empty.
    """

    def __init__(self, servers, rate, seed):
        self.servers, self.rate = servers, rate
        self._random = np.random.default_rng(seed)
        self._free = [0.0] * servers
        """A heap: when each of them is free."""
        self.run_s = 0.0

    def try_level(self, level):
        """What came of it."""
        random = self._random
        began_s, settled_s = self.run_s, self.run_s + level.settle_s
        self.run_s = ended_s = settled_s + level.measure_s
        count = random.poisson(level.rate * (ended_s - began_s))
        arrivals = np.sort(random.uniform(began_s, ended_s, count))
        times = random.exponential(1 / self.rate, count)
        ends = np.zeros(count)
        for at, (arrival, time) in enumerate(zip(arrivals.tolist(), times.tolist(), strict=True)):
            ends[at] = end = max(arrival, self._free[0]) + time
            heapq.heapreplace(self._free, end)
        measured = (ends > settled_s) & (ends <= ended_s)
        response, second = (ends - arrivals)[measured], (ends[measured] - settled_s).astype(int)
        excess = math.log(np.quantile(response, 0.99) / BOUND_S)
        medians = [np.median(response[second == each]) for each in np.unique(second)]
        if excess < 0 and grows(medians):
            excess = 0.2
        self.run_s += OVERHEAD_S
        if excess > 0:
            self.run_s = max(self.run_s, *self._free)
        outcome = HELD if excess < 0 else BROKEN
        return TriedLevel(
            rate=level.rate, measured_s=level.measure_s, outcome=outcome, excess=excess
        )

    def limit(self, late=0.01, bound_s=BOUND_S):
        """The rate at which exactly this share of all answers is late, in the long run."""
        low, high = 0.0, self.servers * self.rate
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._late(middle, bound_s) < late else (low, middle)
        return low

    def _late(self, level, bound_s):
        """The share of answers that take longer than the bound: Erlang's C and what follows."""
        offered = level / self.rate
        blocking = 1.0
        for each in range(1, self.servers + 1):
            blocking = offered * blocking / (each + offered * blocking)
        waits = blocking / (1 - (offered / self.servers) * (1 - blocking))
        drain = self.servers * self.rate - level
        alone = math.exp(-self.rate * bound_s)
        if abs(drain - self.rate) < 1e-9:
            return alone * (1 + waits * self.rate * bound_s)
        queued = (drain * alone - self.rate * math.exp(-drain * bound_s)) / (drain - self.rate)
        return (1 - waits) * alone + waits * queued


CAPACITIES = [(1, 150), (2, 120), (2, 300), (3, 200), (4, 150), (4, 300), (6, 100), (8, 60)]
CAPACITIES += [(10, 100), (12, 50)]


def test_limits_of_queues_are_found():
    """Of ten capacities nine intervals contain the limit, within 5 % and 3 minutes of load."""
    hits, seen = 0, []
    for seed, (servers, rate) in enumerate(CAPACITIES):
        server = Server(servers, rate, seed)
        search = LimitSearch(100, 5_000)
        while not isinstance(level := search.next(), FoundLimit):
            search.add(server.try_level(level))
        limit = server.limit()
        right = level.least <= limit <= level.most and level.width <= 0.05
        hits += right and server.run_s <= 180
        seen.append((servers, rate, limit, level, server.run_s))

    assert hits >= 9, seen


@pytest.mark.parametrize(
    ("condition", "late", "bound_s"),
    [
        ("p95(response) < 100ms", 0.05, 0.1),
        ("p95(response) < 200ms", 0.05, 0.2),
        ("p99(response) < 200ms", 0.01, 0.2),
    ],
)
def test_the_page_says_what_the_limit_of_a_queue_is(condition, late, bound_s):
    """Four workers of 50/s each: less than their capacity, by how much the condition says."""
    exact = Server(4, 50, seed=0).limit(late, bound_s)
    assert exact < 200
    assert f"| `{condition}` | {exact:.0f}/s |" in PAGE.read_text()
