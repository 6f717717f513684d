"""Bare sockets under gevent: no HTTP library, no measuring, nothing but bytes sent and received.

python gevent_sockets.py USERS SECONDS; prints how many requests it made. No load in pure Python
under gevent is faster than this: what it takes is the interpreter's, the loop's and the kernel's.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402 - after patching
import socket  # noqa: E402
import ssl  # noqa: E402
import time  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

from gevent_users import run  # type: ignore[import-not-found]  # noqa: E402 - beside this

URL = urlsplit(os.environ["BENCH_URL"])
BODY = b'{"name":"kettle","amount":3}' if os.environ["BENCH_METHOD"] == "POST" else b""
TYPED = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY) if BODY else b""
REQUEST = b"%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s" % (
    os.environ["BENCH_METHOD"].encode(),
    (URL.path or "/").encode(),
    URL.netloc.encode(),
    TYPED,
    BODY,
)
GOOD = b"HTTP/1.1 200 "
CHUNK = 1 << 16


def connected() -> socket.socket:
    """To the server; encrypted if the URL says so."""
    made = socket.create_connection((URL.hostname, URL.port), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.settimeout(None)
    if URL.scheme == "https":
        context = ssl.create_default_context(cafile=os.environ["BENCH_CERTIFICATE"])
        return context.wrap_socket(made, server_hostname=URL.hostname)
    return made


def size_of(first: bytes) -> int:
    """The length of the answer that begins with this, head and body."""
    head, _, _ = first.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(head) + 4 + int(value)
    raise SystemExit(f"no length in {first[:200]!r}")


def live(until_s: float) -> int:
    """A user; how many requests it made."""
    made, size = 0, 0
    with connected() as server:
        while time.monotonic() < until_s:
            server.sendall(REQUEST)
            answer = server.recv(CHUNK)
            if not answer.startswith(GOOD):
                raise SystemExit(f"answered {answer[:200]!r}")
            size = size or size_of(answer)
            left = size - len(answer)
            while left > 0:
                left -= len(server.recv(CHUNK))
            made += 1
    return made


if __name__ == "__main__":
    run(live)
