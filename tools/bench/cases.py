"""The work that is measured: the same for every tool, told as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JSON_BODY: Final = '{"name":"kettle","amount":3}'
"""What is posted; scripts in `loads/` post the same."""


@dataclass(frozen=True)
class Case:
    """One kind of work."""

    name: str
    title: str
    users: int = 20
    path: str = "/"
    method: str = "GET"
    https: bool = False
    test: str = ""
    """The method of TestPlain, or of the classes in `features.py` and `locust_features.py`."""
    steps: int = 1
    """Requests that one call makes."""


BY_USERS: Final = tuple(
    Case(f"get-{users}", f"GET, 12 bytes, {users} users", users=users, test="test_get")
    for users in (5, 20, 60, 200, 600)
)
"""The same request with more and more users."""
_, GET_20, _, GET_200, _ = BY_USERS

PLAIN: Final = (
    GET_20,
    GET_200,
    Case("get-1k", "GET, 1 KiB, 20 users", path="/1k", test="test_get"),
    Case("get-100k", "GET, 100 KiB, 20 users", path="/100k", test="test_get"),
    Case("post-json", "POST with JSON, 20 users", method="POST", test="test_post"),
    Case("https", "GET over HTTPS, 12 bytes, 20 users", https=True, test="test_get"),
)
"""What every tool runs."""

FEATURES: Final = (
    Case("unique-url", "a unique URL each time", test="test_unique_url"),
    Case("params", "`params`", test="test_params"),
    Case("headers-timeout", "`headers` and `timeout`", test="test_headers_timeout"),
    Case("json-post", "`json` POST", test="test_json_post"),
    Case("cookie", "a session cookie", test="test_cookie"),
    Case("session-header", "a session header changed before each call", test="test_session_header"),
    Case("redirect", "a redirect", test="test_redirect", steps=2),
    Case("read-json", "reading `.json()`", test="test_read_json"),
)
"""What only loadgrpc and Locust's HttpUser run: features of Requests."""
