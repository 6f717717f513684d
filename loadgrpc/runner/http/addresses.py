"""Where hosts are: a user resolves each name once, and uses all of its addresses in turn.

Requests resolves the name for every connection, and of several addresses always takes the first
that works, so that a load would hit the name servers first, and then a single server behind the
name. Here a user remembers the addresses, and each user begins with a different one.

Rule: only which names are resolved, and in which order addresses are tried, is ours. A connection
is tried at all addresses, as urllib3 does it, with the same errors. Numeric addresses are not
resolved at all. A name that was not found is resolved again, and so is one whose addresses have
all become unreachable: it may have moved.
"""

from __future__ import annotations

import _socket
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Lock
from typing import Any, Final

from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import connection as urllib3_connection
from urllib3.util import timeout as urllib3_timeout

from loadgrpc.runner.http.genuine import is_of

MAX_HOSTS: Final = 256
"""Hosts that a user remembers; over that, all are forgotten."""

_GETADDRINFO_HOMES: Final = ("socket", "gevent._socketcommon")
"""Where `socket.getaddrinfo` is written: in Python, and in what gevent puts there."""

Address = tuple[int, int, int, str, Any]
"""A result of getaddrinfo: family, type, protocol, canonical name, and address."""


class _Host:
    __slots__ = ("_asking", "_name", "_port", "_turns", "addresses")

    def __init__(self, name: str, port: int, begin: int) -> None:
        self.addresses: list[Address] = []
        self._name = name
        self._port = port
        self._asking = Lock()
        self._turns = count(begin)

    def ask(self, unless_known: list[Address]) -> None:
        """Asks where the host is, unless other addresses than these are known meanwhile."""
        with self._asking:  # greenlets of one user ask once
            if self.addresses == unless_known:
                self.addresses = _ask(self._name, self._port)

    def in_turn(self) -> list[Address]:
        """Where to try, one after the other."""
        at = next(self._turns) % max(1, len(self.addresses))
        return self.addresses[at:] + self.addresses[:at]


def may_connect(new_conn: Callable[[], socket.socket]) -> bool:
    """Whether a book can do what `new_conn` would.

    Not for SOCKS, nor where one of the two functions that it stands for was replaced.
    """
    return is_of("urllib3.connection", new_conn) and is_of(
        "urllib3.util.connection", urllib3_connection.create_connection
    )


class AddressBook:
    """The addresses that one user knows."""

    __slots__ = ("_begin", "_hosts")

    def __init__(self, begin: int) -> None:
        """Of each host's addresses, number `begin` comes first, counted round and round."""
        self._begin = begin
        self._hosts: dict[tuple[str, int], _Host] = {}

    def connect(self, connection: HTTPConnection) -> socket.socket:
        """What `HTTPConnection._new_conn` does; it raises what that raises."""
        host = connection._dns_host  # noqa: SLF001 - with the dot at its end, if there is one
        try:
            sock = self._connect(host.strip("[]"), connection)
        except UnicodeError:
            raise LocationParseError(f"'{host}', label empty or too long") from None
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(
                connection,
                f"Connection to {connection.host} timed out. "
                f"(connect timeout={connection.timeout})",
            ) from error
        except OSError as error:
            raise NewConnectionError(
                connection, f"Failed to establish a new connection: {error}"
            ) from error
        sys.audit("http.client.connect", connection, connection.host, connection.port)
        return sock

    def _connect(self, name: str, connection: HTTPConnection) -> socket.socket:
        """A socket that is connected to one of the addresses of a host."""
        port = connection.port
        host = self._hosts.get((name, port))
        if host is None:
            if numbers := _as_numbers(name, port):
                return _connect(numbers, connection)
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts.clear()
            host = self._hosts.setdefault((name, port), _Host(name, port, self._begin))
        known = host.addresses
        if not known:
            host.ask(unless_known=known)
            return _connect(host.in_turn(), connection)
        try:
            return _connect(host.in_turn(), connection)
        except OSError:
            with suppress(OSError):  # it learns what became of the connection
                host.ask(unless_known=known)
            others = [address for address in host.in_turn() if address not in known]
            if not others:
                raise
        return _connect(others, connection)


def _ask(name: str, port: int) -> list[Address]:
    name.encode("idna")  # getaddrinfo's own complaint would be another
    family = urllib3_connection.allowed_gai_family()
    return list(socket.getaddrinfo(name, port, family, socket.SOCK_STREAM))


def _as_numbers(name: str, port: int) -> list[Address]:
    """The addresses of a host that is written as numbers; nothing: it is a name.

    No name server is asked. Under gevent, where every question is a thread's, this is the
    more worth while.
    """
    if not any(is_of(home, socket.getaddrinfo) for home in _GETADDRINFO_HOMES):
        return []  # who has replaced it wants to be asked
    family = urllib3_connection.allowed_gai_family()
    try:
        found = _socket.getaddrinfo(
            name, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return []
    return list(found)


def _connect(addresses: list[Address], connection: HTTPConnection) -> socket.socket:
    """A socket that is connected to the first of the addresses that can be reached.

    As urllib3.util.connection.create_connection, which asks for addresses itself.
    """
    timeout: Any = connection.timeout
    trouble: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            if timeout is not urllib3_timeout._DEFAULT_TIMEOUT:  # noqa: SLF001 - see `supported`
                sock.settimeout(timeout)
            if connection.source_address:
                sock.bind(connection.source_address)
            sock.connect(address)
        except OSError as error:
            trouble = error
            if sock is not None:
                sock.close()
        else:
            return sock
    try:
        raise trouble or OSError("getaddrinfo returns an empty list")
    finally:
        trouble = None  # or it and its traceback would hold each other
