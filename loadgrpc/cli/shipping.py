"""What `loadgrpc run` sends to agents with a plan: the files of the test, as a bundle.

Rule: on agents a test finds what it would find here: its own module and what that imports from
the current folder, without being asked for, and what --include-file names. A run on this machine
needs none of that, unless it is asked for: then it is the same as on an agent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from loadgrpc.cli import credential_options, line
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.bundle.pack import Bundle
    from loadgrpc.model import Plan, Scenario

F = TypeVar("F", bound=Callable[..., Any])

SECTION: Final = ("include_files", "no_ship", credential_options.SIGN)
UNSAID_S: Final = 1.0
"""An upload that takes no longer is not mentioned."""
SAID_EVERY_S: Final = 5.0
"""How often a longer one is."""


def options(command: F) -> F:
    """Gives a command the options for what is sent with a test."""
    for option in (
        click.option(
            "--sign",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="KEYFILE",
            expose_value=False,
            callback=credential_options.kept,
            help="Sign what agents are to run with this key, of `loadgrpc certs signer`: for agents"
            " that run nothing else (--require-signed).",
        ),
        click.option(
            "--no-ship",
            is_flag=True,
            help="Do not send the test's own module, and what it imports from the current"
            " directory: agents have it.",
        ),
        click.option(
            "--include-file",
            "include_files",
            metavar="PATH|PATTERN",
            multiple=True,
            help="Send this file to the agents, too, or all of a folder, or what a pattern such as"
            " 'data/*.csv' matches. May be given several times.",
        ),
    ):
        command = option(command)
    return command


def packed(plan: Plan, include_files: Sequence[str], *, ships: bool) -> tuple[Plan, Bundle | None]:
    """The plan as it is to be run, and the bundle that it needs; None: none.

    `ships`: with the tests' own modules.

    Raises:
        Failure: a file is not there, or cannot be sent.
    """
    from loadgrpc.bundle.pack import pack  # noqa: PLC0415 - protobuf is heavy
    from loadgrpc.bundle.selection import Selection  # noqa: PLC0415
    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415

    selection = Selection(Path.cwd())
    try:
        for pattern in include_files:
            selection.add_included(pattern)
        requirements = selection.add_requirements(plan.python_deps)

        def shipped(scenario: Scenario) -> Scenario:
            if not ships or scenario.test_runner or scenario.by_hand:
                return scenario
            if not scenario.tests:
                return replace(scenario, test=selection.add_test(scenario.test, named_data))
            tests = (
                replace(each, test=selection.add_test(each.test, named_data))
                for each in scenario.tests
            )
            return replace(scenario, tests=tuple(tests))

        scenarios = tuple(map(shipped, plan.scenarios))
        bundle = pack(selection.files) if selection.files else None
    except InvalidRequest as error:
        raise Failure(str(error)) from error
    sha256 = bundle.sha256 if bundle else plan.bundle
    sent = replace(plan, scenarios=scenarios, python_deps=requirements, bundle=sha256)
    if (key := credential_options.signing_key()) is not None:
        sent = _signed(sent, key)
    return sent, bundle


def _signed(plan: Plan, key: Path) -> Plan:
    """A plan with signatures of what agents run for it.

    Raises:
        Failure: the key cannot be used, or the test is not in what would be signed.
    """
    from loadgrpc.bundle.signed import signed  # noqa: PLC0415 - only here
    from loadgrpc.certs.signing import SigningKey  # noqa: PLC0415

    for scenario in plan.scenarios:
        if not (plan.bundle or scenario.test_runner or scenario.by_hand):
            raise Failure(
                f"--sign: the files of {scenario.label} are not here, so that nobody can vouch for"
                " them: run this where they are, without --no-ship"
            )
    with credential_options.usable():
        return signed(plan, SigningKey.of_file(key))


def named_data(source: str) -> Iterator[str]:
    """The files of rows that a test names in its source."""
    from loadgrpc.runner.data import named  # noqa: PLC0415 - only here

    for use in named.uses(source):
        name = use.args[0] if use.args else use.kwargs.get("file")
        if isinstance(name, str):
            yield name


class UploadProgress:
    """Says how far an upload is, once that takes a while."""

    def __init__(self, size: int, stream: TextIO | None) -> None:
        """`stream` None: nobody wants to know."""
        self._size = size
        self._stream = stream
        self._due_s = time.monotonic() + UNSAID_S

    def __call__(self, sent: int) -> None:
        """This many bytes are there."""
        if self._stream is None or sent >= self._size or time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + SAID_EVERY_S
        text = f"sending the test's files: {sent / 1e6:.1f} of {self._size / 1e6:.1f} MB"
        line.say(text, self._stream)
