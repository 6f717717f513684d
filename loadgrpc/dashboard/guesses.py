"""How often somebody may be wrong: tokens that no broker knows, counted by address.

Rule: ten in a row, then one every ten seconds; who tries more often is sent away before anybody
is asked. Addresses of one network of IPv6 count as one. Those that are remembered are bounded: the
one that has been quiet longest is forgotten first.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from loadgrpc.dashboard.refusal import TurnedAway

MAX_GUESSES: Final = 10
FORGIVEN_S: Final = 10.0
"""After this long one of them is forgiven."""
MAX_ADDRESSES: Final = 10_000


class Guesses:
    """See the module."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._counts: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By network: how many there were, and when that was so."""

    def check(self, address: str) -> None:
        """Sees that another try may be made from there.

        Raises:
            TurnedAway: there were too many.
        """
        over = self._count(_network(address)) - MAX_GUESSES + 1
        if over > 0:
            wait_s = max(round(over * FORGIVEN_S), 1)
            raise TurnedAway(
                429,
                "RESOURCE_EXHAUSTED",
                "TOO_MANY_GUESSES",
                f"too many wrong tokens came from {address}: try again in {wait_s} s",
            )

    def wrong(self, address: str) -> None:
        """Another wrong one came from there."""
        network = _network(address)
        self._counts[network] = (self._count(network) + 1.0, self._monotonic())
        self._counts.move_to_end(network)
        if len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)

    def _count(self, network: str) -> float:
        count, at = self._counts.get(network, (0.0, 0.0))
        return max(count - (self._monotonic() - at) / FORGIVEN_S, 0.0)


def _network(address: str) -> str:
    """What one user of the network has: an address, or 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
