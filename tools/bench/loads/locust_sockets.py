"""What Locust runs in the part about WebSockets, with websocket-client, which comes with it."""
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import os
import time

from locust import User, constant, task
from websocket import create_connection

URL = os.environ["BENCH_URL"]
TEXT = "x" * 100


class Sockets(User):
    """A WebSocket for each user."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """It is opened once."""
        self.ws = create_connection(URL)

    @task
    def echo(self) -> None:
        """A message, and its echo."""
        began = time.perf_counter()
        self.ws.send(TEXT)
        text = self.ws.recv()
        self.environment.events.request.fire(
            request_type="WS",
            name="echo",
            response_time=1_000 * (time.perf_counter() - began),
            response_length=len(text),
            exception=None if len(text) == len(TEXT) else ValueError("another text"),
            context={},
        )
