"""What loadgrpc runs in the part about WebSockets; `locust_sockets.py` and `k6_sockets.js` too."""
# ruff: noqa: PT009 - unittest style is the subject

import os
import time
from functools import cached_property
from typing import Any

from loadgrpc import TestCase

URL = os.environ["BENCH_URL"]
TEXT = "x" * 100
LONG_S = 600


class TestSockets(TestCase):
    """A WebSocket for each user."""

    @cached_property
    def ws(self) -> Any:
        """It is opened once."""
        return self.create_ws(URL)

    def test_echo(self) -> None:
        """A message, and its echo."""
        self.ws.send(TEXT)
        self.assertEqual(len(self.ws.receive()), len(TEXT))

    def test_once(self) -> None:
        """The same once; then the user waits: for its memory."""
        self.test_echo()
        time.sleep(LONG_S)
