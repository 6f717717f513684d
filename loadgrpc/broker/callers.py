"""What a client is called in logs and changes: its address, and its user agent."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from loadgrpc.protocol.transport import Context

MAX_AGENT_CHARS: Final = 200
"""Of what a client calls itself, in a line of the log."""


def client_of(context: Context) -> str:
    """The caller: its address, and its user agent."""
    named = dict(context.invocation_metadata() or ()).get("user-agent", "")
    return unquote(context.peer()) + (f" ({named[:MAX_AGENT_CHARS]})" if named else "")
