"""`loadgrpc broker`: own runs, hand them to agents, keep their results."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

import loadgrpc
from loadgrpc.cli import DEFAULT_BROKER, values
from loadgrpc.cli.command import Command

DEFAULT_STORE = "loadgrpc.db"


@click.command(cls=Command)
@click.option(
    "--listen",
    type=values.Address(least_port=0),
    default=DEFAULT_BROKER,
    show_default=True,
    help="Where to listen. Port 0 takes a free one.",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False),
    metavar="PATH",
    default=DEFAULT_STORE,
    show_default=True,
    help="The file that keeps runs and their results; made when it is not there.",
)
@click.option(
    "--insecure",
    is_flag=True,
    help="Listen on an address that other machines can reach, without encryption or credentials.",
)
@click.option("-v", "--verbose", count=True, help="Log to stderr; -vv logs more.")
def command(listen: str, store: str, insecure: bool, verbose: int) -> int:  # noqa: FBT001 - click
    """Own runs, hand them to agents, keep their results.

    Agents and clients connect to the broker; only the broker listens. It prints one line when
    it serves, and ends on Ctrl-C or SIGTERM. Runs are found again when it is started again.

    \b
    On this machine:
      loadgrpc broker
    For a trusted network:
      loadgrpc broker --listen 0.0.0.0:7979 --store /var/lib/loadgrpc/runs.db --insecure

    Whoever can connect can have agents run code: without --insecure the broker listens on
    loopback addresses only.
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    _check_listen(listen, insecure=insecure)
    _check_store(store)
    from loadgrpc.broker.server import BrokerConfig, serve  # noqa: PLC0415 - heavy
    from loadgrpc.cli import log  # noqa: PLC0415
    from loadgrpc.cli.failure import Failure  # noqa: PLC0415
    from loadgrpc.cli.service import live  # noqa: PLC0415

    log.set_up(verbose)

    def ready(address: str) -> None:
        version = loadgrpc.__version__
        print(f"loadgrpc broker {version} listening on {address}, store {store}", flush=True)

    async def serve_until(stop: asyncio.Event) -> None:
        await serve(BrokerConfig(listen=listen, store=store), on_ready=ready, stop=stop)

    try:
        return live(serve_until)
    except OSError as error:
        raise Failure(f"cannot serve on {listen}: {error.strerror or error}") from error


def _check_listen(listen: str, *, insecure: bool) -> None:
    if values.is_loopback(listen):
        return
    if not insecure:
        raise click.UsageError(
            f"--listen: {listen} is not a loopback address; whoever can connect to it can run "
            "code on agents, so it needs --insecure"
        )
    print(
        f"loadgrpc broker: warning: {listen} is open to other machines, without encryption or "
        "credentials",
        file=sys.stderr,
        flush=True,
    )


def _check_store(store: str) -> None:
    if "://" not in store and not Path(store).absolute().parent.is_dir():
        raise click.UsageError(f"--store: there is no folder {str(Path(store).parent)!r}")
