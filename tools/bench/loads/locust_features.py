"""What Locust's HttpUser runs in the cases about features; `features.py` does the same."""
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import os
from itertools import count

from locust import HttpUser, constant, task
from locust.exception import StopUser

BASE = os.environ["BENCH_BASE"]
TEST = os.environ["BENCH_TEST"]
NUMBERS = count()


class Features(HttpUser):
    """Features of Requests, one in each method."""

    wait_time = constant(0)

    @task
    def iteration(self) -> None:
        """One iteration of the test that is asked for."""
        if not getattr(self, TEST)():
            raise StopUser

    def test_unique_url(self) -> bool:
        """No URL twice."""
        res = self.client.get(f"{BASE}/items/{next(NUMBERS)}", name="/items/[number]")
        return bool(res.status_code == 200)  # noqa: PLR2004

    def test_params(self) -> bool:
        """A query from a dict."""
        res = self.client.get(BASE + "/", params={"query": "kettle", "page": 3})
        return bool(res.status_code == 200)  # noqa: PLR2004

    def test_headers_timeout(self) -> bool:
        """Headers and a time-out of the call."""
        headers = {"Accept": "application/json", "X-Request": "bench"}
        res = self.client.get(BASE + "/", headers=headers, timeout=5)
        return bool(res.status_code == 200)  # noqa: PLR2004

    def test_json_post(self) -> bool:
        """A body from a dict."""
        res = self.client.post(BASE + "/", json={"name": "kettle", "amount": 3})
        return bool(res.status_code == 200)  # noqa: PLR2004

    def test_cookie(self) -> bool:
        """A cookie that the server set."""
        if "visitor" not in self.client.cookies:
            self.client.get(BASE + "/login")
        res = self.client.get(BASE + "/members")
        return bool(res.status_code == 200)  # noqa: PLR2004

    def test_session_header(self) -> bool:
        """A header of the session, another each time."""
        self.client.headers["X-Count"] = str(next(NUMBERS))
        res = self.client.get(BASE + "/counted")
        return bool(res.status_code == 200)  # noqa: PLR2004

    def test_redirect(self) -> bool:
        """A redirect that is followed: two requests."""
        res = self.client.get(BASE + "/redirect")
        return (res.status_code, len(res.history)) == (200, 1)

    def test_read_json(self) -> bool:
        """A body read as JSON."""
        res = self.client.get(BASE + "/json")
        return bool(res.json()["name"] == "kettle")
