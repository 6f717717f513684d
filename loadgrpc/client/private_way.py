"""The way of plans to a broker: one with secrets goes only where nobody else can read it.

Rule: as for tokens: without encryption they stay here, unless the broker is on this machine, or
`--insecure` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from loadgrpc.errors import NoTls
from loadgrpc.model import Plan

SHOWN: Final = 5


@dataclass(frozen=True)
class PrivateWay:
    """See the module."""

    exposed: str = ""
    """The address of the broker, if others could read what is sent there. Empty: they cannot."""

    def check(self, plans: Iterable[Plan]) -> None:
        """Sees that plans may be sent.

        Raises:
            NoTls: one has a secret, and could be read on the way.
        """
        if not self.exposed:
            return
        if found := [field for plan in plans for field in plan.secret_fields]:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise NoTls(
                f"the plan has secrets ({', '.join(found[:SHOWN])}{more}), and what is sent to the"
                f" broker at {self.exposed} is not encrypted: give --tls-ca or --tls-dir, or"
                " --insecure to send them all the same"
            )
