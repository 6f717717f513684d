"""Where a cluster lives, and what is there to strike it with.

Each context makes a place in an empty folder, and takes away what is not in the folder. With the
place comes its gear: a cable, a disk, a database, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults import disk, network, postgresql


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a cluster lives."""

    folder: Path
    """For logs, and all that is not said below."""
    store: str
    """What the broker is told to keep its runs in."""
    states: Path
    """Where agents keep their state."""
    host: str = "127.0.0.1"
    """Where the broker listens."""
    inside: tuple[str, ...] = ()
    """What is put before the commands of agents and server."""


@contextmanager
def plain(folder: Path) -> Iterator[tuple[Place, Any]]:
    """Everything on this machine, in one folder."""
    yield Place(folder=folder, store=str(folder / "runs.db"), states=folder), None


@contextmanager
def apart(folder: Path) -> Iterator[tuple[Place, Any]]:
    """Agents and server in a network namespace; the gear is the cable to the broker."""
    with network.cabled() as cable:
        yield (
            Place(
                folder=folder,
                store=str(folder / "runs.db"),
                states=folder,
                host=cable.host,
                inside=cable.inside,
            ),
            cable,
        )


@contextmanager
def small_store(folder: Path) -> Iterator[tuple[Place, Any]]:
    """The store on a small disk, which is the gear."""
    with disk.mounted(folder / "disk") as small:
        yield Place(folder=folder, store=str(small.folder / "runs.db"), states=folder), small


@contextmanager
def small_spool(folder: Path) -> Iterator[tuple[Place, Any]]:
    """The agents' state on a small disk, which is the gear."""
    with disk.mounted(folder / "disk") as small:
        yield Place(folder=folder, store=str(folder / "runs.db"), states=small.folder), small


@contextmanager
def in_postgresql(folder: Path) -> Iterator[tuple[Place, Any]]:
    """The store in a PostgreSQL, which is the gear."""
    with postgresql.served() as server:
        yield Place(folder=folder, store=server.new_database(), states=folder), server
