"""The private parts of libraries that the runner leans on, and what it does without them.

A version of a library may rename what it never promised. `TABLE` lists all such parts, each with
the shape it must have and the feature that needs it. A feature is probed once per process, when
it is first asked for; when a part is missing, the feature is off, one line in the log says so,
and requests go the slower way that needs nothing private.

Rule: whoever reaches for a part in the table asks `has` first. Without the parts of MEASURING
there is no slower way, and a session says so instead of measuring something else.
"""

from __future__ import annotations

import importlib
import logging
import socket
import struct
import sys
from enum import Enum
from functools import cache
from types import FunctionType
from typing import Any, Final, NamedTuple

_log = logging.getLogger("loadgrpc.runner.supported")


class Feature(Enum):
    """What needs private parts; the value says what happens without them."""

    MEASURING = "requests cannot be measured"
    LANE = "the fast lane is off, and each request goes through all of Requests"
    ADDRESSES = "the address book is off, and each connection resolves its host by itself"
    CONTEXTS = "TLS contexts are not shared, and each connection makes its own"
    IDLE = "idle connections are kept in urllib3's own queue"
    STAMPS = "the kernel's receive timestamps are off, and event-loop lag is part of response times"
    PLAIN_RUN = "unittest runs each iteration, which takes longer"
    PIPES = "a user that waits for a pipe of multiprocessing holds up the others of its process"
    SEMAPHORES = (
        "a user that waits for a lock of multiprocessing holds up the others of its process"
    )


class PrivatePart(NamedTuple):
    """One row: a part of a library.

    `path` leads to it from the module; a step with parentheses is called with the text in them.
    `shape` is one of

        ""                  it is there
        "(self, conn"       a function whose first parameters are these
        "uses a b"          a function that uses attributes of these names
        "has a b"           an object with these attributes
        "dict"              an instance of a class of this name, or of one that inherits from it

    Of a function that something else has replaced already, nothing but its presence is checked.
    """

    feature: Feature
    module: str
    path: str
    shape: str = ""

    def is_there(self) -> bool:
        """Whether this version of the library has the part, in its shape."""
        try:
            thing: Any = importlib.import_module(self.module)
            for step in self.path.split("."):
                name, call, argument = step.rstrip(")").partition("(")
                thing = getattr(thing, name)
                if call:
                    thing = thing(argument) if argument else thing()
        except (ImportError, AttributeError, TypeError):
            return False
        return self._fits(thing)

    def _fits(self, thing: Any) -> bool:
        what, _, names = self.shape.partition(" ")
        if what == "has":
            return all(hasattr(thing, name) for name in names.split())
        if what == "uses" or what.startswith("("):
            if not isinstance(thing, FunctionType) or thing.__module__ != self.module:
                return callable(thing)
            code = thing.__code__
            parameters = code.co_varnames[: code.co_argcount]
            if what == "uses":
                return set(names.split()) <= set(code.co_names)
            first = tuple(self.shape.removeprefix("(").split(", "))
            return parameters[: len(first)] == first
        return not what or what in (kind.__name__ for kind in type(thing).__mro__)

    def __str__(self) -> str:
        package = self.module.partition(".")[0]
        version = getattr(sys.modules.get(package), "__version__", "")
        library = f"{package} {version}" if version else f"Python {sys.version.partition(' ')[0]}"
        shape = f" ({self.shape.removeprefix('(')})" if self.shape else ""
        return f"{library} has no {self.module}.{self.path}{shape}"


def _parts(feature: Feature, *rows: tuple[str, ...]) -> tuple[PrivatePart, ...]:
    return tuple(PrivatePart(feature, *row) for row in rows)


_POOL: Final = "urllib3.connectionpool"
_CONNECTION: Final = "urllib3.connection"

TABLE: Final[tuple[PrivatePart, ...]] = (
    *_parts(
        Feature.MEASURING,
        (_POOL, "HTTPConnectionPool._make_request", "(self, conn, method, url"),
        (_POOL, "HTTPConnectionPool._prepare_proxy", "(self, conn"),
        (_POOL, "HTTPConnectionPool.ConnectionCls"),
        ("http.client", "HTTPConnection.response_class"),
        ("http.client", "HTTPResponse._close_conn", "(self"),
        ("http.client", "HTTPResponse.__init__", "uses fp"),
        ("urllib3.poolmanager", "PoolManager()", "has pool_classes_by_scheme"),
    ),
    *_parts(
        Feature.LANE,
        (_POOL, "HTTPConnectionPool._get_conn", "(self, timeout"),
        (_POOL, "HTTPConnectionPool._put_conn", "(self, conn"),
        (_POOL, "HTTPConnectionPool._validate_conn", "(self, conn"),
        ("urllib3.poolmanager", "PoolManager().pools._container", "OrderedDict"),
        ("requests.structures", "CaseInsensitiveDict()._store", "OrderedDict"),
        ("requests.models", "PreparedRequest()", "has _cookies"),
        ("requests.models", "PreparedRequest._encode_params", "(data"),
        ("requests.models", "Response()", "has _content _content_consumed _next"),
        ("http.cookiejar", "CookieJar()._cookies", "dict"),
        ("http.cookiejar", "CookieJar()._policy", "CookiePolicy"),
        ("queue", "LifoQueue().queue", "list"),
        ("socket", "SocketIO.__init__", "uses _sock"),
        ("ssl", "SSLSocket.pending", "uses _sslobj"),
    ),
    *_parts(
        Feature.ADDRESSES,
        (_CONNECTION, "HTTPConnection._new_conn", "(self"),
        (_CONNECTION, "HTTPConnection(localhost)._dns_host", "str"),
        ("urllib3.util.timeout", "_DEFAULT_TIMEOUT"),
        ("urllib3.util.connection", "create_connection", "(address, timeout"),
        ("urllib3.util.connection", "allowed_gai_family", ""),
        ("_socket", "getaddrinfo"),
    ),
    *_parts(
        Feature.CONTEXTS,
        (_CONNECTION, "create_urllib3_context"),
        ("urllib3.util.ssl_", "resolve_cert_reqs"),
        ("urllib3.util.ssl_", "resolve_ssl_version"),
        (
            _CONNECTION,
            "HTTPSConnection(localhost)",
            """has ca_certs ca_cert_data ca_cert_dir cert_file key_file key_password cert_reqs
            ssl_minimum_version ssl_maximum_version ssl_version ssl_context assert_hostname
            assert_fingerprint proxy""",
        ),
    ),
    *_parts(Feature.IDLE, (_POOL, "HTTPConnectionPool.QueueCls")),
    *_parts(
        Feature.PLAIN_RUN,
        ("unittest.case", "_Outcome", ""),
        ("unittest.case", "TestCase()", "has _outcome _cleanups _testMethodName"),
    ),
    *_parts(
        Feature.PIPES,
        ("multiprocessing.connection", "Connection._recv", "(self, size, read"),
        ("multiprocessing.connection", "Connection._send", "(self, buf, write"),
    ),
    *_parts(
        Feature.SEMAPHORES,
        ("multiprocessing.synchronize", "SemLock._make_methods", "uses _semlock"),
    ),
)

GEVENT: Final[tuple[PrivatePart, ...]] = _parts(
    Feature.LANE,
    ("gevent.socket", "socket._sock"),
    ("gevent.socket", "socket._read_event"),
    ("gevent.socket", "socket._wait"),
    ("gevent.ssl", "SSLSocket.pending", "uses _sslobj"),
)
"""More rows, of processes that gevent has patched."""

SO_TIMESTAMPNS: Final = 35
"""Linux: what is read comes with the time it arrived. Python has no name for it."""
TIMESPEC: Final = struct.Struct("@qq")


NOT_IMPORTED: Final[dict[Feature, str]] = {}
"""Features whose modules cannot even be imported, and why."""


def cannot_import(feature: Feature, error: Exception) -> None:
    """Notes that a feature needs something that is missing already when it is imported."""
    NOT_IMPORTED[feature] = f"{type(error).__name__}: {error}"


@cache
def has(feature: Feature) -> bool:
    """Whether a feature has all it needs; when not, the log says so, once."""
    for part in (*TABLE, *(GEVENT if _is_patched() else ())):
        if part.feature is feature and not part.is_there():
            return _off(feature, str(part))
    if feature in NOT_IMPORTED:
        return _off(feature, NOT_IMPORTED[feature])
    if feature is Feature.STAMPS and not _kernel_stamps():
        return _off(feature, "this system does not take SO_TIMESTAMPNS")
    return True


def check_measuring() -> None:
    """Raises RuntimeError, with a sentence that names the part, where requests are no hits."""
    if not has(Feature.MEASURING):
        rows = (part for part in TABLE if part.feature is Feature.MEASURING)
        missing = next(part for part in rows if not part.is_there())
        raise RuntimeError(f"{Feature.MEASURING.value}: {missing}; install a version that has it")


def _off(feature: Feature, why: str) -> bool:
    _log.warning("%s: %s", feature.value, why)
    return False


def _is_patched() -> bool:
    return socket.socket.__module__.startswith("gevent.")


def _kernel_stamps() -> bool:
    """Whether the kernel stamps what is received, in the form that is read here."""
    if TIMESPEC.size != 2 * struct.calcsize("@l"):
        return False
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True
