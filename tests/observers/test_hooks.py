"""Observers that have a method for each event, instead of one for all."""

import pytest

from loadgrpc.model import ObserverEvent, hyphened
from loadgrpc.observers import Notice, Observer
from loadgrpc.observers.observer import HOOKS


class Listening(Observer):
    """Remembers which hooks were called."""

    def __init__(self):
        super().__init__({})
        self.called = []

    def __getattribute__(self, name):
        if name in {*HOOKS.values(), "on_success", "on_failure", "after_return"}:
            return lambda _: self.called.append(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("event", "exit_code", "hooks"),
    [
        ("before-start", None, ["before_start"]),
        ("start", None, ["on_start"]),
        ("agent-lost", None, ["on_agent_lost"]),
        ("after-attempt", 1, ["after_attempt"]),
        ("success", 0, ["on_success", "after_return"]),
        ("failure", 1, ["on_failure", "after_return"]),
        ("end", 0, ["on_success", "after_return"]),
        ("end", 99, ["on_failure", "after_return"]),
        ("campaign", 0, ["on_success", "after_return"]),
        ("something-later", None, []),
    ],
)
def test_each_event_has_its_hooks(event, exit_code, hooks):
    """Of the end, those of how it went; what is not known is left alone."""
    observer = Listening()
    observer.notify(
        Notice(notice_id="r/1", event=event, time_s=1.0, run_id="r", exit_code=exit_code)
    )
    assert observer.called == hooks


def test_every_event_is_known():
    """Each event of the protocol leads to a hook."""
    of_the_end = {hyphened(event.name) for event in ObserverEvent if event.ends}
    assert HOOKS.keys() | of_the_end == {hyphened(event.name) for event in ObserverEvent}


def test_a_class_may_have_none():
    """Then a notice is delivered to nobody in particular, which is no error."""
    Observer({}).notify(Notice(notice_id="r/1", event="start", time_s=1.0, run_id="r"))
