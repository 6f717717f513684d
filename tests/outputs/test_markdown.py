"""`markdown`, and what GitHub is told: the verdict and its reasons, without markup of others."""

import asyncio
import io
from dataclasses import replace

import pytest

from loadgrpc.cli import github
from loadgrpc.model import NameFigures, PlannedFigures, ThresholdOutcome, ThresholdResult, Verdict
from loadgrpc.outputs.markdown import MAX_CHARS, Markdown, markdown
from loadgrpc.stats.load_text import stages

FAILED = ThresholdResult(
    text="p95(response) < 300ms",
    outcome=ThresholdOutcome.FAIL,
    failed=True,
    aborted=True,
    message="412 ms; from 1,204 hits",
)
PASSED = ThresholdResult(
    text="rate(failed) < 1%", outcome=ThresholdOutcome.PASS, message="0%; from 1,204 hits"
)
NO_DATA = ThresholdResult(
    text="hits{name=x} > 1", outcome=ThresholdOutcome.NO_DATA, failed=True, message="no hits"
)


@pytest.fixture
def judged(summary):
    """A run with thresholds."""
    verdict = Verdict(exit_code=99, reason="threshold failed: p95(response) < 300ms: 412 ms")
    return replace(summary, thresholds=(PASSED, FAILED, NO_DATA), verdict=verdict)


def test_the_page_says_what_failed_first(judged, script, tmp_path):
    """The verdict, the thresholds with their evidence, the figures, what went wrong."""
    output = Markdown(str(tmp_path / "summary.md"))
    output.check()
    asyncio.run(output.write(script(judged)))
    page = (tmp_path / "summary.md").read_text()
    assert page == markdown(judged)
    lines = page.splitlines()
    assert lines[0] == "## ❌ example.TestWebSite.test\\_es"
    assert lines[2].startswith("**Exit 99**: threshold failed: p95(response) \\< 300ms")
    assert "### Thresholds: 2 of 3 failed" in lines
    assert lines[8] == (
        "| ❌ fail | `p95(response) < 300ms` | stopped the run: 412 ms; from 1,204 hits |"
    )
    assert lines[9].startswith("| ❔ no data |")
    assert lines[10].startswith("| ✅ pass |")
    assert "| 10 | 5.0 | 3 (30%) | 3 ms | 9 ms | 12 ms | 10 | 2 | 1 | 2 |" in lines
    assert "| 2 | AssertionError: 500 != 200 | example.TestWebSite.test\\_es |" in lines
    assert "| GET /a | 8 | 4.0 | 2 (25%) | 2 ms | 6 ms | 8 ms |" in lines


def test_users_of_arrivals_are_those_that_they_had(summary):
    """And not those that they might have had."""
    (scenario,) = summary.plan.scenarios
    load = stages("20/s for 1m")
    scenario = replace(scenario, users=(10_000,), iterations=(), load=load, duration_s=60.0)
    plan = replace(summary.plan, scenarios=(scenario,))
    page = markdown(replace(summary, plan=plan, planned=PlannedFigures(users=7)))
    assert "| 10 | 2 | 1 | 7 |" in page


def test_text_of_others_is_no_markup(summary):
    """Of names, which servers and tests make."""
    name = "</details>|`[x](y)`\n# *b* @all"
    page = markdown(replace(summary, names=(replace(summary.names[0], name=name),)))
    *_, line = [each for each in page.splitlines() if "/details" in each and "GET" in each]
    assert line.startswith("| GET \\</details\\>\\|\\`\\[x\\](y)\\` \\# \\*b\\* \\@all |")


def test_the_page_fits_a_comment(summary):
    """However many names and thresholds there are, and however long they are."""
    long = "x" * 1_000
    names = tuple(
        NameFigures(name=f"{long}{at}", method="GET", hits=summary.hits) for at in range(500)
    )
    results = (replace(FAILED, text=long, message=long),) * 100
    page = markdown(replace(summary, names=names, thresholds=results))
    assert len(page) <= MAX_CHARS + 100


def test_github_gets_annotations_and_a_summary(judged, tmp_path):
    """In its jobs, and nowhere else; a line break in a text is no other command."""
    stream, path = io.StringIO(), tmp_path / "step.md"
    path.write_text("before\n")
    broken = replace(NO_DATA, message="no hits, 100%\n::warning::x")
    judged = replace(judged, thresholds=(FAILED, broken))
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)}
    assert github.report(judged, stream, environ) == ""
    assert stream.getvalue().splitlines() == [
        "::error title=threshold failed::p95(response) < 300ms: 412 ms; from 1,204 hits",
        "::error title=threshold failed::hits{name=x} > 1: no hits, 100%25 ::warning::x",
    ]
    assert path.read_text() == "before\n" + markdown(judged) + "\n"
    assert github.report(judged, stream, {"CI": "true"}) == ""
    assert len(stream.getvalue().splitlines()) == 2


def test_a_verdict_of_another_reason_is_an_annotation(summary, tmp_path):
    """As is a summary that cannot be written: it is said, and hinders nothing."""
    stream = io.StringIO()
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    trouble = github.report(summary, stream, environ)
    assert stream.getvalue() == ("::error title=load test%3A exit 1::3 of 10 iterations failed\n")
    assert "cannot be written" in trouble
