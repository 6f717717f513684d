"""What tests of the page share: Chromium, driven by Playwright, and a door without a broker.

Fixtures: `browser`, one for all tests of a module; `door`, a fake door with the documents of one
run; `open_page`, which opens a view and fails the test if the console or another origin is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import page_documents as made
from fake_door import FakeDoor

RUN = "r-0123456789"
OTHER = "r-9876543210"


@pytest.fixture(scope="module")
def browser(lacks: Callable[[str], NoReturn], tool: Callable[[str], str]) -> Iterator[object]:
    """Chromium, without a window. Not longer than a module: its loop would be in others' way."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacks("needs playwright, which the extra `dev` installs")
    path = tool("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def door() -> Iterator[FakeDoor]:
    """A door with a run that is over, RUN, and one to compare it with."""
    opened = FakeDoor()
    opened.documents = {
        "web": {"control": False, "version": "0.1.0", "broker": "127.0.0.1:7979"},
        "broker": made.broker(),
        "agents": {"agents": made.agents()},
        "compare": {"comparisons": [made.comparison(RUN, OTHER)]},
    }
    runs = [made.run(RUN), made.run(OTHER)]
    for each in runs:
        put(opened, each, made.summary(of=each))
    listed = [
        {
            **made.as_document(each),
            "figures": {
                "hits": "9000",
                "failed": "21",
                "rate": 75.0,
                "p95": "0.0561s",
                "trend": [1, 5, 4, 8, 7, 7],
            },
        }
        for each in runs
    ]
    opened.documents["runs"] = {"runs": listed, "more": False, "storeTrouble": ""}
    yield opened
    opened.close()


def put(door: FakeDoor, run: object, summary: object) -> None:
    """Puts a run into a door."""
    run_id = run.run_id
    door.documents |= {
        f"runs/{run_id}": made.as_document(run),
        f"runs/{run_id}/summary": made.as_document(summary),
        f"runs/{run_id}/timeline": made.timeline(),
        f"runs/{run_id}/changes": {"changes": made.changes()},
    }


@pytest.fixture
def open_page(browser: object, door: FakeDoor) -> Iterator[Callable[..., object]]:
    """`open_page("#/runs")` is a page that shows this view; keywords are those of a context."""
    contexts = []
    wrong: list[str] = []

    def opened(address: str, *, url: str = "", refused: str = "", **options: object) -> object:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: _said(said, refused, wrong))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: _ours(asked.url, url or door.url, wrong))
        page.goto((url or door.url) + address)
        page.wait_for_selector("main h1")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _said(said: object, refused: str, wrong: list[str]) -> None:
    """Chromium itself logs answers such as 400: `refused` names what is expected of it."""
    if said.type == "error" and not (refused and refused in said.text):
        wrong.append(said.text)


def _ours(asked: str, door: str, wrong: list[str]) -> None:
    if not asked.startswith((door, "data:")):
        wrong.append(f"asked {asked}")


@pytest.fixture(scope="session")
def axe(lacks: Callable[[str], NoReturn]) -> str:
    """The source of axe-core, which `make tools` installs."""
    import toolbox

    path = toolbox.node_modules() / "axe-core/axe.min.js"
    if not path.is_file():
        lacks("needs axe-core, which `make tools` installs")
    return path.read_text()
