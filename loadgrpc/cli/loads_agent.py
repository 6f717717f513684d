"""`loadgrpc-agent`: what `loads-agent` was, over `loadgrpc agent`."""

from __future__ import annotations

from typing import Any

import click

from loadgrpc.cli import agent
from loadgrpc.cli.loads import LoadsScript, spelled, version


@version
@click.command(
    "loadgrpc-agent",
    cls=LoadsScript,
    params=spelled(agent.command.params, {"verbose": ("--debug",), "log_file": ("--logfile",)}),
)
def command(**asked: Any) -> int:
    """Start runners for a broker and relay what they report: `loadgrpc agent`.

    It dials the broker, needs no open port itself, and reconnects when the connection is lost.

    \b
    For a broker on this machine, and for one elsewhere:
      loadgrpc-agent
      loadgrpc-agent --broker HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    return int(agent.command.callback(**asked))  # type: ignore[misc]
