"""`loadgrpc web`: the page of a broker that runs elsewhere."""

from __future__ import annotations

import click

from loadgrpc.cli import options, values, web_page
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
def command(
    *, broker: str, web: str, web_control: bool, web_hosts: tuple[str, ...], web_open: bool
) -> int:
    """Show the runs of a broker in a browser, live and afterwards.

    The page needs nothing but this command: it loads nothing from elsewhere, and nothing is
    installed at the broker. It ends on Ctrl-C or SIGTERM. `loadgrpc broker --web` serves the same
    page from the broker itself.

    \b
    Of the broker on this machine, and of another one:
      loadgrpc web
      loadgrpc web -b HOST:7979 --web-control
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import log  # noqa: PLC0415
    from loadgrpc.cli.service import live  # noqa: PLC0415

    log.set_up(0)
    page = web_page.bound(
        web, control=web_control, hosts=web_hosts, is_open=web_open, option="--listen"
    )
    return live(lambda stop: page.show(broker, stop))
