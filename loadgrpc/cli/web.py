"""`loadgrpc web`: the page of a broker that runs elsewhere."""

from __future__ import annotations

from typing import Any

import click

from loadgrpc.cli import credential_options, options, values, web_page
from loadgrpc.cli.command import Command


@click.command(cls=Command)
@options.broker("The broker whose runs to show.")
@web_page.options(
    click.option(
        "--listen",
        "web",
        type=values.Address(least_port=0),
        default=web_page.DEFAULT_PAGE,
        show_default=True,
        help="Where to serve the page. Port 0 takes a free one.",
    )
)
def command(*, broker: str, web: str, **asked: Any) -> int:
    """Show the runs of a broker in a browser, live and afterwards.

    The page needs nothing but this command: it loads nothing from elsewhere, and nothing is
    installed at the broker. It ends on Ctrl-C or SIGTERM. `loadgrpc broker --web` serves the same
    page from the broker itself. If the broker has certificates, whoever opens the page logs in with
    a token of the broker's, and may do what its role says.

    \b
    Of the broker on this machine, and of another one:
      loadgrpc web
      loadgrpc web -b HOST:7979 --web-control
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import log  # noqa: PLC0415
    from loadgrpc.cli.service import live  # noqa: PLC0415

    log.set_up(0)
    login = web_page.tls_of(broker) is not None
    tls = credential_options.choice().for_page()
    wanted = web_page.wanted(asked, "--listen", tls=tls, login=login)
    page = web_page.bound(web, wanted)
    return live(lambda stop: page.show(broker, stop))
