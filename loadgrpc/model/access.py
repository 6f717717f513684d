"""Who may do what, and by what a broker knows who asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["AccessInfo", "Audited", "Caller", "Role", "Token"]


class Role(IntEnum):
    """What somebody may do. The first three include each other; an agent is nothing else."""

    WATCH = 1
    """May look at everything."""
    RUN = 2
    """May also start runs, and change, stop and delete its own."""
    ADMIN = 3
    """May also do so with those of others, take agents out of service, and make tokens."""
    AGENT = 4
    """Is the agent of its name: starts runners, and reports what they measure."""

    def includes(self, other: Role) -> bool:
        """Whether whoever has this role may do what that one may."""
        if Role.AGENT in (self, other):
            return self is other
        return self >= other


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody that a broker knows."""

    name: str
    role: Role
    token: bool = False
    """Whether it showed a token; else it is a certificate."""
    expire_time_ns: int | None = None
    """Until when that is valid (wall clock). None: it does not expire."""
    certificate: tuple[str, int] | None = None
    """The authority of its certificate, and the number there. None: it showed a token."""

    def __str__(self) -> str:
        return f"{self.name} ({self.role.name.lower()})"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token, without its secret."""

    name: str
    role: Role
    create_time_ns: int
    expire_time_ns: int
    revoke_time_ns: int | None = None
    """When it was revoked. None: it was not."""


@dataclass(frozen=True, kw_only=True)
class AccessInfo:
    """How a broker is protected, and who somebody is to it."""

    caller: Caller | None = None
    """None: it asks nobody, and everybody may do everything."""
    tls: bool = False
    broker_expire_time_ns: int | None = None
    """Until when its certificate is valid. None: it has none."""
    tokens_address: str = ""
    """Where it listens for those who have a token and no certificate. Empty: nowhere."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """Something that was done at a broker, or was refused."""

    number: int = 0
    """Given by the store; 0: it is not stored yet."""
    time_ns: int
    name: str = ""
    """Of the caller. Empty: the broker asks nobody, or does not know who it was."""
    role: Role | None = None
    address: str = ""
    did: str
    what: str = ""
    """What it was done to. Empty: nothing."""
    detail: str = ""
