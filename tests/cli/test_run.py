"""`loadgrpc run`, from the command line to the exit code."""

import asyncio
import json
import logging
import os
import signal
import sys
import types
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.cli import DEFAULT_BROKER
from loadgrpc.model import RunState, StopMode
from loadgrpc.testing import plan_of

TEST = "example.TestWebSite.test_es"
RUN = "r-f3a9f3a9f3"
LOST = (
    f"lost the broker at h:1 during run {RUN}: reset; the run may go on: "
    f"loadgrpc attach {RUN} -b h:1"
)


@pytest.fixture
def local(monkeypatch):
    """A local cluster that is only an address."""

    @asynccontextmanager
    async def local_cluster(*, keep_events):
        yield "127.0.0.1:1"

    module = types.ModuleType("loadgrpc.local")
    module.local_cluster = local_cluster
    monkeypatch.setitem(sys.modules, "loadgrpc.local", module)


PLANS = {
    "": plan_of(test=TEST, iterations=(1,)),
    "-u 10:20:30 -i 20": plan_of(test=TEST, users=(10, 20, 30), iterations=(20,)),
    "--users 2 --hits 5:5": plan_of(test=TEST, users=(2,), iterations=(5, 5)),
    "-d 1h30m": plan_of(test=TEST, duration_s=5400.0),
    "-t 90": plan_of(test=TEST, duration_s=90.0),
    "--run-time 500ms": plan_of(test=TEST, duration_s=0.5),
    "-r 2.5 -H http://x:1": plan_of(
        test=TEST, iterations=(1,), spawn_rate=2.5, server_url="http://x:1"
    ),
    "--no-dns-resolve": plan_of(test=TEST, iterations=(1,), no_dns_resolve=True),
    "--processes 3 --stop-timeout 0": plan_of(
        test=TEST, iterations=(1,), processes=3, stop_timeout_s=0.0
    ),
}


@pytest.mark.parametrize("options", PLANS)
def test_options_make_the_plan(invoke, client, local, options):
    """Each option and its aliases say what they say in the plan; the rest is the default."""
    code, _, err = invoke("run", TEST, *options.split())
    assert (code, err) == (0, "")
    assert client.asked[0] == ("start_run", PLANS[options])
    assert client.endpoint == "127.0.0.1:1"


@pytest.mark.parametrize(
    ("options", "endpoint", "agents", "split"),
    [
        ("-a 5 --split", DEFAULT_BROKER, 5, True),
        ("-b h:1", "h:1", 1, False),
        ("-b h:1 -a 2", "h:1", 2, False),
    ],
)
def test_a_broker_or_agents_make_it_distributed(invoke, client, options, endpoint, agents, split):
    """-a alone takes the default broker, -b alone one agent; nothing is started here."""
    code, _, _ = invoke("run", TEST, *options.split())
    plan = client.asked[0][1]
    assert (code, client.endpoint) == (0, endpoint)
    assert (plan.agents, plan.split) == (agents, split)


def test_the_summary_goes_to_stdout(invoke, client):
    """Without a terminal there are plain lines, then the summary, and nothing on stderr."""
    code, out, err = invoke("run", TEST, "-a", "1")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{TEST}  run r-f3a9f3a9f3, starting, 5 agents"
    assert lines[-1] == "exit 0: passed"


def test_json_owns_stdout(invoke, client):
    """--json leaves nothing but the document on stdout; people read stderr."""
    code, out, err = invoke("run", TEST, "-a", "1", "--json")
    assert code == 0
    assert out.endswith("}\n")
    assert json.loads(out)["hits"]["count"] == "1200"
    assert err.endswith("exit 0: passed\n")


def test_quiet_leaves_the_last_line(invoke, client):
    """-q prints the verdict only, and with --json the document on stdout."""
    assert invoke("run", TEST, "-a", "1", "-q") == (0, "exit 0: passed\n", "")
    code, out, err = invoke("run", TEST, "-a", "1", "-q", "--json")
    assert (code, err) == (0, "exit 0: passed\n")
    json.loads(out)


def test_json_file_has_the_same_document(invoke, client, tmp_path):
    """--json-file writes what --json prints, over what was there, and leaves no draft."""
    path = tmp_path / "summary.json"
    path.write_text("old")
    _, out, _ = invoke("run", TEST, "-a", "1", "--json", "--json-file", str(path))
    assert path.read_text() == out
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("passed", 0), ("troubled", 3), ("stopped", 105), ("not_loaded", 107), ("empty", 3)],
)
def test_the_exit_code_is_the_verdicts(invoke, client, summaries, kind, code):
    """What the broker judged is what the command exits with."""
    client.summary = summaries[kind]
    assert invoke("run", TEST, "-a", "1")[0] == code


@pytest.mark.parametrize(
    ("stage", "error", "code", "line"),
    [
        (
            "connect",
            errors.Unavailable("connection refused"),
            4,
            "cannot reach the broker at h:1: connection refused",
        ),
        (
            "connect",
            errors.Unavailable("no broker at h:1"),
            4,
            "no broker at h:1",
        ),
        (
            "start_run",
            errors.TooFewAgents("5 agents were asked for, 2 are idle"),
            4,
            "5 agents were asked for, 2 are idle",
        ),
        (
            "start_run",
            errors.InvalidRequest([errors.Violation("plan.users[0]", "must be\nfrom 1")]),
            2,
            "plan.users[0]: must be from 1",
        ),
        (
            "get_summary",
            errors.Unavailable("reset"),
            4,
            LOST,
        ),
    ],
)
def test_errors_are_one_line(invoke, client, stage, error, code, line, monkeypatch):
    """A broker that is not there, refuses, or goes away is one line and an exit code."""
    monkeypatch.setattr("loadgrpc.cli.follow.PATIENCE_S", 0.0)
    client.fails[stage] = error
    got, _, err = invoke("run", TEST, "-b", "h:1")
    assert (got, err) == (code, f"loadgrpc run: error: {line}\n")


def test_a_broker_lost_while_watching_is_told(invoke, client, run, monkeypatch):
    """A broker that does not come back in time is exit code 4, and it says how to look later."""
    monkeypatch.setattr("loadgrpc.cli.follow.PATIENCE_S", 0.0)
    client.updates = [run, errors.Unavailable("connection reset")]
    code, _, err = invoke("run", TEST, "-b", "h:1")
    assert code == 4
    assert "lost the broker at h:1 during run r-f3a9f3a9f3: connection reset" in err


def test_an_interrupted_run_is_stopped_and_summarised(invoke, client, run, summaries):
    """Ctrl-C stops the run, waits for its end, and exits with 105."""
    client.updates = [run, replace(run, state=RunState.STOPPED)]
    client.summary = summaries["stopped"]
    start = client.start_run

    async def start_and_interrupt(plan, **request):
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        return await start(plan, **request)

    client.start_run = start_and_interrupt
    code, out, _ = invoke("run", TEST, "-a", "1")
    assert code == 105
    assert ("stop_run", StopMode.GRACEFUL) in client.asked
    assert "stopping: users finish their iteration; again to kill" in out
    assert out.endswith("exit 105: stopped before its end\n")


def test_a_signal_during_the_start_stops_what_was_started(invoke, client, run, summaries):
    """A signal while the broker answers StartRun does not leave a run behind."""
    client.updates = [run, replace(run, state=RunState.STOPPED)]
    client.summary = summaries["stopped"]
    start = client.start_run

    async def slow_start(plan, **request):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        return await start(plan, **request)

    client.start_run = slow_start
    assert invoke("run", TEST, "-a", "1")[0] == 105
    assert client.asked[1] == ("stop_run", StopMode.GRACEFUL)


def test_a_signal_before_the_start_ends_it(invoke, client, monkeypatch):
    """A signal while parts still start ends the command with 105, and nothing is asked for."""

    @asynccontextmanager
    async def local_cluster(*, keep_events):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(5)
        yield ""

    module = types.ModuleType("loadgrpc.local")
    module.local_cluster = local_cluster
    monkeypatch.setitem(sys.modules, "loadgrpc.local", module)
    code, out, _ = invoke("run", TEST)
    assert (code, out) == (105, "exit 105: interrupted before there were results\n")
    assert client.asked == []


@pytest.mark.parametrize(
    ("options", "level"), [("", logging.WARNING), ("-v", logging.INFO), ("-vv", logging.DEBUG)]
)
def test_verbose_lets_the_parts_log(invoke, client, local, options, level):
    """-v and -vv raise the level of the parts in this process."""
    invoke("run", TEST, *options.split())
    assert logging.getLogger("loadgrpc").level == level


def test_log_records_find_stderr_when_they_come(capsys):
    """A record goes to what stderr is at that moment, which a live display replaces."""
    from loadgrpc.cli import log

    log.set_up(0)
    logging.getLogger("loadgrpc.x").warning("ahem")
    assert capsys.readouterr().err.endswith("WARNING x: ahem\n")


def test_a_detached_run_is_left_to_its_broker(invoke, client):
    """--detach prints the id alone, for scripts, and neither watches nor waits."""
    assert invoke("run", TEST, "-a", "2", "--detach") == (0, f"{RUN}\n", "")
    assert [asked[0] for asked in client.asked] == ["start_run"]
    assert client.after == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            "--detach",
            "--detach needs -b/--broker or -a/--agents: a run of this process ends with it",
        ),
        (
            "-a 1 --detach --json",
            (
                "--detach cannot be combined with --json: there are no results yet;"
                " write outputs later with `loadgrpc show RUN --output`"
            ),
        ),
        (
            "-a 1 --detach --output csv --json-file x.json",
            (
                "--detach cannot be combined with --output: there are no results yet;"
                " write outputs later with `loadgrpc show RUN --output`"
            ),
        ),
    ],
)
def test_what_cannot_be_detached_is_refused(invoke, client, options, why):
    """A run in this process cannot outlive it, and a run that goes on has no summary."""
    assert invoke("run", TEST, *options.split()) == (2, "", f"loadgrpc run: error: {why}\n")
    assert client.asked == []


def test_a_signal_stops_what_was_about_to_be_detached(invoke, client):
    """Who interrupts the command while it starts the run does not want the run."""
    start = client.start_run

    async def slow_start(plan, **request):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        return await start(plan, **request)

    client.start_run = slow_start
    code, out, err = invoke("run", TEST, "-a", "1", "--detach")
    assert (code, out) == (105, "")
    assert err == "exit 105: interrupted before there were results\n"
    assert client.asked[1] == ("stop_run", StopMode.GRACEFUL)


def test_c14_the_document_is_written_whatever_becomes_of_the_broker(
    invoke, client, run, progress, tmp_path, monkeypatch
):
    """With exit code 4 it has the verdict and what was seen of the run; nothing, if nothing was."""
    monkeypatch.setattr("loadgrpc.cli.follow.PATIENCE_S", 0.0)
    path = tmp_path / "s.json"
    client.updates = [run, progress, errors.Unavailable("reset")]
    code, out, _ = invoke("run", TEST, "-b", "h:1", "--json", "--json-file", str(path))
    document = json.loads(path.read_text())
    assert (code, json.loads(out)) == (4, document)
    assert document["verdict"]["exitCode"] == 4
    assert document["verdict"]["reason"].startswith("lost the broker at h:1 during run")
    assert (document["runId"], document["hits"]["count"]) == (RUN, "1480")
    client.fails["connect"] = errors.Unavailable("no broker answers at h:1")
    assert invoke("run", TEST, "-b", "h:1", "--json-file", str(path))[0] == 4
    document = json.loads(path.read_text())
    assert (document["runId"], document["plan"]["test"]) == ("", TEST)
    assert "no broker answers at h:1" in document["verdict"]["reason"]


@pytest.mark.parametrize(
    ("broker", "words"),
    [
        (DEFAULT_BROKER, "start one with `loadgrpc broker`"),
        ("127.0.0.1:1", "start one with `loadgrpc broker --listen 127.0.0.1:1`"),
        ("h:1", "start one there with `loadgrpc broker --listen h:1`"),
    ],
)
def test_c5_where_no_broker_answers_it_says_how_to_have_one(invoke, client, broker, words):
    """In the same line."""
    client.fails["connect"] = errors.Unavailable(f"no broker answers at {broker}")
    code, _, err = invoke("status", "-b", broker)
    assert (code, err) == (4, f"loadgrpc status: error: no broker answers at {broker}; {words}\n")


def test_a_broker_that_refuses_a_detached_run(invoke, client):
    """What the broker says against it is told as for any run."""
    client.fails["start_run"] = errors.TooFewAgents("2 agents asked for, but 0 idle")
    code, out, err = invoke("run", TEST, "-a", "2", "--detach")
    assert (code, out) == (4, "")
    assert err == "loadgrpc run: error: 2 agents asked for, but 0 idle\n"
