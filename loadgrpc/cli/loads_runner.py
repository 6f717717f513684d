"""`loadgrpc-runner`: what `loads-runner` was, over `loadgrpc run`, `attach`, `status` and `stop`.

Rule: a flag that does something else than start a run is a row of MODES, and calls the command of
ours that does it; everything else is `loadgrpc run`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import click
from click.core import ParameterSource

from loadgrpc import verdict
from loadgrpc.cli import DEFAULT_BROKER, attach, run, status, stop
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.loads import Script, spelled, version

SPELLINGS: Final = {
    "iterations": ("-c", "--cycles"),
    "silence_timeout_s": ("--external-process-timeout",),
}
"""Of Loads, beside those that `loadgrpc run` has, by the name of the parameter."""
OUTPUT: Final = ("json", "json_file", "quiet", "verbose")


def _attach(broker: str, asked: dict[str, Any]) -> Any:
    shown = {name: asked[name] for name in OUTPUT}
    return attach.command.callback(run_id=asked["test"], broker=broker, **shown)  # type: ignore[misc]


def _status(broker: str, asked: dict[str, Any]) -> Any:
    return status.command.callback(broker=broker, as_json=asked["json"])  # type: ignore[misc]


def _stop_all(broker: str, asked: dict[str, Any]) -> Any:
    return stop.command.callback(  # type: ignore[misc]
        run_id=None, broker=broker, kill=False, everything=True, as_json=asked["json"]
    )


Mode = Callable[[str, dict[str, Any]], Any]
MODES: Final[dict[str, tuple[tuple[str, ...], str, Mode]]] = {
    "attach": (
        ("--attach",),
        "Watch an active run to its end: the one named instead of TEST, or the only one.",
        _attach,
    ),
    "ping_broker": (
        ("--ping-broker",),
        "Show the broker, its agents, and the active runs.",
        _status,
    ),
    "purge_broker": (
        ("--purge-broker",),
        "Stop all active runs. It deletes nothing.",
        _stop_all,
    ),
}
"""Flags that make another command of this one: how they are spelled, what it does, and how."""


def _params() -> list[click.Parameter]:
    params = spelled(run.command.params, SPELLINGS)
    at = next(n for n, param in enumerate(params) if isinstance(param, click.Option))
    modes = [
        click.Option([*flags, name], is_flag=True, help=sentence)
        for name, (flags, sentence, _) in MODES.items()
    ]
    batched = click.Option(
        ["--batched"],
        is_flag=True,
        help="As always: results are sent in batches. A line on stderr says so.",
    )
    return [*params[:at], *modes, *params[at:], batched]


@version
@click.command(
    "loadgrpc-runner",
    cls=Script,
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
    modes = [name for name in MODES if asked.pop(name)]
    if len(modes) > 1:
        first, second = (MODES[name][0][0] for name in modes[:2])
        raise Failure(f"{first} cannot be combined with {second}")
    if modes:
        mode: Mode = MODES[modes[0]][2]
        return int(mode(asked["broker"] or DEFAULT_BROKER, asked))
    ctx = click.get_current_context()
    if not asked["test"] and not asked["plan_file"] and not _typed(ctx):
        click.echo(ctx.get_help())
        return verdict.PASSED
    if batched:
        print("loadgrpc-runner: --batched: results are always sent in batches", file=sys.stderr)
    return int(run.command.callback(**asked))  # type: ignore[misc]


def _typed(ctx: click.Context) -> bool:
    """Whether there is anything on the command line."""
    sources = (ctx.get_parameter_source(str(param.name)) for param in ctx.command.params)
    return ParameterSource.COMMANDLINE in sources
