"""`loadgrpc-broker`: what `loads-broker` was, over `loadgrpc broker`."""

from __future__ import annotations

from typing import Any

import click

from loadgrpc import verdict
from loadgrpc.cli import broker
from loadgrpc.cli.loads import LoadsScript, spelled, version

CHECK = click.Option(
    ["--check"],
    is_flag=True,
    help="Say whether a broker answers at --listen, and which process it is, and start none.",
)


@version
@click.command(
    "loadgrpc-broker",
    cls=LoadsScript,
    params=[
        *spelled(broker.command.params, {"verbose": ("--debug",), "log_file": ("--logfile",)}),
        CHECK,
    ],
)
def command(*, check: bool, **asked: Any) -> int:
    """Own runs, assign them to agents, store their results: `loadgrpc broker`.

    One address serves agents, clients and runners. It prints one line when it is ready, and ends
    on Ctrl-C or SIGTERM.

    \b
    On this machine; and is it there?
      loadgrpc-broker
      loadgrpc-broker --check
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if not check:
        return int(broker.command.callback(**asked))  # type: ignore[misc]
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    info = ask(asked["listen"], lambda client: client.get_broker())
    line.say(f"a broker answers at {asked['listen']}: process {info.pid} on {info.hostname}")
    return verdict.PASSED
