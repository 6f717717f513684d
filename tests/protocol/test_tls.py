"""TLS between a client and a server: what is spoken, replaced while it is used, and refused."""

import asyncio
import shutil
import ssl
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loadgrpc.certs import TlsFiles, files
from loadgrpc.certs.folder import CertsFolder
from loadgrpc.protocol import handshake
from loadgrpc.protocol.transport import listen, new_channel, new_server


@asynccontextmanager
async def serving(certificates, *, asks=True):
    """A server with health checks; yields where it is, by name."""
    server = await new_server(())
    address = listen(server, "0.0.0.0:0", certificates, asks=asks)
    await server.start()
    try:
        yield f"localhost:{address.rpartition(':')[2]}"
    finally:
        await server.stop(None)


def check(channel):
    """One call."""
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)


def test_both_sides_show_a_certificate(issued):
    """The server learns whose it is; a call works as without TLS."""

    async def main():
        async with serving(issued.broker) as endpoint, new_channel(endpoint, issued.admin) as one:
            return (await check(one)).status

    assert asyncio.run(main()) == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("asks", [True, False])
def test_nothing_older_than_tls_1_2_and_no_weak_cipher(issued, asks):
    """As the standard library finds it: with forward secrecy, authenticated, and no SHA-1."""

    def offered(endpoint, ciphers, *, newest=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(issued.path / "ca.pem")
        context.load_cert_chain(issued.admin.cert, issued.admin.key)
        context.minimum_version = ssl.TLSVersion.TLSv1
        if newest is not None:
            context.maximum_version = newest
        context.set_ciphers(ciphers)
        context.set_alpn_protocols(["h2"])
        host, _, port = endpoint.rpartition(":")
        import socket

        with (
            socket.create_connection((host, int(port)), 5) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.version(), secure.cipher()[0]

    async def main():
        async with serving(issued.broker, asks=asks) as endpoint:
            good = "ECDHE+AESGCM:ECDHE+CHACHA20"
            new = await asyncio.to_thread(offered, endpoint, good)
            two = ssl.TLSVersion.TLSv1_2
            older = await asyncio.to_thread(offered, endpoint, good, newest=two)
            for ciphers, newest in (
                ("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1),
                ("ALL:!ECDHE:@SECLEVEL=0", two),
                ("ECDHE+SHA1:!AESGCM:@SECLEVEL=0", two),
                ("aNULL:@SECLEVEL=0", two),
            ):
                with pytest.raises(ssl.SSLError):
                    await asyncio.to_thread(offered, endpoint, ciphers, newest=newest)
            return new[0], older[0]

    with pytest.warns(DeprecationWarning, match="TLSv1"):
        assert asyncio.run(main()) == ("TLSv1.3", "TLSv1.2")


def copied(issued, path):
    """A folder of the broker's files, to be changed."""
    for name in ("ca.pem", "ca-key.pem", "broker.pem", "broker-key.pem"):
        shutil.copy(issued.path / name, path)
    folder = CertsFolder(path)
    return folder, folder.files("broker")


def serial_of(endpoint, ca):
    """The serial number of the certificate that a server shows."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2"])
    host, _, port = endpoint.rpartition(":")
    import socket

    with (
        socket.create_connection((host, int(port)), 5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return secure.getpeercert()["serialNumber"]


def test_a_renewed_certificate_is_shown_and_no_call_ends(issued, tmp_path, monkeypatch):
    """Who connects from then on gets the new one; a stream that stands goes on."""
    monkeypatch.setattr(files, "LOOK_S", 0.0)
    folder, broker = copied(issued, tmp_path)

    async def main():
        async with serving(broker, asks=False) as endpoint:
            ca = tmp_path / "ca.pem"
            async with new_channel(endpoint, TlsFiles(ca=ca)) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                watching = stub.Watch(health_pb2.HealthCheckRequest())
                await watching.read()
                before = await asyncio.to_thread(serial_of, endpoint, ca)
                (kept,) = folder.kept()
                folder.renew(kept, issued.now())
                after = await asyncio.to_thread(serial_of, endpoint, ca)
                await check(channel)
                assert not watching.done()
                watching.cancel()
                return before, after

    before, after = asyncio.run(main())
    assert before != after


def test_a_client_uses_its_renewed_certificate(issued, tmp_path, monkeypatch):
    """The next call has the new one; the one that is open stays, and its connection with it."""
    monkeypatch.setattr(files, "LOOK_S", 0.0)
    one = issued.caller("run", "renewed")
    folder = tmp_path / "mine"
    shutil.copytree(one.ca.parent, folder)
    mine = CertsFolder(folder).files("client")
    seen = []

    @asynccontextmanager
    async def admission(method, context):
        from loadgrpc.certs.holder import loaded

        seen.append(loaded(context.auth_context()["x509_pem_cert"][0]).serial_number)
        yield

    async def main():
        server = await new_server((), admission=admission)
        address = listen(server, "127.0.0.1:0", issued.broker)
        await server.start()
        async with new_channel(f"localhost:{address.rpartition(':')[2]}", mine) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            watching = stub.Watch(health_pb2.HealthCheckRequest())
            await watching.read()
            await check(channel)
            new = issued.caller("run", "renewed-again")
            for name in ("client-key.pem", "client.pem"):
                shutil.copy(new.ca.parent / name, folder / "new")
                (folder / "new").replace(folder / name)
            await check(channel)
            assert not watching.done()
            watching.cancel()
        await server.stop(None)

    asyncio.run(main())
    first, second, third = seen
    assert first == second != third


def test_a_token_goes_with_each_call_and_only_with_tls(issued):
    """It may change between calls; a channel without encryption never has it."""
    seen, token = [], ["one"]

    @asynccontextmanager
    async def admission(method, context):
        seen.append(dict(context.invocation_metadata()).get("authorization"))
        yield

    async def main():
        for certificates, known in (
            (issued.broker, TlsFiles(ca=issued.path / "ca.pem")),
            (None,) * 2,
        ):
            server = await new_server((), admission=admission)
            address = listen(server, "127.0.0.1:0", certificates, asks=False)
            await server.start()
            endpoint = f"localhost:{address.rpartition(':')[2]}"
            async with new_channel(endpoint, known, lambda: token[0]) as channel:
                await check(channel)
                token[0] = "two"
                await check(channel)
            await server.stop(None)

    asyncio.run(main())
    assert seen == ["Bearer one", "Bearer two", None, None]


def expired(issue, issued):
    """A server, a client, and the host that it connects to."""
    other = issue()
    own = CertsFolder(other.path)
    (other.path / "broker.pem").unlink()
    own.begin([], other.now(-800))
    return own.files("broker"), other.admin, "localhost"


def not_yet(issue, issued):
    """A server, a client, and the host that it connects to."""
    other = issue()
    (other.path / "broker.pem").unlink()
    other.folder.begin([], other.now(2))
    return other.broker, other.admin, "localhost"


def of_another(issue, issued):
    """A server, a client, and the host that it connects to."""
    return issue().broker, issued.admin, "localhost"


def other_host(issue, issued):
    """A server, a client, and the host that it connects to."""
    return issued.broker, issued.admin, "127.0.0.2"


def plain_server(issue, issued):
    """A server, a client, and the host that it connects to."""
    return None, issued.admin, "localhost"


def plain_client(issue, issued):
    """A server, a client, and the host that it connects to."""
    return issued.broker, None, "localhost"


def without_certificate(issue, issued):
    """A server, a client, and the host that it connects to."""
    return issued.broker, TlsFiles(ca=issued.path / "ca.pem"), "localhost"


def expired_client(issue, issued):
    """A server, a client, and the host that it connects to."""
    return issued.broker, issued.caller("run", "old", days=-800), "localhost"


def client_of_another(issue, issued):
    """A server, a client, and the host that it connects to."""
    other = issue().admin
    return (
        issued.broker,
        TlsFiles(ca=issued.path / "ca.pem", cert=other.cert, key=other.key),
        "localhost",
    )


def agent_as_server(issue, issued):
    """A server, a client, and the host that it connects to."""
    agent = issued.caller("agent", "one")
    return agent, issued.admin, "localhost"


SENTENCES = {
    expired: "has expired: `loadgrpc certs renew` on its machine",
    not_yet: "is not valid yet: compare the clocks",
    of_another: "was not issued by the authority in .*ca.pem: see that it is the broker you mean",
    other_host: r"is for .*localhost.*, and not for 127\.0\.0\.2: connect by one of these names",
    plain_server: "does not speak TLS: start the broker with certificates .*say --insecure",
    plain_client: "speaks TLS only, and there is no certificate of its authority here",
    without_certificate: "asks for a certificate, and there is none here: `loadgrpc certs client",
    expired_client: "does not accept the certificate in .*client.pem: it has expired, or another",
    client_of_another: "does not accept the certificate in .*client.pem",
    agent_as_server: "is not accepted: unsuitable certificate purpose",
}


@pytest.mark.parametrize("wrong", SENTENCES, ids=lambda each: each.__name__)
def test_what_is_wrong_is_one_sentence(wrong, issue, issued):
    """No connection comes about, gRPC's own words are not shown, and it is said what to do."""
    server, client, host = wrong(issue, issued)

    async def main():
        async with serving(server) as address:
            endpoint = f"{host}:{address.rpartition(':')[2]}"
            async with new_channel(endpoint, client) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await check(channel)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
            return await asyncio.to_thread(handshake.trouble, endpoint, client)

    import re

    found = asyncio.run(main())
    assert re.search(SENTENCES[wrong], found), found
    assert "\n" not in found


def test_nothing_is_said_where_nothing_is_wrong(issued):
    """A connection that could be made, a broker that is not there, and a Unix socket."""

    async def main():
        async with serving(issued.broker) as endpoint:
            return [
                await asyncio.to_thread(handshake.trouble, where, certificates)
                for where, certificates in (
                    (endpoint, issued.admin),
                    ("127.0.0.1:1", issued.admin),
                    ("127.0.0.1:1", None),
                    ("unix:/no/where", issued.admin),
                )
            ]

    assert asyncio.run(main()) == ["", "", "", ""]
