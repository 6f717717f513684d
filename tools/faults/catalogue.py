"""The faults: what each does, and what must hold under it."""

from __future__ import annotations

from typing import Final

from faults import disk, kills, network, postgresql, shortages, silences, waits
from faults.judge import INCOMPLETE, STOPPED, Holds
from faults.place import apart, in_postgresql, small_spool, small_store
from faults.round import Fault

SHORT_LEASE_S: Final = 6.0
"""Where a lost agent is waited for."""
ZERO_LOST: Final = Holds()
COUNTED: Final = Holds(exit_codes=(INCOMPLETE,), losses=True)

FAULTS: Final = (
    Fault(
        name="kill-runner",
        does="SIGKILL of the link of a runner",
        play=kills.kill_runner,
        holds=COUNTED,
        rounds=20,
    ),
    Fault(
        name="kill-user",
        does="SIGKILL of a user process of a runner",
        play=kills.kill_user,
        holds=COUNTED,
        rounds=10,
    ),
    Fault(
        name="kill-keeper",
        does="SIGKILL of the keeper of a runner",
        play=kills.kill_keeper,
        holds=COUNTED,
        rounds=3,
    ),
    Fault(
        name="kill-agent",
        does="SIGKILL of an agent",
        play=kills.kill_agent,
        holds=COUNTED,
        rounds=20,
        lease_s=SHORT_LEASE_S,
    ),
    Fault(
        name="kill-broker",
        does="SIGKILL of the broker, started again 0-2 s later",
        play=kills.kill_broker,
        holds=ZERO_LOST,
        rounds=20,
    ),
    Fault(
        name="kill-scheduled",
        does="SIGKILL of the broker around the time at which a run is to start",
        play=waits.kill_scheduled,
        holds=ZERO_LOST,
        rounds=10,
    ),
    Fault(
        name="kill-between",
        does="SIGKILL of the broker between two attempts of a run",
        play=waits.kill_between,
        holds=ZERO_LOST,
        rounds=5,
    ),
    Fault(
        name="kill-campaign",
        does="SIGKILL of the broker anywhere in a campaign of two runs and one after both",
        play=waits.kill_campaign,
        holds=ZERO_LOST,
        rounds=10,
    ),
    Fault(
        name="kill-idle",
        does="SIGKILL of an agent without work",
        play=kills.kill_idle_agent,
        holds=ZERO_LOST,
        rounds=2,
        lease_s=SHORT_LEASE_S,
    ),
    Fault(
        name="term-agent",
        does="SIGTERM to an agent in a run",
        play=kills.term_agent,
        holds=COUNTED,
        rounds=3,
    ),
    Fault(
        name="term-broker",
        does="SIGTERM to the broker, started again 0-2 s later",
        play=kills.term_broker,
        holds=ZERO_LOST,
        rounds=3,
    ),
    Fault(
        name="deaf-runner",
        does="stop of a run that ignores SIGTERM, twice",
        play=kills.deaf_runner,
        holds=Holds(exit_codes=(STOPPED,), losses=True),
        rounds=2,
    ),
    Fault(
        name="stop-runner",
        does="SIGSTOP of a link or a user process for 10 s",
        play=silences.stop_runner,
        holds=ZERO_LOST,
        rounds=3,
    ),
    Fault(
        name="stop-agent",
        does="SIGSTOP of an agent for 10 s",
        play=silences.stop_agent,
        holds=ZERO_LOST,
        rounds=2,
    ),
    Fault(
        name="stop-broker",
        does="SIGSTOP of the broker for 10 s",
        play=silences.stop_broker,
        holds=ZERO_LOST,
        rounds=2,
    ),
    Fault(
        name="cut",
        does="network cut for 10 s, less than the lease",
        play=silences.cut,
        holds=ZERO_LOST,
        rounds=3,
        place=apart,
        missing=network.missing,
    ),
    Fault(
        name="cut-lease",
        does="network cut for longer than the lease",
        play=silences.cut_for_good,
        holds=COUNTED,
        rounds=1,
        lease_s=SHORT_LEASE_S,
        place=apart,
        missing=network.missing,
    ),
    Fault(
        name="bad-cable",
        does="lossy, slow network for the whole run",
        play=silences.bad_cable,
        holds=ZERO_LOST,
        rounds=2,
        place=apart,
        missing=network.missing,
    ),
    Fault(
        name="full-store",
        does="the disk of the store full for 3-5 s",
        play=shortages.full_store,
        holds=ZERO_LOST,
        rounds=2,
        place=small_store,
        missing=disk.missing,
    ),
    Fault(
        name="full-spool",
        does="the agents' disk full while the broker is away for 3-5 s",
        play=shortages.full_spool,
        holds=ZERO_LOST,
        rounds=2,
        place=small_spool,
        missing=disk.missing,
    ),
    Fault(
        name="postgresql",
        does="PostgreSQL crashes, and is back 1-4 s later",
        play=shortages.crash_postgresql,
        holds=ZERO_LOST,
        rounds=3,
        place=in_postgresql,
        missing=postgresql.missing,
    ),
)
