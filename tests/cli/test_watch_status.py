"""`loadgrpc status --watch`: calm, also when the broker goes away, and ended by Ctrl-C."""

import io
import json
import sys

import pytest

from loadgrpc import errors
from loadgrpc.cli import watch_status


class Terminal(io.StringIO):
    """A terminal that keeps what it is sent."""

    encoding = "utf-8"

    def isatty(self):
        return True

    def fileno(self):
        raise OSError


@pytest.fixture
def turns(client, monkeypatch):
    """`turns(what, …)`: what the broker does, time after time; then somebody presses Ctrl-C.

    Each is an error that it raises, or None for an answer.
    """
    monkeypatch.setattr(watch_status, "EVERY_S", 0.0)

    def set_up(*what):
        script = iter(what)

        async def get_broker(answer=client.get_broker):
            try:
                error = next(script)
            except StopIteration:
                raise KeyboardInterrupt from None
            if error is not None:
                raise error
            return await answer()

        monkeypatch.setattr(client, "get_broker", get_broker)

    return set_up


AWAY = errors.Unavailable("connection refused")


def test_documents_line_by_line(invoke, turns):
    """With --json each answer is a line, and so is an error; Ctrl-C is no failure."""
    turns(None, AWAY, None)
    code, out, err = invoke("status", "--watch", "--json", "-b", "h:1")

    assert (code, err) == (0, "")
    documents = [json.loads(line) for line in out.splitlines()]
    assert [set(each) for each in documents] == [
        {"broker", "agents", "runs"},
        {"error"},
        {"broker", "agents", "runs"},
    ]
    assert documents[1] == {"error": "cannot reach the broker at h:1"}


def test_what_was_known_stays_while_the_broker_is_away(invoke, turns, monkeypatch):
    """The last picture is left on the terminal, with what is wrong and since when."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    turns(None, AWAY)
    code, _, _ = invoke("status", "--watch", "-b", "h:1")

    assert code == 0
    last = terminal.getvalue().rpartition("cannot reach the broker at h:1: trying again")[2]
    assert "this is from 0 s ago" in last
    assert "agents      0" in last


def test_the_store_may_be_away(invoke, client, turns):
    """The broker answers, and says what is wrong with its store."""
    client.trouble = "the disk is full"
    turns(None)
    _, out, _ = invoke("status", "--watch", "--json")

    assert json.loads(out)["broker"]["storeTrouble"] == "the disk is full"


def test_a_broker_that_was_never_there_is_an_error(invoke, turns):
    """A wrong address is not waited for."""
    turns(AWAY)
    code, _, err = invoke("status", "--watch", "--json", "-b", "h:1")

    assert code == 4
    assert "cannot reach the broker at h:1" in err


def test_without_a_terminal_there_is_nothing_to_redraw(invoke, turns):
    """The error says what to do instead."""
    turns(None)
    code, _, err = invoke("status", "--watch")

    assert code == 2
    assert "--watch needs a terminal; with --json it prints a document per line" in err


def test_more_agents_than_rows_are_cut_with_a_word(invoke, client, turns, monkeypatch):
    """What has no room is counted; all of it stays on the terminal at the end."""
    from loadgrpc.model import Agent, AgentState

    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("COLUMNS", "100")
    client.agents = [
        Agent(
            agent_id=f"a-{number}",
            hostname="h",
            pid=1,
            version="0.1.0",
            cores=1,
            state=AgentState.IDLE,
        )
        for number in range(30)
    ]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    turns(None)
    invoke("status", "--watch")

    drawn, _, left = terminal.getvalue().partition("more lines: `loadgrpc status` shows all")
    assert "a-29" not in drawn
    assert "a-29" in left
