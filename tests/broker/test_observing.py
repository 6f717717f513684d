"""Which observers a run has, what they are notified of, and what plans may ask for."""

import asyncio
from dataclasses import replace

import pytest

from loadgrpc.broker import observing as module
from loadgrpc.broker.observing import Observing, events_of
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import (
    AgentEvent,
    Change,
    ChangeKind,
    ObserverChoice,
    ObserverEvent,
    RunState,
    Verdict,
)
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.testing import plan_of

START, END, LOST, BEFORE, ATTEMPT, SUCCESS, FAILURE = ObserverEvent
URL = (("url", "http://127.0.0.1:1/hook"),)
WEBHOOK = ObserverChoice(name="webhook", settings=URL)


def plan(*observers):
    """A plan that asks for observers."""
    return plan_of(test="a.B.c", observers=observers)


def change(number, state=RunState.RUNNING, kind=ChangeKind.STATE, **more):
    """A change of a run."""
    return Change(sequence=number, kind=kind, state=state, time_ns=number, **more)


def lost(number):
    """The loss of an agent."""
    return change(number, kind=ChangeKind.AGENT, agent_id=f"a{number}", agent_event=AgentEvent.LOST)


LOG = [
    change(1, RunState.STARTING),
    change(2),
    change(3, kind=ChangeKind.LOAD),
    change(4, kind=ChangeKind.AGENT, agent_event=AgentEvent.UNREACHABLE),
    lost(5),
    change(6, kind=ChangeKind.NOTE, reason="a note"),
    change(7, RunState.STOPPING),
    change(8, RunState.STOPPED),
]


def test_what_observers_are_notified_of():
    """A run begins, an agent is lost, the run is over; not of what else there is."""
    over = (FAILURE, END, ATTEMPT)
    assert [events_of(each) for each in LOG] == [
        *((BEFORE,), (START,), (), (), (LOST,), (), ()),
        over,
    ]
    assert events_of(change(9, kind=ChangeKind.ATTEMPT)) == (ATTEMPT,)
    assert events_of(LOG[-1], Verdict(exit_code=0)) == (SUCCESS, END, ATTEMPT)
    assert events_of(LOG[-1], Verdict(exit_code=1)) == over


def test_hooks_are_observers_of_more():
    """Of one change everybody is notified once, by the most telling name that they asked for."""
    asked = plan(
        ObserverChoice(name="irc", events=(END, FAILURE, ATTEMPT)),
        ObserverChoice(name="slack", events=(SUCCESS,)),
        ObserverChoice(name="webhook", events=(BEFORE, ATTEMPT)),
    )
    observing = Observing(ObserverConfig())

    def found(code):
        notified = observing.due(asked, LOG, lost_before=0, verdict=Verdict(exit_code=code))
        return [(each.observer, each.change, each.event) for each in notified]

    assert found(1) == [("webhook", 1, BEFORE), ("irc", 8, FAILURE), ("webhook", 8, ATTEMPT)]
    assert found(0) == [
        ("webhook", 1, BEFORE),
        ("irc", 8, END),
        ("slack", 8, SUCCESS),
        ("webhook", 8, ATTEMPT),
    ]


def due(observing, asked, log=LOG, lost_before=0):
    """The notifications, in short."""
    found = observing.due(asked, log, lost_before=lost_before)
    return [(each.observer, each.change, each.event) for each in found]


def test_everybody_is_notified_of_what_they_ask_for():
    """By default of the end; the broker's own are apart from those of a plan."""
    config = ObserverConfig(chosen=(ObserverChoice(name="irc", events=(START, END)),))
    asked = plan(WEBHOOK, replace(WEBHOOK, events=(LOST,)))
    assert due(Observing(config), asked) == [
        ("irc (broker)", 2, START),
        ("webhook (2)", 5, LOST),
        ("irc (broker)", 8, END),
        ("webhook", 8, END),
    ]
    assert due(Observing(ObserverConfig()), plan()) == []


def test_nobody_is_notified_twice():
    """A plan that asks for what the broker does for every run gets that."""
    config = ObserverConfig(chosen=(ObserverChoice(name="irc", events=(START, END)),))
    asked = plan(ObserverChoice(name="irc"))
    assert due(Observing(config), asked) == [("irc (broker)", 2, START), ("irc (broker)", 8, END)]
    also = plan(ObserverChoice(name="irc", events=(LOST,)))
    assert ("irc", 5, LOST) in due(Observing(config), also)


def test_a_thousand_lost_agents_are_twenty_notices():
    """Nobody is flooded; the end is notified of all the same."""
    observing = Observing(ObserverConfig())
    asked = plan(ObserverChoice(name="irc", events=(LOST, END)))
    log = [*map(lost, range(1, 1_001)), change(1_001, RunState.FAILED)]
    found = due(observing, asked, log)
    assert [number for _, number, _ in found] == [*range(1, module.MAX_LOST + 1), 1_001]
    assert due(observing, asked, [lost(1), lost(2)], lost_before=19) == [("irc", 1, LOST)]


def refused(config, *observers, environ=None):
    """What is wrong with a plan that asks for these: fields and sentences."""
    observing = Observing(config, environ=environ or {})
    try:
        asyncio.run(observing.check(plan(*observers)))
    except InvalidRequest as error:
        return {each.field: each.description for each in error.violations}
    return {}


ALLOWED = ObserverConfig(allowed=frozenset({"webhook"}))


def test_a_plan_may_not_say_where_the_broker_connects_to():
    """Unless the broker lets it: from its machine more can be reached than from elsewhere."""
    found = refused(ObserverConfig(), WEBHOOK)
    assert found.keys() == {"plan.observers[0]"}
    assert "--allow-observers webhook" in found["plan.observers[0]"]
    assert refused(ALLOWED, WEBHOOK) == {}
    assert refused(ObserverConfig(trusted=True), WEBHOOK) == {}


def test_a_plan_may_name_what_the_broker_is_set_up_for():
    """Its own settings are the broker's business."""
    own = ObserverConfig(own={"webhook": dict(URL)})
    assert refused(own, ObserverChoice(name="webhook")) == {}
    environ = {"LOADGRPC_OBSERVER_WEBHOOK_URL": URL[0][1]}
    assert refused(ObserverConfig(), ObserverChoice(name="webhook"), environ=environ) == {}
    found = refused(ObserverConfig(), ObserverChoice(name="webhook"))
    assert "is required" in found["plan.observers[0].settings.url"]


def test_a_plan_may_not_name_code():
    """A class by path runs in the broker's environment: whoever starts the broker names it."""
    path = ObserverChoice(name="os.path.Join")
    found = refused(ALLOWED, path)
    assert "--allow-observers os.path.Join" in found["plan.observers[0]"]


def test_observers_that_there_are_not():
    """The sentence says which there are."""
    found = refused(ALLOWED, ObserverChoice(name="webhok"))
    assert "webhok is not known; there are " in found["plan.observers[0].name"]
    assert "webhook" in found["plan.observers[0].name"].partition(";")[2]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("secret", "hunter2", "LOADGRPC_OBSERVER_WEBHOOK_SECRET_FILE"),
        ("url", "https://user:hunter2@example.org/", "LOADGRPC_OBSERVER_WEBHOOK_URL"),
        ("url", "https://example.org/?token=hunter2", "LOADGRPC_OBSERVER_WEBHOOK_URL"),
        ("url", "https://example.org/a/hunter2hunter2hunter2/b", "LOADGRPC_OBSERVER_WEBHOOK_URL"),
    ],
)
def test_r7_no_secret_is_in_a_plan(name, value, words):
    """Defect R7 of Loads: a password in a plan is stored with the run, and shown to everybody."""
    for config in (ALLOWED, ObserverConfig(trusted=True)):
        settings = {**dict(URL), name: value}
        asked = ObserverChoice(name="webhook", settings=tuple(sorted(settings.items())))
        found = refused(config, asked)
        assert words in found[f"plan.observers[0].settings.{name}"]
        assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("url", "ftp://example.org/", "must be a URL"),
        ("url", "file:///etc/passwd", "must be a URL"),
        ("urll", "x", "is not one of its settings: secret, url"),
    ],
)
def test_settings_that_cannot_be(name, value, words):
    """They are refused when the run is to start, not when it is over."""
    asked = ObserverChoice(name="webhook", settings=((name, value),))
    assert words in refused(ALLOWED, asked)[f"plan.observers[0].settings.{name}"]


def test_observers_of_every_run_are_checked_at_the_start():
    """A broker that could not notify anybody says so at once."""
    config = ObserverConfig(chosen=(ObserverChoice(name="webhook"),))
    with pytest.raises(InvalidRequest, match=r"--observer webhook: settings.url is required"):
        asyncio.run(Observing(config, environ={}).check_own())


def test_what_is_allowed_no_more_is_not_done():
    """A broker that was restarted without the permission does not connect for an older plan."""
    assert Observing(ALLOWED).asked(plan(WEBHOOK), "webhook")["plan"] == dict(URL)
    assert Observing(ObserverConfig()).asked(plan(WEBHOOK), "webhook") is None
    assert Observing(ALLOWED).asked(plan(WEBHOOK), "irc (broker)") is None
