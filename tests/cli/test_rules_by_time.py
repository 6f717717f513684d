"""Rules of decision tables by time, and while a run goes on."""

from dataclasses import replace

from loadgrpc.cli import rule_timeline
from loadgrpc.cli.view import View, render
from loadgrpc.model import (
    CaseFigures,
    CoverageFigures,
    IterationFigures,
    RuleProgress,
    RunState,
    TimelineWindow,
)


def window(second, *cases):
    """A window of a second; each case is a rule, with iterations that passed and that failed."""
    return TimelineWindow(
        start_ns=second * 10**9,
        length_ns=10**9,
        cases=tuple(
            CaseFigures(
                case=rule,
                scenario="",
                iterations=IterationFigures(
                    started=passed + failed, success=passed, failure=failed
                ),
            )
            for rule, passed, failed in cases
        ),
    )


def test_rules_by_time():
    """What failed is first, with when it did; nothing without rules; the rest is counted."""
    windows = [window(1, ("1", 4, 0), ("2", 1, 0)), window(2, ("1", 8, 0), ("2", 0, 2))]
    lines = [each.text for each in rule_timeline.rules_by_time(windows, 80)]
    assert [line.split() for line in lines[1:]] == [
        *[["Rules", "by", "time", "by", "time", "iterations", "by", "time", "not", "passed"]],
        *[["2", "▅█", "3", "█", "2"]],
        *[["1", "▅█", "12", "0"]],
    ]
    assert rule_timeline.rules_by_time([window(1)], 80) == []
    many = [window(1, *((f"{at}", 1, 0) for at in range(25)))]
    assert rule_timeline.rules_by_time(many, 80)[-1].text == "  and 5 more, which --json has"


def test_rules_of_an_active_run(run, progress):
    """How many were exercised, and those that fail, where there is room."""
    rules = (
        RuleProgress(case="18", iterations=9, not_passed=4, rate=1.5, p95_ns=2_000_000),
        RuleProgress(case="1", iterations=30, rate=5.0, p95_ns=1_000_000),
    )
    told = replace(progress, rules=rules, coverage=CoverageFigures(rules=22, exercised=20))
    view = View(replace(run, state=RunState.RUNNING), told)
    lines = [each.text for each in render(view, 100, 40)]
    assert "rules         20 of 22 exercised" in lines
    row = next(line for line in lines if line.startswith("  18"))
    assert row.split() == ["18", "1.50", "2.00", "ms", "9", "4"]
    assert not any(line.startswith("Rules") for line in (e.text for e in render(view, 100, 8)))
