"""An answer that came by the fast lane: a requests.Response that works things out when asked.

Rule: whatever a test can see of it is what Requests would have shown; what a test does not
look at costs nothing.
"""

from __future__ import annotations

import copyreg
import http.client
import inspect
import io
import re
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import requests
from requests.cookies import RequestsCookieJar
from requests.models import CONTENT_CHUNK_SIZE
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse

from loadgrpc.runner.http.lane.answer import Incoming
from loadgrpc.runner.http.lane.connections import Connections

_DICT: Final[Any] = vars(requests.Response)["__dict__"]
"""What a response really has; `__dict__` of ours is what Requests would have there."""


def _own(response: requests.Response) -> dict[str, Any]:
    own: dict[str, Any] = _DICT.__get__(response)
    return own


class _Lazy:
    """An attribute that is made when it is first read, and may be set like any other."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = make.__name__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = _own(instance)[self._name] = self._make(instance)
        return value


class _Attributes:
    """The `__dict__` of a response: whoever asks for it gets all that Requests has there."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return _DICT
        return _completed(instance)

    def __set__(self, instance: Any, value: dict[str, Any]) -> None:
        _DICT.__set__(instance, value)


class _Kind:
    """The `__class__` of a response: that of Requests' own, until a test sets another."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return type if instance is None else requests.Response

    def __set__(self, instance: Any, kind: type) -> None:
        _completed(instance)
        vars(object)["__class__"].__set__(instance, kind)


def _completed(response: LaneResponse) -> dict[str, Any]:
    """All attributes made, and nothing there but what Requests has; in its order."""
    own = _own(response)
    if "_came" in own:
        for name in _LAZY:
            getattr(response, name)
        for name in _HIDDEN:
            own.pop(name, None)
        rest = dict(own)
        own.clear()
        own.update({name: rest[name] for name in _ORDER if name in rest}, **rest)
    return own


Sent = tuple[requests.PreparedRequest, dict[str, str], bytes | None]
"""A request like the one that was sent, headers with another value, and the body."""

_NEWER: Final[dict[str, Any]] = {
    # What only newer versions of urllib3 want to know.
    name: value
    for name, value in {
        "version_string": "HTTP/1.1",
        "sock_shutdown": socket.socket.shutdown,
    }.items()
    if name in inspect.signature(HTTPResponse).parameters
}
_TYPE: Final = re.compile(rb"\r\ncontent-type:[ \t]*([^\r]*)", re.IGNORECASE)
_encodings: dict[bytes, str | None] = {}
"""What types of content say of the encoding of a text."""
_MAX_ENCODINGS: Final = 256


class LaneResponse(requests.Response):
    """See the module."""

    __dict__ = _Attributes()
    __class__ = _Kind()

    def __init__(
        self, answer: Incoming, url: str, elapsed_ns: int, sent: Sent, connections: Connections
    ) -> None:
        status, _, _, _, self._location = answer.meaning
        self.status_code = status
        self.url = url
        self._content = answer.content
        self._content_consumed = True
        self._then: tuple[str, Sent] | None = None
        self._came = (url, answer.head, answer.came, elapsed_ns, sent, connections)

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
        return self._came[5].adapter

    @_Lazy
    def request(self) -> requests.PreparedRequest:
        """See requests.Response: its own, to be changed at will."""
        return request_like(self._came[0], self._came[4])

    @_Lazy
    def _next(self) -> requests.PreparedRequest | None:
        return None if self._then is None else request_like(*self._then)

    @_Lazy
    def raw(self) -> HTTPResponse:
        """See requests.Response: read to its end."""
        _, head, came, _, sent, connections = self._came
        method = sent[0].method
        original: Any = http.client.HTTPResponse(_Past(head + came), method=method)  # type: ignore[arg-type]
        original.begin()
        raw = HTTPResponse(
            body=original,
            headers=HTTPHeaderDict(original.msg.items()),
            status=original.status,
            version=original.version,
            reason=original.reason,
            preload_content=False,
            decode_content=False,
            original_response=original,
            pool=connections.pool,
            retries=connections.adapter.max_retries,
            request_method=method,
            request_url=self.request.path_url,
            **_NEWER,
        )
        for _ in raw.stream(CONTENT_CHUNK_SIZE, decode_content=True):
            pass
        return raw

    def close(self) -> None:
        """See requests.Response. There is nothing to close unless `raw` was asked for."""
        if "raw" in _own(self):
            requests.Response.close(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Who unpickles it elsewhere has requests, but not this.
        return copyreg.__newobj__, (requests.Response,), self.__getstate__()  # type: ignore[attr-defined]


def lead_to(answer: LaneResponse, following: LaneResponse) -> None:
    """Notes the outcome: Requests hands all steps but the first to the next request."""
    came = _own(following)["_came"]
    _own(answer)["_then"] = came[0], came[4]


def forget_elapsed(answer: LaneResponse) -> None:
    """Makes `elapsed` what it was, whatever Requests has put there since."""
    own = _own(answer)
    if "_came" in own:
        own.pop("elapsed", None)


_ORDER: Final = tuple(vars(requests.Response()))
_LAZY: Final = tuple(name for name, each in vars(LaneResponse).items() if isinstance(each, _Lazy))
_HIDDEN: Final = ("_came", "_then", "_location")


def request_like(url: str, sent: Sent) -> requests.PreparedRequest:
    """A copy of a request as it was sent."""
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
