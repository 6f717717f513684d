"""Observers on command lines: what is asked for, what is refused, and what is shown of them."""

from dataclasses import replace

import pytest

from loadgrpc.cli import notified
from loadgrpc.model import (
    Change,
    ChangeKind,
    Notification,
    NotificationState,
    ObserverChoice,
    ObserverEvent,
    RunState,
)

TEST = "example.TestWebSite.test_es"
PENDING, DELIVERED, GIVEN_UP = NotificationState
START, END, LOST, *_ = ObserverEvent
IRC = ("--observer", "irc", "--observer-irc-server", "irc.example.org")


def asked(client):
    """The observers of the plan that was started."""
    return client.asked[0][1].observers


def test_observers_of_a_run(invoke, client):
    """By name, with their settings, those of others by --observer-setting, and with events."""
    code, _, err = invoke(
        *("run", TEST, "-a", "1", *IRC, "--observer-irc-ssl", "False"),
        *("--observer", "my.own.Pager", "--observer-setting", "my.own.Pager.team=web=1"),
        *("--observer-on", "start,agent_lost"),
    )
    assert (code, err) == (0, "")
    assert asked(client) == (
        ObserverChoice(
            name="irc",
            settings=(("server", "irc.example.org"), ("ssl", "False")),
            events=(START, LOST),
        ),
        ObserverChoice(name="my.own.Pager", settings=(("team", "web=1"),), events=(START, LOST)),
    )


def test_without_events_it_is_the_end(invoke, client):
    """As it was with Loads."""
    invoke("run", TEST, "-a", "1", "--observer", "irc", "--observer", "irc")
    assert asked(client) == (ObserverChoice(name="irc", events=(END,)),)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--observer-irc-channel", "#x"), "add --observer irc"),
        (("--observer-setting", "pager.team=x"), "add --observer pager"),
        (("--observer-on", "start"), "--observer-on needs --observer"),
        (("--observer", "irc", "--observer-on", "begin"), "'begin' is none of start, end"),
        (("--observer", "irc", "--observer-irc-port", "x"), "--observer-irc-port: it must be a"),
        (("--observer", "irc", "--observer-irc-ssl", "maybe"), "must be true or false"),
        (("--observer", "x", "--observer-setting", "team"), "is not NAME.SETTING=VALUE"),
        (("--observer", "a\nb"), "characters that cannot be printed"),
    ],
)
def test_what_cannot_be(invoke, client, options, words):
    """The sentence says what is accepted, and nothing is started."""
    code, _, err = invoke("run", TEST, "-a", "1", *options)
    assert (code, client.asked) == (2, [])
    assert words in err


@pytest.mark.parametrize(
    ("flag", "variable"),
    [
        ("--observer-email-password", "LOADGRPC_OBSERVER_EMAIL_PASSWORD"),
        ("--observer-slack-url", "LOADGRPC_OBSERVER_SLACK_URL"),
        ("--observer-webhook-secret", "LOADGRPC_OBSERVER_WEBHOOK_SECRET"),
        ("--observer-irc-password", "LOADGRPC_OBSERVER_IRC_PASSWORD"),
    ],
)
def test_r7_secrets_have_no_flags(invoke, client, flag, variable):
    """Defect R7 of Loads: --observer-email-password was stored with each run."""
    code, _, err = invoke("run", TEST, "-a", "1", "--observer", "email", flag, "hunter2")
    assert (code, client.asked) == (2, [])
    assert f"set {variable}, or {variable}_FILE, where the broker runs" in err
    assert "hunter2" not in err


def test_variables_of_the_broker_are_in_no_plan(invoke, client, monkeypatch):
    """They may be set where a client runs, too: a broker of its own reads them by itself."""
    monkeypatch.setenv("LOADGRPC_OBSERVER_WEBHOOK_URL", "http://user:hunter2@127.0.0.1/")
    monkeypatch.setenv("LOADGRPC_OBSERVER_SLACK_URL_FILE", "/run/secrets/slack")
    code, _, err = invoke("run", TEST, "-a", "1", "--observer", "webhook")
    assert (code, err) == (0, "")
    assert asked(client) == (ObserverChoice(name="webhook"),)


def test_observers_of_a_configuration(invoke, client, tmp_path, monkeypatch):
    """As the documentation of Loads has it; settings without an observer are for when there is."""
    monkeypatch.chdir(tmp_path)
    settings = "observer_irc_server = irc.example.org\nobserver_irc_channel = #load\n"
    (tmp_path / "loadgrpc.ini").write_text(f"[loads]\nobserver = irc\n{settings}")
    invoke("run", TEST, "-a", "1", "--observer-irc-channel", "#other")
    assert asked(client) == (
        ObserverChoice(name="irc", settings=(("channel", "#other"), ("server", "irc.example.org"))),
    )
    client.asked.clear()
    (tmp_path / "loadgrpc.ini").write_text(f"[loads]\n{settings}")
    assert invoke("run", TEST, "-a", "1")[0] == 0
    assert asked(client) == ()


@pytest.mark.parametrize(
    "text",
    [
        (
            '{"test": "%s", "observers": ["slack", {"name": "irc", "settings": {"channel": "#x"},'
            ' "events": ["start", "agent-lost"]}]}'
        ),
        (
            'test = "%s"\nobservers = ["slack", {name = "irc", events = "start,AGENT_LOST",'
            ' settings = {channel = "#x"}}]'
        ),
        (
            '{"test": "%s", "observer": ["slack", {"name": "irc", "settings": {"channel": "#x"},'
            ' "events": ["OBSERVER_EVENT_START", "OBSERVER_EVENT_AGENT_LOST"]}]}'
        ),
    ],
    ids=["json", "toml", "protobuf"],
)
def test_observers_of_a_plan_file(invoke, client, tmp_path, text):
    """A name, or a table, with events as people or as protobuf write them."""
    path = tmp_path / "plan"
    path.write_text(text % TEST)
    code, _, err = invoke("run", "-f", str(path), "-a", "1")
    assert (code, err) == (0, "")
    assert asked(client) == (
        ObserverChoice(name="slack"),
        ObserverChoice(name="irc", settings=(("channel", "#x"),), events=(START, LOST)),
    )


def test_observers_of_every_run(invoke, monkeypatch):
    """A broker has them, its own settings, and what it lets plans set."""
    found = []

    async def see(config, *, on_ready, stop):
        found.append(config.observers)

    monkeypatch.setattr("loadgrpc.broker.server.serve", see)
    code, _, err = invoke(
        *("broker", "--store", ":memory:", "--observer", "slack", "--observer-on", "start,end"),
        *("--observer-irc-channel", "#load"),
        *("--allow-observers", "irc,email", "--allow-observers", "my.own.Pager"),
    )
    assert (code, err) == (0, "")
    (config,) = found
    assert config.chosen == (ObserverChoice(name="slack", events=(START, END)),)
    assert config.own == {"irc": {"channel": "#load"}}
    assert config.allowed == {"irc", "email", "my.own.Pager"}
    assert not config.trusted


NOTIFICATIONS = (
    Notification(observer="irc", change=2, event=START, state=DELIVERED, tries=1, time_ns=3),
    Notification(observer="irc", change=4, event=END),
    Notification(
        observer="webhook (broker)",
        change=4,
        event=END,
        state=GIVEN_UP,
        tries=6,
        reason="127.0.0.1 answered with status 503",
        time_ns=6_000_000_000,
    ),
    Notification(
        observer="mail\x1b[31m", change=4, event=END, tries=2, reason="no", time_ns=7_000_000_000
    ),
)


def test_a_report_says_who_was_notified(invoke, client, monkeypatch):
    """Who was not, and why; and nothing of what others say steers a terminal."""
    monkeypatch.setenv("COLUMNS", "160")
    client.summary = replace(client.summary, notifications=NOTIFICATIONS)
    _, out, _ = invoke("show", "r-f3a9f3a9f3")
    assert "observers   irc: notified of start   not yet notified of end\n" in out
    assert (
        "webhook (broker): not notified of end: 127.0.0.1 answered with status 503 (given up)"
    ) in out
    assert "not yet notified of end, 2 tries: no" in out
    assert "\x1b[31m" not in out
    client.summary = replace(client.summary, notifications=())
    assert "observers" not in invoke("show", "r-f3a9f3a9f3")[1]


def test_the_log_says_when_somebody_was_notified(invoke, client):
    """In its order, and without a number: it is no change of the run."""
    client.changes = [
        Change(sequence=1, kind=ChangeKind.STATE, state=RunState.STARTING, time_ns=1),
        Change(sequence=2, kind=ChangeKind.STATE, state=RunState.RUNNING, time_ns=2),
        Change(sequence=4, kind=ChangeKind.STATE, state=RunState.FINISHED, time_ns=5_000_000_000),
    ]
    client.summary = replace(client.summary, notifications=NOTIFICATIONS)
    _, out, _ = invoke("show", "r-f3a9f3a9f3", "--changes")
    words = [line.split() for line in out.splitlines()[1:]]
    assert [next(each for each in line if each in {"state", "notify"}) for line in words] == [
        *("state", "state", "notify", "state", "notify", "notify")
    ]
    assert "irc: notified of start, change 2" in out


def test_a_run_here_waits_for_its_observers(invoke, client, monkeypatch):
    """For a while, which is said; then it ends, and its report says who was not notified."""
    import asyncio

    from loadgrpc.cli.interrupts import Interrupts

    monkeypatch.setattr(notified, "ASK_S", 0.0)
    monkeypatch.setattr(notified, "SAY_S", 0.0)
    pending = replace(client.summary, notifications=NOTIFICATIONS[1:2])
    done = replace(client.summary, notifications=NOTIFICATIONS[:1])

    async def wait(summary):
        with Interrupts() as interrupts:
            interrupts.bear(2)
            return await notified.when_notified(client.get_summary, summary, interrupts, None)

    client.summary = done
    assert asyncio.run(wait(pending)) is done
    client.summary = pending
    monkeypatch.setattr(notified, "WAIT_S", 0.05)
    assert asyncio.run(wait(pending)) is pending
    client.asked.clear()
    assert asyncio.run(wait(done)) is done
    assert client.asked == []
