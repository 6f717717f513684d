"""Live, and from what is stored: the same results, for random timelines and thresholds."""

import random

import numpy as np
import pytest

from loadgrpc.judge.judging import Judging
from loadgrpc.judge.reading import RunFacts
from loadgrpc.model import TestOutcome, ThresholdOutcome
from loadgrpc.stats.rows import buckets
from loadgrpc.stats.rules import AgentName, RuleName
from loadgrpc.stats.timeline import Timeline
from loadgrpc.stats.window import CPU, Counted, Occurrence, Series

NS_PER_S = 10**9
START_S = 50_003
NAMES = ("login", "pay", "search")


def threshold(rng):
    """A threshold, of any form that the grammar has."""
    name = rng.choice(["", "{name=login}", "{name!=pay}", "{name=nobody}", "{status=5xx}"])
    value, limit = rng.choice(
        [
            (f"{rng.choice(['p50', 'p95', 'p99.9', 'avg', 'min', 'max'])}(response{name})", "ms"),
            (f"{rng.choice(['p90', 'max'])}(service{name})", "ms"),
            (f"rate(failed{name})", "%"),
            (f"failed{name}", ""),
            (f"hits{name}/s", ""),
            ("iterations/s", ""),
            ("rate(errors)", "%"),
            ("count(failures)", ""),
            ("orders", ""),
            ("orders/s", ""),
            ("p99(lag)", "ms"),
            ("max(cpu)", "%"),
            ("avg(users)", ""),
            ("loss", ""),
            (f"p90(response{{case={rng.choice('12*')}}})", "ms"),
            (f"rate(failures{{agent={rng.choice(('a', 'b*', 'c'))}}})", "%"),
            ("hits{agent!=a}/s", ""),
        ]
    )
    number = rng.choice([0, 1, 5, 20, 45, 80, 100, 200])
    text = f"{value} {rng.choice(['<', '<=', '>', '>=', '!='])} {number}{limit}"
    if value != "loss":
        text += rng.choice(["", " over run", " over 1s", " over 7s", " over 30s", " over 2m"])
        if " over run" not in text:
            text += rng.choice(["", " for 2", " for 5", " in 80% of windows"])
        text += rng.choice(["", " skip 3s", " skip 20.5s"])
    if " <" in text or " != " in text:
        text += rng.choice(["", " abort"])
    return text + rng.choice(["", " or no data"])


def second_of_a_run(rng, window):
    """What ends in a second."""
    for name in NAMES:
        for status_class in (2, 5):
            hits = rng.choice([0, 0, 1, 3, 12])
            if hits:
                times = [rng.randrange(1, 120) * 10**6 for _ in range(hits)]
                window.stats(Series("", name, "GET", "http", status_class)).add(
                    elapsed_ns=np.array(times, np.int64),
                    failed=hits if status_class == 5 else 0,
                    answered=True,
                    bytes_sent=0,
                    bytes_received=0,
                    delay_ns=np.array([rng.choice([0, 5_000_000])] * hits, np.int64)
                    if rng.random() < 0.3
                    else None,
                )
    for stats in (
        *(window.rule(RuleName("", rule)) for rule in ("1", "2") if rng.random() < 0.5),
        *(window.agent(AgentName("", agent)) for agent in ("a", "b-1") if rng.random() < 0.8),
    ):
        stats.hits.add(
            elapsed_ns=np.array([rng.randrange(1, 120) * 10**6 for _ in range(3)], np.int64),
            failed=rng.choice([0, 1]),
            answered=True,
            bytes_sent=0,
            bytes_received=0,
        )
        stats.outcomes.update({TestOutcome.SUCCESS: 3, TestOutcome.FAILURE: rng.choice([0, 1])})
    for what in ("ITERATIONS", "FAILURES", "ERRORS"):
        if rng.random() < 0.8:
            window.count(Counted(Occurrence[what]), rng.randrange(1, 30))
    if rng.random() < 0.5:
        window.count(Counted(Occurrence.COUNTER, "", "orders"), rng.randrange(-2, 9))
    if rng.random() < 0.9:
        window.lag.add(np.array([rng.randrange(3 * 10**7) for _ in range(10)], np.int64))
        window.gauge(CPU).add(rng.randrange(10**6))


@pytest.mark.parametrize("seed", range(12))
def test_live_and_stored_results_are_the_same(seed):
    """Whatever the threshold, the windows, and how many of them close at a time."""
    rng = random.Random(seed)
    texts = [threshold(rng) for _ in range(25)]
    seconds = rng.choice([1, 5, 40, 100])
    start_ns = START_S * NS_PER_S + rng.choice([0, 1, 700_000_000])
    until_ns = start_ns + int(seconds * 0.9 * NS_PER_S) if rng.random() < 0.5 else None
    facts = RunFacts(duration_ns=seconds * NS_PER_S, lost=rng.choice([0, 3]), produced=900)

    def judging():
        made = Judging(texts)
        made.begin(start_ns)
        if until_ns is not None:
            made.stop(until_ns)
        return made

    live = judging()
    timeline = Timeline(START_S)
    timeline.on_closed = live.add
    failed = []
    for second in range(START_S, START_S + seconds):
        if rng.random() < 0.95:
            second_of_a_run(rng, timeline.window(second))
        timeline.alive.report("a", rng.choice([1, 5, 9]), second)
        if rng.random() < 0.7:
            timeline.close((second + 4) * NS_PER_S)
            failed += live.close(timeline.closed_s, RunFacts())
    timeline.alive.report("a", 0, START_S + seconds)
    timeline.end()
    failed += live.finish(timeline.closed_s, facts)

    stored = judging()
    failed_then = []
    for bucket in buckets(timeline.rows(), 1):
        window = bucket.window()
        stored.add(window)
        failed_then += stored.close(window.end_s, RunFacts())
    failed_then += stored.finish(timeline.closed_s, facts)
    assert stored.results() == live.results()
    assert sorted(failed_then) == sorted(failed)
    assert len(failed) == len(set(failed)), "a threshold fails once"
    for result in live.results():
        allowed = result.outcome is ThresholdOutcome.NO_DATA and "or no data" in result.text
        assert result.failed is (result.outcome is not ThresholdOutcome.PASS and not allowed)


@pytest.mark.parametrize("seed", range(2))
def test_long_windows_are_the_same_from_windows_of_ten_seconds(seed):
    """Those above a minute are judged in steps of ten seconds, which is how they are kept."""
    rng = random.Random(seed)
    over = ("2m", "10m", "run")
    texts = [
        f"p95(response{{name=login}}) < {rng.randrange(80, 119)}ms over {over[0]}",
        f"rate(failed) < {rng.randrange(20, 70)}% over {over[1]}",
        f"hits/s > {rng.randrange(10, 25)} over {over[2]}",
    ]
    timeline = Timeline(START_S)
    seconds = 1_000
    for second in range(START_S, START_S + seconds):
        second_of_a_run(rng, timeline.window(second))
        timeline.close((second + 4) * NS_PER_S)
    timeline.end()
    results = []
    for resolution_s in (1, 10):
        judging = Judging(texts)
        judging.begin(START_S * NS_PER_S)
        for bucket in buckets(timeline.rows(), resolution_s):
            window = bucket.window()
            judging.add(window)
            judging.close(window.end_s, RunFacts())
        end_s = START_S + seconds
        judging.finish(-(-end_s // 10) * 10, RunFacts(duration_ns=seconds * NS_PER_S))
        results.append(judging.results())
    assert results[0] == results[1]
