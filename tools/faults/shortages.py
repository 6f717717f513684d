"""Faults of what is stored on: full disks, and a database that goes away."""

from __future__ import annotations

import signal
from typing import Final

from faults.round import Round

LONGER_S: Final = 2.0
"""By how much loads last longer here, so that some is left for the time of the fault."""


def full_store(a_round: Round) -> None:
    """The disk of the store is full for a while, in the middle of a run."""
    running = a_round.begin(seconds=a_round.seconds + LONGER_S)
    a_round.in_the_load()
    a_round.note("fills the disk")
    a_round.gear.fill()
    a_round.expect_standstill(3.0, 5.0)
    a_round.note("frees the disk")
    a_round.gear.free()
    a_round.finish(running)


def full_spool(a_round: Round) -> None:
    """The disk of the agents is full while the broker is away, in the middle of a run."""
    running = a_round.begin()
    a_round.in_the_load()
    a_round.note("fills the agents' disk, and kills the broker")
    a_round.gear.fill()
    a_round.cluster.broker.kill()
    a_round.wait(3.0, 5.0)
    a_round.note("frees the disk, and starts a broker")
    a_round.gear.free()
    a_round.cluster.start_broker()
    a_round.finish(running)


def crash_postgresql(a_round: Round) -> None:
    """PostgreSQL crashes in the middle of a run, and comes back a while later."""
    running = a_round.begin(seconds=a_round.seconds + LONGER_S)
    a_round.in_the_load()
    a_round.note("crashes PostgreSQL")
    a_round.gear.stop(signal.SIGQUIT)
    a_round.expect_standstill(1.0, 4.0)
    a_round.note("starts PostgreSQL")
    a_round.gear.start()
    a_round.finish(running)
