"""Hands over to Requests a call that the fast lane could not finish.

Rule: Requests sends the call from its first request on, as it always does, and finds what the
lane has done: answers that have already come are handed to it instead of being requested again,
and the request after them is continued, or is captured to be learned from.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import BaseAdapter

from loadgrpc.runner.http.exchange import Call, Recording
from loadgrpc.runner.http.lane.response import LaneResponse, forget_elapsed
from loadgrpc.runner.http.resumed import ResumedExchange


class Handover(BaseAdapter):
    """See the module. As an adapter, it hands over the answers that have come."""

    def __init__(
        self,
        came: list[LaneResponse],
        then: Recording | ResumedExchange | None,
        request: requests.PreparedRequest | None,
    ) -> None:
        super().__init__()
        self.came = came
        self.then = then
        self.request = request
        """The first request, as it was sent; None: it was not."""
        self._handed = 0
        self._attached = False

    @property
    def has_answers(self) -> bool:
        """Whether the next request of the call has been made by the lane, answer and all."""
        return self._handed < len(self.came)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """See BaseAdapter."""
        answer = self.came[self._handed]
        self._handed += 1
        answer.request = request
        return answer

    def attach(self, call: Call) -> None:
        """Lets the first request that Requests really makes be what the lane wants it to be."""
        then = self.then
        if then is None or self._attached:
            return
        self._attached = True
        if isinstance(then, Recording):
            call.recording = then
        else:
            call.resumed = then
            call.wall_ns, call.start_ns = then.wall_ns, then.start_ns

    def end(self) -> None:
        """The call is over, however it ended."""
        if isinstance(self.then, ResumedExchange):
            self.then.drop()
        for answer in self.came:
            forget_elapsed(answer)  # what handing it over took is no time of it

    def close(self) -> None:
        """See BaseAdapter."""
