"""What tests import: `from loadgrpc.case import TestCase, cases`."""

from typing import TYPE_CHECKING, Any

from loadgrpc.design.feed import cases
from loadgrpc.model import between, constant, exponential, lognormal
from loadgrpc.runner.parameters import Secret
from loadgrpc.runner.retry import MaxRetriesExceeded, retry
from loadgrpc.runner.testcase import TestCase, missing_extra

if TYPE_CHECKING:
    from loadgrpc.runner.websocket.client import WebSocketClient
    from loadgrpc.runner.websocket.opening import HandshakeError

__all__ = [
    "HandshakeError",
    "MaxRetriesExceeded",
    "Secret",
    "TestCase",
    "WebSocketClient",
    "between",
    "cases",
    "constant",
    "exponential",
    "lognormal",
    "retry",
]


def __getattr__(name: str) -> Any:
    """The classes of WebSockets, which need an extra."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from loadgrpc.runner.websocket import client, opening  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise missing_extra(f"loadgrpc.case.{name}", "wsproto", "websocket", error) from error
    return getattr(client, name, None) or getattr(opening, name)
