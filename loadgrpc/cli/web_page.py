"""The options of commands that serve the page, and how they do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc.cli import line, values
from loadgrpc.cli.failure import Failure, failure_of
from loadgrpc.cli.together import together
from loadgrpc.errors import LoadgrpcError

if TYPE_CHECKING:
    import socket

    from loadgrpc.dashboard.page_server import PageConfig

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PAGE: Final = "127.0.0.1:8089"
SECTION: Final = ("web", "web_control", "web_hosts", "web_open")
OF_RUN: Final = ("web", "web_control")
"""The options below, for the section of a help text."""
LINGER_S: Final = 2.0
"""How long a page that somebody looks at outlives its run, which is read at its end."""
MAX_HOST_CHARS: Final = 253


def options(web: Callable[[F], F]) -> Callable[[F], F]:
    """Gives a command `web`, which says where to serve the page, and the options beside it."""
    return together(
        web,
        click.option(
            "--web-control",
            is_flag=True,
            help="Let whoever opens the page start, change, stop and delete runs; without it the"
            " page only shows.",
        ),
        click.option(
            "--web-host",
            "web_hosts",
            multiple=True,
            type=values.Printable(MAX_HOST_CHARS),
            metavar="NAME",
            help="A name under which browsers reach the page, for example behind a proxy. Addresses"
            " and this machine's name need none. May be given several times.",
        ),
        click.option(
            "--web-open",
            is_flag=True,
            help="Serve the page on an address that other machines can reach, without encryption or"
            " credentials.",
        ),
    )


def of_run(command: F) -> F:
    """Gives `loadgrpc run` the options of its page."""
    return together(
        click.option(
            "--web",
            is_flag=True,
            help="Show the run in a browser while it lasts, and print the address. For later:"
            " --output html.",
        ),
        click.option("--web-control", is_flag=True, help="Let that page change or stop the run."),
    )(command)


class BoundPage:
    """A page that is to be served, and the socket for it, which listens already."""

    def __init__(self, config: PageConfig, listening: socket.socket) -> None:
        self._config = config
        self._listening = listening

    @asynccontextmanager
    async def beside(
        self, endpoint: str, broker: str = "", *, linger_s: float = 0.0
    ) -> AsyncIterator[str]:
        """Serves the page of the broker at `endpoint`; yields where people open it.

        `broker`: the address by which they know that broker. Empty: they do not. At the end of
        the block a page that somebody looks at stays for a moment.
        """
        from loadgrpc.cli.connection import connect  # noqa: PLC0415 - gRPC is heavy
        from loadgrpc.dashboard.page_server import served, url_of  # noqa: PLC0415

        url = url_of(self._listening)
        async with (
            connect(_dialled(endpoint)) as client,
            served(client, self._config, self._listening, broker) as reading,
        ):
            yield url
            if linger_s and reading.looked_at:
                await asyncio.sleep(linger_s)

    async def show(self, endpoint: str, stop: asyncio.Event) -> None:
        """Says where the page is, and serves it until `stop` is set; sets it if that fails."""
        try:
            async with self.beside(endpoint, endpoint) as url:
                line.say(f"the page is at {url}")
                await stop.wait()
        except LoadgrpcError as error:
            raise failure_of(error, endpoint) from error
        finally:
            stop.set()


def bound(
    listen: str, *, control: bool, hosts: tuple[str, ...], is_open: bool, option: str
) -> BoundPage:
    """A page to be served at HOST:PORT, as `option` says.

    Raises:
        Failure: others could reach it, and nobody has said that they may; or the address is taken.
    """
    from loadgrpc.dashboard import page_server  # noqa: PLC0415 - heavy

    if not values.is_loopback(listen) and not is_open:
        may = "start, stop and delete runs" if control else "see every run"
        raise Failure(
            f"{option}: {listen} is not a loopback address; whoever can connect to it can {may},"
            " so it needs --web-open"
        )
    try:
        listening = page_server.bound(listen)
    except OSError as error:
        why = error.strerror or str(error)
        raise Failure(f"{option}: cannot serve the page on {listen}: {why}") from error
    return BoundPage(page_server.PageConfig(control=control, names=hosts), listening)


def here(*, control: bool) -> BoundPage:
    """A page of a run on this machine: at the usual address, or else at a free one.

    Raises:
        Failure: there is none.
    """
    free = f"{DEFAULT_PAGE.rpartition(':')[0]}:0"
    try:
        return bound(DEFAULT_PAGE, control=control, hosts=(), is_open=False, option="--web")
    except Failure:
        return bound(free, control=control, hosts=(), is_open=False, option="--web")


def _dialled(address: str) -> str:
    """The address at which this machine reaches what listens there."""
    host, colon, port = address.rpartition(":")
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host) + colon + port  # noqa: S104
