"""What loadgrpc runs in the plain cases: ordinary functional tests."""
# ruff: noqa: PT009 - unittest style is the subject

import os
from functools import cached_property

from loadgrpc import TestCase
from loadgrpc.runner.http.session import Session

URL = os.environ["BENCH_URL"]
CERTIFICATE = os.environ["BENCH_CERTIFICATE"]


class TestPlain(TestCase):
    """Over HTTP."""

    def test_get(self) -> None:
        """One request."""
        res = self.session.get(URL)
        self.assertEqual(res.status_code, 200)

    def test_post(self) -> None:
        """One request with a body."""
        res = self.session.post(URL, json={"name": "kettle", "amount": 3})
        self.assertEqual(res.status_code, 200)


class TestHttps(TestPlain):
    """Over HTTPS: the session is told once whom to believe."""

    @cached_property
    def session(self) -> Session:
        """The user's session."""
        session = super().session
        session.verify = CERTIFICATE
        return session
