"""`self.app`: WebTest's TestApp, whose requests are made by the session of the test.

Rule: WebTest builds requests and checks answers; everything on the wire is the session's, with its
connections, cookies and headers, so each request is one hit, and a redirect is followed only by
`.follow()`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from loadgrpc.runner.http.session import Session

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb imports cgi
    import webtest
    from webtest.compat import escape_cookie_value

NAME: Final = "loadgrpc.name"
"""In `extra_environ`: the name that the hit is reported under."""
NO_SERVER_URL: Final = (
    "self.app does not know the server: set server_url in the class, set self.app.server_url, or"
    " give the run a server URL (-H http://…)"
)
_ABSOLUTE: Final = re.compile("https?://", re.IGNORECASE)
_WEBTESTS_OWN: Final = "localhost:80"
"""The host of a request that was made without one."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NOT_PASSED_ON: Final = frozenset(
    (
        # of the connection, not of the answer
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
        "content-encoding",  # Requests has decoded it
    )
)
_SET_BY_REQUESTS: Final = frozenset(("host", "content-length", "cookie"))


class _Subject(Protocol):
    """The test case that an app belongs to."""

    server_url: str | None

    @property
    def session(self) -> Session: ...


class _Base:
    """Where the server is: the parts of its URL."""

    def __init__(self, server_url: str) -> None:
        """Raises ValueError: it is not the URL of a server."""
        parts = urlsplit(server_url)
        if not _ABSOLUTE.match(server_url) or not parts.hostname:
            raise ValueError(f"the server URL {server_url!r} does not begin with http://HOST")
        scheme = parts.scheme.lower()
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or _DEFAULT_PORTS[scheme]
        user, at, _ = parts.netloc.rpartition("@")
        self.credentials = user + at
        self.host = f"{host}:{port}"
        self.url = f"{scheme}://{self.host}{parts.path.rstrip('/')}"


class WebTestApp(webtest.TestApp):  # type: ignore[misc]  # it has no types
    """See the module, and https://docs.pylonsproject.org/projects/webtest."""

    def __init__(self, case: _Subject) -> None:
        """Of this test case: its session sends, its server URL is the default."""
        self._case = case
        self._server_url: str | None = None
        super().__init__(self._answer, lint=False)  # that would check our own WSGI application
        self.app = self._answer  # whatever WEBTEST_TARGET_URL says
        self.RequestClass = self._request_class()

    @property
    def server_url(self) -> str | None:
        """Where relative URLs lead. It may be set at any time; None: to that of the class."""
        return self._server_url or self._case.server_url

    @server_url.setter
    def server_url(self, url: str | None) -> None:
        self._server_url = url

    @property
    def cookiejar(self) -> Any:
        """The cookies of the session."""
        return self._case.session.cookies

    @cookiejar.setter
    def cookiejar(self, jar: Any) -> None:
        """WebTest's own is not used."""

    def set_cookie(self, name: str, value: str) -> None:
        """See webtest.TestApp.set_cookie."""
        self.cookiejar.set(name, escape_cookie_value(value))

    def do_request(self, req: Any, status: Any = None, expect_errors: Any = None) -> Any:
        """See webtest.TestApp.do_request."""
        if not isinstance(req, self.RequestClass) and req.host == _WEBTESTS_OWN:
            base = urlsplit(self._base().url)
            req.environ["wsgi.url_scheme"] = base.scheme
            req.environ["SCRIPT_NAME"] = base.path
            req.host = base.netloc
        # The session sends its cookies by itself, so only those are sent that the test has set.
        req.environ[_OWN_COOKIES] = req.environ.get("HTTP_COOKIE")
        return super().do_request(req, status=status, expect_errors=expect_errors)

    def _base(self) -> _Base:
        """Raises ValueError: there is no server URL, or it is not one."""
        if not self.server_url:
            raise ValueError(NO_SERVER_URL)
        return _Base(self.server_url)

    def _request_class(self) -> type:
        app = self

        class Request(webtest.TestRequest):  # type: ignore[misc]  # it has no types
            """A request for the server, unless its URL names another."""

            @classmethod
            def blank(cls, path: str, environ: Any = None, base_url: Any = None, **kw: Any) -> Any:
                if base_url is None and not _ABSOLUTE.match(path):
                    base_url = app._base().url
                    path = path if path.startswith("/") else f"/{path}"
                return super().blank(path, environ, base_url, **kw)

        return Request

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """The WSGI application that WebTest tests: it asks the session."""
        request = webtest.TestRequest(environ)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _SET_BY_REQUESTS
        }
        cookies = environ.get(_OWN_COOKIES)
        if cookies is not None:
            headers["Cookie"] = cookies
        answer = self._case.session.request(
            request.method,
            self._with_credentials(request.url, request.host),
            data=request.body or None,
            headers=headers,
            allow_redirects=False,
            name=environ.get(NAME),
        )
        content: bytes = answer.content
        came = [
            (name, value)
            for name, value in answer.raw.headers.items()
            if name.lower() not in _NOT_PASSED_ON
            and (name.lower() != "content-length" or request.method == "HEAD")
        ]
        if request.method != "HEAD":
            came.append(("Content-Length", str(len(content))))
        start_response(f"{answer.status_code} {answer.reason or ''}", came)
        return [content]

    def _with_credentials(self, url: str, host: str) -> str:
        """The URL with the user and password of the server URL, if it is for that server."""
        if not self.server_url or "@" not in self.server_url:
            return url
        base = self._base()
        return url.replace("://", f"://{base.credentials}", 1) if host == base.host else url


_OWN_COOKIES: Final = "loadgrpc.cookies"
"""In the environment of a request: the header Cookie that the test has set itself."""
