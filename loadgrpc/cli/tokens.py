"""`loadgrpc tokens`: secrets by which a broker knows people and programs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import credential_options, line, options, values
from loadgrpc.cli.command import Command, CommandGroup
from loadgrpc.model import Role

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Token

LONGEST_TOKEN_S: Final = 366 * 86_400.0


@click.group(cls=CommandGroup, short_help="Make, list and revoke tokens of a broker.")
def command() -> None:
    """Make, list and revoke tokens of a broker.

    Whoever has a token and no certificate connects to the address of the broker's --listen-tokens,
    with LOADGRPC_TOKEN or --token-file. These commands are for admins.

    \b
    For a pipeline that starts runs; and when it leaked:
      loadgrpc tokens create ci --role run --expires 90d > token
      loadgrpc tokens revoke ci
    """  # noqa: D301 - \b is click's mark for "do not wrap"


@command.command("create", cls=Command)
@click.argument("name", metavar="NAME")
@click.option(
    "--role",
    type=click.Choice(credential_options.ROLES),
    required=True,
    help="What may be done with it: look, also start runs and change its own, or everything.",
)
@click.option(
    "--expires",
    "expires_s",
    type=values.Age(LONGEST_TOKEN_S),
    default="90d",
    show_default=True,
    help="How long it is valid.",
)
@options.broker("The broker that is to know it.")
@options.as_json()
def create(*, name: str, role: str, expires_s: float, broker: str, as_json: bool) -> int:
    """Make a token, and print it. It is not shown again: the broker keeps a hash of it."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def made(client: Client) -> tuple[Token, str]:
        return await client.access.create_token(name, Role[role.upper()], expires_s)

    token, secret = ask(broker, made)
    if as_json:
        line.write_json({**_document(token), "secret": secret})
        return verdict.PASSED
    line.say(secret)
    line.say(f"token {name} ({role}) is valid until {_date(token.expire_time_ns)}", sys.stderr)
    return verdict.PASSED


@command.command("list", cls=Command)
@options.broker("The broker to ask.")
@options.as_json()
def list_(*, broker: str, as_json: bool) -> int:
    """List the tokens of a broker, those that are void too."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.table import text_table  # noqa: PLC0415

    tokens = ask(broker, lambda client: client.access.list_tokens())
    if as_json:
        line.write_json({"tokens": [_document(each) for each in tokens]})
        return verdict.PASSED
    rows = [[each.name, each.role.name.lower(), _condition(each)] for each in tokens]
    line.write(text_table(["Token", "role", "valid"], rows, line.width_of(sys.stdout)), sys.stdout)
    return verdict.PASSED


@command.command("revoke", cls=Command)
@click.argument("names", metavar="NAME...", required=True, nargs=-1)
@options.broker("The broker that knows them.")
def revoke(*, names: tuple[str, ...], broker: str) -> int:
    """Make tokens void, for good; whatever is open with them ends at once."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def revoked(client: Client) -> None:
        for name in names:
            await client.access.revoke_token(name)
            line.say(f"token {name} is revoked")

    ask(broker, revoked)
    return verdict.PASSED


def _condition(token: Token) -> str:
    if token.revoke_time_ns is not None:
        return f"revoked {_date(token.revoke_time_ns)}"
    word = "until" if token.expire_time_ns > time.time_ns() else "expired"
    return f"{word} {_date(token.expire_time_ns)}"


def _date(wall_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(wall_ns / 1e9))


def _document(token: Token) -> dict[str, Any]:
    from loadgrpc.protocol.access import token_to_proto  # noqa: PLC0415 - protobuf is heavy
    from loadgrpc.protocol.document import as_document  # noqa: PLC0415

    return as_document(token_to_proto(token))
