"""`status`, `runs`, `show`, `stop`, `delete`, `purge`: asking a broker."""

import io
import json
import time
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.cli import DEFAULT_BROKER
from loadgrpc.cli.cluster import lines
from loadgrpc.cli.failure import failure_of
from loadgrpc.cli.runs import table
from loadgrpc.model import (
    Agent,
    AgentEvent,
    AgentState,
    BrokerInfo,
    Change,
    ChangeKind,
    LimitUse,
    RunState,
    StopMode,
    Trouble,
    TroubleKind,
    Verdict,
)
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import plan_of

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS


@pytest.fixture
def agents():
    """An agent in each state."""
    return [
        Agent(
            agent_id=f"web-{number}",
            hostname="one.example.com",
            pid=100 + number,
            version="0.1.0",
            cores=2,
            state=state,
            run_id="r-f3a9f3a9f3" if state in (AgentState.BUSY, AgentState.DRAINING) else "",
            last_seen_time_ns=START_NS + (60 - number) * NS,
        )
        for number, state in enumerate(AgentState, 1)
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_status_looks_as_it_did(agents, run, snapshot, width):
    """The broker, its agents and the runs that go on."""
    info = BrokerInfo(
        version="0.1.0",
        pid=123,
        hostname="one.example.com",
        store="/var/lib/loadgrpc/runs.db",
        start_time_ns=START_NS,
        agents=3,
        active_runs=1,
    )
    found = lines("h:1", info, agents, [run], now_ns=START_NS + 61 * NS, width=width)
    snapshot(f"status_{width}", "".join(f"{line.text}\n" for line in found))


def test_status_says_all_that_ping_broker_did_and_more(agents, run):
    """Loads' --ping-broker: process, agents with theirs, endpoints, runs with their agents.

    And the lease, what is kept, the size of the store and where it is.
    """
    info = BrokerInfo(
        version="0.1.0",
        pid=29535,
        hostname="vm",
        store="/var/lib/loadgrpc/runs.db",
        start_time_ns=START_NS,
        agents=3,
        active_runs=1,
        address="0.0.0.0:7979",
        store_bytes=12_300_000,
        lease_s=90.0,
        keep_runs=20,
        keep_hits_bytes=5_000_000_000,
        allow_version_skew=True,
    )
    found = lines("vm:7979", info, agents, [run], now_ns=START_NS + 61 * NS, width=200)
    text = "\n".join(line.text for line in found)

    for said in (
        *("process 29535 on vm", "listens on 0.0.0.0:7979", "lease 1 min 30 s"),
        *("keeps the hits of 20 runs", "keeps 5.00 GB of hits", "accepts agents of other versions"),
        "/var/lib/loadgrpc/runs.db   12.3 MB",
        *(str(agent.pid) for agent in agents),
        f"{run.run_id}  running",
    ):
        assert said in text
    assert (
        "listens on" not in lines("0.0.0.0:7979", info, [], [], now_ns=START_NS, width=200)[0].text
    )


def test_a_drained_agent_that_is_away_says_both(agents):
    """It was not seen by this broker, and is not forgotten."""
    away = replace(agents[2], drained=True, last_seen_time_ns=0)
    info = BrokerInfo(
        version="1", pid=1, hostname="h", store="s", start_time_ns=START_NS, agents=0, active_runs=0
    )
    row = lines("b", info, [away], [], now_ns=START_NS, width=200)[-1].text
    assert "unreachable, drained" in row
    assert row.split()[-1] == "-"


def test_runs_look_as_they_did(run, snapshot):
    """One row a run: how it stands, when, and what."""
    over = replace(run, run_id="other", state=RunState.FAILED, end_time_ns=START_NS + 5 * NS)
    found = table([run, over], now_ns=START_NS + 61 * NS, width=120)
    snapshot("runs", "".join(f"{line.text}\n" for line in found))


def test_users_of_arrivals_are_not_told(run):
    """They may have ten thousand, and have as many as they need."""
    (scenario,) = run.plan.scenarios
    load = stages("20/s for 1m")
    scenario = replace(scenario, users=(10_000,), iterations=(), load=load, duration_s=60.0)
    of = replace(run, plan=replace(run.plan, scenarios=(scenario,)))
    assert "10000" not in table([of], now_ns=START_NS, width=200)[1].text


VERDICTS = {
    0: "passed",
    1: "failed",
    3: "incomplete",
    105: "stopped",
    107: "not-loaded",
    9: "exit 9",
}


@pytest.mark.parametrize("code", VERDICTS)
def test_c3_runs_say_how_they_were_judged(run, code):
    """A run whose iterations all failed does not look like a good one."""
    over = replace(run, state=RunState.FINISHED, verdict=Verdict(exit_code=code, reason="so"))
    rows = [line.text for line in table([over, run], now_ns=START_NS + 61 * NS, width=200)]
    at = rows[0].index("verdict")
    assert [row[at:].split("  ")[0] for row in rows[1:]] == [VERDICTS[code], "-"]


def test_c3_runs_are_filtered_by_state_and_verdict(invoke, client, run):
    """--state and --verdict take several words, and refuse those that are none."""
    bad = replace(run, run_id="r-bad", state=RunState.FINISHED, verdict=Verdict(exit_code=1))
    good = replace(bad, run_id="r-good", verdict=Verdict(exit_code=0))
    client.runs = [run, bad, good]
    for options, ids in {
        "--state running": [run.run_id],
        "--verdict failed --verdict incomplete": ["r-bad"],
        "--state finished": ["r-bad", "r-good"],
        "--state finished --verdict passed": ["r-good"],
        "--verdict stopped": [],
    }.items():
        _, out, _ = invoke("runs", "--json", *options.split())
        assert [each["runId"] for each in json.loads(out)["runs"]] == ids
    assert invoke("runs", "--verdict", "green")[0] == 2


def test_c3_every_command_that_prints_has_json(invoke, client, run, agents):
    """The document of each says the same as its lines, with protobuf's names."""
    client.runs, client.agents, client.purged = [run], agents, ["r-1", "r-2"]
    client.trouble = "it is away"

    def document(*line):
        code, out, _ = invoke(*line, "--json")
        assert code == 0
        return json.loads(out)

    runs = document("runs")
    assert (runs["more"], runs["runs"][0]["state"]) == (False, "RUN_STATE_RUNNING")
    status = document("status")
    assert status["broker"]["storeTrouble"] == "it is away"
    assert [agent["agentId"] for agent in status["agents"]] == [f"web-{n}" for n in range(1, 6)]
    assert [each["runId"] for each in status["runs"]] == [run.run_id]
    assert document("show", run.run_id)["runId"] == run.run_id
    assert document("attach", run.run_id)["runId"] == run.run_id
    assert document("stop", run.run_id)["runs"][0]["state"] == "RUN_STATE_STOPPING"
    assert document("stop", "--all")["runs"][0]["runId"] == run.run_id
    assert document("delete", "r-1", "r-2") == {"runIds": ["r-1", "r-2"]}
    assert document("purge", "--all", "--yes") == {"runIds": ["r-1", "r-2"]}


def test_c3_a_deletion_that_is_refused_half_way_says_what_went(invoke, client):
    """The document of `delete` has what was deleted before the broker refused."""
    client.fails["delete_run"] = errors.NotFound("no run 'r-1'")
    code, out, err = invoke("delete", "r-1", "--json")
    assert (code, json.loads(out)) == (2, {"runIds": []})
    assert err.startswith("loadgrpc delete: error: no run 'r-1' at ")


def test_c7_stop_all_stops_what_goes_on(invoke, client, run):
    """Loads' --purge-broker: all runs that go on are stopped, those that are over are not asked."""
    client.runs = [run, replace(run, run_id="r-over", state=RunState.FINISHED)]
    code, out, _ = invoke("stop", "--all", "--kill")
    assert (code, out) == (0, f"run {run.run_id} is stopping\n")
    assert client.asked[-1] == ("stop_run", StopMode.KILL)
    client.runs = []
    assert invoke("stop", "--all") == (0, "no run is active\n", "")


def test_c13_status_shows_versions_and_marks_those_of_others(invoke, client, agents):
    """An agent of another version is marked, and what is wrong with it is a line."""
    words = "it runs loadgrpc 0.9.0, and this is 0.1.0: install one version on both sides"
    other = replace(agents[0], agent_id="old", version="0.9.0", troubles=(words,), pid=0, cores=0)
    client.agents = [other, agents[1], replace(agents[2], version="")]
    _, out, _ = invoke("status")
    row = next(line for line in out.splitlines() if line.startswith("  old"))
    assert "0.9.0 !" in row
    assert row.split()[-5:] == ["-", "-", *row.split()[-3:]]
    assert f"  ! old: {words}" in out
    assert out.count("!") == 2


def test_status_shows_the_limits_that_were_met(invoke, client):
    """What each refused and delayed, and who met it last; those that nobody met are not shown."""
    met = LimitUse(
        name="requests", value=200, per_s=True, refused=1_234, delayed=5,
        last_caller="ann (run)", last_time_ns=time.time_ns() - 3 * 10**9,
    )  # fmt: skip
    client.limits = (met, LimitUse(name="calls", value=1_000))
    _, out, _ = invoke("status")
    assert "  ! limit requests=200/s: refused 1,234, delayed 5; last: ann (run), 3 s ago" in out
    assert "calls" not in out


def test_hostile_6_wide_strings_of_others_are_bounded(agents, run):
    """A hostname of 16 MB costs no time, and no more than a line."""
    wide = replace(agents[0], hostname="h" * 16_000_000, agent_id="é" * 1_000_000)
    info = BrokerInfo(
        version="v" * 1_000_000, pid=1, hostname="x" * 1_000_000, store="s", start_time_ns=START_NS,
        agents=1, active_runs=1,
    )  # fmt: skip
    run = replace(run, plan=plan_of(test="t" * 16_000_000, iterations=(1,)))
    for width in (80, 10_000):
        found = lines("h:1", info, [wide], [run], now_ns=START_NS, width=width)
        assert sum(len(line.text) for line in found) < 100_000


def test_status_of_an_empty_broker(invoke, client):
    """A broker without agents and runs says so."""
    code, out, err = invoke("status")
    assert (code, err, client.endpoint) == (0, "", DEFAULT_BROKER)
    assert "agents      0" in out
    assert "0 active" in out


def test_runs_are_taken_page_by_page(invoke, client, run):
    """More runs than a page are fetched in pages, and what is left out is told."""
    client.runs = [replace(run, run_id=f"run-{number}") for number in range(1200)]
    code, out, _ = invoke("runs", "-n", "1100", "-b", "h:1")
    assert code == 0
    pages = [asked[1] for asked in client.asked if asked[0] == "list_runs"]
    assert pages == [500, 500, 100]
    assert "run-1099" in out
    assert "run-1100" not in out
    assert "and more" in out


def test_no_runs_is_said(invoke, client):
    """An empty list is a sentence."""
    assert invoke("runs") == (0, "no runs\n", "")


def test_show_prints_the_report(invoke, client, summaries):
    """The same summary as at the end of the run, whatever its exit code was."""
    client.summary = summaries["troubled"]
    code, out, _ = invoke("show", "some-run", "-b", "h:1")
    assert code == 0
    assert client.asked == [("get_summary", "some-run")]
    assert out.splitlines()[-1].startswith("exit 3: ")


def test_show_prints_the_document(invoke, client):
    """--json prints what `run --json` prints."""
    code, out, _ = invoke("show", "some-run", "--json")
    assert code == 0
    assert json.loads(out)["iterations"]["success"] == "1200"


def test_show_prints_the_log(invoke, client, monkeypatch):
    """--changes prints what happened, one whole line a change; --json is for programs."""
    monkeypatch.setenv("COLUMNS", "60")
    second = 1_700_000_000 * 10**9
    client.changes = [
        Change(sequence=1, kind=ChangeKind.STATE, state=RunState.STARTING, time_ns=second),
        Change(
            sequence=2,
            kind=ChangeKind.AGENT,
            state=RunState.STARTING,
            time_ns=second,
            agent_id="a1",
            agent_event=AgentEvent.LOST,
            reason="not heard from for 60 s" + " and more" * 30,
        ),
        Change(sequence=3, kind=ChangeKind.STATE, state=RunState.STOPPING, reason="\x1b[2Jstopped"),
    ]
    code, out, _ = invoke("show", "some-run", "--changes")
    assert code == 0
    assert client.asked == [("list_changes", "some-run"), ("get_summary", "some-run")]
    heading, *lines = out.splitlines()
    assert heading.split() == ["Changes", "no.", "kind", "what"]
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_700_000_000))
    assert [" ".join(each.split()) for each in lines] == [
        f"{when} 1 state STARTING",
        f"{when} 2 agent agent a1 was lost: not heard from for 60 s" + " and more" * 30,
        "- 3 state STOPPING: \\x1b[2Jstopped",
    ]
    code, out, _ = invoke("show", "some-run", "--changes", "--json")
    first, second, _ = json.loads(out)["changes"]
    assert (first["kind"], first["time"]) == ("CHANGE_KIND_STATE", "2023-11-14T22:13:20Z")
    assert (second["agentId"], second["agentEvent"]) == ("a1", "AGENT_EVENT_LOST")


@pytest.mark.parametrize(("options", "mode"), [("", StopMode.GRACEFUL), ("--kill", StopMode.KILL)])
def test_stop_asks_for_the_mode(invoke, client, options, mode):
    """Users finish their iteration unless --kill is given."""
    code, out, _ = invoke("stop", "some-run", *options.split())
    assert (code, out) == (0, "run r-f3a9f3a9f3 is stopping\n")
    assert client.asked == [("stop_run", mode)]


def test_stopping_what_is_over_says_so(invoke, client, run):
    """A run that was over already is no error."""

    async def stop_run(run_id, mode):
        return replace(run, state=RunState.FINISHED)

    client.stop_run = stop_run
    assert invoke("stop", "some-run") == (0, f"run {run.run_id} is over: finished\n", "")


def test_a_store_in_trouble_is_told(invoke, client):
    """While nothing can be stored, the status says so, and why."""
    client.trouble = "the disk is full"
    assert "accepts no writes at present, events wait: the disk is full" in invoke("status")[1]


def test_delete_asks_for_each_run_once(invoke, client):
    """Each run is told when it is deleted; the same one twice is one."""
    assert invoke("delete", "one", "two", "one", "-b", "h:1") == (
        0,
        "run one is deleted\nrun two is deleted\n",
        "",
    )
    assert client.asked == [("delete_run", "one"), ("delete_run", "two")]


def test_a_run_that_goes_on_is_not_deleted(invoke, client):
    """What the broker refuses is one line, and exit code 2."""
    client.fails["delete_run"] = errors.RunNotOver("run one is RUNNING: stop it first")
    assert invoke("delete", "one") == (
        2,
        "",
        "loadgrpc delete: error: run one is RUNNING: stop it first\n",
    )


@pytest.mark.parametrize(
    ("line", "older_than_s"),
    [("--all", 0.0), ("--older-than 30d", 30 * 86_400.0), ("--older-than 1h30m", 5_400.0)],
)
def test_purge_tells_how_many_went(invoke, client, line, older_than_s):
    """The age is that of the end of a run; --all is any age."""
    client.purged = ["one", "two"]
    assert invoke("purge", *line.split(), "--yes") == (0, "2 runs deleted\n", "")
    assert client.asked == [("purge_runs", older_than_s)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "one of --older-than, --all and --queued is needed, and only one"),
        (
            "--all --older-than 1d",
            "one of --older-than, --all and --queued is needed, and only one",
        ),
        ("--all", "there is no terminal to ask at: --yes is needed"),
    ],
)
def test_purge_has_to_be_meant(invoke, client, line, why):
    """Nothing is deleted by a line that does not say what, or by a script without --yes."""
    assert invoke("purge", *line.split()) == (2, "", f"loadgrpc purge: error: {why}\n")
    assert client.asked == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 130), ("\n", 130)])
def test_purge_asks_people(invoke, client, monkeypatch, answer, code):
    """At a terminal the question says what goes; only a yes deletes."""
    stdin = io.StringIO(answer)
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", stdin)
    got, out, err = invoke("purge", "--older-than", "30d", "-b", "h:1")
    assert got == code
    assert "Delete all runs of h:1 that are over and ended more than 30 d ago?" in out + err
    assert bool(client.asked) is (code == 0)
    assert ("nothing was deleted" in err) is (code != 0)


@pytest.mark.parametrize(
    "line",
    ["status", "runs", "show x", "stop x", "attach x", "events x", "delete x", "purge --all --yes"],
)
def test_no_broker_is_exit_code_4(invoke, client, unavailable, line):
    """Every question to a broker that is not there ends alike."""
    client.fails["connect"] = unavailable
    name = line.split()[0]
    assert invoke(*line.split()) == (
        4,
        "",
        f"loadgrpc {name}: error: cannot reach the broker at 127.0.0.1:7979: connection refused\n",
    )


@pytest.mark.parametrize("name", ["show", "stop"])
def test_no_such_run_is_exit_code_2(invoke, client, name):
    """A name that the broker does not know is the caller's mistake."""
    client.fails = dict.fromkeys(("get_summary", "stop_run"), errors.NotFound("no run 'x'"))
    code, out, err = invoke(name, "x")
    assert (code, out) == (2, "")
    assert err.startswith(f"loadgrpc {name}: error: no run 'x' at ")


TROUBLE = Trouble(
    kind=TroubleKind.AGENT_UNREACHABLE,
    agent_id="web-2",
    message="agent web-2 (20 users) is unreachable, not heard from for 12 s: if it does not come"
    " back it is lost in 48 s",
    since_ns=START_NS,
)


@pytest.mark.parametrize("command", ["status", "runs"])
def test_c1_troubles_of_runs_are_told(invoke, client, run, command):
    """Whoever asks how runs stand is told that one has lost contact with an agent."""
    client.runs = [replace(run, troubles=(TROUBLE,))]
    code, out, _ = invoke(command, "-b", "h:1")
    assert code == 0
    assert f"  {run.run_id}: {TROUBLE.message}\n" in out


def test_c1_troubles_are_in_what_show_prints(invoke, client, summaries):
    """The summary so far says what may be missing in it."""
    client.summary = replace(summaries["passed"], state=RunState.RUNNING, troubles=(TROUBLE,))
    code, out, _ = invoke("show", "r-1", "-b", "h:1")
    assert code == 0
    assert "\nTrouble\n  agent web-2 (20 users) is unreachable" in out
    code, out, _ = invoke("show", "r-1", "-b", "h:1", "--json")
    assert json.loads(out)["troubles"][0]["kind"] == "TROUBLE_KIND_AGENT_UNREACHABLE"


def test_c2_runs_says_that_the_store_is_away(invoke, client, run):
    """The list may be short of runs that are over; what there is is shown all the same."""
    client.trouble = "the store postgresql://h/d is not available: connection refused"
    for runs, first in (([run], "Runs "), ([], "no runs")):
        client.runs = runs
        code, out, _ = invoke("runs", "-b", "h:1")
        assert code == 0
        assert out.startswith(first)
        assert f"runs that are over may be missing, and reporting waits: {client.trouble}" in out


def test_c2_a_store_that_is_away_is_not_a_broker_that_is_away():
    """What cannot be answered says that the broker was reached, and what its store says."""
    error = errors.StoreUnavailable("cannot read the store postgresql://h/d: refused")
    failure = failure_of(error, "h:1")
    assert failure.exit_code == 4
    assert failure.message == (
        "the broker at h:1 is there, but cannot read the store postgresql://h/d: refused"
    )
