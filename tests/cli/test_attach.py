"""`loadgrpc attach`: a run that somebody else started, watched to its end."""

import json
import os
import signal
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.model import RunState

RUN = "r-f3a9f3a9f3"


def test_d2_a_run_is_watched_to_its_end(invoke, client):
    """It shows what `run` shows, from the current figures on, and ends as `run` does."""
    code, out, err = invoke("attach", RUN, "-b", "h:1")
    assert (code, err, client.endpoint) == (0, "", "h:1")
    lines = out.splitlines()
    assert lines[0] == "example.TestWebSite.test_es  run r-f3a9f3a9f3, running, 5 agents"
    assert lines[-1] == "exit 0: passed"
    assert client.asked == [("get_run", RUN), ("get_summary", RUN)]


@pytest.mark.parametrize(("kind", "code"), [("passed", 0), ("troubled", 3), ("stopped", 105)])
def test_a_run_that_is_over_is_reported(invoke, client, run, summaries, kind, code):
    """There is nothing to watch: the report, and the exit code of the run."""
    client.run = replace(run, state=RunState.FINISHED)
    client.summary = summaries[kind]
    got, out, _ = invoke("attach", RUN)
    assert got == code
    assert out.splitlines()[-1].startswith(f"exit {code}: ")
    assert client.after == []


def test_ctrl_c_leaves_the_run_alone(invoke, client, run):
    """The first signal ends the command, not the run, and says how to stop it."""
    client.updates = [run, replace(run, state=RunState.STOPPED)]
    get_run = client.get_run

    async def get_and_interrupt(run_id):
        os.kill(os.getpid(), signal.SIGINT)
        return await get_run(run_id)

    client.get_run = get_and_interrupt
    code, out, _ = invoke("attach", RUN, "-b", "h:1")
    assert code == 130
    assert out.splitlines()[-1] == (
        f"detached from run {RUN}, which is left alone; loadgrpc stop {RUN} -b h:1 stops it"
    )
    assert not [asked for asked in client.asked if asked[0] == "stop_run"]


def test_the_document_is_that_of_run(invoke, client, tmp_path):
    """--json and --json-file give the same document, and people read stderr."""
    path = tmp_path / "summary.json"
    code, out, err = invoke("attach", RUN, "--json", "--json-file", str(path))
    assert code == 0
    assert json.loads(out)["hits"]["count"] == "1200"
    assert path.read_text() == out
    assert err.endswith("exit 0: passed\n")


def test_quiet_leaves_the_last_line(invoke, client):
    """-q prints the verdict only."""
    assert invoke("attach", RUN, "-q") == (0, "exit 0: passed\n", "")


def test_a_run_that_is_not_there(invoke, client):
    """An id that the broker does not know is a usage error."""
    client.fails["get_run"] = errors.NotFound("no run 'x'")
    code, out, err = invoke("attach", "x")
    assert (code, out) == (2, "")
    assert err.startswith("loadgrpc attach: error: no run 'x' at ")


def test_a_broker_lost_while_watching_is_told(invoke, client, run, monkeypatch):
    """A broker that does not come back is exit code 4, and it says how to look later."""
    monkeypatch.setattr("loadgrpc.cli.follow.PATIENCE_S", 0.0)
    client.updates = [run, errors.Unavailable("connection reset")]
    code, _, err = invoke("attach", RUN, "-b", "h:1")
    assert code == 4
    assert err == (
        f"loadgrpc attach: error: lost the broker at h:1 during run {RUN}: connection reset; "
        f"the run may go on: loadgrpc attach {RUN} -b h:1\n"
    )


def test_c14_without_run_the_only_one_is_taken(invoke, client, run):
    """The one that goes on; of several there is a list, and of none a sentence."""
    over = replace(run, run_id="r-over", state=RunState.FINISHED)
    client.runs = [over, run]
    assert invoke("attach", "-q")[0] == 0
    assert ("get_run", run.run_id) in client.asked
    client.runs = [run, replace(run, run_id="r-other"), over]
    code, out, err = invoke("attach")
    assert (code, out) == (2, "")
    assert f"  {run.run_id}  running" in err
    assert "  r-other" in err
    assert "r-over" not in err
    assert err.endswith("loadgrpc attach: error: 2 runs are active: name one as RUN\n")
    client.runs = [over]
    code, _, err = invoke("attach")
    assert (code, err.count("\n")) == (2, 1)
    assert "no run is active" in err


def test_c14_a_run_that_is_not_known_may_have_been_a_local_one(invoke, client):
    """A local run's id is shown, and no command finds it: that is said."""
    client.fails["get_run"] = errors.NotFound("no run 'r-1'")
    code, _, err = invoke("attach", "r-1")
    assert code == 2
    assert "no run 'r-1' at 127.0.0.1:7979; a run without -b and -a is not stored" in err


@pytest.fixture
def at_a_terminal(monkeypatch):
    """Standard input and standard error are a terminal; `typed` is what somebody types there."""
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def typed(text):
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr("loadgrpc.cli.streams.set_up", lambda: None)
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        return stderr

    return typed


def test_d2_of_several_runs_one_is_chosen(invoke, client, run, at_a_terminal):
    """At a terminal they are listed with numbers, and asked for until one is named."""
    client.runs = [replace(run, run_id="r-1"), replace(run, run_id="r-2")]
    shown = at_a_terminal("3\n2\n")

    code, out, _ = invoke("attach")

    assert (code, out.splitlines()[-1]) == (0, "exit 0: passed")
    assert ("get_run", "r-2") in client.asked
    lines = shown.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["1", "r-1"], ["2", "r-2"]]
    assert "Error: 3 is not in the range" in lines[3]


def test_what_happens_to_the_run_is_a_line(invoke, client, run, progress):
    """A note of the broker's as it comes; what the other lines show is not shown twice."""
    from loadgrpc.model import AgentEvent, Change, ChangeKind, News

    known = {"sequence": 2, "state": RunState.RUNNING}
    changes = [
        Change(
            kind=ChangeKind.NOTE,
            time_ns=1_700_000_000 * 10**9,
            reason="observer irc failed",
            **known,
        ),
        Change(kind=ChangeKind.LOAD, reason="cycle 1 of 3: 10 users", **known),
        Change(kind=ChangeKind.AGENT, agent_event=AgentEvent.LOST, agent_id="web-1", **known),
    ]

    async def watch_run(run_id, *, after=None):
        yield News(1, run)
        for change in changes:
            yield News(change.sequence, None, change)
        yield News(5, replace(run, state=RunState.FINISHED))

    client.watch_run = watch_run
    _, out, _ = invoke("attach", RUN)
    assert "\n2023-11-14 22:13:20  observer irc failed\n" in out
    assert "cycle 1 of 3" not in out
    assert "was lost" not in out
