"""An answer that came by the fast lane: a requests.Response that works things out when asked.

Rule: whatever a test can see of it is what Requests would have shown; what a test does not
look at costs nothing.
"""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.models import CONTENT_CHUNK_SIZE
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse

from loadgrpc.runner.lane_answer import Incoming


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


Sent = tuple[requests.PreparedRequest, dict[str, str], bytes | None]
"""A request like the one that was sent, headers with another value, and the body."""

_TYPE: Final = re.compile(rb"\r\ncontent-type:[ \t]*([^\r]*)", re.IGNORECASE)
_encodings: dict[bytes, str | None] = {}
"""What types of content say of the encoding of a text."""
_MAX_ENCODINGS: Final = 256


class LaneResponse(requests.Response):
    """See the module."""

    def __init__(
        self, answer: Incoming, url: str, elapsed_ns: int, sent: Sent, adapter: HTTPAdapter
    ) -> None:
        status, _, _, _, self.location = answer.meaning
        self.status_code = status
        self.url = url
        self._content = answer.content
        self._content_consumed = True
        self._then: tuple[str, Sent] | None = None
        self._came = (url, answer.head, answer.came, elapsed_ns, sent, adapter)

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
        types = _TYPE.findall(self._came[1])
        if len(types) != 1:
            return get_encoding_from_headers(self.headers)
        try:
            return _encodings[types[0]]
        except KeyError:
            headers = CaseInsensitiveDict({"Content-Type": types[0].decode()})
            if len(_encodings) >= _MAX_ENCODINGS:
                _encodings.clear()
            encoding = _encodings[types[0]] = get_encoding_from_headers(headers)
            return encoding

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
        return request_like(self._came[0], self._came[4])

    @_Lazy
    def _next(self) -> requests.PreparedRequest | None:
        return None if self._then is None else request_like(*self._then)

    def lead_to(self, answer: LaneResponse) -> None:
        """Notes what came of it: Requests tells the next request of all steps but the first."""
        self._then = answer._came[0], answer._came[4]

    @_Lazy
    def raw(self) -> HTTPResponse:
        """See requests.Response: read to its end."""
        _, head, came, _, sent, adapter = self._came
        method = sent[0].method
        original: Any = http.client.HTTPResponse(_Past(head + came), method=method)  # type: ignore[arg-type]
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
            request_method=method,
            request_url=self.request.path_url,
        )
        for _ in raw.stream(CONTENT_CHUNK_SIZE, decode_content=True):
            pass
        return raw

    def close(self) -> None:
        """See requests.Response. There is nothing to close unless `raw` was asked for."""
        if "raw" in self.__dict__:
            super().close()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Who unpickles it elsewhere has requests, but not this.
        return requests.Response, (), self.__getstate__()


def request_like(url: str, sent: Sent) -> requests.PreparedRequest:
    """A request as it was sent, which nobody else has."""
    template, changed, body = sent
    prepared = template.copy()
    prepared.hooks = {event: list(hooks) for event, hooks in template.hooks.items()}
    prepared.url = url
    prepared.headers.update(changed)
    if body is not None:
        prepared.body = body if isinstance(template.body, bytes) else body.decode()
        prepared.headers["Content-Length"] = str(len(body))
    return prepared


class _Past:
    """A socket that http.client may read from what came."""

    def __init__(self, came: bytes) -> None:
        self._came = came

    def makefile(self, mode: str) -> io.BytesIO:
        del mode
        return io.BytesIO(self._came)
