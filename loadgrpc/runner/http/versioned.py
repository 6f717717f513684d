"""A requests.Session that counts its changes, by which the fast lane sees that it was changed.

Rule: the lane knows a session as this, and nothing of what measures.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import requests

_GET_ADAPTER = requests.Session.get_adapter


class VersionedSession(requests.Session):
    """See the module."""

    lane_version = 0
    """Grows with every attribute that is set."""

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__["lane_version"] = self.lane_version + 1
        if name == "get_adapter" and _is_of_requests(value, self):
            # requests_mock puts back what is on Requests' class: to it, that is what ours is.
            self.__dict__.pop(name, None)
            return
        super().__setattr__(name, value)


def _is_of_requests(method: object, session: VersionedSession) -> bool:
    """Whether it is the `get_adapter` that a session has from Requests' own class."""
    return (
        isinstance(method, MethodType)
        and method.__self__ is session
        and method.__func__ is _GET_ADAPTER
    )
