"""Tests that go wrong, to see how loadgrpc shows it. Each run of one ends with exit code 1.

python -m loadgrpc.examples.server &
loadgrpc run loadgrpc.examples.trouble.TestTrouble.test_failure -u 5 -i 10
"""

from __future__ import annotations

from loadgrpc import TestCase


class TestTrouble(TestCase):
    """One way to go wrong each."""

    server_url = "http://127.0.0.1:9000"

    def test_failure(self) -> None:
        """The server answers, but not what the test asks for: a failure."""
        page = self.session.get(self.server_url + "/json")
        self.assertEqual(page.json()["message"], "Good bye")

    def test_error(self) -> None:
        """The test itself breaks: an error."""
        page = self.session.get(self.server_url + "/json")
        self.assertTrue(page.json()["no such key"])

    def test_status(self) -> None:
        """A failed hit, and a failure because the test checks the status."""
        page = self.session.get(self.server_url + "/status/503")
        self.assertEqual(page.status_code, 200)

    def test_refused(self) -> None:
        """Nobody listens there: a hit with an error, and an error of the test."""
        self.session.get("http://127.0.0.1:1/")
