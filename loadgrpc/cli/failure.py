"""What ends a command early: one line for people, an exit code for scripts.

Rule: an error of the house becomes a Failure by the table below, total by test; a run that
could be judged is judged by `verdict.py`, not here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from loadgrpc import errors, verdict
from loadgrpc.cli import DEFAULT_BROKER
from loadgrpc.cli.values import is_loopback

EXIT_CODES: Final[dict[type[errors.LoadgrpcError], int]] = {
    errors.InvalidRequest: verdict.USAGE,
    errors.NotFound: verdict.USAGE,
    errors.AlreadyExists: verdict.USAGE,
    errors.TooFewAgents: verdict.UNREACHABLE,
    errors.NoRoom: verdict.UNREACHABLE,
    errors.RunNotOver: verdict.USAGE,
    errors.EventsGone: verdict.USAGE,
    errors.NoTls: verdict.USAGE,
    errors.Superseded: verdict.UNREACHABLE,
    errors.NotAllowed: verdict.UNREACHABLE,
    errors.Forbidden: verdict.UNREACHABLE,
    errors.OtherVersion: verdict.UNREACHABLE,
    errors.Unavailable: verdict.UNREACHABLE,
    errors.StoreUnavailable: verdict.UNREACHABLE,
    errors.OverLimit: verdict.UNREACHABLE,
    errors.TestNotLoaded: verdict.NOT_LOADED,
    errors.RunFailed: verdict.UNREACHABLE,
    errors.LoadgrpcError: verdict.UNREACHABLE,
}
"""Each error, and what a command exits with. The last row is what a broker says in trouble
of its own: it could not be asked."""


class Failure(click.ClickException):
    """The end of a command: a line for people and the exit code."""

    def __init__(self, message: str, exit_code: int = verdict.USAGE) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = exit_code  # type: ignore[misc]  # a class variable by annotation only
        self.ctx = click.get_current_context(silent=True)


def failure_of(error: errors.LoadgrpcError, broker: str = "") -> Failure:
    """The failure that an error is; one without contact names the broker's address."""
    exit_code = next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
    message = str(error)
    if isinstance(error, errors.StoreUnavailable | errors.OverLimit) and broker:
        message = f"the broker at {broker} is there, but {message}"
    elif isinstance(error, errors.Unavailable) and broker and broker not in message:
        message = f"cannot reach the broker at {broker}: {message}"
    if isinstance(error, errors.NotFound) and message.startswith("no run ") and broker:
        message += f" at {broker}; a run without -b and -a is not stored, see --json-file"
    if message == f"no broker answers at {broker}":
        message += f"; {_start_one(broker)}"
    return Failure(message, exit_code)


def _start_one(broker: str) -> str:
    """How to have a broker at an address."""
    if broker == DEFAULT_BROKER:
        return "start one with `loadgrpc broker`"
    if is_loopback(broker):
        return f"start one with `loadgrpc broker --listen {broker}`"
    return f"start one there with `loadgrpc broker --listen {broker}`"


def need_folder() -> None:
    """See that the folder that the command was started in is there.

    Raises:
        Failure: it was deleted.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise Failure("the current folder does not exist any more: change to another") from error


def lost_broker(error: errors.LoadgrpcError, broker: str, run_id: str) -> Failure:
    """The failure of a command that lost its broker in the middle of a run, which may go on."""
    return Failure(
        f"lost the broker at {broker} during run {run_id}: {error}; the run may go on: "
        f"loadgrpc attach {run_id} -b {broker}",
        verdict.UNREACHABLE,
    )
