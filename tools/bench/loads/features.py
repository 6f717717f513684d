"""What loadgrpc runs in the cases about features; `locust_features.py` does the same."""
# ruff: noqa: PT009 - unittest style is the subject

import os
from itertools import count

from loadgrpc import TestCase

BASE = os.environ["BENCH_BASE"]
NUMBERS = count()


class TestFeatures(TestCase):
    """Features of Requests, one in each test."""

    def test_unique_url(self) -> None:
        """No URL twice."""
        res = self.session.get(f"{BASE}/items/{next(NUMBERS)}", name="/items/[number]")
        self.assertEqual(res.status_code, 200)

    def test_params(self) -> None:
        """A query from a dict."""
        res = self.session.get(BASE + "/", params={"query": "kettle", "page": 3})
        self.assertEqual(res.status_code, 200)

    def test_headers_timeout(self) -> None:
        """Headers and a time-out of the call."""
        headers = {"Accept": "application/json", "X-Request": "bench"}
        res = self.session.get(BASE + "/", headers=headers, timeout=5)
        self.assertEqual(res.status_code, 200)

    def test_json_post(self) -> None:
        """A body from a dict."""
        res = self.session.post(BASE + "/", json={"name": "kettle", "amount": 3})
        self.assertEqual(res.status_code, 200)

    def test_cookie(self) -> None:
        """A cookie that the server set."""
        if "visitor" not in self.session.cookies:
            self.session.get(BASE + "/login")
        res = self.session.get(BASE + "/members")
        self.assertEqual(res.status_code, 200)

    def test_session_header(self) -> None:
        """A header of the session, another each time."""
        self.session.headers["X-Count"] = str(next(NUMBERS))
        res = self.session.get(BASE + "/counted")
        self.assertEqual(res.status_code, 200)

    def test_redirect(self) -> None:
        """A redirect that is followed: two requests."""
        res = self.session.get(BASE + "/redirect")
        self.assertEqual((res.status_code, len(res.history)), (200, 1))

    def test_read_json(self) -> None:
        """A body read as JSON."""
        res = self.session.get(BASE + "/json")
        self.assertEqual(res.json()["name"], "kettle")
