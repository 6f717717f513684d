"""Load testing with ordinary Python functional tests, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadgrpc.case import TestCase

__all__ = ["TestCase", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # TestCase brings Requests with it, which brokers, agents and clients have no use for.
    if name == "TestCase":
        from loadgrpc.case import TestCase  # noqa: PLC0415

        return TestCase
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
