"""Why no connection comes about, as one sentence that says what to do.

Rule: gRPC only says that it could not connect; so its handshake is made again, by the standard
library, which knows what is wrong. Nothing is decided by what comes out of it, and nothing is sent
but a greeting: it is for people to read.
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any, Final

from loadgrpc.certs import CertsError, TlsFiles

WITHIN_S: Final = 2.0
ANSWER_S: Final = 1.0
"""How long a server may take to say something after the handshake."""
GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""With which a client of HTTP/2 begins."""
EXPIRED, NOT_YET, OTHER_HOST, OTHER_ADDRESS = 10, 9, 62, 64
UNKNOWN: Final = {2, 18, 19, 20, 21}
"""Codes of OpenSSL's for what was issued by an authority that is not known."""


def trouble(endpoint: str, files: TlsFiles | None) -> str:
    """What is wrong with a connection to HOST:PORT; empty: nothing that can be seen from here.

    Waits for the network, a few seconds at most.
    """
    if endpoint.startswith("unix:"):
        return ""
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    try:
        if files is None:
            return _of_plain(endpoint, host, int(port))
        return _of_tls(endpoint, host, int(port), files)
    except CertsError as error:
        return str(error)
    except (OSError, ValueError):
        return ""  # nobody is there, or it takes too long: that is no matter of certificates


def _of_plain(endpoint: str, host: str, port: int) -> str:
    context = _context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), WITHIN_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host):
                pass
        except (ssl.SSLError, ConnectionError):
            return ""
    return (
        f"the broker at {endpoint} speaks TLS only, and there is no certificate of its authority"
        " here: get ca.pem from its machine, and give it by --tls-ca, or a whole folder by"
        " --tls-dir"
    )


def _of_tls(endpoint: str, host: str, port: int, files: TlsFiles) -> str:
    pems = files.read()
    context = _context()
    context.load_verify_locations(cadata=pems.ca.decode())
    if files.cert is not None:
        context.load_cert_chain(files.cert, files.key)
    shaken = False
    with socket.create_connection((host, port), WITHIN_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as secure:
                shaken = True
                secure.settimeout(ANSWER_S)
                secure.sendall(GREETING)
                if secure.recv(1):
                    return ""
        except ssl.SSLCertVerificationError as error:
            return _of_server(endpoint, host, port, files, error)
        except TimeoutError:
            return ""
        except (ssl.SSLError, ConnectionError) as error:
            # With TLS 1.2 a server refuses our certificate within the handshake, by an alert.
            if not shaken and "ALERT" not in str(getattr(error, "reason", "")):
                return (
                    f"what answers at {endpoint} does not speak TLS: start the broker with"
                    " certificates (`loadgrpc certs init`), or say --insecure to go without"
                    " encryption"
                )
    return _of_client(endpoint, files)


def _of_server(
    endpoint: str, host: str, port: int, files: TlsFiles, error: ssl.SSLCertVerificationError
) -> str:
    """What is wrong with the certificate that a server shows."""
    whose = f"the certificate of the broker at {endpoint}"
    code = error.verify_code
    if code == EXPIRED:
        return f"{whose} has expired: `loadgrpc certs renew` on its machine renews it"
    if code == NOT_YET:
        return f"{whose} is not valid yet: compare the clocks of both machines"
    if code in {OTHER_HOST, OTHER_ADDRESS}:
        names = ", ".join(_names(host, port, files)) or "another host"
        return (
            f"{whose} is for {names}, and not for {host}: connect by one of these names, or add"
            f" this one with `loadgrpc certs init {host}` on its machine"
        )
    if code in UNKNOWN:
        return (
            f"{whose} was not issued by the authority in {files.ca}: see that it is the broker"
            " you mean, and get ca.pem from its machine"
        )
    return f"{whose} is not accepted: {error.verify_message}"


def _of_client(endpoint: str, files: TlsFiles) -> str:
    """What is wrong with the certificate that we show."""
    if files.cert is None:
        return (
            f"the broker at {endpoint} asks for a certificate, and there is none here:"
            " `loadgrpc certs client NAME` on its machine makes one; with a token, connect to"
            " the address of its --listen-tokens"
        )
    return (
        f"the broker at {endpoint} does not accept the certificate in {files.cert}: it has expired,"
        " or another authority has issued it; `loadgrpc certs show` knows more"
    )


def _names(host: str, port: int, files: TlsFiles) -> list[str]:
    """The hosts for which a server has a certificate; all else about it is checked."""
    context = _context()
    context.check_hostname = False
    context.load_verify_locations(cadata=files.read().ca.decode())
    try:
        with (
            socket.create_connection((host, port), WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            found: Any = (secure.getpeercert() or {}).get("subjectAltName", ())
    except OSError:
        return []
    hosts = [value for kind, value in found if kind in ("DNS", "IP Address")]
    return [each for each in map(str, hosts) if re.fullmatch(r"[\w.:*-]+", each)]


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context
