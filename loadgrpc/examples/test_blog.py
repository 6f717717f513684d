"""A small web site and its users: volume, failures, and users that are not mixed up.

python -m loadgrpc.examples.server &
loadgrpc run loadgrpc.examples.test_blog.TestWebSite.test_something -u 10 -i 20
"""

from __future__ import annotations

import hashlib
import os
import random
import time

from loadgrpc import TestCase


class TestWebSite(TestCase):
    """What its users do, one habit each."""

    server_url = "http://127.0.0.1:9000"

    def test_health(self) -> None:
        """Nothing but a counter: it needs no server. `loadgrpc check-agents` runs it."""
        self.incr_counter("health-check")

    def test_volume(self) -> None:
        """Some work for the CPU, ten counters and a short sleep, to see what an agent can bear."""
        self.incr_counter("volume-check")
        data = os.urandom(2048)
        for _ in range(1000):
            data = hashlib.sha256(data).digest()
        for number in range(10):
            self.incr_counter(f"volume-check-{number}")
        time.sleep(0.2)

    def test_something(self) -> None:
        """A page, a document and a form, each checked."""
        page = self.session.get(self.server_url + "/")
        self.assertIn("Hello", page.text)
        document = self.session.get(self.server_url + "/json").json()
        self.assertEqual(document["message"], "Hello")
        posted = self.session.post(self.server_url + "/echo", json={"comment": "nice"})
        self.assertEqual(posted.json(), {"comment": "nice"})

    def test_concurrency(self) -> None:
        """Users with names of their own: the server calls each by its name, always."""
        user = f"user{random.randint(1, 200)}"  # noqa: S311 - a name
        self.session.auth = (user, "a password")
        self.incr_counter("asked")
        for _ in range(2):
            page = self.session.get(self.server_url + "/auth")
            self.assertEqual(page.text.strip(), user)
        self.incr_counter("recognised")

    def test_from_doc(self) -> None:
        """Two messages over a WebSocket that echoes, and a callback that sees them come back.

        It needs `pip install 'loadgrpc[websocket]'`.
        """
        results: list[str] = []
        socket = self.create_ws(
            self.server_url + "/ws",
            protocols=["chat", "http-only"],
            callback=lambda message: results.append(str(message)),
        )
        for text in ("something", "happened"):
            socket.send(text)
            socket.receive()
        until = time.monotonic() + 5
        while len(results) < 2 and time.monotonic() < until:  # noqa: PLR2004 - both
            time.sleep(0.01)
        self.assertEqual(results, ["something", "happened"])
        socket.close()

    def test_slow(self) -> None:
        """A page of which each tenth answer takes 15 times as long: look at its percentiles."""
        self.assertEqual(self.session.get(self.server_url + "/slow").status_code, 200)

    def test_will_fail(self) -> None:
        """Each third answer is a 503: failed hits, and failures because the test checks."""
        self.session.get(self.server_url + "/flaky/3").raise_for_status()

    def test_will_error(self) -> None:
        """A test that breaks: an error of its own, without any hit."""
        raise ValueError("boom")
