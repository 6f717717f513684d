"""`loadgrpc compare`, and `--baseline` of `loadgrpc run`: what is printed, and the exit code."""

import json
from dataclasses import replace

import pytest

from loadgrpc.errors import NotFound
from loadgrpc.model import ComparisonOutcome, FigureComparison, RunComparison, RunState, Verdict
from loadgrpc.testing import plan_of

TEST = "example.TestWebSite.test_es"
RUN = "r-f3a9f3a9f3"
BEFORE = "r-0123456789"


def figure(which="p95", outcome="SAME", change=1.0, **more):
    """A figure of two runs."""
    return FigureComparison(
        figure=which,
        before=0.2,
        after=0.2 * (1 + change / 100),
        change=change,
        low=change - 3,
        high=change + 3,
        outcome=ComparisonOutcome[outcome],
        **more,
    )


def compared(*figures, refusals=()):
    """A comparison."""
    return RunComparison(before_id=BEFORE, after_id=RUN, figures=figures, refusals=refusals)


WORSE = compared(
    figure("p50"),
    figure("p95", "WORSE", 12.0),
    figure("p95", "WORSE", 14.0, name="/buy", method="POST"),
    figure("rate", "CANNOT_TELL", -2.0),
)
EQUAL = compared(figure("p50"), figure("p95"), figure("failed", "BETTER", -1.0))
REFUSED = compared(refusals=("the plans differ in users: 10, and 20",))


@pytest.mark.parametrize(
    ("found", "options", "code"),
    [
        (EQUAL, (), 0),
        (EQUAL, ("--fail-if-worse",), 0),
        (WORSE, (), 0),
        (WORSE, ("--fail-if-worse",), 99),
        (REFUSED, (), 3),
        (REFUSED, ("--fail-if-worse",), 3),
    ],
)
def test_the_exit_code_of_a_comparison(invoke, client, found, options, code):
    """99 only if that was asked for; 3 if they could not be compared."""
    client.comparisons = [found]
    assert invoke("compare", BEFORE, RUN, *options)[0] == code


def test_a_comparison_is_a_table(invoke, client):
    """What is worse, by how much and between which bounds; first how many there are of each."""
    client.comparisons = [WORSE]
    code, out, _ = invoke("compare", BEFORE, RUN, "--min-effect", "10%")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"{RUN} compared with {BEFORE}: 2 worse, 1 same, 1 cannot tell"
    (buy,) = [line for line in lines if line.lstrip().startswith("POST /buy, p95")]
    assert buy.split()[3:] == ["200", "ms", "228", "ms", "+14.0%", "+11.0", "to", "+17.0", "worse"]
    assert ("compare_runs", (BEFORE, RUN), 10.0) in client.asked


def test_a_refusal_says_why(invoke, client):
    """In what the plans differ, or what was wrong with a run."""
    client.comparisons = [REFUSED]
    out = invoke("compare", BEFORE, RUN)[1]
    assert f"{RUN} compared with {BEFORE}: not compared" in out
    assert "the plans differ in users: 10, and 20" in out


def test_as_json(invoke, client):
    """The messages of the protocol."""
    client.comparisons = [WORSE]
    code, out, _ = invoke("compare", BEFORE, RUN, "--json", "--fail-if-worse")
    assert code == 99
    (said,) = json.loads(out)["comparisons"]
    assert said["afterId"] == RUN
    assert [each["figure"] for each in said["figures"]] == ["p50", "p95", "p95", "rate"]


@pytest.fixture
def nightly(client, run):
    """Runs that passed, the newest first: of another test, later, with a label, and without."""

    def passed(run_id, age, test=TEST, labels=()):
        return replace(
            run,
            run_id=run_id,
            state=RunState.FINISHED,
            plan=plan_of(test=test, labels=labels),
            create_time_ns=run.create_time_ns - age,
            verdict=Verdict(exit_code=0, reason="passed"),
        )

    client.runs = [passed("r-5", -1), passed("r-4", 1, "other.T.t"), passed("r-3", 2)]
    client.runs += [passed("r-2", 3, "other.T.t", ("nightly",))]
    client.run = replace(client.run, plan=plan_of(test=TEST))
    client.comparisons = [EQUAL]
    return client


def asked(client):
    """The runs that were compared."""
    return next((each[1] for each in client.asked if each[0] == "compare_runs"), None)


def test_the_last_run_that_passed(invoke, nightly):
    """Before the other one, of the same title and test; or with a label, whatever its test is."""
    assert invoke("compare", "last-passed", RUN)[0] == 0
    assert asked(nightly) == ("r-3", RUN)
    nightly.asked.clear()
    nightly.runs = nightly.runs[3:]
    assert invoke("compare", "last-passed:nightly", RUN)[0] == 0
    assert asked(nightly) == ("r-2", RUN)
    assert nightly.wanted == {"labels": ["nightly"]}
    code, _, err = invoke("compare", "last-passed", RUN)
    assert code == 2
    assert f"no run of {TEST} passed before {RUN}" in err


def test_what_is_missing_is_said(invoke, client):
    """A second run; and a share that is none."""
    code, _, err = invoke("compare", RUN)
    assert (code, "two runs are compared" in err) == (2, True)
    code, _, err = invoke("compare", RUN, BEFORE, "--min-effect", "much")
    assert (code, "'much' is not a share such as 5%" in err) == (2, True)


RUNS = ("run", TEST, "-b", "h:1", "-u", "1", "--baseline")


@pytest.mark.parametrize(
    ("found", "options", "code", "last"),
    [
        (EQUAL, ("--fail-if-worse",), 0, "exit 0: passed"),
        (WORSE, (), 0, None),
        (WORSE, ("--fail-if-worse",), 99, f"exit 99: worse than {BEFORE}: all hits, p95 (and 1"),
        (REFUSED, (), 0, f"not compared with {BEFORE}: the plans differ in users"),
        (REFUSED, ("--fail-if-worse",), 3, f"exit 3: not compared with {BEFORE}: the plans differ"),
    ],
)
def test_a_run_passes_through_its_baseline(invoke, client, found, options, code, last):
    """What could not be compared is no success where a worse run is to fail."""
    client.comparisons = [found]
    got, out, _ = invoke(*RUNS, BEFORE, *options)
    assert got == code
    assert asked(client) == (BEFORE, RUN)
    assert f"{RUN} compared with {BEFORE}" in out
    if last is not None and last.startswith(("exit 99", "exit 3", "not")):
        assert out.splitlines()[-1].startswith(last)


def test_a_run_that_failed_stays_failed(invoke, client, summaries):
    """An exit code that says more is not replaced."""
    client.comparisons = [WORSE]
    client.summary = summaries["troubled"]
    assert invoke(*RUNS, BEFORE, "--fail-if-worse")[0] == 3


def test_a_baseline_that_there_is_not_is_refused_before_there_is_load(invoke, client):
    """Nobody waits for a run that cannot be compared."""
    client.fails["get_run"] = NotFound("no run 'r-9'")
    code, _, err = invoke(*RUNS, "r-9")
    assert (code, "no run 'r-9'" in err) == (2, True)
    assert "start_run" not in [each[0] for each in client.asked]


def test_the_first_of_many_runs_has_no_baseline(invoke, client):
    """It says so, and ends as it would have; where it is to fail if worse, that is not known."""
    code, out, _ = invoke(*RUNS, "last-passed:nightly")
    assert code == 0
    assert "not compared with last-passed:nightly: no run with the label nightly passed" in out
    assert invoke(*RUNS, "last-passed:nightly", "--fail-if-worse")[0] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--fail-if-worse",), "--fail-if-worse needs --baseline"),
        (("--baseline", RUN), "--baseline needs -b/--broker"),
        (("--baseline", RUN, "-b", "h:1", "--detach"), "cannot be combined with --detach"),
    ],
)
def test_what_makes_no_sense_is_refused(invoke, client, options, said):
    """Before anything is started."""
    code, _, err = invoke("run", TEST, "-u", "1", *options)
    assert code == 2
    assert said in err
    assert client.asked == []
