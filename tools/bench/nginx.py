"""The server that is loaded: nginx on a core of its own, and its own count of requests."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench import process
from bench.cores import pinned
from bench.figures import Count

CONFIGURATION: Final = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_session_cache shared:tls:10m;
    server {{
        listen 127.0.0.1:{http} backlog=8192;
        listen 127.0.0.1:{https} ssl backlog=8192;
        default_type text/plain;
        absolute_redirect off;
        root {folder};
        location / {{ return 200 "Hello World\\n"; }}
        location = /1k {{ }}
        location = /100k {{ }}
        location = /json {{
            default_type application/json;
            return 200 '{{"ok": true, "items": [1, 2, 3], "name": "kettle"}}';
        }}
        location = /redirect {{ return 302 /; }}
        location = /login {{
            add_header Set-Cookie "visitor=7f3a; Path=/; HttpOnly";
            return 200 "Hello World\\n";
        }}
        location = /members {{
            if ($cookie_visitor = "") {{ return 403; }}
            return 200 "Hello World\\n";
        }}
        location = /counted {{
            if ($http_x_count = "") {{ return 400; }}
            return 200 "Hello World\\n";
        }}
        location = /status {{ stub_status; }}
    }}
}}
"""
SAMPLE_EVERY_S: Final = 0.05


@dataclass(frozen=True)
class Server:
    """A running nginx."""

    http: int
    https: int
    certificate: Path

    def base(self, *, https: bool = False) -> str:
        """Where it is, without a path."""
        return f"https://127.0.0.1:{self.https}" if https else f"http://127.0.0.1:{self.http}"


@contextlib.contextmanager
def serving(folder: Path, core: int) -> Iterator[Server]:
    """An nginx in `folder`, on `core`, for as long as the context lasts."""
    _make_certificate(folder)
    (folder / "1k").write_bytes(b"x" * 1024)
    (folder / "100k").write_bytes(b"x" * 1024 * 100)
    server = Server(_free_port(), _free_port(), folder / "certificate.pem")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, http=server.http, https=server.https)
    )
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or "nginx"
    log = folder / "error.log"
    command = [program, "-p", str(folder), "-e", str(log), "-c", str(configuration)]
    with process.background(pinned(core, command), log=folder / "output.log") as popen:
        deadline = time.monotonic() + process.READY_S
        while not _answers(server.http):
            if popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield server


def _make_certificate(folder: Path) -> None:
    code, output = process.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-days", "30"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
        ],
        timeout_s=30,
    )
    if code:
        raise RuntimeError(f"openssl makes no certificate:\n{output}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Counter:
    """Looks at nginx's own count of requests, twenty times a second, from its own thread.

    with Counter(server) as counter: …; counter.counts has the looks, counter.total the sum.
    """

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=10)
        self._stop = threading.Event()
        self._looks = 0
        self._thread = threading.Thread(target=self._work)
        self.counts: list[Count] = []

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
        self._connection.close()

    @property
    def total(self) -> int:
        """Requests of others while it looked."""
        return self.counts[-1].requests - self.counts[0].requests

    def _work(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY_S):
            self._look()

    def _look(self) -> None:
        self._connection.request("GET", "/status")
        text = self._connection.getresponse().read().decode()
        self._looks += 1
        self.counts.append(Count(time.monotonic(), parse_status(text) - self._looks))


def parse_status(text: str) -> int:
    """Requests, from the page of nginx's stub_status."""
    return int(text.splitlines()[2].split()[2])
