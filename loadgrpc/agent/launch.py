"""How what an agent runs begins: as whom, and with what limits of the kernel's.

Rule: it is decided by whoever starts the agent, and by nothing that a client or the broker sends.
The keeper of a process (`keeper.py`), which stays as the agent is, lets it begin so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from loadgrpc.agent.account import Account
from loadgrpc.agent.limits import of_kernel
from loadgrpc.model import NO_LIMITS, Limits
from loadgrpc.protocol.environment import inherited


@dataclass(frozen=True)
class Launch:
    """See the module."""

    account: Account | None = None
    """None: that of the agent."""
    limits: Limits = NO_LIMITS

    def of_keeper(self) -> list[str]:
        """What the keeper of a process learns of it, as arguments before the command."""
        words = []
        if (account := self.account) is not None:
            groups = ",".join(map(str, account.groups))
            words += ["--user", f"{account.uid}:{account.gid}:{groups}"]
        for which, most in of_kernel(self.limits, alone=self.account is not None):
            words += ["--limit", f"{which}:{most}"]
        return words

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that a process inherits from those of the agent."""
        if self.account is not None:
            return self.account.environment(environ)
        return inherited(environ)


PLAIN: Final = Launch()
