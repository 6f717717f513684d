"""`loadgrpc limit`: levels of a run, judged one after another, and what is printed of them."""

import asyncio
import json
import math
from dataclasses import replace

import click
import pytest

from loadgrpc.cli import limit, limit_report
from loadgrpc.cli.conditions import Conjunction, separated
from loadgrpc.cli.levels import MAX_EXCESS, LevelEvidence, Levels, excess_of, judged, keeps_up
from loadgrpc.errors import RunFailed, Unavailable
from loadgrpc.judge.grammar import parse
from loadgrpc.model import (
    Change,
    ChangeKind,
    CheckedRun,
    ElapsedFigures,
    HitFigures,
    IterationFigures,
    LoadChange,
    LoadChangeKind,
    Run,
    RunState,
    ThresholdOutcome,
    ThresholdResult,
    TimelinePage,
    TimelineWindow,
)
from loadgrpc.stats.limit import FoundLimit, Level, LevelOutcome, LimitSearch, TriedLevel
from loadgrpc.testing import plan_of

NS = 1_000_000_000
BEGAN_S = 1_700_000_000.25
P99, FAILED = "p99(response) < 200ms", "rate(failed) < 1%"
KEEPS_UP = keeps_up([P99, FAILED])
HELD, BROKEN, GENERATOR = LevelOutcome


def result(text, value, failed=None):
    """What became of a threshold."""
    threshold = parse(text)
    fails = value is None if failed is None else failed
    if value is not None and failed is None:
        limit_s = float(threshold.limit) / (1e9 if threshold.unit.value == "s" else 1)
        fails = not (value < limit_s if "<" in threshold.operator else value > limit_s)
    outcome = ThresholdOutcome.FAIL if fails else ThresholdOutcome.PASS
    return ThresholdResult(
        text=text,
        outcome=ThresholdOutcome.NO_DATA if value is None else outcome,
        failed=fails,
        value=value,
        limit=float(threshold.limit) / (1e9 if threshold.unit.value == "s" else 1),
        unit=threshold.unit.value,
    )


def window(at, median_ms=10.0, **more):
    """A second of a level."""
    elapsed = ElapsedFigures(p50_ns=round(median_ms * 1e6))
    hits = HitFigures(count=10, elapsed=elapsed)
    return TimelineWindow(start_ns=at * NS, length_ns=NS, hits=hits, **more)


# A level, judged


@pytest.mark.parametrize(
    ("text", "value", "excess"),
    [
        (P99, 0.1, math.log(0.5)),
        (P99, 0.4, math.log(2)),
        (P99, 400, MAX_EXCESS),
        ("hits/s > 100", 50, math.log(2)),
        ("hits/s > 100", 200, -math.log(2)),
        (FAILED, 0.0, -MAX_EXCESS),
        ("failed == 0", 3, MAX_EXCESS),
        ("failed == 0", 0, -MAX_EXCESS),
        (P99, None, MAX_EXCESS),
    ],
)
def test_how_far_a_value_is_off(text, value, excess):
    """A ratio to the limit, whichever way it is to be; what has no ratio is on one side."""
    failed = None if "==" not in text else value != 0
    assert excess_of(result(text, value, failed)) == pytest.approx(excess, rel=1e-3)


@pytest.mark.parametrize(
    ("p99", "lag", "medians", "outcome"),
    [
        (0.1, 0.001, [10] * 9, HELD),
        (0.3, 0.001, [10] * 9, BROKEN),
        (0.3, 0.02, [10] * 9, GENERATOR),
        (0.1, 0.02, [10] * 9, HELD),
        (0.1, 0.001, [10, 10, 10, 20, 20, 20, 40, 40, 40], BROKEN),
    ],
)
def test_what_comes_of_a_level(p99, lag, medians, outcome):
    """A generator that did not keep up matters if the condition did not hold; a queue that grows
    does in any case.
    """
    level = Level(rate=100, settle_s=2, measure_s=9)
    generator = [result(text, value) for text, value in zip(KEEPS_UP, (lag, 50), strict=True)]
    windows = [window(at, median) for at, median in enumerate(medians)]
    tried, growing = judged(level, [result(P99, p99), result(FAILED, 0.0)], generator, windows)

    assert tried.outcome is outcome
    assert (tried.excess < 0) is (outcome is HELD)
    assert growing is (medians[-1] > 10)
    assert (tried.rate, tried.measured_s) == (100, 9)


def test_a_lag_matters_if_it_can_explain_what_is_not_met():
    """A tenth of the shortest time of the condition, and no less than 5 ms."""
    assert keeps_up([P99, FAILED]) == ("p99(lag) < 20ms", "avg(cpu) < 90%")
    assert keeps_up(["p50(response) < 10ms", P99])[0] == "p99(lag) < 5ms"
    assert keeps_up([FAILED])[0] == "p99(lag) < 5ms"


# Levels of a run


class Server:
    """A run whose server breaks above some rate, in a time that passes when somebody sleeps."""

    def __init__(self, breaks_above):
        self.now_s = BEGAN_S
        self.breaks_above = breaks_above
        self.orders = []
        self.rates = [(BEGAN_S, 50.0)]
        self.judged = []
        self.state = RunState.RUNNING
        self.away_until_s = 0.0
        self.in_flight = 0
        self.plan = plan_of(test="a.B.c")

    def monotonic(self):
        return self.now_s - BEGAN_S

    async def sleep(self, seconds):
        assert seconds > 0
        self.now_s += seconds
        self.in_flight = max(0, self.in_flight - 1)

    async def get_run(self, run_id):
        if self.away_until_s > self.now_s:
            raise Unavailable("nobody answers")
        return Run(
            run_id=run_id,
            state=self.state,
            plan=self.plan,
            create_time_ns=1,
            reason="no agent is left",
        )

    async def get_summary(self, _):
        figures = IterationFigures(started=10, success=10 - self.in_flight)
        return replace_summary(figures)

    async def list_changes(self, _):
        state = Change(sequence=1, kind=ChangeKind.STATE, state=RunState.RUNNING)
        load = Change(
            sequence=2,
            kind=ChangeKind.LOAD,
            state=RunState.RUNNING,
            time_ns=round(BEGAN_S * NS),
            cycle=1,
        )
        return [state, load]

    async def set_load(self, run_id, order, request_id=""):
        assert (run_id, request_id) == ("r-1", f"limit-{len(self.orders) + 1}")
        self.orders.append((order.kind.name, order.value))
        if order.kind is LoadChangeKind.LEVEL:
            self.rates.append((self.now_s, order.value))
        return [
            Change(
                sequence=9,
                kind=ChangeKind.LOAD,
                state=RunState.RUNNING,
                time_ns=round(self.now_s * NS),
                load=LoadChange(0.0, order.kind, order.value),
            )
        ]

    async def get_timeline(self, query):
        first, last = query.from_ns // NS, query.to_ns // NS
        assert (query.from_ns % NS, query.to_ns % NS, query.series) == (0, 0, False)
        until = min(last, int(self.now_s))
        closed = self.now_s - 1
        windows = [window(at, closed=at + 1 <= closed) for at in range(first, until)]
        return TimelinePage(windows=tuple(windows))

    async def check_run(self, run_id, thresholds=(), span=(None, None)):
        from_ns, to_ns = span
        assert self.now_s >= to_ns / NS + 1, "not all of it has come"
        rate = [rate for at_s, rate in self.rates if at_s <= from_ns / NS][-1]
        began_s = [at_s for at_s, _ in self.rates][-1]
        self.judged.append((rate, from_ns / NS - began_s, (to_ns - from_ns) / NS))
        broke = rate > self.breaks_above
        self.in_flight = 5 * broke
        values = [0.9 if broke else 0.02, 0.001, 50.0]
        results = map(result, thresholds, values)
        return CheckedRun(results=tuple(results), over=False)


def replace_summary(figures):
    """A summary of which only the iterations matter."""
    from loadgrpc.model import Summary, Verdict

    return Summary(
        run_id="r-1",
        state=RunState.RUNNING,
        plan=plan_of(test="a.B.c"),
        create_time_ns=1,
        verdict=Verdict(exit_code=3, reason="agents were lost"),
        iterations=figures,
    )


def levels_of(server):
    """Levels of a run on this server."""
    return Levels(server, "r-1", [P99], monotonic=server.monotonic, sleep=server.sleep)


def test_levels_are_set_settle_and_are_judged_on_closed_seconds():
    """The run begins with the first; after one that broke nothing is in flight."""
    server = Server(150)

    async def go():
        levels = levels_of(server)
        await levels.begin()
        return [
            (await levels.attempt(Level(rate=rate, settle_s=2, measure_s=4))).tried.outcome
            for rate in (50, 100, 200, 141)
        ]

    assert asyncio.run(go()) == [HELD, HELD, BROKEN, HELD]
    assert [rate for rate, _, _ in server.judged] == [50, 100, 200, 141]
    assert all(2 <= settled <= 4 and measured == 4 for _, settled, measured in server.judged)
    assert server.orders == [
        ("LEVEL", 100),
        ("LEVEL", 200),
        ("PAUSE", 0),
        ("LEVEL", 141),
        ("RESUME", 0),
    ]
    assert server.in_flight == 0


def test_a_search_ends_in_three_minutes_of_that_time():
    """With all that is between levels."""
    server = Server(333)

    async def go():
        levels = levels_of(server)
        await levels.begin()
        search = LimitSearch(50, 5_000)
        while not isinstance(level := search.next(), FoundLimit):
            search.add((await levels.attempt(level)).tried)
        return level

    found = asyncio.run(go())
    assert found.least <= 333 <= found.most
    assert found.width <= 0.05
    assert server.now_s - BEGAN_S <= 180


def test_a_run_that_ends_has_no_levels():
    """Whatever it waits for."""
    server = Server(150)
    server.state = RunState.FAILED

    async def go():
        await levels_of(server).begin()

    with pytest.raises(RunFailed, match="run r-1 has ended: no agent is left"):
        asyncio.run(go())


# What is typed, and what is printed


def test_conditions_are_separated():
    """By the word, not in quotes or braces."""
    assert separated(f"{P99} and {FAILED}") == [P99, FAILED]
    assert separated('hits{name="a and b"} > 1 AND hits{name=c and d} > 2') == [
        'hits{name="a and b"} > 1',
        "hits{name=c and d} > 2",
    ]
    assert Conjunction().read(f"{P99} and {FAILED}") == (P99, FAILED)
    for text, why in (
        (f"{P99} abort", "abort and skip"),
        ("loss == 0", "known of whole runs only"),
        (f"{P99} and", "cannot be read"),
    ):
        with pytest.raises(ValueError, match=why):
            Conjunction().read(text)


@pytest.mark.parametrize(
    ("found", "line", "code", "reason"),
    [
        (
            FoundLimit(least=95, most=105),
            "limit   95.0/s to 105/s   (100/s ± 5.00 %)   while c",
            0,
            "found",
        ),
        (
            FoundLimit(least=5_000, most=math.inf),
            "limit   at least 5000/s, the highest that",
            0,
            "every level held",
        ),
        (
            FoundLimit(least=0, most=0.8),
            "limit   below 0.80/s: no level held (c)",
            99,
            "no level held",
        ),
        (
            FoundLimit(least=95, most=105, generator=True),
            "limit   at least 95.0/s: more the",
            3,
            "the generator was the limit",
        ),
        (
            FoundLimit(least=0, most=10, generator=True),
            "limit   not known: the generator",
            3,
            "the generator was the limit",
        ),
    ],
)
def test_the_answer(found, line, code, reason):
    """In a line, an exit code for each kind, and the reason of it."""
    assert limit._exit_code(found) == code
    assert limit_report.answer(found, "c")[0].text.startswith(line)
    assert limit_report.reason(found) == reason


def test_without_an_answer_it_was_stopped():
    """By a person."""
    assert limit._exit_code(None) == 105


def evidence(outcome=HELD, **more):
    """What a level came to."""
    return LevelEvidence(
        tried=TriedLevel(rate=100, measured_s=4, outcome=outcome, excess=-1),
        from_ns=NS,
        to_ns=5 * NS,
        results=(result(P99, 0.0234), result(FAILED, 0.5)),
        generator=(result(KEEPS_UP[0], 0.02), result(KEEPS_UP[1], 50)),
        windows=(window(1, planned=10, started=10), window(2, planned=10, late=3)),
        **more,
    )


def test_a_level_is_a_line():
    """What was compared, on how much; of a generator, what it did not do."""
    assert limit_report.level(evidence()).text == (
        "      100/s   held        p99(response) 23.4 ms   rate(failed) 0.50 %"
        "   20 hits in 4 s   3 late"
    )
    assert "p99(lag) 20.0 ms" in limit_report.level(evidence(GENERATOR)).text
    grows = limit_report.level(evidence(BROKEN, growing=True)).text
    assert "grows all the time" in grows


def test_the_document_has_all_of_it():
    """Numbers as numbers, and conditions as everywhere else."""
    document = limit_report.document(
        FoundLimit(least=95, most=math.inf),
        [evidence()],
        run_id="r-1",
        until=(P99, FAILED),
        verdict={"exitCode": 0, "reason": "every level held"},
    )
    made = json.loads(json.dumps(document))
    assert made["limit"] == {"least": 95, "generatorWasTheLimit": False}
    (level,) = made["levels"]
    assert (level["rate"], level["outcome"], level["hits"]) == (100, "held", 20)
    assert (level["planned"], level["started"], level["late"]) == (20, 10, 3)
    assert level["conditions"][0]["value"] == 0.0234
    assert level["from"] == "1970-01-01T00:00:01Z"
    nothing = limit_report.document(None, [], run_id="", until=(), verdict={})
    assert nothing["limit"] is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--until", P99, "--from", "100/s", "--max", "50/s"], "--from 100/s is above --max 50/s"),
        (["--until", "p99(response) < 3"], "cannot be read"),
        (["--until", P99, "--from", "fast"], "fast"),
        (["--until", P99, "-u", "5"], "-u"),
        ([], "--until"),
    ],
)
def test_what_is_wrong_is_said(invoke, more, why):
    """Before anything is started; the load is what is looked for."""
    code, _, err = invoke("limit", "a.B.test_c", *more)
    assert code == 2
    assert why in err


def test_a_test_is_needed(invoke):
    """Whatever else is there."""
    code, _, err = invoke("limit", "--until", P99)
    assert code == 2
    assert "missing TEST" in err


def test_the_help_has_no_load_of_its_own():
    """Nothing of what a search decides by itself."""
    names = {param.name for param in limit.command.params}
    assert {"until", "first", "most", "within", "server_url", "max_users", "agents"} <= names
    assert not names & {"users", "iterations", "load", "thresholds", "observers", "retry"}
    assert "Find the rate" in limit.command.get_help(click.Context(limit.command))


def test_a_condition_about_nothing_that_is_there_is_no_level():
    """It would not hold at any, and nothing of the server would follow from that."""
    there = evidence()
    nothing = replace(result(P99, None), message="there were no response times of hits named buy")
    absent = replace(there, results=(nothing,))

    assert limit_report.nothing_selected(there) == ""
    assert limit_report.nothing_selected(absent) == (
        f"{P99}: there were no response times of hits named buy"
    )
    silent = replace(absent, windows=(replace(window(1), hits=HitFigures()),))
    assert limit_report.nothing_selected(silent) == ""


def test_what_a_search_does_is_said_while_it_does_it():
    """How long each level still takes, and what it waits for between them."""
    server, said = Server(150), []

    async def go():
        levels = Levels(
            server, "r-1", [P99], monotonic=server.monotonic, sleep=server.sleep, doing=said.append
        )
        await levels.begin()
        for rate in (50, 200, 141):
            await levels.attempt(Level(rate=rate, settle_s=2, measure_s=4))

    asyncio.run(go())
    assert said[0] == "the run is starting"
    left_s = [int(each.split()[1]) for each in said if each.startswith("200/s: ")]
    assert left_s == sorted(left_s, reverse=True)
    assert 6 <= left_s[0] <= 8
    assert left_s[-1] == 1
    assert "waiting for what is in flight to end" in said


@pytest.mark.parametrize(("away_s", "ends"), [(30, False), (90, True)])
def test_a_broker_that_is_away_for_a_moment_is_waited_for(away_s, ends):
    """Agents go on with the level; only if it stays away is the search over."""
    server = Server(150)

    async def go():
        levels = levels_of(server)
        await levels.begin()
        await levels.attempt(Level(rate=50, settle_s=2, measure_s=4))
        server.away_until_s = server.now_s + away_s
        return await levels.attempt(Level(rate=100, settle_s=2, measure_s=4))

    if ends:
        with pytest.raises(Unavailable):
            asyncio.run(go())
    else:
        assert asyncio.run(go()).tried.outcome is HELD
        assert server.orders == [("LEVEL", 100)]
