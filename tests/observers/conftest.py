"""What observers notify, started by the tests, on loopback; and how observers are tried."""

import http.server
import threading
from dataclasses import dataclass, field

import pytest

from loadgrpc.observers import Notice
from loadgrpc.observers.registry import find


@dataclass
class Received:
    """A request that a receiver got."""

    path: str
    headers: dict
    body: bytes


@dataclass
class Receiver:
    """An HTTP server. It answers with `statuses` in turn, and with the last one from then on."""

    url: str
    statuses: list = field(default_factory=lambda: [200])
    requests: list = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    """While it is set, nothing is answered."""
    released: threading.Event = field(default_factory=threading.Event)
    location: str = ""


@pytest.fixture
def receiver():
    """A receiver of webhooks."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            made.requests.append(Received(self.path, dict(self.headers), body))
            if made.hangs.is_set():
                made.released.wait(60)
            at = min(len(made.requests), len(made.statuses)) - 1
            self.send_response(made.statuses[at])
            if made.location:
                self.send_header("location", made.location)
            self.send_header("content-length", "6")
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def notice():
    """The end of a run."""
    return Notice(
        notice_id="r-1/4",
        event="end",
        time_s=1_614_265_330.5,
        run_id="r-1",
        title="nightly",
        label="nightly: a.B.c",
        state="FINISHED",
        text="nightly: a.B.c: passed: 12 hits; run r-1",
        look="loadgrpc show r-1 -b h:7979",
        exit_code=0,
        verdict="passed",
        summary={"runId": "r-1"},
    )


@pytest.fixture
def make():
    """`make(name, **settings)`: an observer with these settings, and defaults for the others."""

    def made(name, **settings):
        kind = find(name)
        return kind({each.name: each.default for each in kind.SETTINGS} | settings)

    return made
