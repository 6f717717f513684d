"""Up to when all that is expected of a run has come: seconds before that are closed.

Rule: pure. A second is *closed* when nothing more of it is expected: every live source has reported
GRACE_NS beyond it, or PATIENCE_NS have passed since its end. Seconds close in their order, and
never open again; what comes for one later is late.

While the store takes no writes nothing that is reported counts, so no second closes; and when it
is back, what waited has as long as ever to come.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from loadgrpc.clock import NS_PER_S

PATIENCE_NS: Final = 3_000_000_000
"""A second is closed this long after its end, whoever has not reported."""

GRACE_NS: Final = 500_000_000
"""What a source reports comes from several processes, each a few times a second: so far beyond a
second one of them has to be, for all to be beyond its end."""


class Watermark:
    """See the module."""

    def __init__(self) -> None:
        self.closed_s: int | None = None
        """All seconds before this one are closed. None: nobody has looked."""
        self._reported_ns: dict[Hashable, int] = {}
        """Up to when each source has reported."""
        self._away_ns: int | None = None
        """When the store was last seen to take no writes; None: it always did."""

    def opened(self, source: Hashable) -> None:
        """A source will report."""
        self._reported_ns.setdefault(source, 0)

    def reported(self, source: Hashable, newest_ns: int) -> None:
        """A source reported what happened at that moment; later, of earlier moments, is fine."""
        if newest_ns > self._reported_ns.get(source, 0):
            self._reported_ns[source] = newest_ns

    def ended(self, source: Hashable) -> None:
        """Nothing more is expected of a source."""
        self._reported_ns.pop(source, None)

    def advance(self, now_ns: int, *, stored: bool = True) -> None:
        """Closes what can be closed at a moment (wall clock).

        `stored`: whether what is reported is counted; if not, it waits for the store.
        """
        if not stored:
            self._away_ns = now_ns
            return
        waits = self._away_ns is not None and now_ns - self._away_ns < PATIENCE_NS
        latest_ns = 0 if waits else now_ns - PATIENCE_NS
        reported_ns = min(self._reported_ns.values(), default=0) - GRACE_NS
        closed_s = max(latest_ns, min(reported_ns, now_ns)) // NS_PER_S
        self.closed_s = max(closed_s, self.closed_s or 0)
