"""Certificates that are void before their end: the lists of authorities that say so (RFC 5280).

Rule: a list counts if one of the authorities has signed it that callers are checked by; it is read
again within a second of a change. One that is missing voids nothing; once there was one, it stays
in use when it cannot be read any more, and so does what it says after the day on which its
authority wanted to publish another. What is void is void at once, also for connections that stand.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loadgrpc import private
from loadgrpc.certs.files import CertsError, TlsFiles
from loadgrpc.certs.holder import Mark, library
from loadgrpc.text import counted

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

MAX_LIST_BYTES: Final = 4 << 20
"""Some 100,000 certificates."""
_BLOCK: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)

_log = logging.getLogger(__name__)


class Revoked:
    """What the lists of a broker say; `look` is called again and again, by one at a time."""

    def __init__(self, files: TlsFiles) -> None:
        """Reads them.

        Raises:
            CertsError: they are there, and cannot be used.
        """
        self._files = files
        self._stamp: object = None
        self._marks: frozenset[Mark] = frozenset()
        if (stamp := self._stamped()) is not None:
            self._marks = read_revoked(files)
            self._stamp = stamp

    def __contains__(self, mark: Mark | None) -> bool:
        return mark in self._marks

    def look(self) -> None:
        """Reads them again, if they have changed. It reads files: not for an event loop."""
        stamp = self._stamped()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if stamp is None:
            _log.warning("%s is gone: what it said stays in use", self._files.crl)
            return
        try:
            marks = read_revoked(self._files)
        except CertsError as error:
            _log.warning("the list of revoked certificates from before stays in use: %s", error)
            return
        _log.info("read %s again: %s", self._files.crl, counted(len(marks), "revoked certificate"))
        self._marks = marks

    def _stamped(self) -> object:
        """Which version of the file is there. None: there is none."""
        if self._files.crl is None:
            return None
        try:
            status = self._files.crl.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def read_revoked(files: TlsFiles) -> frozenset[Mark]:
    """The certificates that the lists of these files name.

    Raises:
        CertsError: they cannot be read, or none of the authorities has signed one.
    """
    x509 = library()
    path = files.crl
    assert path is not None  # noqa: S101 - see _stamped
    data = _data(path)
    authorities = x509.load_pem_x509_certificates(_data(files.ca))
    try:
        lists = [x509.load_pem_x509_crl(block) for block in _BLOCK.findall(data)]
    except ValueError as error:
        raise CertsError(f"{path} has a list of revoked certificates that is damaged") from error
    if not lists:
        raise CertsError(f"{path} has no list of revoked certificates (X509 CRL) in it")
    found: set[Mark] = set()
    for each in lists:
        if not any(_signed(each, authority) for authority in authorities):
            raise CertsError(f"{path} is not signed by an authority in {files.ca}")
        issuer = each.issuer.rfc4514_string()
        found |= {(issuer, entry.serial_number) for entry in each}
    return frozenset(found)


def revoking(
    path: Path, certificate: Certificate, key: Any, serials: Sequence[int], now: dt.datetime
) -> bytes:
    """The list of an authority with these serial numbers beside those that are in the file.

    Raises:
        CertsError: the file cannot be read.
    """
    x509 = library()
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as library()

    number, former = 1, []
    if path.exists():
        known = x509.load_pem_x509_crl(_data(path))
        number = known.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
        former = list(known)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now)
        .next_update(certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    there = {entry.serial_number for entry in former}
    for entry in former:
        builder = builder.add_revoked_certificate(entry)
    for serial in sorted({*serials} - there):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    made = builder.sign(key, hashes.SHA256())
    return bytes(made.public_bytes(serialization.Encoding.PEM))


def _signed(found: CertificateRevocationList, authority: Certificate) -> bool:
    key: Any = authority.public_key()
    return found.issuer == authority.subject and bool(found.is_signature_valid(key))


def _data(path: Path) -> bytes:
    try:
        data = private.read(path, MAX_LIST_BYTES)
    except OSError as error:
        raise CertsError(f"cannot read {path}: {error.strerror or error}") from error
    if data is None:
        raise CertsError(f"{path} is too large, or no file")
    return data
