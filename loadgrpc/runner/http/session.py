"""A requests.Session whose requests are hits.

Rule: to a test it is a requests.Session, with two more arguments: `name=`, the name that the hits
of a call are reported under, and `expect=`, the statuses that are no failures. What is measured,
and where, is in `wire.py`; this file adds only what a call knows and the wire does not: when it
began, its name, and the sink.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Self
from weakref import WeakSet

import requests
from requests.adapters import BaseAdapter

from loadgrpc.clock import Clock
from loadgrpc.runner import supported
from loadgrpc.runner.expectation import Expectation
from loadgrpc.runner.hit import HitSink
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.http.exchange import CALL, Call
from loadgrpc.runner.http.versioned import VersionedSession
from loadgrpc.runner.http.wire import measure
from loadgrpc.runner.supported import Feature

try:
    from loadgrpc.runner.http.lane import unpatched
    from loadgrpc.runner.http.lane.handover import Handover
    from loadgrpc.runner.http.lane.lane import METHODS, Lane
    from loadgrpc.runner.http.lane.unpatched import as_written
except (ImportError, AttributeError, KeyError) as error:
    supported.cannot_import(Feature.LANE, error)

_NAME: ContextVar[str | None] = ContextVar("loadgrpc_name", default=None)
_HANDOVER: ContextVar[Handover | None] = ContextVar("loadgrpc_errand", default=None)
"""What the fast lane wants of the call that Requests makes now."""
_SENT: ContextVar[list[requests.PreparedRequest] | None] = ContextVar("loadgrpc_sent", default=None)
"""What has come to `Session.send` of the call that Requests makes now."""


def _called(name: object) -> str | None:
    return name if name is None or type(name) is str else str(name)


def _verb(verb: str) -> Callable[..., requests.Response]:
    """One of the methods that call `request`; it saves their frames where it may."""
    method = verb.upper()

    def call(
        self: Session,
        url: Any,
        *args: Any,
        name: object = None,
        expect: object = None,
        **kwargs: Any,
    ) -> requests.Response:
        if expect is not None:
            with self._expecting(expect):
                return call(self, url, *args, name=name, **kwargs)
        lane = self._lane
        if (
            lane is not None
            and not args
            and method in METHODS
            and "request" not in self.__dict__
            and as_written()
        ):
            return self._by_lane(lane, method, url, name, kwargs)
        if name is not None:  # not handed on unless given: others may have replaced `request`
            kwargs["name"] = name
        answer: requests.Response = getattr(super(Session, self), verb)(url, *args, **kwargs)
        return answer

    call.__name__ = verb
    call.__qualname__ = f"Session.{verb}"
    call.__doc__ = f"See requests.Session.{verb}."
    return call


class Session(VersionedSession):
    """See requests.Session. Methods that make a request take `name` and `expect` in addition."""

    # On the class, because requests brings unpickled sessions to life without __init__.
    _sink: HitSink | None = None
    _clock: Clock | None = None
    _addresses: AddressBook | None = None
    _lane: Lane | None = None
    _open: WeakSet[Any]
    """What urllib3 has of answers that were left open, with `stream=True` say."""

    def bind(self, sink: HitSink, clock: Clock, addresses: AddressBook | None = None) -> None:
        """Tell `sink` of every hit from now on; without `addresses`, each connection asks.

        A copy (`copy.copy`) is bound to the same sink; one that was pickled is not bound.
        """
        if self._lane is not None:
            self._lane.give_back()
        supported.check_measuring()
        self._sink = sink
        self._clock = clock
        self._addresses = addresses if supported.has(Feature.ADDRESSES) else None
        has_lane = type(self) is Session and supported.has(Feature.LANE)
        self._lane = Lane(sink, clock) if has_lane else None
        self._open = WeakSet()

    @property
    def is_bound(self) -> bool:
        """Whether its requests are measured."""
        return self._sink is not None

    def request(  # type: ignore[override]  # as requests has it, and what is ours
        self,
        method: str,
        url: Any,
        *args: Any,
        name: object = None,
        expect: object = None,
        **kwargs: Any,
    ) -> requests.Response:
        """See requests.Session.request.

        `name` goes for every hit of the call, redirects included: its `str()`, whatever it is.
        `expect` are the statuses that are no failures, a number or several: see TestCase.expect.
        """
        if expect is not None:
            with self._expecting(expect):
                return self.request(method, url, *args, name=name, **kwargs)
        if self._lane is not None and not args and method in METHODS and as_written():
            return self._by_lane(self._lane, method, url, name, kwargs)
        return self._by_requests(method, url, args, _called(name), kwargs)

    get, options, head, post, put, patch, delete = map(
        _verb, ("get", "options", "head", "post", "put", "patch", "delete")
    )

    def _expecting(self, expect: object) -> Expectation:
        """A block in which these statuses are expected."""
        sink: Any = self._sink  # of a user, who takes judges
        return Expectation(sink, expect)

    def _by_lane(
        self, lane: Lane, method: str, url: Any, name: object, kwargs: dict[str, Any]
    ) -> requests.Response:
        """What the fast lane does of a call, and Requests the rest."""
        called = name if name is None or type(name) is str else _called(name)
        found, handover = lane.request(self, method, url, called, **kwargs)
        if found is not None:
            return found
        answer = self._by_requests(method, url, (), called, kwargs, handover)
        if handover is not None:
            lane.learn(handover, answer)
        return answer

    def _by_requests(  # noqa: PLR0917 - all that a call is about
        self,
        method: str,
        url: Any,
        args: tuple[Any, ...],
        called: str | None,
        kwargs: dict[str, Any],
        handover: Handover | None = None,
    ) -> requests.Response:
        # A hook's own request, say, does not inherit the name of the call around it.
        token = None if called is None and _NAME.get() is None else _NAME.set(called)
        outer = _HANDOVER.set(handover)
        sent: list[requests.PreparedRequest] = []
        outer_sent = _SENT.set(sent)
        try:
            if handover is not None and handover.request is not None:
                # What `request` does with a request that it has prepared.
                settings = self.merge_environment_settings(
                    handover.request.url or "",
                    {},
                    kwargs.get("stream"),
                    kwargs.get("verify"),
                    kwargs.get("cert"),
                )
                answer = self.send(
                    handover.request,
                    timeout=kwargs.get("timeout"),
                    allow_redirects=kwargs.get("allow_redirects", True),
                    **settings,
                )
            else:
                answer = super().request(method, url, *args, **kwargs)
        finally:
            _SENT.reset(outer_sent)
            _HANDOVER.reset(outer)
            if token is not None:
                _NAME.reset(token)
            if handover is not None:
                handover.end()
        if not sent and self._sink is not None:  # something else than our `send` answered
            self._sink.unmeasured()
        return answer

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """See requests.Session.send. Redirects come through here, too."""
        if self._sink is None or self._clock is None:
            return super().send(request, **kwargs)
        sent = _SENT.get()
        if sent is not None:
            sent.append(request)
        handover = _HANDOVER.get()
        if handover is not None and handover.has_answers:
            return super().send(request, **kwargs)
        call = Call(self._sink, self._clock, _NAME.get(), request.method or "", request.url or "")
        call.addresses = self._addresses
        begun_ns = call.start_ns
        if handover is not None:
            handover.attach(call)
        resumed = call.resumed
        for adapter in self.adapters.values():  # should our `get_adapter` not be asked
            measure(adapter)
        token = CALL.set(call)
        try:
            answer = super().send(request, **kwargs)
        finally:
            CALL.reset(token)
        if call.exchange is None:  # a mock, a cache, an adapter with pools of its own
            self._sink.unmeasured()
        elif isinstance(answer, requests.Response):
            own = answer.history[0] if answer.history else answer  # not what it led to
            if not call.exchange.ended and own.raw is not None:
                self._open.add(own.raw)
            if resumed is not None:
                own.elapsed = resumed.elapsed(own.elapsed, begun_ns)
        return answer

    def close(self) -> None:
        """See requests.Session.close."""
        super().close()
        if self._lane is not None:
            self._lane.give_back()

    def end(self) -> None:
        """Close the session and the answers of it that are still open, which makes them hits."""
        if self._sink is not None:
            for raw in list(self._open):
                raw.close()
        self.close()

    def get_adapter(self, url: str) -> BaseAdapter:
        """See requests.Session.get_adapter."""
        handover = _HANDOVER.get()
        if handover is not None and handover.has_answers:
            return handover
        if self._lane is not None:
            self._lane.give_back(self)
        adapter = super().get_adapter(url)
        if self._sink is not None:
            measure(adapter)
        return adapter

    def __copy__(self) -> Self:
        return self._twin(self.__getstate__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._twin(copy.deepcopy(self.__getstate__(), memo))

    def _twin(self, state: Any) -> Self:
        twin: Any = self.__class__.__new__(self.__class__)
        twin.__setstate__(state)
        if self._sink is not None and self._clock is not None:
            twin.bind(self._sink, self._clock, self._addresses)
            vars(twin)["_open"] = self._open
        twinned: Self = twin
        return twinned


if Feature.LANE not in supported.NOT_IMPORTED:
    unpatched.include(Session)
