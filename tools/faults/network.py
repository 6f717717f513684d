"""A network of two: a namespace for agents and their server, and a cable to the broker.

Needs root, and `ip` and `tc` of iproute2. The cable is a pair of veth devices; cut, nothing
passes and nobody is told. A bad one delays and loses packets (`netem`); a kernel without netem
has it narrow with a short queue instead (`tbf`), which loses what does not fit.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from typing import Final

from faults.command import CAP_NET_ADMIN, CAP_SYS_ADMIN, CommandFailed, may, run

NETEM: Final = ("netem", "delay", "100ms", "loss", "5%")
TBF: Final = ("tbf", "rate", "256kbit", "burst", "3000", "limit", "6000")
SUBNETS: Final = 16_384
"""Of 198.18.0.0/16, which is set aside for benchmarks."""


def missing() -> str:
    """Why there can be no such network here; empty: there can."""
    if not may(CAP_NET_ADMIN, CAP_SYS_ADMIN):
        return "needs root, who may make network namespaces"
    absent = [name for name in ("ip", "tc") if shutil.which(name) is None]
    return f"needs {' and '.join(absent)}, of iproute2" if absent else ""


class Cable:
    """The cable, and what is at its ends."""

    def __init__(self) -> None:
        number = os.getpid() % SUBNETS
        base = number * 4
        self.host = f"198.18.{base // 256}.{base % 256 + 1}"
        """Where the broker listens."""
        self._far = f"198.18.{base // 256}.{base % 256 + 2}"
        self._namespace = f"faults-{number}"
        self._here, self._there = f"flt{number}a", f"flt{number}b"
        self.inside = ("ip", "netns", "exec", self._namespace)
        """Put before a command, runs it in the namespace."""

    def lay(self) -> None:
        """Makes all of it."""
        run("ip", "netns", "add", self._namespace)
        pair = (self._here, "type", "veth", "peer", "name", self._there)
        run("ip", "link", "add", *pair, "netns", self._namespace)
        run("ip", "addr", "add", f"{self.host}/30", "dev", self._here)
        run("ip", "link", "set", self._here, "up")
        run(*self.inside, "ip", "addr", "add", f"{self._far}/30", "dev", self._there)
        run(*self.inside, "ip", "link", "set", self._there, "up")
        run(*self.inside, "ip", "link", "set", "lo", "up")

    def remove(self) -> None:
        """Takes all of it away."""
        for command in (
            ("ip", "link", "del", self._here),
            ("ip", "netns", "del", self._namespace),
        ):
            with contextlib.suppress(CommandFailed):  # it was never made
                run(*command)

    def cut(self) -> None:
        """Cuts it."""
        run("ip", "link", "set", self._here, "down")

    def mend(self) -> None:
        """Mends it."""
        run("ip", "link", "set", self._here, "up")

    def spoil(self) -> str:
        """Makes it slow and lossy, in both directions; how."""
        try:
            self._spoil(NETEM)
        except CommandFailed:
            self._spoil(TBF)
            return " ".join(TBF)
        return " ".join(NETEM)

    def _spoil(self, how: tuple[str, ...]) -> None:
        run("tc", "qdisc", "add", "dev", self._here, "root", *how)
        run(*self.inside, "tc", "qdisc", "add", "dev", self._there, "root", *how)

    def lost(self) -> int:
        """Packets that the bad cable has lost."""
        told = run("tc", "-s", "qdisc", "show", "dev", self._here)
        told += run(*self.inside, "tc", "-s", "qdisc", "show", "dev", self._there)
        return sum(int(count) for count in re.findall(r"dropped (\d+)", told))


@contextlib.contextmanager
def cabled() -> Iterator[Cable]:
    """A cable for as long as the context lasts."""
    cable = Cable()
    try:
        cable.lay()
        yield cable
    finally:
        cable.remove()
