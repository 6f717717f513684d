"""What Ctrl-C asks at a terminal, and what the answers do."""

import asyncio
import io
import json
import os
import signal
import sys
from dataclasses import replace

import pytest

from loadgrpc.cli.follow import Detached, follow
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.cli.prompt import Prompt, prompt_for
from loadgrpc.model import RunState, StopMode

from .conftest import LONGEST_S, until

QUESTION = "run r-f3a9f3a9f3 goes on: (s)top it, (d)etach from it, or (c)ontinue to watch? "
GRACEFUL, KILL = ("stop_run", StopMode.GRACEFUL), ("stop_run", StopMode.KILL)


class Notes:
    """A display that keeps in which order it is called."""

    def __init__(self):
        self.calls, self.notices = [], []

    def update(self, news):
        pass

    def change(self, change):
        pass

    def notice(self, text):
        self.notices.append(text)

    def draw(self):
        self.calls.append("draw")

    def pause(self):
        self.calls.append("pause")

    def close(self):
        pass


class Person:
    """Somebody at a terminal, who looks at what happens before doing something."""

    def __init__(self, keys):
        self._keys = keys
        self.shown, self.display = io.StringIO(), Notes()

    async def is_asked(self, times=1):
        """Wait for a question."""
        await until(lambda: self.shown.getvalue().count(QUESTION) == times)

    async def sees_figures(self):
        """Wait until the display is drawn again."""
        drawn = len(self.display.calls)
        await until(lambda: "draw" in self.display.calls[drawn:])

    def types(self, text):
        """Press keys."""
        os.write(self._keys, text)

    def presses_ctrl_c(self):
        """Ctrl-C."""
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def following(client, run, terminal):
    """`following(does)`: a run that only a stop ends is followed; a person does something."""
    client.updates = [run, replace(run, state=RunState.STOPPED)]
    master, slave = terminal

    async def go(does, person):
        with Interrupts() as interrupts:
            follows = asyncio.create_task(
                follow(
                    *(client, run, interrupts, person.display),
                    prompt=Prompt(slave, person.shown),
                    redraw_s=0.01,
                )
            )
            await person.sees_figures()
            await asyncio.wait_for(does(person), LONGEST_S)
            return await asyncio.wait_for(follows, LONGEST_S)

    def run_it(does):
        person = Person(master)
        return asyncio.run(go(does, person)), person

    return run_it


def test_s_stops(following, client):
    """Gracefully, as the first Ctrl-C does where nobody is asked."""

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        person.types(b"s\n")

    final, person = following(does)

    assert final.state is RunState.STOPPED
    assert client.asked == [GRACEFUL]
    assert person.shown.getvalue() == QUESTION
    assert person.display.notices == ["stopping: users finish their iteration; again to kill"]


def test_d_leaves_the_run_alone(following, client):
    """Any word that begins so does; the broker is asked for nothing."""

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        person.types(b"  Detach it\n")

    with pytest.raises(Detached):
        following(does)
    assert client.asked == []


def test_c_goes_on_and_the_next_ctrl_c_asks_again(following, client):
    """Nothing is drawn while the question stands; afterwards it is."""

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        await asyncio.sleep(0.05)  # five times as long as it takes to draw
        assert person.display.calls[-1] == "pause"
        person.types(b"c\n")
        await person.sees_figures()
        person.presses_ctrl_c()
        await person.is_asked(2)
        person.types(b"d\n")

    with pytest.raises(Detached):
        following(does)
    assert client.asked == []


def test_what_is_no_answer_is_asked_again(following, client):
    """An empty line, and other letters."""

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        person.types(b"\n")
        await person.is_asked(2)
        person.types(b"yes\n")
        await person.is_asked(3)
        person.types(b"s\n")

    following(does)
    assert client.asked == [GRACEFUL]


def test_what_was_typed_before_is_no_answer(following, client):
    """A stray key must not end a run of eight hours."""

    async def does(person):
        person.types(b"s\n")
        person.presses_ctrl_c()
        await person.is_asked()
        person.types(b"d\n")

    with pytest.raises(Detached):
        following(does)
    assert client.asked == []


def test_a_second_ctrl_c_stops_and_a_third_kills(following, client):
    """Whoever presses it again does not want to read."""
    client.ignores = {StopMode.GRACEFUL}

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        person.presses_ctrl_c()
        await until(lambda: client.asked == [GRACEFUL])
        person.presses_ctrl_c()

    final, person = following(does)

    assert final.state is RunState.STOPPED
    assert client.asked == [GRACEFUL, KILL]
    assert person.shown.getvalue() == QUESTION + "\n"


def test_after_stop_was_answered_ctrl_c_kills(following, client):
    """The answer counts as the first signal."""
    client.ignores = {StopMode.GRACEFUL}

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        person.types(b"s\n")
        await until(lambda: client.asked == [GRACEFUL])
        person.presses_ctrl_c()

    following(does)
    assert client.asked == [GRACEFUL, KILL]


def test_the_end_of_input_goes_on(following, client):
    """Ctrl-D is no reason to stop anything."""

    async def does(person):
        person.presses_ctrl_c()
        await person.is_asked()
        person.types(b"\x04")
        await person.sees_figures()
        os.kill(os.getpid(), signal.SIGTERM)

    following(does)
    assert client.asked == [GRACEFUL]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_ask_nobody(following, client, number):
    """They come from a machine, or a terminal that is gone: the run is stopped at once."""

    async def does(_):
        os.kill(os.getpid(), number)

    _, person = following(does)
    assert client.asked == [GRACEFUL]
    assert person.shown.getvalue() == ""


def test_only_a_terminal_is_asked(monkeypatch, terminal):
    """Not a pipe, not a file, and not a terminal that belongs to another command."""
    with open(terminal[1], "w", closefd=False) as shown:
        monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: PTH123, SIM115
        assert prompt_for(shown) is None
        sys.stdin.close()
        monkeypatch.setattr(sys, "stdin", open(terminal[1], closefd=False))  # noqa: SIM115
        assert prompt_for(io.StringIO()) is None
        assert prompt_for(shown) is None  # it is not that of this session
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        assert isinstance(prompt_for(shown), Prompt)
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        assert prompt_for(shown) is None
        sys.stdin.close()


def test_run_says_where_the_run_is_found(invoke, client, tmp_path, monkeypatch):
    """Whoever detached reads how to come back, and 3: the result is not known."""
    from loadgrpc.cli import follow as following

    async def leave(*_, **__):
        raise Detached

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(following, "follow", leave)
    code, out, err = invoke("run", "a.B.test_c", "-b", "h:1", "--json-file", "s.json")
    assert (code, err) == (3, "")
    assert out == (
        "loadgrpc attach r-f3a9f3a9f3 -b h:1 watches it again\n"
        "loadgrpc stop r-f3a9f3a9f3 -b h:1 stops it\n"
        "loadgrpc show r-f3a9f3a9f3 -b h:1 --output NAME writes its outputs when it is over\n"
        "exit 3: detached: run r-f3a9f3a9f3 goes on\n"
    )
    assert json.loads((tmp_path / "s.json").read_text())["verdict"]["exitCode"] == 3
