"""Users that make one request, keep the connection, and wait: for the memory of a user."""
# ruff: noqa: PT009 - unittest style is the subject

import os
import time
from functools import cached_property
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from loadgrpc import TestCase
from loadgrpc.runner.http.session import Session

URL = os.environ["BENCH_URL"]
CERTIFICATE = os.environ["BENCH_CERTIFICATE"]
LONG_S = 600


class TestHttp(TestCase):
    """Over HTTP."""

    def test_once(self) -> None:
        """One request."""
        res = self.session.get(URL)
        self.assertEqual(res.status_code, 200)
        time.sleep(LONG_S)


class TestHttps(TestHttp):
    """Over HTTPS."""

    @cached_property
    def session(self) -> Session:
        """The user's session."""
        session = super().session
        session.verify = CERTIFICATE
        return session


class _Adapter(HTTPAdapter):
    """An adapter that somebody changed: requests through it are left to Requests."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().send(*args, **kwargs)


class TestOwnRoad(TestHttps):
    """Over HTTPS, on Requests' own road."""

    @cached_property
    def session(self) -> Session:
        """The user's session."""
        session = super().session
        session.mount("https://", _Adapter())
        return session
