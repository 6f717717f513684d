"""The files of one side of a connection: read whole, checked, and read again when they change.

Rule: a certificate that was replaced is used within a second, by whatever connects from then on;
what is connected stays. As long as new files cannot be used, because only one of two is replaced
so far, or for good, the former ones stay; if that lasts, the log says so.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.errors import LoadgrpcError

MAX_BYTES: Final = 4 << 20
"""Of a file: the authorities of a whole system have some 250 KiB."""
LOOK_S: Final = 1.0
"""How often files are looked at, at most."""
LASTS: Final = 2
"""Looks after which it takes too long to replace two files, and something is wrong."""

_log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]
"""By which a change of files is noticed."""


class CertsError(LoadgrpcError):
    """Certificates are missing, or cannot be used."""

    reason = "CERTS"


@dataclass(frozen=True)
class Pems:
    """What the files hold."""

    ca: bytes
    cert: bytes | None = None
    key: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Where the certificates of one side of a connection are."""

    ca: Path
    """Of the authorities by which the other side is checked."""
    cert: Path | None = None
    """What this side shows, with what leads to the authority. None: nothing."""
    key: Path | None = None
    crl: Path | None = None
    """Which certificates of the other side are void before their end (`revoked.py`); it may be
    missing. None: none are."""

    def read(self) -> Pems:
        """All of them, as they are now.

        Raises:
            CertsError: one of them is missing, or cannot be used.
        """
        ca = _read(self.ca)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca.decode())
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise CertsError(f"{self.ca} has no certificates of authorities in it") from error
        if self.cert is None or self.key is None:
            return Pems(ca)
        cert, key = _read(self.cert), _read(self.key)
        if b"ENCRYPTED" in key:
            raise CertsError(f"{self.key} has a passphrase: give a key without one")
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.cert, self.key, lambda: "")
        except (ssl.SSLError, OSError) as error:
            if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
                message = f"{self.key} is not the key of the certificate in {self.cert}"
            else:
                message = f"{self.cert} and {self.key} are not a certificate and its key"
            raise CertsError(message) from error
        return Pems(ca, cert, key)

    def stamp(self) -> Stamp:
        """Which versions of the files are there.

        Raises:
            CertsError: one of them is missing.
        """
        found = []
        for path in (self.ca, self.cert, self.key):
            if path is not None:
                try:
                    status = path.stat()
                except OSError as error:
                    raise _unreadable(path, error) from error
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)


class FreshPems:
    """What files hold now; see the module."""

    def __init__(self, files: TlsFiles, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Reads them.

        Raises:
            CertsError: they cannot be used.
        """
        self.files = files
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._stamp = files.stamp()
        self._unusable: Stamp | str = ""
        """What could not be used when it was last looked at."""
        self._tries = 0
        self._pems = files.read()

    def look(self) -> Pems:
        """What they hold; the same object as before, if nothing has changed."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._read_again()
        return self._pems

    def _read_again(self) -> None:
        stamp: Stamp | str = ""
        try:
            stamp = self.files.stamp()
            if stamp == self._stamp:
                return
            pems = self.files.read()
        except CertsError as error:
            self._tries = self._tries + 1 if stamp == self._unusable else 1
            self._unusable = stamp
            if self._tries == LASTS:
                _log.warning("the certificates from before stay in use: %s", error)
            return
        _log.info("read the certificates in %s again", self.files.cert or self.files.ca)
        self._stamp, self._pems, self._tries = stamp, pems, 0


def _read(path: Path) -> bytes:
    try:
        data = private.read(path, MAX_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    if data is None:
        raise CertsError(f"{path} is not a file of certificates")
    return data


def _unreadable(path: Path, error: OSError) -> CertsError:
    return CertsError(f"cannot read {path}: {error.strerror or error}")
