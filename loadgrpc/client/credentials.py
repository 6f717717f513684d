"""What a client shows to a broker, and by what it knows the broker: found in one place.

Rule: whatever connects to a broker as a client takes its credentials from here: the command line
from options, everything else from the environment and the default folder. A token is only ever
sent with TLS; without, it stays here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from loadgrpc import private
from loadgrpc.certs import CertsError, TlsChoice, TlsFiles
from loadgrpc.protocol.environment import LOOPBACK, RUN_ID_ENV

TOKEN_ENV: Final = "LOADGRPC_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE_ENV: Final = "LOADGRPC_TOKEN_FILE"  # noqa: S105 - as above
MAX_TOKEN_BYTES: Final = 4_096


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """See the module. What is not known is not shown."""

    choice: TlsChoice = field(default_factory=TlsChoice)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    """Read at each call, so that a token can be replaced; goes before `token`."""

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Those of `LOADGRPC_TLS_DIR`, `LOADGRPC_TOKEN` and the others."""
        file = environ.get(TOKEN_FILE_ENV)
        return cls(
            choice=TlsChoice.of_environment(environ),
            token=token_of(environ),
            token_file=Path(file) if file else None,
        )

    def files(self, endpoint: str) -> TlsFiles | None:
        """The certificates for a broker. None: it is spoken to without encryption.

        Raises:
            CertsError: what was chosen is not there; or there is a token, and nothing to encrypt
                it with.
        """
        if endpoint.startswith("unix:"):
            return None
        files = self.choice.for_client()
        tokens = self.token or self.token_file
        if files is None and tokens and self.exposed(endpoint):
            raise CertsError(
                f"there is a token for the broker at {endpoint}, and no certificate of its"
                " authority: give --tls-ca or --tls-dir; a token is never sent without encryption"
            )
        return files

    def exposed(self, endpoint: str) -> bool:
        """Whether others could read what is sent there without certificates; not if they may."""
        host = endpoint.rpartition(":")[0].strip("[]")
        here = endpoint.startswith("unix:") or host in LOOPBACK
        return not here and not self.choice.insecure

    def secret(self) -> str:
        """The token to show; empty: none.

        Raises:
            CertsError: its file cannot be read.
        """
        if self.token_file is None:
            return self.token
        try:
            data = private.read(self.token_file, MAX_TOKEN_BYTES)
            return (data or b"").decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not a token"
            raise CertsError(f"cannot read the token in {self.token_file}: {why}") from error


def token_of(environ: Mapping[str, str]) -> str:
    """The token in the environment; a runner's is not for brokers."""
    return "" if RUN_ID_ENV in environ else environ.get(TOKEN_ENV, "").strip()
