"""TLS of a server of HTTPS, by Python's ssl: a certificate that may be replaced while it serves.

Rule: files are looked at with each handshake, so that one that was replaced is shown from then on,
and connections that stand are not touched; as long as new files cannot be used the former ones
stay. TLS 1.2 is the least, with ciphers that have forward secrecy and authenticate what they
encrypt. Nobody is asked for a certificate: browsers show tokens.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any, Final

from loadgrpc.certs.files import CertsError, FreshPems, TlsFiles

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all of this kind."""

_log = logging.getLogger(__name__)


class WebContext:
    """See the module."""

    def __init__(self, files: TlsFiles) -> None:
        """Reads the files.

        Raises:
            CertsError: they cannot be used.
        """
        self._fresh = FreshPems(files)
        self._pems = self._fresh.look()
        self.context = self._newest = self._made()
        """What a server is given; it goes on with what is newest."""
        self.context.sni_callback = self._greeted

    def _greeted(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        """A handshake begins: it gets the certificate that is there now."""
        pems = self._fresh.look()
        if pems is not self._pems:
            try:
                self._newest = self._made()
            except CertsError as error:  # replaced once more since they were read
                _log.info("the certificate of the page stays for now: %s", error)
            else:
                self._pems = pems
        if self._newest is not self.context:
            connection.context = self._newest

    def _made(self) -> ssl.SSLContext:
        files = self._fresh.files
        if files.cert is None or files.key is None:
            raise CertsError(f"there is no certificate beside {files.ca} to serve the page with")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(files.cert, files.key, lambda: "")
        except (ssl.SSLError, OSError) as error:
            raise CertsError(f"{files.cert} and {files.key} cannot be used: {error}") from error
        return context
