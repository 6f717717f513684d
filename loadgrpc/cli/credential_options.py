"""Options of credentials: by what a command knows a broker, and what it shows to it.

Rule: they are kept beside the parameters of a command, and found by whatever connects: no command
has to pass them on. What is not typed is found in the environment, as for all options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc.cli.failure import Failure
from loadgrpc.cli.together import together

if TYPE_CHECKING:
    from loadgrpc.certs import TlsChoice
    from loadgrpc.client import Credentials

F = TypeVar("F", bound=Callable[..., Any])

HEADING: Final = "Encryption"
TLS: Final = ("tls_dir", "tls_ca", "tls_cert", "tls_key")
NAMES: Final = (*TLS, "tls_crl", "token_file", "insecure")
"""Parameters, in the order of the help."""
SIGN: Final = "sign"
"""The parameter with the key that signs what agents are to run (`shipping.py`)."""
FOLDER: Final = "$XDG_STATE_HOME/loadgrpc/tls"
ROLES: Final = ("watch", "run", "admin")
"""Of people and tools, each with the rights of those before it."""
_META: Final = "loadgrpc.credentials"


def tls(command: F) -> F:
    """`--tls-dir` and those of single files."""
    return together(*_TLS_OPTIONS)(command)


def of_clients(command: F) -> F:
    """Those, `--token-file` and `--insecure`."""
    token = click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        expose_value=False,
        callback=kept,
        help="The file with a token of the broker's; or set LOADGRPC_TOKEN.",
    )
    return tls(token(insecure(command)))


def of_agents(command: F) -> F:
    """Those without a token: an agent has a certificate."""
    return tls(insecure(command))


def insecure(command: F) -> F:
    """`--insecure`, of whoever connects."""
    return click.option(
        "--insecure",
        is_flag=True,
        expose_value=False,
        callback=kept,
        help="Speak without encryption, whatever certificates there are.",
    )(command)


def of_brokers(command: F) -> F:
    """`--tls-dir`, those of single files, and `--tls-crl`."""
    return tls(
        click.option(
            "--tls-crl",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            expose_value=False,
            callback=kept,
            help="Certificates of others that are void before their end: lists (CRL) of their"
            " authorities.  [default: crl.pem in that folder, if it is there]",
        )(command)
    )


@contextmanager
def usable() -> Iterator[None]:
    """Certificates are looked at within it.

    Raises:
        Failure: they cannot be used; it says why.
    """
    from loadgrpc.certs import CertsError  # noqa: PLC0415 - as below

    try:
        yield
    except CertsError as error:
        raise Failure(str(error)) from error


def choice() -> TlsChoice:
    """Which certificates were chosen for the command that runs."""
    from loadgrpc.certs import TlsChoice  # noqa: PLC0415 - a command without a broker needs none

    found = _found()
    return TlsChoice(
        folder=found.get("tls_dir"),
        ca=found.get("tls_ca"),
        cert=found.get("tls_cert"),
        key=found.get("tls_key"),
        crl=found.get("tls_crl"),
        insecure=bool(found.get("insecure")),
    )


def signing_key() -> Path | None:
    """The key with which the command that runs signs what agents are to run. None: it does not."""
    return _found().get(SIGN)


def credentials() -> Credentials | None:
    """What the command that runs shows to a broker; None: it has no options for that."""
    if not _found().keys() & {*NAMES}:
        return None
    import os  # noqa: PLC0415 - on this path only

    from loadgrpc.client.credentials import Credentials, token_of  # noqa: PLC0415 - gRPC is heavy

    return Credentials(
        choice=choice(), token=token_of(os.environ), token_file=_found().get("token_file")
    )


def _found() -> dict[str, Any]:
    context = click.get_current_context(silent=True)
    return {} if context is None else dict(context.meta.get(_META, {}))


def kept(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """The value of an option, which `choice` and `credentials` find from now on."""
    ctx.meta.setdefault(_META, {})[param.name] = value
    return value


_TLS_OPTIONS: Final = (
    click.option(
        "--tls-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=kept,
        help="The folder of certificates, as `loadgrpc certs` makes it. If there are any, all is"
        f" encrypted.  [default: {FOLDER}, by default below ~/.local/state]",
    ),
    click.option(
        "--tls-ca",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        expose_value=False,
        callback=kept,
        help="Certificates of the authorities by which the other side is known.  [default: ca.pem"
        " in that folder]",
    ),
    click.option(
        "--tls-cert",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        expose_value=False,
        callback=kept,
        help="The own certificate.  [default: the one in that folder]",
    ),
    click.option(
        "--tls-key",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        expose_value=False,
        callback=kept,
        help="Its key.  [default: the one in that folder, or in the file of --tls-cert]",
    ),
)
