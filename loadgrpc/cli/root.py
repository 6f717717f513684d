"""`loadgrpc` itself: the list of commands, --version and --help."""

from __future__ import annotations

from typing import Final

import click

import loadgrpc
from loadgrpc.cli.command import LazyGroup

COMMANDS: Final = {
    name: f"loadgrpc.cli.{name.replace('-', '_')}"
    for name in (
        *("run", "attach", "load", "limit", "note", "stop"),
        *("broker", "agent", "web", "status", "check-agents", "drain"),
        *("runs", "show", "report", "check", "compare", "events", "delete", "purge"),
        *("schedule", "campaign"),
        *("certs", "tokens", "audit"),
        *("design", "examples", "protos", "assignment", "conformance", "config"),
    )
} | {"report": "loadgrpc.cli.frozen_report"}
"""Each command and the module it is in, in the order people meet them."""
ALIASES: Final = {("agent", "drain"): "drain"}
"""Two words that are a command."""


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    aliases=ALIASES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(loadgrpc.__version__, prog_name="loadgrpc", message="%(prog)s %(version)s")
def root() -> None:
    """Load testing with ordinary Python functional tests.

    \b
    On this machine, nothing to set up:
      loadgrpc run example.TestWebSite.test_es -u 10:20:30 -i 20
    On many machines:
      loadgrpc broker                    once
      loadgrpc agent -b HOST:7979        on each machine
      loadgrpc run TEST -u 100 -d 5m -b HOST:7979 -a 5

    `loadgrpc COMMAND --help` explains a command.
    """  # noqa: D301 - \b is click's mark for "do not wrap"


command: Final = root
"""Of the script `loadgrpc`."""
