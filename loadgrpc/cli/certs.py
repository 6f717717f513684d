"""`loadgrpc certs`: an authority of one's own, and the certificates that it issues."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc import verdict
from loadgrpc.cli import credential_options, line, options
from loadgrpc.cli.command import Command, CommandGroup
from loadgrpc.cli.failure import Failure
from loadgrpc.model import Role

if TYPE_CHECKING:
    from loadgrpc.certs.folder import CertsFolder, KeptCertificate

F = TypeVar("F", bound=Callable[..., Any])

_DAY_NS: Final = 86_400 * 10**9


def _folder_option(command: F) -> F:
    return click.option(
        "--tls-dir",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The folder of certificates."
        f"  [default: {credential_options.FOLDER}, by default below ~/.local/state]",
        envvar="LOADGRPC_TLS_DIR",
    )(command)


@click.group(cls=CommandGroup, short_help="Make certificates for a broker, agents and clients.")
def command() -> None:
    """Make certificates for a broker, agents and clients.

    With certificates everything between them is encrypted, and the broker knows who calls. They
    can be of any authority; these commands are one. It needs: pip install 'loadgrpc[tls]'.

    \b
    On the machine of the broker, reached as HOST; then what others get:
      loadgrpc certs init HOST
      loadgrpc certs agent one two
      loadgrpc certs client ann --role run
    """  # noqa: D301 - \b is click's mark for "do not wrap"


@command.command("init", cls=Command)
@click.argument("names", metavar="[HOST...]", nargs=-1)
@click.option(
    "--agent",
    "agents",
    multiple=True,
    metavar="NAME",
    help="Make a certificate for this agent, too. May be given several times.",
)
@_folder_option
def init(*, names: tuple[str, ...], agents: tuple[str, ...], folder: Path | None) -> int:
    """Make an authority, a certificate for a broker here, and one for an admin, you.

    HOSTs are names and addresses by which others reach the broker, beside those of this machine.
    What is there stays; a further name is added to the broker's certificate. A broker, agents and
    commands on this machine find all of it by themselves.
    """
    with _opened(folder) as found:
        now = _now()
        done = found.begin(names, now)
        for name in agents:
            if not (found.path / "agents" / name / "agent.pem").exists():
                found.issue(name, Role.AGENT, now)
                done.append(f"made a certificate for agent {name}")
    for each in done or ["everything is there"]:
        line.say(each)
    line.say(f"all of it is in {found.path}: keep ca-key.pem to yourself")
    return verdict.PASSED


@command.command("agent", cls=Command)
@click.argument("names", metavar="NAME...", required=True, nargs=-1)
@_folder_option
def agent(*, names: tuple[str, ...], folder: Path | None) -> int:
    """Make certificates for agents, each in a folder of its own.

    An agent on this machine finds its certificate by itself. For another machine, copy the folder
    there, and give it to the agent: --tls-dir. The agent has that name then, and can be no other.
    """
    return _issue(names, Role.AGENT, folder)


@command.command("client", cls=Command)
@click.argument("names", metavar="NAME...", required=True, nargs=-1)
@click.option(
    "--role",
    type=click.Choice(credential_options.ROLES),
    required=True,
    help="What they may do: look, also start runs and change their own, or everything.",
)
@_folder_option
def client(*, names: tuple[str, ...], role: str, folder: Path | None) -> int:
    """Make certificates for people or programs, each in a folder of its own.

    Copy the folder to where they are: to ~/.local/state/loadgrpc/tls, or anywhere, with --tls-dir.
    """
    return _issue(names, Role[role.upper()], folder)


@command.command("signer", cls=Command)
@click.argument("names", metavar="NAME...", required=True, nargs=-1)
@_folder_option
def signer(*, names: tuple[str, ...], folder: Path | None) -> int:
    """Make keys with which people sign what agents are to run, and print their public keys.

    An agent with --require-signed FILE runs nothing but what is signed with a key of that file.
    Put the printed lines there, and give the private keys to whom they are for.

    \b
      loadgrpc certs signer ann >> signers.pub
      loadgrpc agent -b HOST:7979 --require-signed signers.pub
      loadgrpc run shop.py::TestShop.test_buy -b HOST:7979 --sign ann-sign-key.pem
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    with _opened(folder) as found:
        for name in names:
            path, public = found.make_signer(name)
            line.say(public)
            line.say(f"the private key of {name} is in {path}", sys.stderr)
    return verdict.PASSED


@command.command("show", cls=Command)
@_folder_option
@options.as_json()
def show(*, folder: Path | None, as_json: bool) -> int:
    """List the certificates of a folder: whose they are, and until when they are valid."""
    with _opened(folder) as found:
        authority = found.authority()
        every = list(found.kept())
        void = found.revoked()
    now_ns = time.time_ns()
    rows = [("authority", authority.expire_time_ns, found.ca, False)]
    rows += [(str(each.holder), each.holder.expire_time_ns, _cert(each), False) for each in every]
    rows += [(str(each), each.expire_time_ns, found.crl, True) for each in void]
    if as_json:
        documents = [
            {"holder": whose, "expireTime": _utc(until_ns), "file": str(path), "revoked": is_void}
            for whose, until_ns, path, is_void in rows
        ]
        line.write_json({"certificates": documents})
        return verdict.PASSED
    from loadgrpc.cli.table import text_table  # noqa: PLC0415

    cells = [
        [whose, "revoked" if is_void else _left(until_ns, now_ns), str(path)]
        for whose, until_ns, path, is_void in rows
    ]
    line.write(text_table(["Whose", "valid", "file"], cells, line.width_of(sys.stdout)), sys.stdout)
    return verdict.PASSED


@command.command("renew", cls=Command)
@click.option("--all", "every", is_flag=True, help="All, not only those that end within 30 days.")
@_folder_option
def renew(*, every: bool, folder: Path | None) -> int:
    """Replace certificates that end soon, and their keys, by others that are valid for a year.

    Broker, agents and clients use the new ones within seconds, without a restart. Copies on other
    machines have to be copied again.
    """
    now_ns = time.time_ns()
    count = 0
    with _opened(folder) as found:
        for each in found.kept():
            if every or each.ends_soon(now_ns):
                holder = found.renew(each, _now())
                count += 1
                line.say(f"renewed {holder}: {_left(holder.expire_time_ns, now_ns)}")
    if not count:
        line.say("no certificate ends within 30 days; --all renews all of them")
    return verdict.PASSED


@command.command("revoke", cls=Command)
@click.argument("names", metavar="NAME...", required=True, nargs=-1)
@_folder_option
def revoke(*, names: tuple[str, ...], folder: Path | None) -> int:
    """Make all certificates of agents or clients void, for good, and remove them here.

    They are added to crl.pem in the folder. A broker that uses this folder reads it within seconds,
    refuses whoever shows one of them, and ends what is open with it. For a broker elsewhere, copy
    that file into its folder, or to where its --tls-crl says. The same name can get another one.

    \b
    When the machine of agent two was stolen:
      loadgrpc certs revoke two
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    with _opened(folder) as found:
        for name in names:
            for holder in found.revoke(name, _now()):
                line.say(f"revoked the certificate {holder.serial:x} of {holder}")
        line.say(f"brokers learn it from {found.crl}")
    return verdict.PASSED


def _issue(names: tuple[str, ...], role: Role, folder: Path | None) -> int:
    with _opened(folder) as found:
        for name in names:
            made = found.issue(name, role, _now())
            line.say(str(made.path))
    return verdict.PASSED


@contextmanager
def _opened(folder: Path | None) -> Iterator[CertsFolder]:
    """The folder of certificates; what is wrong with it ends the command."""
    from loadgrpc.certs import CertsError, TlsChoice  # noqa: PLC0415 - an extra, and heavy
    from loadgrpc.certs.folder import CertsFolder  # noqa: PLC0415

    try:
        yield CertsFolder(TlsChoice(folder=folder).place)
    except CertsError as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.strerror or error}: {error.filename}") from error


def _cert(kept: KeptCertificate) -> Path:
    assert kept.files.cert is not None  # noqa: S101 - it is kept there
    return kept.files.cert


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def _utc(wall_ns: int) -> str:
    moment = dt.datetime.fromtimestamp(wall_ns // 10**9, dt.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _left(until_ns: int, now_ns: int) -> str:
    days = (until_ns - now_ns) // _DAY_NS
    from loadgrpc.certs.folder import date_of  # noqa: PLC0415 - on this path only

    date = date_of(until_ns)
    return f"until {date} ({days} days)" if days >= 0 else f"expired {date}"
