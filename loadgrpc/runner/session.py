"""A requests.Session whose requests are hits.

Rule: to a test it is a requests.Session, with one word more: `name=`, which says what the
hits of a call are reported under. What is measured, and where, is in `wire.py`; here is
only what a call knows and the wire does not: when it began, its name, and who is told.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Self

import requests
from requests.adapters import BaseAdapter

from loadgrpc.clock import Clock
from loadgrpc.runner.wire import CALL, Call, HitSink, measure

_NAME: ContextVar[str | None] = ContextVar("loadgrpc_name", default=None)


class Session(requests.Session):
    """See requests.Session. Every method that makes a request takes `name` in addition."""

    # On the class, because requests brings unpickled sessions to life without __init__.
    _sink: HitSink | None = None
    _clock: Clock | None = None

    def bind(self, sink: HitSink, clock: Clock) -> None:
        """Tell `sink` of every hit from now on.

        A copy (`copy.copy`) is bound to the same sink; one that was pickled is not bound.
        """
        self._sink = sink
        self._clock = clock

    def request(  # type: ignore[override]  # all that requests takes goes on through kwargs
        self, method: str, url: Any, *args: Any, name: str | None = None, **kwargs: Any
    ) -> requests.Response:
        """See requests.Session.request.

        `name` goes for every hit of the call, redirects included.
        """
        if name is None and _NAME.get() is None:
            return super().request(method, url, *args, **kwargs)
        token = _NAME.set(name)
        try:
            return super().request(method, url, *args, **kwargs)
        finally:
            _NAME.reset(token)

    def get(
        self, url: Any, params: Any = None, *, name: str | None = None, **kwargs: Any
    ) -> requests.Response:
        """See requests.Session.get."""
        kwargs["name"] = name
        return super().get(url, params=params, **kwargs)

    def options(self, url: Any, *, name: str | None = None, **kwargs: Any) -> requests.Response:
        """See requests.Session.options."""
        kwargs["name"] = name
        return super().options(url, **kwargs)

    def head(self, url: Any, *, name: str | None = None, **kwargs: Any) -> requests.Response:
        """See requests.Session.head."""
        kwargs["name"] = name
        return super().head(url, **kwargs)

    def post(
        self,
        url: Any,
        data: Any = None,
        json: Any = None,
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """See requests.Session.post."""
        kwargs["name"] = name
        return super().post(url, data=data, json=json, **kwargs)

    def put(
        self, url: Any, data: Any = None, *, name: str | None = None, **kwargs: Any
    ) -> requests.Response:
        """See requests.Session.put."""
        kwargs["name"] = name
        return super().put(url, data=data, **kwargs)

    def patch(
        self, url: Any, data: Any = None, *, name: str | None = None, **kwargs: Any
    ) -> requests.Response:
        """See requests.Session.patch."""
        kwargs["name"] = name
        return super().patch(url, data=data, **kwargs)

    def delete(self, url: Any, *, name: str | None = None, **kwargs: Any) -> requests.Response:
        """See requests.Session.delete."""
        kwargs["name"] = name
        return super().delete(url, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """See requests.Session.send. Redirects come through here, too."""
        if self._sink is None or self._clock is None:
            return super().send(request, **kwargs)
        call = Call(self._sink, self._clock, _NAME.get(), request.method or "", request.url or "")
        token = CALL.set(call)
        try:
            return super().send(request, **kwargs)
        finally:
            CALL.reset(token)

    def get_adapter(self, url: str) -> BaseAdapter:
        """See requests.Session.get_adapter."""
        adapter = super().get_adapter(url)
        if self._sink is not None:
            measure(adapter)
        return adapter

    def __copy__(self) -> Self:
        twin: Any = self.__class__.__new__(self.__class__)
        twin.__setstate__(self.__getstate__())
        if self._sink is not None and self._clock is not None:
            twin.bind(self._sink, self._clock)
        copied: Self = twin
        return copied
