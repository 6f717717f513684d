"""What went wrong with a hit: a kind, and one line that equal errors share.

Rule: classify at the wire, where the exception still is what happened, and not where requests has
wrapped it.
"""

from __future__ import annotations

import errno
import http.client
import re
import resource
import socket
import ssl

from urllib3 import exceptions

from loadgrpc.model import HitError
from loadgrpc.runner.exception_text import is_a, message, type_name, without_addresses

MESSAGE_CHARACTERS = 400
# `HTTPConnectionPool(host='a', port=1): ` and, in older versions, `<….HTTPConnection object>: `
_SPEAKER = re.compile(r"^(\w+\(host=[^)]*\)|<[\w.]+ object>): ")
_NAMED = (HitError.PROTOCOL, HitError.ABORTED, HitError.OTHER)
"""Kinds whose message starts with the exception's type, because its text says too little."""

# First that applies. NewConnectionError is a ConnectTimeoutError, and stands before it.
_KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], HitError], ...] = (
    ((exceptions.NameResolutionError, socket.gaierror), HitError.DNS),
    (exceptions.NewConnectionError, HitError.CONNECT),
    ((exceptions.TimeoutError, TimeoutError), HitError.TIMEOUT),
    ((exceptions.SSLError, ssl.SSLError, ssl.CertificateError), HitError.TLS),
    ((http.client.RemoteDisconnected, http.client.IncompleteRead), HitError.CLOSED),
    ((http.client.HTTPException, exceptions.HTTPError), HitError.PROTOCOL),
    (OSError, HitError.CLOSED),
    (Exception, HitError.OTHER),
    (BaseException, HitError.ABORTED),
)


def classify(error: BaseException, *, connecting: bool) -> tuple[HitError, str]:
    """The kind of an exception, and its text in one line.

    `connecting`: it happened before the connection stood.
    """
    root = _root(error)
    if _is_out_of_descriptors(root):
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return HitError.OTHER, f"this load generator is at its limit of {most} open files"
    kind = next(kind for types, kind in _KINDS if isinstance(root, types))
    if kind is HitError.ABORTED and is_a(root, "gevent.timeout.Timeout"):
        kind = HitError.TIMEOUT  # one that the test set itself
    elif kind is HitError.CLOSED and connecting:
        kind = HitError.CONNECT
    elif kind is HitError.TLS and isinstance(root, ssl.SSLEOFError) and not connecting:
        kind = HitError.CLOSED
    return kind, named(kind, root, _line(root))


def named(kind: HitError, error: BaseException, text: str) -> str:
    """The text of an error, after the name of its type where the text alone says too little."""
    if kind in _NAMED or not text:
        return f"{type_name(error)}: {text}" if text else type_name(error)
    return text


def _root(error: BaseException) -> BaseException:
    """What urllib3 wrapped: the proxy's error, the system's error, the TLS library's."""
    while True:
        inner: object = None
        if isinstance(error, exceptions.ProxyError):
            inner = error.original_error
        elif isinstance(error, exceptions.SSLError) and error.args:
            inner = error.args[0]
        if not isinstance(inner, BaseException):
            return error
        error = inner


def _is_out_of_descriptors(error: BaseException) -> bool:
    """Whether it is for want of a descriptor here, which is not the server's fault."""
    return any(
        isinstance(each, OSError) and each.errno in {errno.EMFILE, errno.ENFILE}
        for each in (error, error.__cause__, error.__context__)
    )


def _line(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(error, exceptions.NewConnectionError) and isinstance(cause, OSError):
        error = cause  # a NameResolutionError, too
    strerror: object = error.strerror if isinstance(error, OSError) else None
    if isinstance(strerror, str) and strerror and not isinstance(error, ssl.SSLError):
        text = strerror
    elif isinstance(error, exceptions.HTTPError) and error.args and isinstance(error.args[-1], str):
        text = error.args[-1]  # before it stands the pool or the connection that says so
    else:
        text = message(error)
    text = _SPEAKER.sub("", " ".join(without_addresses(text).split()))
    return text[:MESSAGE_CHARACTERS]
