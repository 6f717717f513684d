"""The options of commands that serve the page, and how they do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc.cli import credential_options, line, values
from loadgrpc.cli.failure import Failure, failure_of
from loadgrpc.cli.together import together
from loadgrpc.errors import LoadgrpcError, NotAllowed

if TYPE_CHECKING:
    import socket

    from loadgrpc.certs import TlsFiles
    from loadgrpc.client import Client
    from loadgrpc.dashboard.page_server import PageConfig

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PAGE: Final = "127.0.0.1:8089"
SECTION: Final = ("web", "web_control", "web_hosts", "web_cert", "web_key", "web_open")
OF_RUN: Final = ("web", "web_control")
"""The options below, for the section of a help text."""
LOG_IN: Final = (
    ", for those with a token: an admin makes one with `loadgrpc tokens create NAME --role watch`"
)
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
            help="Let whoever opens the page start, change, stop and delete runs, as far as their"
            " role allows; without it the page only shows.",
        ),
        click.option(
            "--web-host",
            "web_hosts",
            multiple=True,
            type=values.Printable(MAX_HOST_CHARS),
            metavar="NAME",
            help="A name under which browsers reach the page, for example behind a proxy."
            " Addresses, this machine's name and those in its certificate need none. May be given"
            " several times.",
        ),
        click.option(
            "--web-cert",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The certificate of the page, for browsers that do not know the authority of the"
            " broker's.  [default: the broker's]",
        ),
        click.option(
            "--web-key",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Its key.  [default: in the file of --web-cert]",
        ),
        click.option(
            "--web-open",
            is_flag=True,
            help="Serve the page on an address that other machines can reach without encryption,"
            " unless there is --web-cert; if the broker asks nobody who they are, to everybody.",
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

    @property
    def login(self) -> bool:
        """Whether viewers have to log in."""
        return self._config.login

    @asynccontextmanager
    async def beside(
        self, endpoint: str, broker: str = "", *, linger_s: float = 0.0
    ) -> AsyncIterator[str]:
        """Serves the page of the broker at `endpoint`; yields where people open it.

        `broker`: the address by which they know that broker. Empty: they do not. At the end of
        the block a page that somebody looks at stays for a moment.
        """
        from loadgrpc.dashboard.page_server import served, url_of  # noqa: PLC0415 - heavy

        url = url_of(self._listening, tls=self._config.tls is not None)
        async with (
            _client(_dialled(endpoint), login=self.login) as client,
            served(client, self._config, self._listening, broker) as reading,
        ):
            yield url
            if linger_s and reading.looked_at:
                await asyncio.sleep(linger_s)

    async def show(self, endpoint: str, stop: asyncio.Event, broker: str = "") -> None:
        """Says where the page is, and serves it until `stop` is set; sets it if that fails.

        `broker`: how people know the one at `endpoint`. Empty: by that address.
        """
        try:
            async with self.beside(endpoint, broker or endpoint) as url:
                line.say(f"the page is at {url}{LOG_IN if self.login else ''}")
                await stop.wait()
        except LoadgrpcError as error:
            raise failure_of(error, broker or endpoint) from error
        finally:
            stop.set()


@asynccontextmanager
async def _client(endpoint: str, *, login: bool) -> AsyncIterator[Client]:
    """A client of the broker there: our own, or, with `login`, one that calls for viewers."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415 - gRPC is heavy

    if not login:
        async with connect(endpoint) as client:
            yield client
        return
    from loadgrpc.dashboard.viewer import viewers_client  # noqa: PLC0415 - as above

    files = None
    if not endpoint.startswith("unix:"):
        with suppress(NotAllowed):  # it is there, and does not know us: it need not
            async with connect(endpoint):
                pass
        files = tls_of(endpoint)
    async with viewers_client(endpoint, files) as client:
        yield client


def tls_of(broker: str) -> TlsFiles | None:
    """By what the command knows the broker at this address. None: that has no certificates.

    Raises:
        Failure: certificates cannot be used.
    """
    from loadgrpc.client import Credentials  # noqa: PLC0415 - gRPC is heavy

    with credential_options.usable():
        return (credential_options.credentials() or Credentials()).files(broker)


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What the options above say, and where that can come from."""

    option: str
    """The one that says where to serve the page."""
    control: bool = False
    hosts: tuple[str, ...] = ()
    is_open: bool = False
    cert: Path | None = None
    key: Path | None = None
    tls: TlsFiles | None = None
    """Of the broker whose certificate the page may have. None: there is none here."""
    login: bool = False
    """Whether the broker asks who calls it."""


def wanted(
    asked: Mapping[str, Any], option: str, *, tls: TlsFiles | None, login: bool
) -> PageOptions:
    """What the options of a command say."""
    return PageOptions(
        option=option,
        control=asked["web_control"],
        hosts=asked["web_hosts"],
        is_open=asked["web_open"],
        cert=asked["web_cert"],
        key=asked["web_key"],
        tls=tls,
        login=login,
    )


def check(asked: Mapping[str, Any]) -> None:
    """Sees that there is a page, if there are options of it.

    Raises:
        Failure: there is none.
    """
    if asked["web"] is None and any(asked[name] for name in SECTION):
        raise Failure("--web-control and the others of the page need --web: there is no page yet")


def of_broker(asked: Mapping[str, Any], tls: TlsFiles | None) -> BoundPage | None:
    """The page of a broker in this process, which has these certificates. None: it has no page.

    Raises:
        Failure: see `bound`.
    """
    if asked["web"] is None:
        return None
    return bound(asked["web"], wanted(asked, "--web", tls=tls, login=tls is not None))


@contextmanager
def way_in(page: BoundPage | None) -> Iterator[str]:
    """Where a page reaches a broker of its process that asks who calls. Empty: as all others do."""
    if page is None or not page.login:
        yield ""
        return
    with TemporaryDirectory(prefix="loadgrpc-", ignore_cleanup_errors=True) as folder:
        yield f"unix:{folder}/page.sock"


def bound(listen: str, chosen: PageOptions) -> BoundPage:
    """A page to be served at HOST:PORT.

    Raises:
        Failure: others could reach it, and there is neither a certificate nor leave to go without;
            or the address is taken.
    """
    from loadgrpc.dashboard import page_server  # noqa: PLC0415 - heavy

    tls = _served_with(listen, chosen)
    hosts = chosen.hosts
    if tls is not None:
        from loadgrpc.certs.holder import holder_of  # noqa: PLC0415 - as above

        with credential_options.usable():
            hosts = (*hosts, *holder_of(tls.read().cert or b"").hosts)
    try:
        listening = page_server.bound(listen)
    except OSError as error:
        why = error.strerror or str(error)
        raise Failure(f"{chosen.option}: cannot serve the page on {listen}: {why}") from error
    config = page_server.PageConfig(
        control=chosen.control, names=hosts, tls=tls, login=chosen.login
    )
    return BoundPage(config, listening)


def _served_with(listen: str, chosen: PageOptions) -> TlsFiles | None:
    """The certificate of the page. None: it is served without encryption."""
    from loadgrpc.certs import TlsFiles  # noqa: PLC0415 - as above

    if chosen.key is not None and chosen.cert is None:
        raise Failure("--web-key needs --web-cert")
    inside = values.is_loopback(listen)
    if not (inside or chosen.is_open or chosen.login):
        may = "start, stop and delete runs" if chosen.control else "see every run"
        raise Failure(
            f"{chosen.option}: {listen} is not a loopback address; whoever can connect to it can"
            f" {may}: give the broker certificates (`loadgrpc certs init`), so that it asks who"
            " they are, or say --web-open"
        )
    if chosen.cert is not None:
        return TlsFiles(ca=chosen.cert, cert=chosen.cert, key=chosen.key or chosen.cert)
    if inside or chosen.is_open:
        return None
    if chosen.tls is None:
        raise Failure(
            f"{chosen.option}: {listen} is not a loopback address, and there is no certificate here"
            " to serve the page with: give --web-cert, or say --web-open to go without encryption,"
            " behind a proxy that has one"
        )
    return chosen.tls


def here(*, control: bool) -> BoundPage:
    """A page of a run on this machine: at the usual address, or else at a free one.

    Raises:
        Failure: there is none.
    """
    free = f"{DEFAULT_PAGE.rpartition(':')[0]}:0"
    try:
        return bound(DEFAULT_PAGE, PageOptions(option="--web", control=control))
    except Failure:
        return bound(free, PageOptions(option="--web", control=control))


def _dialled(address: str) -> str:
    """The address at which this machine reaches what listens there."""
    host, colon, port = address.rpartition(":")
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host) + colon + port  # noqa: S104 - as it listens
