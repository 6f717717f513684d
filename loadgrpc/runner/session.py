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
from loadgrpc.runner.addresses import AddressBook
from loadgrpc.runner.lane import METHODS, Lane
from loadgrpc.runner.lane_errand import Errand
from loadgrpc.runner.wire import CALL, Call, HitSink, measure

_NAME: ContextVar[str | None] = ContextVar("loadgrpc_name", default=None)
_ERRAND: ContextVar[Errand | None] = ContextVar("loadgrpc_errand", default=None)
"""What the fast lane wants of the call that Requests makes now."""


class Session(requests.Session):
    """See requests.Session. Every method that makes a request takes `name` in addition."""

    # On the class, because requests brings unpickled sessions to life without __init__.
    _sink: HitSink | None = None
    _clock: Clock | None = None
    _addresses: AddressBook | None = None
    _lane: Lane | None = None
    lane_version = 0
    """Grows with every attribute that is set; part of what the fast lane goes by."""

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__["lane_version"] = self.lane_version + 1
        super().__setattr__(name, value)

    def bind(self, sink: HitSink, clock: Clock, addresses: AddressBook | None = None) -> None:
        """Tell `sink` of every hit from now on; without `addresses`, each connection asks.

        A copy (`copy.copy`) is bound to the same sink; one that was pickled is not bound.
        """
        if self._lane is not None:
            self._lane.give_back()
        self._sink = sink
        self._clock = clock
        self._addresses = addresses
        self._lane = Lane(sink, clock) if type(self) is Session else None

    def request(  # type: ignore[override]  # noqa: PLR0917 - requests' own, and `name`
        self,
        method: str,
        url: Any,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        cookies: Any = None,
        files: Any = None,
        auth: Any = None,
        timeout: Any = None,
        allow_redirects: bool = True,  # noqa: FBT001, FBT002 - as requests has it
        proxies: Any = None,
        hooks: Any = None,
        stream: bool | None = None,  # noqa: FBT001
        verify: Any = None,
        cert: Any = None,
        json: Any = None,
        *,
        name: str | None = None,
    ) -> requests.Response:
        """See requests.Session.request.

        `name` goes for every hit of the call, redirects included.
        """
        lane = self._lane
        errand: Errand | None = None
        if (
            lane is not None
            and method in METHODS
            and not (cookies or files or proxies or hooks or stream)
            and auth is None
            and cert is None
            and _as_written()
        ):
            found, errand = lane.request(
                self,
                method,
                url,
                params=params,
                data=data,
                headers=headers,
                json=json,
                timeout=timeout,
                verify=verify,
                allow_redirects=allow_redirects,
                name=name,
            )
            if found is not None:
                return found
        # A hook's own request, say, does not inherit the name of the call around it.
        token = None if name is None and _NAME.get() is None else _NAME.set(name)
        outer = _ERRAND.set(errand)
        try:
            if errand is not None and errand.request is not None:
                # What `request` does with a request that it has prepared.
                settings = self.merge_environment_settings(
                    errand.request.url or "", {}, stream, verify, cert
                )
                answer = self.send(
                    errand.request, timeout=timeout, allow_redirects=allow_redirects, **settings
                )
            else:
                answer = super().request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers=headers,
                    cookies=cookies,
                    files=files,
                    auth=auth,
                    timeout=timeout,
                    allow_redirects=allow_redirects,
                    proxies=proxies,
                    hooks=hooks,
                    stream=stream,
                    verify=verify,
                    cert=cert,
                    json=json,
                )
        finally:
            _ERRAND.reset(outer)
            if token is not None:
                _NAME.reset(token)
            if errand is not None:
                errand.end()
        if lane is not None and errand is not None:
            lane.learn(errand, answer)
        return answer

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
        errand = _ERRAND.get()
        if errand is not None and errand.has_answers:
            return super().send(request, **kwargs)
        call = Call(self._sink, self._clock, _NAME.get(), request.method or "", request.url or "")
        call.addresses = self._addresses
        if errand is not None:
            errand.attach(call)
        token = CALL.set(call)
        try:
            return super().send(request, **kwargs)
        finally:
            CALL.reset(token)

    def close(self) -> None:
        """See requests.Session.close."""
        super().close()
        if self._lane is not None:
            self._lane.give_back()

    def get_adapter(self, url: str) -> BaseAdapter:
        """See requests.Session.get_adapter."""
        errand = _ERRAND.get()
        if errand is not None and errand.has_answers:
            return errand
        if self._lane is not None:
            self._lane.give_back()
        adapter = super().get_adapter(url)
        if self._sink is not None:
            measure(adapter)
        return adapter

    def __copy__(self) -> Self:
        twin: Any = self.__class__.__new__(self.__class__)
        twin.__setstate__(self.__getstate__())
        if self._sink is not None and self._clock is not None:
            twin.bind(self._sink, self._clock, self._addresses)
        copied: Self = twin
        return copied


_METHODS = (
    Session.send,
    Session.get_adapter,
    Session.prepare_request,
    Session.merge_environment_settings,
)


def _as_written() -> bool:
    """Whether nobody has replaced what the class says of a request's way."""
    send, get_adapter, prepare_request, merge_environment_settings = _METHODS
    return (
        Session.send is send
        and Session.get_adapter is get_adapter
        and Session.prepare_request is prepare_request
        and Session.merge_environment_settings is merge_environment_settings
    )
