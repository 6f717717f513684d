"""An answer that came by the fast lane: a requests.Response that works things out when asked.

Rule: whatever a test can see of it is what Requests would have shown; what a test does not
look at costs nothing.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse


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
        prepared: requests.PreparedRequest,
        adapter: HTTPAdapter,
        sent_body: bytes | None,
    ) -> None:
        self.status_code = status
        self.url = url
        self._content = body
        self._content_consumed = True
        self._next = None
        self._came = (url, head, body, elapsed_ns, prepared, adapter, sent_body)

    @_Lazy
    def headers(self) -> CaseInsensitiveDict[str]:
        """See requests.Response."""
        fields = HTTPHeaderDict()  # joins those that came twice
        for line in self._came[1].decode("latin-1").split("\r\n")[1:-2]:
            name, _, value = line.partition(":")
            fields.add(name, value.lstrip(" \t"))
        return CaseInsensitiveDict(fields)

    @_Lazy
    def reason(self) -> str:
        """See requests.Response."""
        line = self._came[1].partition(b"\r\n")[0].decode("latin-1")
        return line.split(" ", 2)[2].strip()

    @_Lazy
    def encoding(self) -> str | None:
        """See requests.Response."""
        return get_encoding_from_headers(self.headers)

    @_Lazy
    def elapsed(self) -> timedelta:
        """See requests.Response."""
        return timedelta(microseconds=self._came[3] / 1000)

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
        return self._came[5]

    @_Lazy
    def request(self) -> requests.PreparedRequest:
        """See requests.Response: its own, to be changed at will."""
        url, _, _, _, template, _, body = self._came
        prepared = template.copy()
        prepared.hooks = {event: list(hooks) for event, hooks in template.hooks.items()}
        prepared.url = url
        if body is not None:
            prepared.body = body if isinstance(template.body, bytes) else body.decode()
            prepared.headers["Content-Length"] = str(len(body))
        return prepared

    @_Lazy
    def raw(self) -> HTTPResponse:
        """See requests.Response: read to its end."""
        _, head, body, _, template, adapter, _ = self._came
        original: Any = http.client.HTTPResponse(_Past(head + body), method=template.method)  # type: ignore[arg-type]
        original.begin()
        raw = HTTPResponse(
            body=original,
            headers=HTTPHeaderDict(original.msg.items()),
            status=original.status,
            version=original.version,
            version_string="HTTP/1.1",
            reason=original.reason,
            preload_content=False,
            decode_content=False,
            original_response=original,
            retries=adapter.max_retries,
            request_method=template.method,
            request_url=self.request.path_url,
        )
        for _ in raw.stream():
            pass
        return raw

    def close(self) -> None:
        """See requests.Response. There is nothing to close unless `raw` was asked for."""
        if "raw" in self.__dict__:
            super().close()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Who unpickles it elsewhere has requests, but not this.
        return requests.Response, (), self.__getstate__()


class _Past:
    """A socket that http.client may read from what came."""

    def __init__(self, came: bytes) -> None:
        self._came = came

    def makefile(self, mode: str) -> io.BytesIO:
        del mode
        return io.BytesIO(self._came)
