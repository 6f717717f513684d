"""The cycles of a run beside each other, at its end and when they are asked for."""

import json
from dataclasses import replace

from loadgrpc.cli import cycles
from loadgrpc.cli.report import report
from loadgrpc.model import CycleFigures, CycleScenarioFigures, ElapsedFigures, HitFigures, RunState

NS = 1_000_000_000
MS = 1_000_000


def figures(count, failed, rate, ms):
    """Hits that took so long."""
    elapsed = ElapsedFigures(**{f"{at}_ns": ms * MS for at in ("p50", "p95", "p99", "max")})
    return HitFigures(count=count, failed=failed, rate=rate, elapsed=elapsed)


TWO = (
    CycleFigures(cycle=1, users=10, duration_ns=5 * NS, hits=figures(500, 0, 100.0, 10)),
    CycleFigures(
        cycle=2,
        users=20,
        duration_ns=6 * NS,
        hits=figures(600, 3, 100.0, 20),
        scenarios=(
            CycleScenarioFigures(
                name="a", users=15, duration_ns=6 * NS, hits=figures(600, 3, 9, 1)
            ),
            CycleScenarioFigures(name="b", users=5),
        ),
    ),
)


def test_one_line_a_cycle_and_a_scenario(summaries, snapshot):
    """Where more users bring no more hits, but longer times, is seen at a glance."""
    summary = replace(summaries["passed"], cycles=TWO)
    for width in (40, 80):
        lines = cycles.table(summary, width)
        snapshot(f"cycles_{width}", "".join(f"{line.text}\n" for line in lines))
        assert all(len(line.text) <= width for line in lines)


def test_the_report_has_them_if_there_are_several(summaries):
    """They stand before the names; a plan of one cycle has no such section."""
    text = "\n".join(line.text for line in report(replace(summaries["passed"], cycles=TWO)))
    assert text.index("\nCycles ") < text.index("\nHits by name")
    assert "Cycles" not in "\n".join(line.text for line in report(summaries["passed"]))


def test_show_cycles(invoke, client, summaries):
    """For people and for programs; if there is none, the reason is."""
    client.summary = replace(summaries["passed"], cycles=TWO)
    code, out, _ = invoke("show", "some-run", "--cycles")
    assert code == 0
    assert [line.split()[:4] for line in out.splitlines()[1:3]] == [
        ["1", "10", "500", "0"],
        ["2", "20", "600", "3"],
    ]
    found = json.loads(invoke("show", "some-run", "--cycles", "--json")[1])["cycles"]
    assert [(each["cycle"], each["users"], each["hits"]["count"]) for each in found] == [
        (1, 10, "500"),
        (2, 20, "600"),
    ]
    one = summaries["passed"]
    (scenario,) = one.plan.scenarios
    one, several = (
        replace(one, plan=replace(one.plan, scenarios=(replace(scenario, users=users),)))
        for users in ((1,), (1, 2))
    )
    for client.summary, why in (
        (one, "the plan has only one cycle"),
        (several, "no figures of its cycles are kept"),
        (replace(several, state=RunState.STARTING, start_time_ns=None), "no cycle has begun"),
        (replace(several, state=RunState.FAILED, start_time_ns=None), "no cycle has begun"),
    ):
        assert why in invoke("show", "some-run", "--cycles")[1]


def test_show_shows_one_thing(invoke):
    """What excludes each other is refused before anybody is asked."""
    code, _, err = invoke("show", "some-run", "--cycles", "--timeline")
    assert code == 2
    assert "exclude each other" in err
