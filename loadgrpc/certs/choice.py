"""Which certificates somebody uses: chosen by options or variables, or those of the default folder.

Rule: there is TLS if certificates were chosen, or the default folder has any; nothing else decides,
least of all what the other side speaks. `insecure` is the only way around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from loadgrpc import private
from loadgrpc.certs.files import CertsError, TlsFiles
from loadgrpc.certs.folder import AGENT, BROKER, CLIENT, CertsFolder
from loadgrpc.certs.holder import holder_of
from loadgrpc.model import Role

FOLDER: Final = "tls"
"""The default folder, in the user's state folder."""
PREFIX: Final = "LOADGRPC_"
_OFF: Final = ("", "0", "false", "no", "off")


@dataclass(frozen=True, kw_only=True)
class TlsChoice:
    """See the module."""

    folder: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    crl: Path | None = None
    """Of a broker: which certificates of others are void. None: as the folder says."""
    insecure: bool = False

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Self:
        """By the variables that are named like the options: `LOADGRPC_TLS_DIR` and others."""

        def path(name: str) -> Path | None:
            return Path(value) if (value := environ.get(PREFIX + name)) else None

        return cls(
            folder=path("TLS_DIR"),
            ca=path("TLS_CA"),
            cert=path("TLS_CERT"),
            key=path("TLS_KEY"),
            crl=path("TLS_CRL"),
            insecure=environ.get(PREFIX + "INSECURE", "").lower() not in _OFF,
        )

    @property
    def place(self) -> Path:
        """The folder.

        Raises:
            CertsError: none was chosen, and this user has no home.
        """
        if self.folder is not None:
            return self.folder
        if (home := private.state_home()) is None:
            raise CertsError("there is no home folder for certificates: set --tls-dir, or HOME")
        return home / FOLDER

    def for_client(self) -> TlsFiles | None:
        """What a client uses. None: nothing, it speaks without encryption.

        Raises:
            CertsError: what was chosen is not there.
        """
        return self._files(CLIENT)

    def for_broker(self) -> TlsFiles | None:
        """What a broker uses. None: nothing.

        Raises:
            CertsError: what was chosen is not there.
        """
        files = self._files(BROKER)
        if files is None:
            return None
        if files.cert is not None:
            return replace(files, crl=self._void())
        if not self._explicit:
            return None  # the folder of a client
        raise CertsError(
            f"there is no certificate for a broker in {self.place}: `loadgrpc certs init` makes"
            " one, or give --tls-cert and --tls-key"
        )

    def _void(self) -> Path | None:
        """Where it says which certificates are void. None: nowhere."""
        if self.crl is None:
            return None if self._only_files else CertsFolder(self.place).crl
        if not self.crl.exists():
            raise CertsError(f"there is no list of revoked certificates at {self.crl}")
        return self.crl

    def for_page(self) -> TlsFiles | None:
        """The certificate of the broker of this machine, for a page. None: there is none here.

        Single files that were chosen are those of a client.
        """
        if self.insecure or self.cert is not None or self._only_files:
            return None
        if self.folder is None and private.state_home() is None:
            return None
        files = CertsFolder(self.place).files(BROKER)
        return files if files.cert is not None else None

    def for_agents(self) -> dict[str, TlsFiles] | None:
        """What the agents of this machine use, by name. None: nothing.

        Raises:
            CertsError: what was chosen is not there, or is not an agent's.
        """
        files = self._files(AGENT)
        if files is None:
            return None
        every = [files] if files.cert is not None else []
        if not every:
            every = [each.files(AGENT) for each in CertsFolder(self.place).others(AGENT)]
        if not every:
            raise CertsError(
                f"there is no certificate for an agent in {self.place}: `loadgrpc certs agent"
                " NAME` makes one where the authority is"
            )
        found = {}
        for each in every:
            holder = holder_of(each.read().cert or b"")
            if holder.role is not Role.AGENT:
                raise CertsError(f"{each.cert} is the certificate of {holder}, not of an agent")
            found[holder.name] = each
        return found

    @property
    def _explicit(self) -> bool:
        return any(each is not None for each in (self.folder, self.ca, self.cert, self.key))

    @property
    def _only_files(self) -> bool:
        """Whether there is no folder: all that is used was named."""
        return self.ca is not None and self.folder is None

    def _files(self, kind: str) -> TlsFiles | None:
        if self.insecure or (not self._explicit and private.state_home() is None):
            return None
        kept = None if self._only_files else CertsFolder(self.place).files(kind)
        ca = self.ca or (kept.ca if kept else None)
        if ca is None or not ca.exists():
            if not self._explicit:
                return None
            raise CertsError(f"there is no certificate of an authority at {ca}: give --tls-ca")
        if self.cert is not None or self.key is not None:
            if self.cert is None:
                raise CertsError("--tls-key needs --tls-cert")
            return TlsFiles(ca=ca, cert=self.cert, key=self.key or self.cert)
        return replace(kept, ca=ca) if kept else TlsFiles(ca=ca)
