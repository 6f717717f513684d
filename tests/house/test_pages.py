"""The pages hang together: the README is short, true, and leads to every page there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadgrpc import errors
from loadgrpc.client import Client

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BENCHMARKS = (ROOT / "docs/benchmarks.md").read_text()
MOST_LINES = 240
"""The README is what a newcomer reads in one go; what else there is to say has a page."""
FIGURES = {
    r"16\.1 times Locust's `HttpUser`": r"\| Locust HttpUser, 20 users \| .*? \| ([\d.]+) x",
    r"2\.27 times k6": r"\| k6, 20 users \| .*? \| ([\d.]+) x",
    r"38,500 requests/s": r"\| loadgrpc \| ([\d,]+)",
}
"""What the README says of speed, and where the benchmarks say it."""


def linked(page: Path) -> set[Path]:
    """The pages that a page links to."""
    links = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", page.read_text())
    return {(page.parent / link).resolve() for link in links if "://" not in link}


def test_the_readme_is_short():
    """What is longer than one sitting belongs on a page of its own."""
    assert len(README.splitlines()) <= MOST_LINES


def test_every_page_is_found_from_the_readme():
    """Whoever starts at the README gets to each page by links."""
    found, new = set(), {ROOT / "README.md"}
    while new:
        found |= new
        new = set().union(*map(linked, new)) - found
    pages = {*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"}

    assert sorted(page.name for page in pages - found) == []


@pytest.mark.parametrize(("here", "there"), FIGURES.items())
def test_the_readme_boasts_of_nothing_that_was_not_measured(here, there):
    """Figures in the README are those of the benchmarks page, within a tenth."""
    said = re.search(here, " ".join(README.split()))
    measured = re.search(there, BENCHMARKS)

    assert said
    assert measured
    figure = float(re.match(r"[\d.,]+", said[0])[0].replace(",", ""))
    assert figure == pytest.approx(float(measured[1].replace(",", "")), rel=0.1)


def test_decisions_have_an_index():
    """The list at the head of the page has every decision, in the order of the page."""
    page = (ROOT / "docs/decisions.md").read_text()
    index = re.findall(r"^ *- (?:\[(.*?)\]\(|(.*))", page.partition("\n## ")[0], re.MULTILINE)

    assert [link or group for link, group in index] == re.findall(r"^##+ (.*)$", page, re.MULTILINE)


def test_the_python_api_is_told_whole():
    """Every method of Client, and every error that it raises, is on the page."""
    page = (ROOT / "docs/python-api.md").read_text()
    methods = {name for name in vars(Client) if not name.startswith("_")}
    raised = {
        errors.InvalidRequest,
        errors.NotFound,
        errors.AlreadyExists,
        errors.TooFewAgents,
        errors.RunNotOver,
        errors.EventsGone,
        errors.Unavailable,
        errors.StoreUnavailable,
    }

    assert {
        name for name in methods if f"`{name}(" not in page and f"Client.{name}(" not in page
    } == set()
    assert {error.__name__ for error in raised if f"| `{error.__name__}` |" not in page} == set()
