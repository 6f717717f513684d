"""What the observers of a broker are set up with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadgrpc.model import ObserverChoice


@dataclass(frozen=True, kw_only=True)
class ObserverConfig:
    """What a broker was started with."""

    chosen: tuple[ObserverChoice, ...] = ()
    """Observers of every run."""
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings of its own, by observer and name. What the environment says comes after them."""
    allowed: frozenset[str] = frozenset()
    """Observers whose settings plans may set."""
    trusted: bool = False
    """Whether plans come from whoever started it, as in a local run: they may set everything."""
