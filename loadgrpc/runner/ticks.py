"""Ticks at regular times from the kernel: a descriptor that becomes readable.

A callback of the hub reacts to them: switching to a greenlet and back costs several times as
much. The poll of the hub notices them as it notices an answer, and as soon. The hub's own timers
are accurate to a millisecond only, and count from its last poll.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from typing import Any, Final, Self

from gevent import get_hub

from loadgrpc.clock import NS_PER_S

_READABLE: Final = 1
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE: Final = 1
_BYTES: Final = 8
"""A read returns how many ticks have passed, as an integer of 64 bits."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Ticks:
    """Calls `on_tick` every `every_ns` from `first_ns` on, by the monotonic clock.

    It is called once for all times that passed since the last call, by the hub: it must not wait.
    """

    def __init__(self, first_ns: int, every_ns: int, on_tick: Callable[[], object]) -> None:
        c: Any = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = c.timerfd_create(time.CLOCK_MONOTONIC, _FLAGS)
        if self._descriptor < 0:
            raise _failed()
        times = _Itimerspec(_timespec(every_ns), _timespec(first_ns))
        if c.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(times), None) < 0:
            os.close(self._descriptor)
            raise _failed()
        self._on_tick = on_tick
        self._readable = get_hub().loop.io(self._descriptor, _READABLE)
        self._readable.start(self._tick)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._readable.stop()
        self._readable.close()
        os.close(self._descriptor)

    def _tick(self) -> None:
        os.read(self._descriptor, _BYTES)
        self._on_tick()


def _timespec(ns: int) -> _Timespec:
    return _Timespec(ns // NS_PER_S, ns % NS_PER_S)


def _failed() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
