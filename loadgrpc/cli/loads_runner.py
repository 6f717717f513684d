"""`loadgrpc-runner`: what `loads-runner` was, over `loadgrpc run`, `attach`, `status` and others.

Rule: a flag that does something else than start a run is a row of MODES, and calls the command of
ours that does it, with whatever both have in common; everything else is `loadgrpc run`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, Final

import click
from click.core import ParameterSource

from loadgrpc import verdict
from loadgrpc.cli import DEFAULT_BROKER, attach, check_agents, run, status, stop
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.loads import LoadsScript, spelled, version

SPELLINGS: Final = {
    "iterations": ("-c", "--cycles"),
    "silence_timeout_s": ("--external-process-timeout",),
}
"""Of Loads, beside those that `loadgrpc run` has, by the name of the parameter."""
SAME: Final = {"as_json": "json", "run_id": "test"}
"""Parameters of other commands, and what `loadgrpc run` calls them."""


@dataclass(frozen=True)
class OtherCommand:
    """A flag that makes another command of this one."""

    flags: tuple[str, ...]
    help: str
    command: click.Command
    given: dict[str, Any] = field(default_factory=dict)
    """Parameters of the command that the flag stands for."""

    def call(self, asked: dict[str, Any]) -> int:
        """Carries out the command, with what was asked for; the exit code."""
        own = click.Context(self.command)
        known: dict[str, Any] = {}
        for param in self.command.params:
            name = str(param.name)
            if param.expose_value:
                default = param.process_value(own, param.get_default(own))
                known[name] = asked.get(SAME.get(name, name), default)
        assert self.command.callback is not None  # noqa: S101 - none of ours is a group
        return int(self.command.callback(**{**known, **self.given}))


MODES: Final = {
    "attach": OtherCommand(
        ("--attach",),
        "Watch an active run to its end: the one named instead of TEST, or the only one.",
        attach.command,
    ),
    "ping_broker": OtherCommand(
        ("--ping-broker",),
        "Show the broker, its agents, and the active runs.",
        status.command,
    ),
    "check_cluster": OtherCommand(
        ("--check-cluster", "--health-check"),
        "Run an empty test on every idle agent, and show which of them answered.",
        check_agents.command,
    ),
    "purge_broker": OtherCommand(
        ("--purge-broker",),
        "Stop all active runs. It deletes nothing.",
        stop.command,
        {"run_id": None, "everything": True},
    ),
}
"""By the name of the parameter."""


def _params() -> list[click.Parameter]:
    params = spelled(run.command.params, SPELLINGS)
    modes = [
        click.Option([*mode.flags, name], is_flag=True, help=mode.help)
        for name, mode in MODES.items()
    ]
    batched = click.Option(
        ["--batched"],
        is_flag=True,
        help="As always: results are sent in batches. A line on stderr says so.",
    )
    return [*params, *modes, batched]


@version
@click.command(
    "loadgrpc-runner",
    cls=LoadsScript,
    sections={"Instead of a run": tuple(MODES), **run.SECTIONS},
    params=_params(),
)
def command(*, batched: bool, **asked: Any) -> int:
    """Run a load test, as loads-runner did: `loadgrpc run` with the flags of Loads.

    TEST is package.module.Class.method, found from the current directory, or
    file.py::Class.method. Without -a and -b it runs on this machine.

    \b
    One user, once:
      loadgrpc-runner example.TestWebSite.test_es
    10, then 20, then 30 users, 20 iterations each, on each of five agents:
      loadgrpc-runner example.TestWebSite.test_es -u 10:20:30 -c 20 --agents 5
    What a file says:
      loadgrpc-runner --config config.ini
    Is the cluster there?
      loadgrpc-runner --ping-broker
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    modes = [mode for name, mode in MODES.items() if asked.pop(name)]
    if len(modes) > 1:
        first, second, *_ = (mode.flags[0] for mode in modes)
        raise Failure(f"{first} cannot be combined with {second}")
    if modes:
        return modes[0].call({**asked, "broker": asked["broker"] or DEFAULT_BROKER})
    ctx = click.get_current_context()
    if not asked["test"] and not asked["plan_file"] and not _typed(ctx):
        click.echo(ctx.get_help())
        return verdict.PASSED
    if batched:
        print("loadgrpc-runner: --batched: results are always sent in batches", file=sys.stderr)
    assert run.command.callback is not None  # noqa: S101 - it is no group
    return int(run.command.callback(**asked))


def _typed(ctx: click.Context) -> bool:
    """Whether there is anything on the command line."""
    sources = (ctx.get_parameter_source(str(param.name)) for param in ctx.command.params)
    return ParameterSource.COMMANDLINE in sources
