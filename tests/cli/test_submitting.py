"""When a run starts, as people type it, and what they see of one that waits."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from loadgrpc.cli.report import report
from loadgrpc.cli.submitting import moment, waits
from loadgrpc.cli.view import View, plain, render
from loadgrpc.model import (
    RetryPolicy,
    RetryReason,
    Run,
    RunAttempt,
    RunState,
    Submission,
    Verdict,
    Waiting,
)
from loadgrpc.testing import plan_of

NOW = datetime(2030, 1, 31, 12, 0, 0, tzinfo=timezone(timedelta(hours=1)))
TEST = ("run", "a.B.c", "-a", "1", "--no-ship", "--detach")
QUEUED = {
    "state": RunState.QUEUED,
    "waiting": Waiting(position=2, length=5, reason="needs 3 agents with label eu, 1 idle"),
}


def at(*when):
    """A moment of that day and zone, in nanoseconds."""
    return round(datetime(*when, tzinfo=NOW.tzinfo).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("13:00", at(2030, 1, 31, 13)),
        ("03:00", at(2030, 2, 1, 3)),
        ("12:00:00", at(2030, 2, 1, 12)),
        ("12:00:01", at(2030, 1, 31, 12, 0, 1)),
        ("2030-02-01T03:00:00+01:00", at(2030, 2, 1, 3)),
        ("2030-01-31T11:30:00Z", at(2030, 1, 31, 12, 30)),
    ],
)
def test_a_time_is_the_next_one_or_has_its_date(text, ns):
    """By the clock of whoever types it, unless it says which."""
    assert moment(text, NOW) == ns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("25:00", "is not a time; expected one such as 03:00"),
        ("soon", "is not a time"),
        ("2030-01-31T11:59:59+01:00", "has passed: it is 2030-01-31T12:00:00"),
    ],
)
def test_what_is_no_time_to_start_at_is_refused(text, said):
    """And what has passed."""
    with pytest.raises(ValueError, match=said):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ((), Submission()),
        (("--wait", "10m"), Submission(queue=True, expire_after_s=600.0)),
        (("--wait", "forever", "--priority", "9"), Submission(queue=True, priority=9)),
        (("--start-in", "8h"), Submission(delay_s=28_800.0)),
    ],
)
def test_a_run_is_asked_for_as_it_was_typed(invoke, client, typed, asked):
    """What is not typed is not said."""
    code, _, _ = invoke(*TEST, *typed)

    assert code == 0
    assert client.submission == asked


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--start-at", "03:00", "--start-in", "1s"), "--start-at cannot be combined with"),
        (("--priority", "10"), "is not a whole number from 0 to 9"),
        (("--wait", "0"), "out of range"),
        (("--retry", "0"), "is not a whole number from 1 to 100"),
        (("--retry", "3,on=rain"), "'rain' is none of agent-lost, not-started"),
        (("--retry", "3,pause=1s"), "'pause=1s' is none of initial-backoff=TIME"),
        (("--retry", "3,multiplier=0.5"), "multiplier must be from 1 to 100"),
        (("--agent-label", "a b"), "'a b' is not a label"),
    ],
)
def test_what_makes_no_sense_is_refused(invoke, typed, said):
    """With a sentence, and exit code 2."""
    code, out, err = invoke(*TEST, *typed)

    assert (code, out) == (2, "")
    assert said in err


def test_retries_and_labels_are_part_of_the_plan(invoke, client):
    """Several labels at once or one by one; reasons that are named replace those by default."""
    policy = "5,initial-backoff=2s,multiplier=3,max-backoff=1m,jitter,on=incomplete,on=test-failed"
    labels = ("--label", "b,a", "--label", "a", "--agent-label", "eu", "--owner", "ann")
    assert invoke(*TEST, "--retry", policy, *labels)[0] == 0

    (plan,) = next(each for name, *each in client.asked if name == "start_run")
    assert (plan.labels, plan.agent_labels, plan.user_id) == (("a", "b"), ("eu",), "ann")
    assert plan.retry == RetryPolicy(
        max_attempts=5,
        initial_backoff_s=2.0,
        multiplier=3.0,
        max_backoff_s=60.0,
        jitter=True,
        retry_on=(RetryReason.INCOMPLETE, RetryReason.TEST_FAILED),
    )


def test_a_plan_file_has_retries_as_a_table_or_as_the_command_line(invoke, client, tmp_path):
    """Times and reasons are written as people write them."""
    head = 'test = "a.B.c"\nagent_labels = "eu,big"\n'
    for text in ('retry = "4,jitter"\n', "[retry]\nmax_attempts = 4\njitter = true\n"):
        file = tmp_path / "plan.toml"
        file.write_text(head + text)
        assert invoke("run", "-f", str(file), "-a", "1", "--no-ship", "--detach")[0] == 0
        (plan,) = [each for name, *each in client.asked if name == "start_run"][-1]
        assert plan.retry == RetryPolicy(max_attempts=4, jitter=True)
        assert plan.agent_labels == ("big", "eu")
    text = '[retry]\ninitial_backoff = "2s"\nretry-on = ["agent-lost", "REQUIREMENT"]\n'
    file.write_text(head + text)
    assert invoke("run", "-f", str(file), "-a", "1", "--no-ship", "--detach")[0] == 0
    (plan,) = [each for name, *each in client.asked if name == "start_run"][-1]
    reasons = (RetryReason.AGENT_LOST, RetryReason.REQUIREMENT)
    assert plan.retry == RetryPolicy(initial_backoff_s=2.0, retry_on=reasons)


def test_whoever_leaves_a_run_in_the_queue_is_shown_why_it_waits(invoke, client):
    """Beside the id, which is alone on standard output."""
    client.accepted = QUEUED
    code, out, err = invoke(*TEST, "--wait", "10m")

    assert (code, out) == (0, f"{client.run.run_id}\n")
    assert "is queued: 2 of 5 in the queue: needs 3 agents with label eu, 1 idle" in err


def test_a_run_that_waits_is_shown_with_what_it_waits_for():
    """In the queue its place and the reason; before its time, when that is; and which attempt."""
    run = Run(run_id="r", plan=plan_of(test="a.B.c"), create_time_ns=0, **QUEUED)
    assert waits(run) == "2 of 5 in the queue: needs 3 agents with label eu, 1 idle"
    assert plain(View(run)).text.startswith("2 of 5 in the queue: needs 3 agents")
    assert any("2 of 5 in the queue" in line.text for line in render(View(run), 80))

    later = Run(
        run_id="r",
        state=RunState.SCHEDULED,
        plan=run.plan,
        create_time_ns=0,
        due_time_ns=at(2030, 1, 31, 12),
        attempt=2,
        reason="attempt 2 of 3 in 1 s",
    )
    shown = f"{NOW.astimezone():%H:%M:%S}"
    assert waits(later, at(2030, 1, 31, 11)) == f"starts at {shown} (attempt 2 of 3 in 1 s)"
    assert "attempt 2" in render(View(later), 80)[1].text
    assert waits(Run(run_id="r", state=RunState.RUNNING, plan=run.plan, create_time_ns=0)) == ""


def test_purging_the_queue_asks_first(invoke, client):
    """Without a terminal --yes is needed; it says how many runs it was."""
    client.purged = ["r-1", "r-2"]
    code, _, err = invoke("purge", "--queued")
    assert (code, "--yes is needed" in err, client.asked) == (2, True, [])

    assert invoke("purge", "--queued", "--yes") == (0, "2 runs stopped\n", "")
    assert client.asked == [("purge_waiting",)]
    code, _, err = invoke("purge", "--queued", "--all", "--yes")
    assert (code, "only one" in err) == (2, True)


def test_runs_are_listed_by_labels_owner_and_title(invoke, client):
    """What is asked for reaches the broker."""
    assert (
        invoke("runs", "--label", "a,b", "--label", "c", "--owner", "ann", "--title", "x")[0] == 0
    )

    assert client.wanted == {"labels": ["a", "b", "c"], "owner": "ann", "title": "x"}


def test_a_report_says_which_attempt_it_is_of(summaries):
    """And how those before it ended; of the first there is nothing to say."""
    summary = summaries["passed"]
    assert not any("attempt" in each.text for each in report(summary, width=80))
    ended = RunAttempt(
        attempt=1,
        state=RunState.FAILED,
        reason="agent a1 was lost",
        verdict=Verdict(exit_code=3, reason="agent a1 was lost"),
    )
    again = replace(summary, attempt=2, attempts=(ended,))
    lines = [each.text for each in report(again, width=80)]
    assert f"attempt     2   loadgrpc show {summary.run_id}.N has those before it" in lines
    assert "  1: failed, exit 3: agent a1 was lost" in lines
