"""Load testing with ordinary Python functional tests, over gRPC."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from loadgrpc.case import Secret, TestCase, cases, retry
    from loadgrpc.client import BlockingClient as Client
    from loadgrpc.client import LoadResult, RunHandle
    from loadgrpc.eager import run, run_async
    from loadgrpc.model import plan_of

__all__ = [
    "Client",
    "LoadResult",
    "RunHandle",
    "Secret",
    "TestCase",
    "__version__",
    "cases",
    "plan_of",
    "retry",
    "run",
    "run_async",
]

__version__ = "0.1.0"

_PLACES: Final = {
    "Client": ("client", "BlockingClient"),
    "LoadResult": ("client", "LoadResult"),
    "RunHandle": ("client", "RunHandle"),
    "Secret": ("case", "Secret"),
    "TestCase": ("case", "TestCase"),
    "cases": ("case", "cases"),
    "plan_of": ("model", "plan_of"),
    "retry": ("case", "retry"),
    "run": ("eager", "run"),
    "run_async": ("eager", "run_async"),
}
"""Where public names come from, which are looked up on first use: tests bring Requests with them,
clients gRPC, and neither has a use for the other."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room, real = _PLACES[name]
    return getattr(importlib.import_module(f"loadgrpc.{room}"), real)
