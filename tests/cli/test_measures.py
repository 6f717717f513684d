"""What tests measure, as the summary shows it."""

from dataclasses import replace

import pytest

from loadgrpc.cli.line import Style
from loadgrpc.cli.measures import plain
from loadgrpc.cli.report import report
from loadgrpc.model import (
    CheckFigures,
    ElapsedFigures,
    GaugeFigures,
    MeasurementFigures,
    Measures,
    TransactionFigures,
)

MS = 1_000_000
MEASURES = Measures(
    checks=(
        CheckFigures(name="has a name", passed=1_000),
        CheckFigures(name="has a price", scenario="buy", passed=990, failed=10),
    ),
    transactions=(
        TransactionFigures(
            name="checkout",
            count=50,
            failed=2,
            rate=4.5,
            elapsed=ElapsedFigures(avg_ns=5 * MS, p50_ns=4 * MS, p95_ns=9 * MS, max_ns=9 * MS),
        ),
    ),
    measurements=(
        MeasurementFigures(
            name="queue depth", count=7, avg=3.25, p50=3, p90=5, p95=17, p99=17, max=17
        ),
    ),
    gauges=(GaugeFigures(name="pool", last=3, min=-0.5, max=1e20),),
)


def test_a_line_and_a_table_of_each_kind(summaries):
    """Checks that failed come first, and are marked."""
    lines = report(replace(summaries["passed"], measures=MEASURES), width=120)
    text = [line.text for line in lines]
    (about,) = [line for line in lines if line.text.startswith("checks ")]
    assert about.text == "checks      2000   10 failed (0.50 %)"
    assert about.style is Style.BAD
    at = next(at for at, line in enumerate(text) if line.startswith("Checks "))
    assert text[at].split() == ["Checks", "passed", "failed", "share"]
    assert text[at + 1].split() == ["buy:", "has", "a", "price", "990", "10", "1.00", "%"]
    assert text[at + 2].split() == ["has", "a", "name", "1000", "0", "0", "%"]
    whole = "\n".join(text)
    assert "checkout" in whole.partition("\nTransactions ")[2].partition("\n")[2]
    row = whole.partition("\nMeasurements ")[2].splitlines()[1].split()
    assert row == ["queue", "depth", "7", "3.25", "0", "3", "5", "17", "17", "17"]
    row = whole.partition("\nGauges ")[2].splitlines()[1].split()
    assert row == ["pool", "3", "-0.50", "1e+20"]


def test_a_run_without_them_does_not_mention_them(summaries):
    """There is neither a line nor a table."""
    text = "\n".join(line.text for line in report(summaries["passed"]))
    for word in ("checks", "Checks", "Transactions", "Measurements", "Gauges"):
        assert word not in text


@pytest.mark.parametrize("width", [30, 60, 80])
def test_tables_fit(summaries, width):
    """Whatever the width, no figure is cut."""
    text = [
        line.text for line in report(replace(summaries["passed"], measures=MEASURES), width=width)
    ]
    assert "1000" in "\n".join(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (17.0, "17"),
        (123456.0, "123456"),
        (-3.0, "-3"),
        (0.25, "0.25"),
        (1234.5, "1234"),
        (0.0001, "0.0001"),
        (1e20, "1e+20"),
    ],
)
def test_numbers_without_a_unit(value, text):
    """Whole ones as they are."""
    assert plain(value) == text
