"""Whose a certificate is, by what is written in it.

Rule: agents and clients are known by a URI among the alternative names of their certificate, in
the form that SPIFFE gives to names of workloads, whoever issued it:

    spiffe://ANY.DOMAIN/loadgrpc/agent/NAME
    spiffe://ANY.DOMAIN/loadgrpc/client/ROLE/NAME     ROLE: watch, run or admin

Names have letters, digits and any of `._-`, 128 characters at most. Brokers are known by their
host names, as every server is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from loadgrpc.certs.files import CertsError
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Role

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Mark: TypeAlias = tuple[str, int]
"""Of a certificate: its authority, and its serial number there."""
DOMAIN: Final = "local"
"""Of names that are given here."""
MAX_NAME: Final = 128
NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}")
NAME_RULE: Final = f"expected letters, digits and any of '._-', {MAX_NAME} characters at most"
_AGENT: Final = re.compile(rf"spiffe://[^/]+/loadgrpc/agent/({NAME.pattern})")
_CLIENT: Final = re.compile(rf"spiffe://[^/]+/loadgrpc/client/(watch|run|admin)/({NAME.pattern})")


@dataclass(frozen=True, kw_only=True)
class Holder:
    """See the module."""

    name: str
    """Empty: it is none of an agent or a client."""
    role: Role | None
    hosts: tuple[str, ...]
    """Names and addresses of the server that it is for."""
    expire_time_ns: int
    issuer: str
    """The authority, by its name."""
    serial: int = 0

    @property
    def mark(self) -> Mark:
        """By what lists of revoked certificates name it."""
        return self.issuer, self.serial

    def __str__(self) -> str:
        if self.role is None:
            return f"broker at {', '.join(self.hosts)}" if self.hosts else "nobody known here"
        kind = "agent" if self.role is Role.AGENT else f"client ({self.role.name.lower()})"
        return f"{kind} {self.name}"


def uri_of(name: str, role: Role) -> str:
    """The URI by which an agent or a client is known.

    Raises:
        CertsError: the name has other characters, or too many.
    """
    if not NAME.fullmatch(name):
        raise CertsError(f"{name!r} cannot be a name in a certificate: {NAME_RULE}")
    kind = "agent" if role is Role.AGENT else f"client/{role.name.lower()}"
    return f"spiffe://{DOMAIN}/loadgrpc/{kind}/{name}"


@lru_cache(maxsize=1024)
def holder_of(pem: bytes) -> Holder:
    """Whose the first of these certificates is.

    Raises:
        CertsError: it cannot be read.
    """
    certificate = loaded(pem)
    names = _alternative_names(certificate)
    x509 = library()
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    hosts = (
        *(names.get_values_for_type(x509.DNSName) if names else ()),
        *map(str, names.get_values_for_type(x509.IPAddress) if names else ()),
    )
    name, role = "", None
    for uri in uris if len(uris) == 1 else ():  # SPIFFE: there is one, or nobody is meant
        if found := _AGENT.fullmatch(uri):
            name, role = found[1], Role.AGENT
        elif found := _CLIENT.fullmatch(uri):
            name, role = found[2], Role[found[1].upper()]
    return Holder(
        name=name,
        role=role,
        hosts=hosts,
        expire_time_ns=round(certificate.not_valid_after_utc.timestamp()) * NS_PER_S,
        issuer=certificate.issuer.rfc4514_string(),
        serial=certificate.serial_number,
    )


def loaded(pem: bytes) -> Certificate:
    """The first of these certificates.

    Raises:
        CertsError: it cannot be read.
    """
    try:
        made: Certificate = library().load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertsError("a certificate cannot be read") from error
    return made


def _alternative_names(certificate: Certificate) -> Any:
    x509 = library()
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return None
    return found.value


def library() -> Any:
    """The module `cryptography.x509`.

    Raises:
        CertsError: it is not installed.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - an extra, and heavy
    except ImportError as error:
        raise CertsError(
            "certificates need the library cryptography: pip install 'loadgrpc[tls]'"
        ) from error
    return x509
