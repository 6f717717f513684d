"""docs/coming-from-loads.md is true: each flag of Loads has a row, and does what the row says.

The second cell of a row begins with what a reader wants to know first: `the same` (the script of
that name takes the flag), or `not needed` or `not yet` (it is refused, with a hint).
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from loadgrpc import cli
from loadgrpc.cli import configuration, loads_agent, loads_broker, loads_runner
from loadgrpc.cli.root import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/coming-from-loads.md").read_text()

RUNNER = """
    --config -u --users --hits -d --duration --test-dir --python-dep --include-file --ssh --version
    --test-runner --server-url --observer --no-patching --project-name -a --agents --zmq-receiver
    --zmq-publisher --ping-broker --check-cluster --purge-broker -b --broker --user-id --batched
    --quiet --output --attach --detach --no-dns-resolve --external-process-timeout
    --output-file-filename --output-funkload-filename
    --observer-irc-server --observer-irc-channel --observer-irc-port --observer-irc-ssl
    --observer-irc-nickname --observer-email-sender --observer-email-recipient
    --observer-email-host --observer-email-port --observer-email-user --observer-email-password
    --observer-email-subject
"""
BROKER = """
    --frontend --backend --heartbeat --register --receiver --publisher --io-threads --debug --check
    --logfile --db --web-root --db-python-directory --db-python-sync-delay --db-python-max-size
    --db-redis-host --db-redis-port
"""
AGENT = "--broker --debug --logfile --params --timeout --max-age --max-age-delta"
SCRIPTS = {
    "runner": (RUNNER, loads_runner.command),
    "broker": (BROKER, loads_broker.command),
    "agent": (AGENT, loads_agent.command),
}
"""The flags of each script of Loads, all of them, and our script."""


def rows(heading: str) -> list[tuple[list[str], str]]:
    """The rows of the table beneath a heading: what is named in the first cell, and the second."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)
    return [(re.findall(r"`([^`]+)`", first), second) for first, second in found[1:]]


FLAGS = [
    (script, flag, here)
    for script in SCRIPTS
    for named, here in rows(f"loadgrpc-{script}")
    for flag in named
]
"""Every flag of the page, with what it says of it."""


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_flag_of_loads_has_a_row(script):
    """And only one."""
    told = [flag for name, flag, _ in FLAGS if name == script and flag.startswith("-")]

    assert sorted(told) == sorted(SCRIPTS[script][0].split())


@pytest.mark.parametrize(("script", "flag", "here"), FLAGS)
def test_the_flag(script, flag, here, capsys):
    """What the row says of the flag is what somebody gets who types it."""
    command = SCRIPTS[script][1]
    known = {name for param in command.params for name in param.opts}
    if flag == "fqn":
        assert here.startswith("the same")
        assert any(isinstance(param, click.Argument) for param in command.params)
    elif here.startswith("the same"):
        assert flag in known
    else:
        assert here.startswith(("not needed", "not yet")), here
        assert flag not in known
        test = ["example.T.test_x"] * (script == "runner")
        assert getattr(cli, f"main_{script}")([*test, flag, "x"]) == 2
        err = capsys.readouterr().err
        assert re.match(rf"loadgrpc-{script}: error: no such option: {flag}(: | \(did you)", err)


def test_the_commands_it_names_are_there():
    """Each command of ours on the page, with each of its options."""
    for text in re.findall(r"`loadgrpc ([a-z][^`]*)`", PAGE):
        name, *rest = text.split()
        params = importlib.import_module(COMMANDS[name]).command.params
        options = {option for param in params for option in param.opts}
        assert {word for word in rest if word.startswith("-")} <= options, text


def test_options_it_names_in_passing_are_there():
    """What a second cell spells like an option of the script is one."""
    for script in SCRIPTS:
        known = {name for param in SCRIPTS[script][1].params for name in param.opts}
        for _, here in rows(f"loadgrpc-{script}"):
            own = re.sub(r"`(loadgrpc|ssh) [^`]*`", "", here)
            named = re.findall(r"`(--?[a-z][a-z-]*)[`= ]", own)
            assert set(named) - known == set(), here


def test_the_words_of_loadgrpc_for_flags_are_those_of_the_errors():
    """The first table says what `loadgrpc run` answers to whoever types the flag there."""
    from loadgrpc.cli import elsewhere

    first = PAGE.split("\n## ", 1)[0]
    found = re.findall(r"^\| `(--.+)` \| `(loadgrpc .+)` \|$", first, re.MULTILINE)

    assert found
    for flags, ours in found:
        for flag in flags.split("`, `"):
            assert ours in elsewhere.OPTIONS[flag], flag


def test_keys_of_the_file():
    """`fqn` and `test` are the same key; every long flag that a script takes is one."""
    keys = {
        key
        for param in loads_runner.command.params
        if param.expose_value
        for key in configuration.keys(param)
    }
    taken = {
        flag.removeprefix("--").replace("-", "_")
        for script, flag, here in FLAGS
        if script == "runner" and flag.startswith("--") and here.startswith("the same")
    }

    assert configuration.OTHER_KEYS == {"fqn": "test"}
    assert taken - {"config", "version"} <= keys
