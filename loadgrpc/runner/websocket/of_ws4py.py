"""Classes that a test derives from a client of ws4py, made to measure.

Rule: the test's own methods come first, then those of ws4py's client, whose hooks keep their
meaning, then ours, which connect, read and write in place of those of ws4py's base class. Its
`heartbeat_freq` does nothing.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from loadgrpc.runner.websocket.client import MeasuredSocket


@functools.cache
def measured_class(kind: type) -> type | None:
    """The class that does what `kind` does, measured; None: `kind` is not one of ws4py's."""
    ws4py: Any = sys.modules.get("ws4py.client")
    if ws4py is None or not issubclass(kind, ws4py.WebSocketBaseClient):
        return None
    base: Any = type("MeasuredBase", (MeasuredSocket, ws4py.WebSocketBaseClient), {})
    return type(kind.__name__, (kind, base), {"__module__": kind.__module__})
