"""What people call a run is shown wherever the run is, before its test, and only as text."""

import json
from dataclasses import replace

import pytest

from loadgrpc.cli.view import View, render
from loadgrpc.model import RunState

TEST = "example.TestWebSite.test_es"
TITLE = "nightly, 3rd try"
LABEL = f"{TITLE}: {TEST}"


@pytest.fixture
def titled(client, run, summaries):
    """The client of a run with a title."""
    client.run = replace(run, plan=replace(run.plan, title=TITLE))
    client.summary = replace(summaries["passed"], plan=client.run.plan)
    client.updates = [client.run, replace(client.run, state=RunState.FINISHED)]
    client.runs = [client.run]
    return client


def test_the_title_is_asked_for(invoke, titled):
    """It is a part of the plan, and of what the command prints."""
    code, out, _ = invoke("run", TEST, "--title", TITLE, "-a", "5")
    assert (code, titled.asked[0][1].title) == (0, TITLE)
    assert out.startswith(f"{LABEL}  run r-f3a9f3a9f3, ")
    assert f"\nrun         {LABEL}" in out


def test_a_blank_title_is_none(run):
    """It would stand before the name of the test as nothing and a colon."""
    assert replace(run.plan, title="  ").label == TEST


@pytest.mark.parametrize(
    "line", ["attach r-f3a9f3a9f3", "show r-f3a9f3a9f3", "runs", "status"], ids=str
)
def test_the_title_is_shown(invoke, titled, line, monkeypatch):
    """By every command that shows a run, or several, and with --json by its own name."""
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = invoke(*line.split())
    assert code == 0
    assert LABEL in out
    _, out, _ = invoke(*line.split(), "--json")
    assert f'"title": {json.dumps(TITLE)}' in out


def test_the_live_display_shows_it(titled, progress):
    """In its first line, while the run goes on."""
    assert render(View(titled.run, progress), 100)[0].text == f"loadgrpc  {LABEL}"


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("x" * 129, "it has 129 characters; expected at most 128"),
        ("a\x1b[31mb", "has characters that cannot be printed"),
        ("a\nb", "has characters that cannot be printed"),
    ],
)
def test_a_title_is_short_and_printable(invoke, client, title, words):
    """What is too long, or would steer a terminal, is refused; nothing is started."""
    code, _, err = invoke("run", TEST, "--title", title, "-a", "1")
    assert (code, client.asked) == (2, [])
    assert "--title: " in err
    assert words in err


def test_what_a_title_would_do_to_a_terminal_is_taken_from_it(invoke, titled):
    """A broker that did not check it can do no harm."""
    plan = replace(titled.run.plan, title="a\x1b[31mb")
    titled.run = replace(titled.run, plan=plan)
    titled.summary = replace(titled.summary, plan=plan)
    _, out, _ = invoke("attach", "r-f3a9f3a9f3")
    assert "\x1b" not in out
