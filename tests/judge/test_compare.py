"""Two runs compared: what is said of figures, and when nothing is."""

from dataclasses import replace

import numpy as np
import pytest
from bench import comparing

from loadgrpc.judge.compare import compare
from loadgrpc.model import ComparisonOutcome
from loadgrpc.stats.window import Series


@pytest.fixture
def bench():
    """The simulation that `bench.comparing` measures with."""
    return comparing


def outcomes(comparison):
    """What is said of the figures of all hits."""
    return {each.figure: each.outcome.name for each in comparison.figures if not each.name}


def test_equal_runs_are_not_worse_and_slower_ones_are(bench):
    """Of a few pairs; the bench has two hundred of each."""
    equal = bench.outcomes(1, 1.0, 4)
    slower = bench.outcomes(2, 1.1, 4)
    assert equal["p95"][ComparisonOutcome.WORSE] == 0
    assert equal["p50"][ComparisonOutcome.WORSE] == 0
    assert slower["p95"][ComparisonOutcome.WORSE] >= 3
    assert slower["p50"][ComparisonOutcome.WORSE] == 4
    assert slower["rate"][ComparisonOutcome.SAME] == 4


def test_what_is_faster_is_better(bench):
    """And rates the other way round: fewer hits per second are worse."""
    rng = np.random.default_rng(5)
    before, after = bench.simulated(rng, "a"), bench.simulated(rng, "b", 0.7)
    assert outcomes(compare(before, after))["p95"] == "BETTER"
    half = replace(after, windows=after.windows[::2])
    assert outcomes(compare(before, half))["rate"] == "WORSE"


def test_names_are_compared_too(bench):
    """The busiest that both runs have."""
    rng = np.random.default_rng(6)
    before, after = bench.simulated(rng, "a"), bench.simulated(rng, "b", 1.5)
    after.windows[0].stats(Series("", "/new", "GET", "http", 2)).count = 7
    found = compare(before, after)
    assert {each.name for each in found.figures} == {"", "/"}
    (p95,) = [each for each in found.figures if each.name == "/" and each.figure == "p95"]
    assert p95.outcome is ComparisonOutcome.WORSE
    assert 30 < p95.low < p95.change < p95.high < 80
    assert found.is_worse


def test_a_change_that_does_not_matter_is_none(bench):
    """With a larger smallest effect it is the same, or not certain."""
    rng = np.random.default_rng([2, 0])
    before, after = bench.simulated(rng, "a"), bench.simulated(rng, "b", 1.1)
    assert outcomes(compare(before, after, 40.0))["p50"] == "SAME"


def test_runs_are_not_compared_that_cannot_be(bench):
    """It says why: all reasons, of both runs."""
    rng = np.random.default_rng(8)
    before = replace(
        bench.simulated(rng, "a"), plan={"users": "10"}, troubles=("3 of its events were lost",)
    )
    after = replace(bench.simulated(rng, "b"), plan={"users": "20", "split": "True"})
    after = replace(after, until_ns=after.start_ns + 40 * 10**9)
    found = compare(before, after)
    assert not found.figures
    assert found.refusals == (
        "run a: 3 of its events were lost",
        "the plans differ in split: not set, and True",
        "the plans differ in users: 10, and 20",
        "run b is too short: at least 60 s of load are needed",
    )
