"""How both ends of a connection are set up, and how errors leave a servicer.

Rule: every server answers health checks and reflection, and every call of every service goes
through its door (`protocol/door.py`). Every option of gRPC that this project relies on stands
here, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from loadgrpc.certs import CertsError, TlsFiles
from loadgrpc.errors import Unavailable
from loadgrpc.protocol.bound import KIB
from loadgrpc.protocol.bounds import MAX_RECEIVED_BYTES
from loadgrpc.protocol.door import Admission, Door
from loadgrpc.protocol.secure_channel import Metadata, SecureChannel, bearer
from loadgrpc.protocol.server_tls import server_credentials
from loadgrpc.reflection import Registry, add_reflection, packaged

SERVER_OPTIONS: Final = (
    # Two brokers on one port would share its connections silently.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_RECEIVED_BYTES),
    # As by default; said here because callers are promised it. Between them gRPC refuses at random.
    ("grpc.max_metadata_size", 8 * KIB),
    ("grpc.absolute_max_metadata_size", 16 * KIB),
    # Dead peers, such as a watcher that vanished, are detected within 30 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Clients ping every 20 s; a server that permits less answers with "too_many_pings".
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
_CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_RECEIVED_BYTES),
    # A connection that was cut silently is detected within 30 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A broker that was restarted is found again within seconds, not after minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    # A new channel tries at once, whatever pause an older one of this process is in.
    ("grpc.use_local_subchannel_pool", 1),
    # Loopback and clusters are no place for a proxy from the environment.
    ("grpc.enable_http_proxy", 0),
)

Context: TypeAlias = Any
"""grpc.aio.ServicerContext, for which no types are published."""


async def new_server(
    services: Sequence[str],
    described: Callable[[], Registry] = packaged,
    *,
    options: Sequence[tuple[str, int]] = (),
    admission: Admission | None = None,
) -> grpc.aio.Server:
    """A server that answers health checks and reflection for `services`, by full name.

    `described` is what reflection knows, asked for with each answer; `options` are gRPC's, beside
    those that every server has; `admission` decides who may call what. None: everybody, everything.
    """
    server = grpc.aio.server(options=(*SERVER_OPTIONS, *options), interceptors=(Door(admission),))
    checks = health.aio.HealthServicer()
    for name in ("", *services):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    add_reflection(server, (*services, health.SERVICE_NAME), described)
    return server


def listen(
    server: grpc.aio.Server, address: str, files: TlsFiles | None = None, *, asks: bool = True
) -> str:
    """Binds `server` to `address`, HOST:PORT or unix:PATH, and returns where it listens.

    Port 0 becomes a free one. With `files` there is TLS, and nothing else; `asks`: those who
    connect have to show a certificate.

    Raises:
        CertsError: the files cannot be used.
        Unavailable: the address is taken, or is none of this machine's.
    """
    credentials = None if files is None else server_credentials(files, asks=asks)
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise Unavailable(f"cannot listen on {address}: {_bind_reason(address)}") from error
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


def new_channel(
    endpoint: str, files: TlsFiles | None = None, token: Callable[[], str] = str
) -> grpc.aio.Channel:
    """A channel to `endpoint`. Make few of them: each costs a connection and memory.

    With `files` there is TLS, and each call carries the token, if there is one. A Unix socket
    needs neither: its folder says who may enter.

    Raises:
        CertsError: the files cannot be used.
    """
    if files is None or endpoint.startswith("unix:"):
        return grpc.aio.insecure_channel(endpoint, options=_CHANNEL_OPTIONS)
    return SecureChannel(endpoint, files, _CHANNEL_OPTIONS, lambda: bearer(token()))


def passing_channel(
    endpoint: str, files: TlsFiles | None, shown: Callable[[], Metadata]
) -> grpc.aio.Channel:
    """A channel of a program that passes on calls of others: each call shows whose it is.

    `shown` is asked at each call, in the context of its caller; what it raises the call raises.
    Without files `endpoint` is a Unix socket in a folder of this user's own.

    Raises:
        CertsError: the files cannot be used, or there are none for another endpoint.
    """
    if files is None and not endpoint.startswith("unix:"):
        raise CertsError("a token is never sent without encryption")
    return SecureChannel(endpoint, files, _CHANNEL_OPTIONS, shown)


def _bind_reason(address: str) -> str:
    """Why the operating system refuses `address`; gRPC itself does not say."""
    import socket  # noqa: PLC0415 - on this path only

    if address.startswith("unix:"):
        return "the socket cannot be made there"
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]") or None, int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, target = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(target)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return "it cannot be bound"
