"""What a scanner of TLS would find: at each port that a broker opens, every version and cipher.

The client here speaks whatever its OpenSSL still can, so that what is refused is refused by us.
"""

import asyncio
import socket
import ssl
import warnings

import pytest

from loadgrpc.broker import server
from loadgrpc.client import Client, Credentials
from loadgrpc.dashboard import page_server
from loadgrpc.dashboard.viewer import viewers_client

OLD = ("SSLv3", "TLSv1", "TLSv1_1")
STRONG = ("GCM", "CHACHA20")
"""Ciphers of TLS 1.2 that authenticate what they encrypt."""
WITHIN_S = 10.0


@pytest.fixture(params=["P-256", "RSA"])
def authority(request, issue, monkeypatch):
    """Certificates with keys of a kind: with RSA there would be ciphers without forward secrecy."""
    if request.param == "RSA":
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        monkeypatch.setattr("loadgrpc.certs.authority._new_key", lambda: key)
    return issue()


def at_ports(issued, tmp_path, look):
    """What `look(port)` finds at each port of a broker, by its name, in a thread."""

    async def main():
        inside = f"unix:{tmp_path}/page.sock"
        config = server.BrokerConfig(
            listen="127.0.0.1:0",
            listen_tokens="127.0.0.1:0",
            listen_inside=inside,
            store=":memory:",
            tls=issued.broker,
        )
        from loadgrpc.certs import TlsChoice

        admin = issued.admin
        shown = Credentials(choice=TlsChoice(ca=admin.ca, cert=admin.cert, key=admin.key))
        listening = page_server.bound("127.0.0.1:0")
        page = page_server.PageConfig(tls=issued.broker, login=True)
        async with (
            asyncio.timeout(100),
            server.running(config) as address,
            Client.connect(address, credentials=shown) as client,
            viewers_client(inside, None) as viewers,
            page_server.served(viewers, page, listening, address),
        ):
            tokens = (await client.access.caller()).tokens_address
            ports = {
                "broker": int(address.rpartition(":")[2]),
                "tokens": int(tokens.rpartition(":")[2]),
                "page": listening.getsockname()[1],
            }
            return {name: await asyncio.to_thread(look, port) for name, port in ports.items()}

    return asyncio.run(main())


def scanner(issued, version, ciphers):
    """A client that speaks one version, and some ciphers, however weak."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(issued.admin.ca)
    context.load_cert_chain(issued.admin.cert, issued.admin.key)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what it is for
        context.minimum_version = context.maximum_version = version
    return context


def shaken(port, context):
    """The version and the cipher of a handshake; None: it fails."""
    with socket.create_connection(("127.0.0.1", port), WITHIN_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                return secure.version(), secure.cipher()[0], secure.compression()
        except (ssl.SSLError, ConnectionError):
            return None


def test_no_old_version_and_no_weak_cipher(authority, tmp_path):
    """TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3; nothing else."""
    everything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    everything.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = [
        each["name"] for each in everything.get_ciphers() if not each["name"].startswith("TLS_")
    ]
    assert len(names) > 30

    def look(port):
        old = [
            shaken(port, scanner(authority, ssl.TLSVersion[name], "ALL"))
            for name in OLD
            if getattr(ssl, f"HAS_{name}")
        ]
        by_cipher = {
            name: shaken(port, scanner(authority, ssl.TLSVersion.TLSv1_2, name)) for name in names
        }
        newest = shaken(port, scanner(authority, ssl.TLSVersion.TLSv1_3, "ALL"))
        return old, {name for name, found in by_cipher.items() if found}, newest

    for port, (old, accepted, newest) in at_ports(authority, tmp_path, look).items():
        assert set(old) <= {None}, port
        assert accepted, port
        weak = {
            name
            for name in accepted
            if not (name.startswith("ECDHE-") and any(each in name for each in STRONG))
        }
        assert weak == set(), port
        assert newest is not None, port
        assert newest[0] == "TLSv1.3"
        assert newest[2] is None, "compression gives secrets away"


def test_who_speaks_without_encryption_gets_nothing(issued, tmp_path):
    """No port answers plain HTTP, of either version, with anything that could be used."""

    def look(port):
        found = []
        for greeting in (
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), WITHIN_S) as plain:
                plain.settimeout(WITHIN_S)
                plain.sendall(greeting)
                try:
                    found.append(plain.recv(1_000))
                except ConnectionError:
                    found.append(b"")
        return found

    for port, found in at_ports(issued, tmp_path, look).items():
        # Nothing, or an alert of TLS.
        assert all(not each or each[0] == 21 for each in found), (port, found)


def test_a_server_is_known_by_its_certificate(issued, issue, tmp_path):
    """With another authority, or another name, there is no connection to any port."""
    other = issue()

    def look(port):
        found = []
        for ca, name in ((other.admin.ca, "127.0.0.1"), (issued.admin.ca, "other.example")):
            context = ssl.create_default_context(cafile=str(ca))
            context.load_cert_chain(issued.admin.cert, issued.admin.key)
            with socket.create_connection(("127.0.0.1", port), WITHIN_S) as plain:
                try:
                    with context.wrap_socket(plain, server_hostname=name):
                        found.append("")
                except ssl.SSLCertVerificationError as error:
                    found.append(error.verify_message)
        return found

    for port, (unknown, misnamed) in at_ports(issued, tmp_path, look).items():
        assert "local issuer" in unknown or "self-signed" in unknown, port
        assert "other.example" in misnamed, port
