"""What Locust runs in the plain cases. It has a virtual environment of its own."""
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import os
from typing import Any

from locust import FastHttpUser, HttpUser, constant, task
from locust.exception import StopUser

URL = os.environ["BENCH_URL"]
POSTS = os.environ["BENCH_METHOD"] == "POST"
BODY = {"name": "kettle", "amount": 3}
CERTIFICATE = os.environ["BENCH_CERTIFICATE"]


def visit(client: Any) -> None:
    """One request; a wrong status ends the user, and the count of failures tells."""
    res = client.post(URL, json=BODY) if POSTS else client.get(URL)
    if res.status_code != 200:  # noqa: PLR2004 - what is asserted everywhere
        raise StopUser


class WithRequests(HttpUser):
    """Locust on Requests."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """The session is told once whom to believe."""
        self.client.verify = CERTIFICATE

    @task
    def visit(self) -> None:
        """One iteration."""
        visit(self.client)


class WithGeventHttp(FastHttpUser):
    """Locust on geventhttpclient."""

    wait_time = constant(0)

    @task
    def visit(self) -> None:
        """One iteration."""
        visit(self.client)
