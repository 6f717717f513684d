"""Keys at the terminal of a run: what they ask for, and that the terminal is left as it was."""

import asyncio
import os
import signal
import sys
import termios
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.cli import keyboard, run_keys
from loadgrpc.cli.follow import follow
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.cli.keyboard import Keyboard, answering
from loadgrpc.cli.prompt import Prompt
from loadgrpc.cli.run_keys import HELP, NO_STAGES, STOP, RunKeys
from loadgrpc.cli.steering import Steering
from loadgrpc.model import (
    Change,
    ChangeKind,
    Hold,
    Load,
    LoadChange,
    LoadChangeKind,
    LoadOrder,
    LoadUnit,
    Plan,
    RunState,
    Scenario,
    StopMode,
)

from .conftest import LONGEST_S, until

LEVEL, FACTOR, PAUSE, RESUME = LoadChangeKind


def staged(name="", unit=LoadUnit.ARRIVALS):
    """A scenario whose load can be changed."""
    return Scenario(name=name, test="a.B.test_c", load=Load(unit, (Hold(100, 60),)))


def changed(sequence, kind, value=0.0, scenario="", attempt=1):
    """An entry of the log of a run."""
    return Change(
        sequence=sequence,
        kind=ChangeKind.LOAD,
        state=RunState.RUNNING,
        attempt=attempt,
        reason=f"load {kind.name.lower()} {value:g}",
        load=LoadChange(0.0, kind, value),
        scenario=scenario,
    )


# What keys mean


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        ("+", [LoadOrder(FACTOR, 1.1)]),
        ("=", [LoadOrder(FACTOR, 1.1)]),
        ("-", [LoadOrder(FACTOR, 0.9)]),
        ("+++", [LoadOrder(FACTOR, 1.3)]),
        ("+-", []),
        ("-" * 20, [LoadOrder(FACTOR, 0.0)]),
        ("p", [LoadOrder(PAUSE)]),
        ("pp", []),
        ("+p", [LoadOrder(FACTOR, 1.1), LoadOrder(PAUSE)]),
    ],
)
def test_keys_change_what_the_stages_say(keys, orders):
    """By a tenth of it, so that more and less cancel each other."""
    assert list(Steering(Plan(scenarios=(staged(),))).orders(keys)) == orders


@pytest.mark.parametrize(
    ("unit", "level", "keys", "then"),
    [
        (LoadUnit.ARRIVALS, 200, "+", 220),
        (LoadUnit.ARRIVALS, 200, "-", 180),
        (LoadUnit.USERS, 50, "+", 55),
        (LoadUnit.USERS, 3, "+", 4),
        (LoadUnit.USERS, 1, "--", 0),
    ],
)
def test_a_level_that_was_set_is_changed_itself(unit, level, keys, then):
    """Whoever set it; users are whole."""
    steering = Steering(Plan(scenarios=(staged(unit=unit),)))
    assert steering.change(changed(3, LEVEL, level))

    assert list(steering.orders(keys)) == [LoadOrder(LEVEL, then, unit)]


def test_the_log_says_how_the_load_stands():
    """What comes twice, or late, changes nothing; a new attempt begins as planned."""
    steering = Steering(Plan(scenarios=(staged(),)))
    assert steering.change(changed(4, FACTOR, 2))
    assert steering.change(changed(5, PAUSE))
    assert not steering.change(changed(5, PAUSE))
    assert not steering.change(changed(3, FACTOR, 7))
    assert list(steering.orders("+p")) == [LoadOrder(FACTOR, 2.1), LoadOrder(RESUME)]
    assert steering.change(changed(9, FACTOR, 3, attempt=2))
    assert list(steering.orders("p")) == [LoadOrder(PAUSE)]


def test_each_scenario_that_can_be_changed_is():
    """One of cycles cannot."""
    users = LoadUnit.USERS
    plan = Plan(scenarios=(staged("open"), staged("closed", users), Scenario(name="cycles")))
    steering = Steering(plan)
    assert not steering.change(changed(2, FACTOR, 2, "cycles"))
    assert steering.change(changed(3, LEVEL, 10, "closed"))

    assert list(steering.orders("+")) == [
        LoadOrder(FACTOR, 1.1, None, "open"),
        LoadOrder(LEVEL, 11, users, "closed"),
    ]
    assert not Steering(Plan(scenarios=(Scenario(),))).is_possible


# The terminal


@pytest.fixture
def terminal(terminal, monkeypatch):
    """A terminal that the command is in front of."""
    monkeypatch.setattr(keyboard, "in_foreground", lambda _: True)
    return terminal


def is_raw(slave):
    """Whether keys come without Enter, and are not echoed."""
    return not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO)


def test_keys_come_one_at_a_time_and_the_terminal_is_left_as_it_was(terminal):
    """Arrows are none; Ctrl-C still is a signal."""
    master, slave = terminal
    before = termios.tcgetattr(slave)
    pressed = []

    async def go():
        with Keyboard(slave, pressed.append):
            assert is_raw(slave)
            assert termios.tcgetattr(slave)[3] & termios.ISIG
            os.write(master, b"+p")
            await until(lambda: len(pressed) == 2)
            os.write(master, b"\x1b[A")
            await asyncio.sleep(0.02)
            os.write(master, b"?")
            await until(lambda: len(pressed) == 3)

    asyncio.run(go())
    assert pressed == ["+", "p", "?"]
    assert termios.tcgetattr(slave) == before


@pytest.mark.parametrize("raised", [KeyError, asyncio.CancelledError])
def test_an_error_leaves_the_terminal_as_it_was(terminal, raised):
    """And a third Ctrl-C, which cancels the command."""
    _, slave = terminal
    before = termios.tcgetattr(slave)

    async def go():
        with Keyboard(slave, print):
            raise raised

    with pytest.raises(raised):
        asyncio.run(go())
    assert termios.tcgetattr(slave) == before


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGQUIT])
def test_a_command_that_is_stopped_leaves_the_terminal_first(terminal, monkeypatch, number):
    """By Ctrl-Z or Ctrl-backslash; when it goes on there are keys again."""
    _, slave = terminal
    before = termios.tcgetattr(slave)
    seen = []

    def stop(raised):
        seen.append((raised, signal.getsignal(raised), termios.tcgetattr(slave) == before))

    async def go():
        with Keyboard(slave, print, lambda: seen.append("left")):
            monkeypatch.setattr(signal, "raise_signal", stop)
            os.kill(os.getpid(), number)
            await until(lambda: len(seen) == 2)
            assert is_raw(slave)

    asyncio.run(go())
    assert seen == ["left", (number, signal.SIG_DFL, True)]
    assert termios.tcgetattr(slave) == before
    assert signal.getsignal(number) is signal.SIG_DFL


def test_in_the_background_the_terminal_is_left_alone(terminal, monkeypatch):
    """It is taken when the command is in the foreground again."""
    _, slave = terminal
    before = termios.tcgetattr(slave)
    monkeypatch.setattr(keyboard, "FRONT_LOOK_S", 0.01)
    monkeypatch.setattr(keyboard, "in_foreground", lambda _: False)

    async def go():
        with Keyboard(slave, print):
            assert termios.tcgetattr(slave) == before
            monkeypatch.setattr(keyboard, "in_foreground", lambda _: True)
            await until(lambda: is_raw(slave))

    asyncio.run(go())
    assert termios.tcgetattr(slave) == before


def test_only_a_terminal_in_front_has_keys(monkeypatch, terminal):
    """Not a pipe, nor a terminal that is not looked at."""
    _, slave = terminal
    with open(slave, "w", closefd=False) as shown, open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", nothing)
        assert answering(shown) is None
        with open(slave, closefd=False) as typed:
            monkeypatch.setattr(sys, "stdin", typed)
            assert answering(nothing) is None
            assert answering(shown) == slave
    assert run_keys.run_keys_for(None) is None


# A run that is followed


class Notes:
    """A display that keeps what it is told."""

    def __init__(self):
        self.notices = []

    def update(self, news):
        pass

    def change(self, change):
        pass

    def notice(self, text):
        self.notices.append(text)

    def draw(self):
        pass

    def pause(self):
        self.notices.append("(paused)")


@pytest.fixture
def following(client, run, terminal, monkeypatch):
    """`following(does)`: a run that only a stop ends is followed, while a person does something."""
    monkeypatch.setattr(run_keys, "APART_S", 0.01)
    run = replace(run, plan=Plan(scenarios=(staged(),)))
    client.updates = [run, replace(run, state=RunState.STOPPED)]
    client.orders = []
    master, slave = terminal

    async def set_load(run_id, order, request_id=""):
        assert (run_id, request_id) == (run.run_id, "")
        client.orders.append(order)
        if error := client.fails.get("set_load"):
            raise error
        return [changed(10 + len(client.orders), order.kind, order.value)]

    client.set_load = set_load

    async def go(does, plan, prompt):
        display = Notes()
        with Interrupts() as interrupts:
            follows = asyncio.create_task(
                follow(
                    *(client, replace(run, plan=plan or run.plan), interrupts, display),
                    keys=RunKeys(slave),
                    prompt=prompt,
                    redraw_s=0.01,
                )
            )
            await until(lambda: is_raw(slave))
            await does(lambda text: os.write(master, text), display.notices)
            await asyncio.wait_for(follows, LONGEST_S)
        return display.notices

    def run_it(does, plan=None, prompt=None):
        before = termios.tcgetattr(slave)
        notices = asyncio.run(go(does, plan, prompt))
        assert termios.tcgetattr(slave) == before
        return notices

    return run_it


def test_the_load_is_changed(following, client):
    """What the log says of it is shown; s and then y stops."""

    async def does(types, notices):
        types(b"+")
        await until(lambda: notices == ["load factor 1.1"])
        types(b"+p")
        await until(lambda: notices[-1] == "load pause 0")
        types(b"p")
        await until(lambda: notices[-1] == "load resume 0")
        types(b"s")
        await until(lambda: notices[-1] == STOP)
        types(b"y")

    following(does)
    assert client.orders == [
        LoadOrder(FACTOR, 1.1),
        LoadOrder(FACTOR, 1.2),
        LoadOrder(PAUSE),
        LoadOrder(RESUME),
    ]
    assert client.asked == [("stop_run", StopMode.GRACEFUL)]


def test_one_stray_key_stops_nothing(following, client):
    """Nor does y alone; another key after s takes it back, and help goes away again."""

    async def does(types, notices):
        types(b"y")
        types(b"s+")
        types(b"y?")
        await until(lambda: notices[-1:] == [HELP])
        types(b"?")
        await until(lambda: notices[-1:] == [""])
        assert client.asked == []
        os.kill(os.getpid(), signal.SIGTERM)

    notices = following(does)
    assert notices == [STOP, "", HELP, "", "stopping: users finish their iteration; again to kill"]
    assert client.orders == []


def test_what_the_broker_refuses_is_shown(following, client):
    """The run goes on."""
    client.fails["set_load"] = errors.Unavailable("the broker is away")

    async def does(types, notices):
        types(b"+")
        await until(lambda: notices == ["the load is not changed: the broker is away"])
        os.kill(os.getpid(), signal.SIGTERM)

    following(does)


def test_a_load_of_cycles_cannot_be_changed(following, client):
    """And says what could."""

    async def does(types, notices):
        types(b"+")
        await until(lambda: notices == [NO_STAGES])
        os.kill(os.getpid(), signal.SIGTERM)

    following(does, Plan(scenarios=(Scenario(test="a.B.test_c"),)))
    assert client.orders == []


def test_a_question_has_the_terminal_as_it_was(following, terminal):
    """It is answered by a line; afterwards there are keys again."""
    _, slave = terminal
    with open(slave, "w", closefd=False) as shown:

        async def does(types, notices):
            os.kill(os.getpid(), signal.SIGINT)
            await until(lambda: not is_raw(slave))
            types(b"c\n")
            await until(lambda: is_raw(slave))
            types(b"?")
            await until(lambda: notices[-1:] == [HELP])
            os.kill(os.getpid(), signal.SIGTERM)

        following(does, prompt=Prompt(slave, shown))
