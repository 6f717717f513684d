"""multiprocessing in a test: while one user waits for its helper process, the others go on.

gevent does not patch the pipes and semaphores of multiprocessing: waiting for one blocks the
whole process, and a pool, whose threads are greenlets here, waits for itself forever. So both
wait in the hub.

Rule: nothing here imports multiprocessing; a test that does not use it pays nothing.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from gevent import sleep
from gevent.socket import wait_read, wait_write

from loadgrpc.runner.supported import Feature, has

CHUNK_BYTES: Final = select.PIPE_BUF
"""This much fits into a pipe that is reported as writable."""
LOOK_EVERY_S: Final = 0.002
"""How often it is tried to have a semaphore that another process has."""


class Cooperative(importlib.abc.MetaPathFinder):
    """Changes the modules of multiprocessing when a test imports them."""

    def __init__(self) -> None:
        self._changes: dict[str, Callable[[ModuleType], None]] = {
            "multiprocessing.connection": _wait_for_pipes,
            "multiprocessing.synchronize": _wait_for_semaphores,
        }

    @classmethod
    def install(cls) -> None:
        """To be called before a test can import multiprocessing."""
        finder = cls()
        for name in [name for name in finder._changes if name in sys.modules]:
            finder._changes.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, finder)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        del path, target
        change = self._changes.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_change(module: ModuleType) -> None:
                execute(module)
                change(module)

            loader.exec_module = execute_and_change
        return spec


def _wait_for_pipes(module: Any) -> None:
    def read(descriptor: int, size: int) -> bytes:
        wait_read(descriptor)
        return os.read(descriptor, size)

    def write(descriptor: int, data: bytes) -> int:
        wait_write(descriptor)
        return os.write(descriptor, data[:CHUNK_BYTES])

    if not has(Feature.PIPES):
        return
    module.Connection._recv.__defaults__ = (read,)  # noqa: SLF001 - it has no other place for them
    module.Connection._send.__defaults__ = (write,)  # noqa: SLF001


def _wait_for_semaphores(module: Any) -> None:
    if not has(Feature.SEMAPHORES):
        return
    kind = module.SemLock
    make_methods = kind._make_methods  # noqa: SLF001 - it has no other place for it

    def make_cooperative(self: Any) -> None:
        make_methods(self)
        acquire_now = self._semlock.acquire

        def acquire(block: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as there
            if acquire_now(block=False):
                return True
            if not block:
                return False
            until_s = None if timeout is None else monotonic_s() + max(0.0, timeout)
            while not acquire_now(block=False):
                if until_s is not None and monotonic_s() >= until_s:
                    return False
                sleep(LOOK_EVERY_S)
            return True

        self.acquire = acquire

    monotonic_s = _Now.monotonic_s
    kind._make_methods = make_cooperative  # noqa: SLF001
    kind.__enter__ = lambda self: self.acquire()


class _Now:
    """Taken before a test can mock it; in a class, where freezegun does not look."""

    monotonic_s = staticmethod(time.monotonic)
