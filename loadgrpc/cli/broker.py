"""`loadgrpc broker`: own runs, assign them to agents, store their results."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import loadgrpc
from loadgrpc.cli import (
    DEFAULT_BROKER,
    credential_options,
    log,
    observer_options,
    options,
    values,
    web_page,
)
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure, need_folder
from loadgrpc.errors import Unavailable
from loadgrpc.model import LIMITS
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.protocol import kinds
from loadgrpc.store import Retention, StoreError, parse_target

if TYPE_CHECKING:
    from loadgrpc.certs import TlsFiles

DEFAULT_STORE = "loadgrpc.db"
MAX_KEPT_RUNS = 1_000_000
LEAST_LEASE_S = 5.0
MAX_LEASE_S = 86_400.0


SECTIONS: Final = {
    "Page": web_page.SECTION,
    "Observers": (*observer_options.SECTION, "allowed"),
}


@click.command(cls=Command, sections=SECTIONS, configured=True)
@click.option(
    "--listen",
    type=values.Address(least_port=0),
    default=DEFAULT_BROKER,
    show_default=True,
    help="Where to listen. Port 0 takes a free one.",
)
@click.option(
    "--store",
    metavar="PATH|URL",
    default=DEFAULT_STORE,
    show_default=True,
    help="Where runs and results are stored: a file, created if it does not exist, or a database "
    "in PostgreSQL, such as postgresql://USER@HOST/DATABASE.",
)
@click.option(
    "--keep-runs",
    type=values.Count(0, MAX_KEPT_RUNS),
    help="Keep the hits of the N newest runs that are over. Results of all runs stay.  "
    "[default: all]",
)
@click.option(
    "--keep-hits",
    type=values.Size(),
    help="Keep at most this many bytes of hits, such as 500MB or 20GB; the oldest are deleted "
    "first. Results of all runs stay.  [default: all]",
)
@click.option(
    "--lease",
    "lease_s",
    type=values.Seconds(MAX_LEASE_S),
    default="60s",
    show_default=True,
    help="How long an agent may be away before its part in a run is lost. It stops its load by "
    "then. At least 5s.",
)
@click.option(
    "--insecure",
    is_flag=True,
    callback=credential_options.kept,
    help="Listen without encryption or credentials, also on an address that other machines can"
    " reach.",
)
@credential_options.of_brokers
@click.option(
    "--listen-tokens",
    type=values.Address(least_port=0),
    help="With certificates: listen here, too, for those who have a token and no certificate,"
    " such as grpcurl.",
)
@click.option(
    "--open-reflection",
    is_flag=True,
    help="With certificates: let everybody who connects ask for its health and its methods.",
)
@click.option(
    "--limit",
    "limits",
    type=values.LimitValue(),
    multiple=True,
    help="How much each caller, source or connection may take, such as requests=500/s: "
    f"{', '.join(LIMITS)}. docs/limits.md has the defaults. May be given several times.",
)
@click.option(
    "--allow-version-skew",
    is_flag=True,
    help="Accept agents of another minor version, such as 0.2 with a broker of 0.3.",
)
@web_page.options(
    click.option(
        "--web",
        type=values.Address(least_port=0),
        help="Serve a page with all runs there, live and afterwards, such as 127.0.0.1:8089.",
    )
)
@observer_options.add(
    "Whom to notify of every run: webhook, irc, email, slack, or another that is installed here."
    " May be given several times."
)
@click.option(
    "--allow-observers",
    "allowed",
    multiple=True,
    type=values.Printable(kinds.MAX_OBSERVER_NAME_CHARS),
    metavar="NAME",
    help="Let plans give this observer settings, which say where the broker connects to; or let"
    " them name this package.module.Class. May be given several times.",
)
@options.logging
@options.config
def command(
    *,
    listen: str,
    store: str,
    keep_runs: int | None,
    keep_hits: int | None,
    lease_s: float,
    insecure: bool,
    listen_tokens: str | None,
    open_reflection: bool,
    limits: tuple[tuple[str, int], ...],
    allow_version_skew: bool,
    allowed: tuple[str, ...],
    log_format: str,
    log_file: Path | None,
    verbose: int,
    **asked: Any,
) -> int:
    """Own runs, assign them to agents, store their results.

    Agents and clients connect to the broker; only the broker listens. It prints one line when it
    is ready, and ends on Ctrl-C or SIGTERM. After a restart it continues its runs.

    \b
    On this machine:
      loadgrpc broker
    For a network:
      loadgrpc certs init
      loadgrpc broker --listen 0.0.0.0:7979 --store /var/lib/loadgrpc/runs.db
    With a page to look at its runs:
      loadgrpc broker --web 127.0.0.1:8089

    Agents run the code that clients send. With certificates everything is encrypted, and the broker
    asks everybody who they are; without, it listens on loopback addresses only, unless --insecure
    says otherwise.
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    need_folder()
    tls = _check_listen(listen, insecure=insecure)
    _need_tls(tls, {"--listen-tokens": listen_tokens, "--open-reflection": open_reflection})
    web_page.check(asked)
    store_name = _store_name(store)
    _check_lease(lease_s)
    from loadgrpc.broker.server import BrokerConfig, serve  # noqa: PLC0415 - heavy
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.service import live  # noqa: PLC0415

    try:
        log.set_up(1 + verbose, log_format, log_file)
    except OSError as error:
        raise Failure(f"--log-file: {error.strerror or error}: {log_file}") from error

    page = web_page.of_broker(asked, tls)
    shown: list[asyncio.Task[None]] = []

    async def serve_until(stop: asyncio.Event) -> None:
        with web_page.way_in(page) as inside:
            await serve_with(inside, stop)

    async def serve_with(inside: str, stop: asyncio.Event) -> None:
        retention = Retention(keep_runs=keep_runs, keep_bytes=keep_hits)
        config = BrokerConfig(
            listen=listen,
            store=store,
            retention=retention,
            lease_s=lease_s,
            allow_version_skew=allow_version_skew,
            tls=tls,
            listen_tokens=listen_tokens or "",
            listen_inside=inside,
            open_reflection=open_reflection,
            limits=dict(limits),
            observers=ObserverConfig(
                chosen=observer_options.chosen(asked),
                own=observer_options.settings_of(asked),
                allowed=frozenset(each for names in allowed for each in names.split(",")),
            ),
        )

        def ready(address: str) -> None:
            version = loadgrpc.__version__
            how = ", with TLS" if tls is not None else ""
            line.say(f"loadgrpc broker {version} listening on {address}, store {store_name}{how}")
            if page is not None:
                shown.append(asyncio.create_task(page.show(inside or address, stop, address)))

        await serve(config, on_ready=ready, stop=stop)
        await asyncio.gather(*shown)

    try:
        return live(serve_until)
    except Failure as failure:
        if isinstance(failure.__cause__, Unavailable) and (there := _who_is_there(listen)):
            raise Failure(there) from failure
        raise
    except OSError as error:
        raise Failure(f"cannot serve on {listen}: {error.strerror or error}") from error


def _who_is_there(listen: str) -> str:
    """What to say of the broker that serves there; empty: none does, but another program."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    try:
        info = ask(listen, lambda client: client.get_broker())
    except Failure:
        return ""
    return f"there is already a broker at {listen}: process {info.pid} on {info.hostname}"


def _check_listen(listen: str, *, insecure: bool) -> TlsFiles | None:
    """The certificates that the broker uses. None: it needs none, or is not to have any."""
    with credential_options.usable():
        files = credential_options.choice().for_broker()
    if files is not None or values.is_loopback(listen):
        return files
    if not insecure:
        raise Failure(
            f"--listen: {listen} is not a loopback address; whoever can connect to it can run "
            "code on agents, so it needs certificates (`loadgrpc certs init`), or --insecure"
        )
    print(
        f"loadgrpc broker: warning: {listen} is open to other machines, without encryption or "
        "credentials",
        file=sys.stderr,
        flush=True,
    )
    return None


def _need_tls(tls: TlsFiles | None, asked: Mapping[str, object]) -> None:
    for name in (name for name, value in asked.items() if value and tls is None):
        raise Failure(f"{name} needs certificates: `loadgrpc certs init` makes some")


def _check_lease(lease_s: float) -> None:
    if lease_s < LEAST_LEASE_S:
        raise Failure(
            f"--lease: {lease_s:g} s is too short; an agent may be silent for "
            f"{LEAST_LEASE_S:.0f} s before it counts as unreachable"
        )


def _store_name(store: str) -> str:
    """What may be shown of the store; it holds no password."""
    try:
        target = parse_target(store)
    except StoreError as error:
        raise Failure(f"--store: {error}") from error
    if target.path is not None and not target.path.absolute().parent.is_dir():
        raise Failure(f"--store: there is no folder {str(target.path.parent)!r}")
    return target.name
