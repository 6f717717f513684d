"""An authority of one's own: issues certificates for a broker, for agents, and for clients.

Rule: keys are of the curve P-256, made here, and never leave in any other way than as a private
file. A certificate is for one thing: that of a broker serves and asks for nothing, those of agents
and clients ask and serve nothing. The authority's own key signs certificates and nothing else; a
broker does not need it.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loadgrpc import private
from loadgrpc.certs.files import CertsError
from loadgrpc.certs.holder import library, loaded, uri_of
from loadgrpc.certs.revoked import revoking
from loadgrpc.model import Role

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

AUTHORITY_DAYS: Final = 3_650
CERTIFICATE_DAYS: Final = 365
EARLIER: Final = dt.timedelta(hours=1)
"""Certificates are valid from a bit earlier on: clocks differ."""
MAX_KEY_BYTES: Final = 64 << 10
_USAGES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_HOST: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    cert: bytes
    key: bytes


class Authority:
    """See the module."""

    def __init__(self, certificate: Certificate, key: EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def make(cls, now: dt.datetime) -> tuple[Authority, Issued]:
        """A new one, and what to keep of it.

        Raises:
            CertsError: the library is missing.
        """
        x509 = library()
        key = _new_key()
        name = _name(f"loadgrpc authority {secrets.token_hex(4)}")  # told apart from others
        usage = _usage(key_cert_sign=True, crl_sign=True)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(now + dt.timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, _hash())
        )
        return cls(certificate, key), Issued(_pem(certificate), _pem_of_key(key))

    @classmethod
    def load(cls, cert: Path, key: Path) -> Authority:
        """The one that these files keep.

        Raises:
            CertsError: they cannot be read, or the library is missing.
        """
        library()
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as library()

        try:
            pem, secret = private.read(cert, MAX_KEY_BYTES), private.read(key, MAX_KEY_BYTES)
        except OSError as error:
            raise CertsError(
                f"there is no authority in {cert.parent}: `loadgrpc certs init` makes one"
            ) from error
        try:
            made: Any = serialization.load_pem_private_key(secret or b"", password=None)
        except (TypeError, ValueError) as error:
            raise CertsError(f"{key} is not a key without a passphrase") from error
        return cls(loaded(pem or b""), made)

    def for_broker(self, hosts: Sequence[str], now: dt.datetime) -> Issued:
        """For the broker that is reached by these names and addresses."""
        x509 = library()
        usages = [x509.ExtendedKeyUsageOID.SERVER_AUTH]
        return self._issue("loadgrpc broker", [_host(each) for each in hosts], usages, now)

    def for_caller(self, name: str, role: Role, now: dt.datetime) -> Issued:
        """For an agent, or for a client that has a role.

        Raises:
            CertsError: the name cannot be one.
        """
        x509 = library()
        uri = x509.UniformResourceIdentifier(uri_of(name, role))
        usages = [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._issue(name[:64], [uri], usages, now)  # X.509: 64 characters at most

    def revoking(self, path: Path, serials: Sequence[int], now: dt.datetime) -> bytes:
        """The list of what is void of this authority, as PEM: what the file has, and these.

        Raises:
            CertsError: the file cannot be read.
        """
        return revoking(path, self._certificate, self._key, serials, now)

    def _issue(self, name: str, names: list[Any], usages: list[Any], now: dt.datetime) -> Issued:
        x509 = library()
        key = _new_key()
        until = min(
            now + dt.timedelta(days=CERTIFICATE_DAYS), self._certificate.not_valid_after_utc
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, _hash())
        )
        return Issued(_pem(certificate), _pem_of_key(key))


def _host(text: str) -> Any:
    x509 = library()
    try:
        return x509.IPAddress(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    try:
        name = text.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name):
        raise CertsError(f"{text!r} is neither the name of a host nor an address")
    return x509.DNSName(name)


def _name(text: str) -> Any:
    x509 = library()
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _usage(**given: bool) -> Any:
    return library().KeyUsage(**{**dict.fromkeys(_USAGES, False), **given})


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as library()

    return ec.generate_private_key(ec.SECP256R1())


def _hash() -> Any:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as library()

    return hashes.SHA256()


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as library()

    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as library()

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
