"""A folder of certificates: what is kept in it under which name, how it is made and renewed.

    ca.pem  ca-key.pem            the authority; the key only where certificates are issued
    broker.pem  broker-key.pem    of the broker on this machine
    client.pem  client-key.pem    of the person or program on this machine
    agent.pem  agent-key.pem      of the agent on this machine
    agents/NAME/  clients/NAME/   what others get: each a folder like this one, with a ca.pem
    crl.pem                        what was issued here and is void, for the broker
    issued/SERIAL.pem              what was issued here: certificates, no keys
    signers/NAME-sign-key.pem     keys with which people sign what agents are to run

Rule: folders and files belong to their owner alone. A file is replaced in one step, its key first:
between the two they do not fit together, which is noticed and waited out (`files.py`).
"""

from __future__ import annotations

import datetime as dt
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.certs.authority import Authority, Issued
from loadgrpc.certs.files import CertsError, TlsFiles
from loadgrpc.certs.holder import NAME, NAME_RULE, Holder, holder_of
from loadgrpc.certs.revoked import read_revoked
from loadgrpc.certs.signing import SigningKey
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Role

BROKER: Final = "broker"
AGENT: Final = "agent"
CLIENT: Final = "client"
OTHERS: Final = {AGENT: "agents", CLIENT: "clients"}
"""Where the certificates of others are."""
ISSUED: Final = "issued"
SIGNERS: Final = "signers"
LOCAL: Final = ("localhost", "127.0.0.1", "::1")
"""Names of a broker on its own machine."""
RENEW_NS: Final = 30 * 86_400 * NS_PER_S
"""How long before its end a certificate is to be renewed."""


def ends_soon(until_ns: int, now_ns: int) -> bool:
    """Whether it is time to renew what is valid until then (wall clock)."""
    return until_ns - now_ns < RENEW_NS


def date_of(wall_ns: int) -> str:
    """The day of a moment (wall clock), in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(wall_ns // NS_PER_S))


@dataclass(frozen=True)
class KeptCertificate:
    """A certificate that is kept in a folder."""

    files: TlsFiles
    holder: Holder

    def ends_soon(self, now_ns: int) -> bool:
        """Whether it is time to renew it."""
        return ends_soon(self.holder.expire_time_ns, now_ns)


class CertsFolder:
    """See the module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ca = path / "ca.pem"
        self.crl = path / "crl.pem"

    def files(self, kind: str) -> TlsFiles:
        """Those of a broker, a client or an agent; what it would show may be missing."""
        cert = self.path / f"{kind}.pem"
        if not cert.is_file():
            return TlsFiles(ca=self.ca)
        return TlsFiles(ca=self.ca, cert=cert, key=self.path / f"{kind}-key.pem")

    def others(self, kind: str) -> list[CertsFolder]:
        """The folders of those agents or clients that got a certificate here, by name."""
        try:
            found = sorted((self.path / OTHERS[kind]).iterdir())
        except OSError:
            return []
        return [CertsFolder(each) for each in found if (each / f"{kind}.pem").is_file()]

    def has_authority(self) -> bool:
        """Whether certificates are issued here."""
        return (self.path / "ca-key.pem").is_file()

    def kept(self) -> Iterator[KeptCertificate]:
        """All certificates in it but the authority's: its own, then those of others.

        Raises:
            CertsError: one cannot be read.
        """
        own = [self.files(kind) for kind in (BROKER, CLIENT, AGENT)]
        others = [folder.files(kind) for kind in OTHERS for folder in self.others(kind)]
        for files in (*own, *others):
            if files.cert is not None:
                yield KeptCertificate(files, holder_of(_pem(files.cert)))

    def authority(self) -> Holder:
        """The authority in it.

        Raises:
            CertsError: there is none.
        """
        return holder_of(_pem(self.ca))

    # How it is made

    def begin(self, hosts: Sequence[str], now: dt.datetime) -> list[str]:
        """Makes what is missing of an authority, a broker's certificate and an admin's.

        `hosts` are names of the broker beside those of this machine; a broker's certificate that
        is there gets them, too. What was done, as sentences.

        Raises:
            CertsError: something in it cannot be read.
            OSError: it cannot be written.
        """
        private.folder(self.path)
        self.path.chmod(private.FOLDER_MODE)
        done = []
        if not self.has_authority():
            if self.ca.exists():
                raise CertsError(
                    f"{self.path} has the certificate of an authority, and not its key: issue"
                    " certificates where that is, or give another folder (--tls-dir)"
                )
            _, issued = Authority.make(now)
            private.replace(self.path / "ca-key.pem", issued.key)
            private.replace(self.ca, issued.cert)
            done.append("made an authority")
        authority, broker = self._load(), self.files(BROKER)
        known = holder_of(_pem(broker.cert)).hosts if broker.cert else ()
        wanted = tuple(dict.fromkeys((*known, *hosts, socket.gethostname().lower(), *LOCAL)))
        if broker.cert is None or set(hosts) - set(known):
            self._hand_out(self, BROKER, authority.for_broker(wanted, now))
            done.append(f"made a certificate for the broker at {', '.join(wanted)}")
        if self.files(CLIENT).cert is None:
            self._hand_out(self, CLIENT, authority.for_caller("admin", Role.ADMIN, now))
            done.append("made a certificate for you: client admin (admin)")
        return done

    def issue(self, name: str, role: Role, now: dt.datetime) -> CertsFolder:
        """Makes a folder for an agent or a client with a role.

        Raises:
            CertsError: there is no authority here, the name cannot be one, or it is taken.
            OSError: it cannot be written.
        """
        kind = AGENT if role is Role.AGENT else CLIENT
        authority = self._load()
        issued = authority.for_caller(name, role, now)
        folder = CertsFolder(self.path / OTHERS[kind] / name)
        if (folder.path / f"{kind}.pem").exists():
            raise CertsError(
                f"there is a certificate of {kind} {name} in {folder.path}: `loadgrpc certs renew`"
                " renews it; remove that folder for another one"
            )
        private.folder(folder.path)
        private.replace(folder.ca, _pem(self.ca))
        self._hand_out(folder, kind, issued)
        return folder

    def make_signer(self, name: str) -> tuple[Path, str]:
        """Makes a key for somebody to sign with; where it is, and the line for its public key.

        It has nothing to do with the authority, which need not be here.

        Raises:
            CertsError: the name cannot be one, or is taken.
            OSError: it cannot be written.
        """
        if not NAME.fullmatch(name):
            raise CertsError(f"{name!r} cannot be a name: {NAME_RULE}")
        path = self.path / SIGNERS / f"{name}-sign-key.pem"
        if path.exists():
            raise CertsError(f"there is a key of {name} in {path}: remove it for another one")
        key = SigningKey.make()
        private.folder(path.parent)
        private.replace(path, key.pem())
        return path, key.public_line(name)

    def renew(self, kept: KeptCertificate, now: dt.datetime) -> Holder:
        """Replaces a certificate, and its key, by one that is valid for longer; whose it is.

        Raises:
            CertsError: there is no authority here, or it has not issued this one.
            OSError: it cannot be written.
        """
        authority, holder, cert = self._load(), kept.holder, kept.files.cert
        if cert is None or holder.issuer != self.authority().issuer:
            raise CertsError(f"{cert} was issued by {holder.issuer}: renew it there")
        if holder.role is not None:
            issued = authority.for_caller(holder.name, holder.role, now)
        else:
            issued = authority.for_broker(holder.hosts, now)
        self._hand_out(CertsFolder(cert.parent), cert.stem, issued)
        return holder_of(issued.cert)

    def revoke(self, name: str, now: dt.datetime) -> list[Holder]:
        """Makes all certificates of agents and clients of a name void; whose they were.

        Those that are kept here are removed with their keys, so that there can be others.

        Raises:
            CertsError: there is no authority here, or it has issued none of that name.
            OSError: it cannot be written.
        """
        authority, now_ns = self._load(), round(now.timestamp()) * NS_PER_S
        kept = [each for each in self.kept() if _is(each.holder, name)]
        found = {each.holder.mark: each.holder for each in kept}
        found |= {each.mark: each for each in self.issued() if _is(each, name)}
        ours = self.authority().issuer
        void = {each.mark for each in self.revoked()}
        valid = [
            each
            for mark, each in found.items()
            if each.issuer == ours and mark not in void and each.expire_time_ns > now_ns
        ]
        if not valid:
            raise CertsError(
                f"no valid certificate of {name!r} was issued here: `loadgrpc certs show` has all"
            )
        private.replace(self.crl, authority.revoking(self.crl, [e.serial for e in valid], now))
        for each in kept:
            if each.holder.issuer == ours and each.files.cert and each.files.key:
                each.files.key.unlink()
                each.files.cert.unlink()
        return valid

    def issued(self) -> Iterator[Holder]:
        """Whose the certificates are that were issued here.

        Raises:
            CertsError: one cannot be read.
        """
        for path in sorted((self.path / ISSUED).glob("*.pem")):
            yield holder_of(_pem(path))

    def revoked(self) -> list[Holder]:
        """Whose the certificates are that were issued here, and are void.

        Raises:
            CertsError: they cannot be read.
        """
        if not self.crl.exists():
            return []
        marks = read_revoked(TlsFiles(ca=self.ca, crl=self.crl))
        return [each for each in self.issued() if each.mark in marks]

    def _hand_out(self, folder: CertsFolder, kind: str, issued: Issued) -> None:
        """Keeps a certificate in a folder, and that it was issued."""
        private.folder(self.path / ISSUED)
        private.replace(self.path / ISSUED / f"{holder_of(issued.cert).serial:x}.pem", issued.cert)
        folder.put(kind, issued)

    def _load(self) -> Authority:
        return Authority.load(self.ca, self.path / "ca-key.pem")

    def put(self, kind: str, issued: Issued) -> None:
        """Keeps a certificate, its key first."""
        private.replace(self.path / f"{kind}-key.pem", issued.key)
        private.replace(self.path / f"{kind}.pem", issued.cert)


def _is(holder: Holder, name: str) -> bool:
    """Whether it is an agent or a client of that name."""
    return holder.role is not None and holder.name == name


def _pem(path: Path) -> bytes:
    return TlsFiles(ca=path).read().ca
