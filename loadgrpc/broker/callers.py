"""Who calls: in logs and changes by address, user agent and, where the broker asks, by name.

Rule: who calls is known from the beginning of a call to its end, and only to what happens in it;
what a broker does by itself is called by nobody, and may do everything.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from loadgrpc.errors import Forbidden
from loadgrpc.model import Caller, Plan, Role
from loadgrpc.protocol.secure_channel import VIEWER_HEADER
from loadgrpc.protocol.transport import Context
from loadgrpc.text import one_line

MAX_AGENT_CHARS: Final = 200
"""Of what a client calls itself, in a line of the log."""
MAX_VIEWER_CHARS: Final = 64
"""Of the address of somebody who looks at a page: the longest of IPv6, with an interface."""
CALLER: Final[ContextVar[Caller | None]] = ContextVar("caller", default=None)
"""The one who makes the call that this is part of. None: nobody was asked, or nobody calls."""

_LOOPBACK: Final = ("ipv4:127.", "ipv6:[::1]:", "ipv6:[::ffff:127.")


def client_of(context: Context) -> str:
    """The caller: its name, its address, and its user agent."""
    caller = CALLER.get()
    return place_of(context) if caller is None else f"{caller} at {place_of(context)}"


def place_of(context: Context) -> str:
    """Where somebody calls from: an address, and a user agent; of a page that, and its viewer's.

    All but the address is what the other side says of itself.
    """
    said = dict(context.invocation_metadata() or ())
    named, viewer = said.get("user-agent", ""), said.get(VIEWER_HEADER, "")
    place = unquote(context.peer()) + (f" ({named[:MAX_AGENT_CHARS]})" if named else "")
    if not viewer:
        return place
    return f"{one_line(viewer)[:MAX_VIEWER_CHARS]} by way of the page at {place}"


def taker_of(context: Context) -> str:
    """Whose limits a call counts for: see `broker.quotas`. Empty: nobody's.

    Whoever comes by a Unix socket was let in by its folder.
    """
    if (caller := CALLER.get()) is not None:
        return str(caller)
    peer = unquote(context.peer())
    if peer.startswith("unix:"):
        return ""
    return peer if peer.startswith(_LOOPBACK) else peer.rpartition(":")[0]


def own(plan: Plan) -> Plan:
    """A plan that somebody asks for: it belongs to the caller.

    Raises:
        Forbidden: it is to belong to somebody else, and the caller is not an admin.
    """
    caller = CALLER.get()
    if caller is None or plan.user_id == caller.name:
        return plan
    if not plan.user_id:
        return replace(plan, user_id=caller.name)
    if caller.role is not Role.ADMIN:
        raise Forbidden(
            f"{caller} cannot ask for a run of {plan.user_id}: leave its owner out, and it is"
            f" {caller.name}'s"
        )
    return plan


def check_owner(owner: str, what: str) -> None:
    """Lets the owner of something have it changed, and admins.

    Raises:
        Forbidden: the caller is neither.
    """
    caller = CALLER.get()
    if caller is None or caller.role is Role.ADMIN or caller.name == owner:
        return
    whose = f"belongs to {owner}" if owner else "belongs to nobody"
    raise Forbidden(f"{what} {whose}: {caller} may watch it; its owner or an admin may change it")


def check_agent(agent_id: str) -> None:
    """Lets agents speak for themselves only.

    Raises:
        Forbidden: the caller is another agent.
    """
    caller = CALLER.get()
    if caller is not None and caller.role is Role.AGENT and caller.name != agent_id:
        raise Forbidden(
            f"the certificate is that of agent {caller.name}, which cannot be agent {agent_id}"
        )
