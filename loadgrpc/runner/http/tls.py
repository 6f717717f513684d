"""TLS contexts: one for all connections of a process that ask for the same.

urllib3 makes a context for each connection, and reads all certificate authorities into it. With
the bundle that Requests brings, that takes some 10 ms and 500 KiB for each connection of each
user. The content of a context depends only on what it was made from.

Rule: a connection gets what it asks for, made by urllib3's own function from the same files.
Contexts that cannot be shared with certainty are left to urllib3, and so are errors, so that its
own messages appear.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import urllib3.connection
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import ssl_

from loadgrpc.runner.http.genuine import is_of
from loadgrpc.runner.supported import Feature, has

MAX_CONTEXTS: Final = 64
"""Contexts that a process remembers; over that, all are forgotten."""

_FILES: Final = ("ca_certs", "cert_file", "key_file")
_SOURCES: Final = (*_FILES, "ca_cert_data", "key_password")
"""What a connection does without while it has a context that was made from them."""
_SETTINGS: Final = ("cert_reqs", "ssl_minimum_version", "ssl_maximum_version")
_APART: Final = (
    *("ssl_context", "assert_hostname", "assert_fingerprint"),  # it is its own, or is changed
    "ca_cert_dir",  # which is looked into later
    "ssl_version",  # which urllib3 warns of
    "proxy",
)
"""What keeps a connection apart from the others."""
_ENVIRONMENT: Final = ("SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR")

_contexts: dict[tuple[Any, ...], ssl.SSLContext] = {}


@contextmanager
def lent_context(connection: HTTPConnection, connect: Callable[[], None]) -> Iterator[None]:
    """Lets a connection that is about to `connect` have a context that others have, too."""
    context = None
    if isinstance(connection, HTTPSConnection) and is_of("urllib3.connection", connect):
        context = _context(connection) if has(Feature.CONTEXTS) else None
    if context is None:
        yield
        return
    own = {name: getattr(connection, name) for name in _SOURCES}
    vars(connection).update(dict.fromkeys(_SOURCES), ssl_context=context)
    try:
        yield
    finally:
        vars(connection).update(own, ssl_context=None)


def _context(connection: HTTPSConnection) -> ssl.SSLContext | None:
    """What urllib3 would make for a connection; None: that is not shared."""
    if any(getattr(connection, name) is not None for name in _APART):
        return None
    settings = [getattr(connection, name) for name in _SETTINGS + _SOURCES]
    trusts = connection.ca_certs or connection.ca_cert_data
    if not trusts and ssl_.resolve_cert_reqs(connection.cert_reqs) != ssl.CERT_NONE:
        return None  # it goes by what the system trusts at the time
    make: Callable[..., Any] = vars(urllib3.connection)["create_urllib3_context"]
    try:
        files = [_mark(getattr(connection, name)) for name in _FILES]
        key = (make, *settings, *files, *map(os.environ.get, _ENVIRONMENT))
        context = _contexts.get(key)
        if context is None:
            context = _make(connection, make)
            if len(_contexts) >= MAX_CONTEXTS:
                _contexts.clear()
            _contexts[key] = context
    except (OSError, TypeError, ValueError):
        return None
    return context


def _mark(path: str | None) -> tuple[int, ...]:
    """What changes with the contents of a file."""
    if path is None:
        return ()
    found = os.stat(path)  # noqa: PTH116 - it may be what ssl takes for a path
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _make(connection: HTTPSConnection, make: Callable[..., Any]) -> ssl.SSLContext:
    """As urllib3 does it in `_ssl_wrap_socket_and_match_hostname` and `ssl_wrap_socket`."""
    context = make(
        ssl_version=ssl_.resolve_ssl_version(None),
        ssl_minimum_version=connection.ssl_minimum_version,
        ssl_maximum_version=connection.ssl_maximum_version,
        cert_reqs=ssl_.resolve_cert_reqs(connection.cert_reqs),
    )
    if type(context) is not ssl.SSLContext:
        raise TypeError("not a context of the standard library")
    if connection.ca_certs or connection.ca_cert_data:
        context.load_verify_locations(connection.ca_certs, None, connection.ca_cert_data)
    else:
        context.load_default_certs()
    if connection.cert_file:
        # With no password at all, OpenSSL would ask for one at the terminal.
        password = connection.key_password or ""
        context.load_cert_chain(connection.cert_file, connection.key_file, password)
    return context
