"""An answer that came by the fast lane: a requests.Response that works things out when asked.

Rule: whatever a test can see of it is what Requests would have shown; what a test does not
look at costs nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from http.client import parse_headers
from typing import TYPE_CHECKING, Any

import requests
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse

if TYPE_CHECKING:
    from loadgrpc.runner.lane import Template


class _Lazy:
    """An attribute that is made when it is first read, and may be set like any other."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = make.__name__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._make(instance)
        return value


class LaneResponse(requests.Response):
    """See the module."""

    def __init__(  # noqa: PLR0917 - made in one place only
        self,
        status: int,
        url: str,
        head: bytes,
        body: bytes,
        elapsed_ns: int,
        template: Template,
        sent_body: bytes | None,
    ) -> None:
        self.status_code = status
        self.url = url
        self._content = body
        self._content_consumed = True
        self._next = None
        self._came = (head, elapsed_ns, template.prepared, template.circumstances, sent_body)

    @_Lazy
    def headers(self) -> CaseInsensitiveDict[str]:
        """See requests.Response."""
        return CaseInsensitiveDict(self._parsed())

    @_Lazy
    def reason(self) -> str:
        """See requests.Response."""
        line = self._came[0].partition(b"\r\n")[0].decode("latin-1")
        return line.split(" ", 2)[2].strip()

    @_Lazy
    def encoding(self) -> str | None:
        """See requests.Response."""
        return get_encoding_from_headers(self.headers)

    @_Lazy
    def elapsed(self) -> timedelta:
        """See requests.Response."""
        return timedelta(microseconds=self._came[1] / 1000)

    @_Lazy
    def history(self) -> list[requests.Response]:
        """See requests.Response."""
        return []

    @_Lazy
    def cookies(self) -> RequestsCookieJar:
        """See requests.Response. An answer that sets cookies does not come by the lane."""
        return RequestsCookieJar()

    @_Lazy
    def connection(self) -> Any:
        """See requests.Response."""
        return self._came[3].adapter

    @_Lazy
    def request(self) -> requests.PreparedRequest:
        """See requests.Response: its own, to be changed at will."""
        prepared = self._came[2].copy()
        body = self._came[4]
        prepared.url = self.url
        if body is not None:
            prepared.body = body if isinstance(prepared.body, bytes) else body.decode()
            prepared.headers["Content-Length"] = str(len(body))
        return prepared

    @_Lazy
    def raw(self) -> HTTPResponse:
        """See requests.Response: read to its end."""
        raw = HTTPResponse(
            body=io.BytesIO(self._content or b""),
            headers=self._parsed(),
            status=self.status_code,
            version=11,
            version_string="HTTP/1.1",
            reason=self.reason,
            preload_content=False,
            decode_content=False,
            request_method=self._came[2].method,
            request_url=self.request.path_url,
        )
        raw.read()
        return raw

    def _parsed(self) -> HTTPHeaderDict:
        fields = io.BytesIO(self._came[0].partition(b"\r\n")[2])
        return HTTPHeaderDict(parse_headers(fields).items())

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Who unpickles it elsewhere has requests, but not this.
        return requests.Response, (), self.__getstate__()
