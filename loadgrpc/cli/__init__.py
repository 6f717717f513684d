"""The command line: `loadgrpc COMMAND ...`, one command per file; and the scripts of Loads.

Rule: a command parses, asks the client (or starts a broker or an agent), prints, and
returns its exit code; what it prints is made by functions of `report` and `display` that
know nothing of terminals. Commands are imported when they are called, and they import what
is heavy when they need it: starting up is most of what a small run costs.

What ends a command early is a `Failure`; `failure.py` has the table from errors to exit
codes, `verdict.py` the one for runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module

DEFAULT_BROKER = "127.0.0.1:7979"
"""Where a broker listens, and where clients and agents look for it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line (default: that of the process); the exit code."""
    return _main("loadgrpc", "root", argv)


def main_runner(argv: Sequence[str] | None = None) -> int:
    """The same for `loadgrpc-runner`."""
    return _main("loadgrpc-runner", "loads_runner", argv)


def main_broker(argv: Sequence[str] | None = None) -> int:
    """The same for `loadgrpc-broker`."""
    return _main("loadgrpc-broker", "loads_broker", argv)


def main_agent(argv: Sequence[str] | None = None) -> int:
    """The same for `loadgrpc-agent`."""
    return _main("loadgrpc-agent", "loads_agent", argv)


def _main(name: str, module: str, argv: Sequence[str] | None) -> int:
    # gRPC prints its own view of what we report in one line; set the variable to see it.
    if "GRPC_VERBOSITY" not in os.environ:
        os.environ["GRPC_VERBOSITY"] = "NONE"
        os.environ["LOADGRPC_QUIET_GRPC"] = "1"  # and runners do not inherit that
    from loadgrpc.cli import streams  # noqa: PLC0415 - importing the package stays cheap
    from loadgrpc.cli.command import call  # noqa: PLC0415

    streams.set_up()
    command = import_module(f"loadgrpc.cli.{module}").command
    return streams.exit_code(call(command, argv, prog_name=name))
