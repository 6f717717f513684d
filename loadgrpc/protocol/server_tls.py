"""TLS of a server: which certificate it shows, and whose it asks for.

Rule: files are looked at with each handshake, so that one that was replaced is shown from then on,
and connections that stand are not touched. TLS 1.2 is the least that gRPC speaks, and its ciphers
are those with forward secrecy. A port asks everybody for a certificate, or nobody: gRPC for Python
has nothing in between.
"""

from __future__ import annotations

from typing import Any

import grpc

from loadgrpc.certs import FreshPems, Pems, TlsFiles


def server_credentials(files: TlsFiles, *, asks: bool) -> Any:
    """Credentials of a port; `asks`: who connects has to show a certificate of the authority.

    Raises:
        CertsError: the files cannot be used.
    """
    fresh = FreshPems(files)
    given = fresh.look()

    def newer() -> Any:
        """What to use from now on; None: the same. Called by a thread of gRPC's."""
        nonlocal given
        pems = fresh.look()
        if pems is given:
            return None
        given = pems
        return _configuration(pems, asks=asks)

    first = _configuration(given, asks=asks)
    return grpc.dynamic_ssl_server_credentials(first, newer, require_client_authentication=asks)


def _configuration(pems: Pems, *, asks: bool) -> Any:
    return grpc.ssl_server_certificate_configuration(
        [(pems.key, pems.cert)], root_certificates=pems.ca if asks else None
    )
