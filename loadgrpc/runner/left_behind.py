"""Requests under way after all users have ended: those of threads that a test left running.

Rule: a request that the server has received is a hit, or is reported. At the end of a cycle, a
thread in the middle of a request of a user's session is cut off, which makes that request a
failed hit. A thread without such a request is left alone; it ends with its process.
"""

from __future__ import annotations

from types import CodeType, FrameType
from typing import Any, Final
from weakref import WeakSet

from gevent import Greenlet, get_hub, joinall, killall

from loadgrpc.runner.http.session import Session
from loadgrpc.runner.judge import CutOff

TRIES: Final = 6
WAIT_S: Final = 0.25
"""How often, and how long apart, a thread that goes on with another request is cut off again."""
_REQUESTS: Final[frozenset[CodeType]] = frozenset(
    method.__code__ for method in (Session.request, Session.send)
)


_spawned: Final[WeakSet[Greenlet]] = WeakSet()
"""All greenlets that there are; threads are greenlets here."""
Greenlet.add_spawn_callback(_spawned.add)


def cut_off() -> None:
    """Cuts off the requests that are under way; to be called when no user is alive."""
    hub = get_hub()
    for _ in range(TRIES):
        alive = [each for each in _spawned if each.parent is hub]  # not another real thread's
        busy = [each for each in alive if _is_in_request(each.gr_frame)]
        if not busy:
            return
        killall(busy, exception=CutOff, block=False)
        joinall(busy, timeout=WAIT_S)


def _is_in_request(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _REQUESTS:
            session: Any = frame.f_locals.get("self")
            return isinstance(session, Session) and session.is_bound
        frame = frame.f_back
    return False
