"""A web door without a broker: it serves the page, and documents that a test puts into it."""

from __future__ import annotations

import json
import mimetypes
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loadgrpc.dashboard.host_check import CSP

PAGE = Path(__file__).resolve().parents[3] / "loadgrpc/dashboard/page"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}


class FakeDoor:
    """See the module. `documents` are by path, such as `runs/r-1/summary`."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        """What is answered, by path; a function gets the parameters and the body."""
        self.streams: dict[str, list[tuple[str, str, Any]]] = {}
        """Messages of streams by path: event, id and data. After them they stay open."""
        self.asked: list[tuple[str, str]] = []
        """Method and path of each request."""
        self.over = threading.Event()
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                """Nothing: the tests look at `asked`."""

            def do_GET(self) -> None:
                door.asked.append(("GET", self.path))
                url = urlsplit(self.path)
                if not url.path.startswith("/api/"):
                    door.send_file(self, url.path)
                elif (path := url.path.removeprefix("/api/")) in door.streams:
                    door.send_stream(self, path)
                else:
                    door.send_document(self, path, parse_qs(url.query), None)

            def do_POST(self) -> None:
                door.asked.append((self.command, self.path))
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                ours = self.headers.get("X-Loadgrpc") == "1"
                asked = json.loads(body) if body and ours else None
                key = f"{self.command} {url.path.removeprefix('/api/')}"
                door.send_document(self, key, parse_qs(url.query), asked)

            def do_DELETE(self) -> None:
                self.do_POST()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server.server_port}/"

    def close(self) -> None:
        """Ends it."""
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def send_file(self, request: BaseHTTPRequestHandler, path: str) -> None:
        """A file of the page."""
        found = PAGE / (path.lstrip("/") or "index.html")
        if not found.is_file():
            self._answer(request, 404, "text/plain", b"no such file")
            return
        kind = TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0] or "text/plain"
        self._answer(request, 200, kind, found.read_bytes())

    def send_document(
        self, request: BaseHTTPRequestHandler, path: str, parameters: Any, body: Any
    ) -> None:
        """A document, or the error that it stands for: one with a `code`."""
        found = self.documents.get(path, {"code": "NOT_FOUND", "message": f"no {path}"})
        if callable(found):
            found = found(parameters, body)
        status = {"NOT_FOUND": 404, "INVALID_ARGUMENT": 400, "UNAUTHENTICATED": 401}.get(
            found.get("code"), 200
        )
        self._answer(request, status, "application/json", json.dumps(found).encode())

    def send_stream(self, request: BaseHTTPRequestHandler, path: str) -> None:
        """Server-sent events, and then nothing until the door is closed."""
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        try:
            for event, sequence, data in self.streams[path]:
                lines = [f"event: {event}"] if event else []
                lines += [f"id: {sequence}", f"data: {json.dumps(data)}", "", ""]
                request.wfile.write("\n".join(lines).encode())
            while not self.over.wait(0.05):
                request.wfile.write(b":\n\n")
        except OSError:
            return  # the page has gone

    @staticmethod
    def _answer(request: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Content-Security-Policy", CSP)
        request.send_header("Cache-Control", "no-cache")
        request.end_headers()
        request.wfile.write(body)
