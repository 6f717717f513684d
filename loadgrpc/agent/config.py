"""The settings of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loadgrpc.agent.spool import DEFAULT_SPOOL_BYTES
from loadgrpc.certs import TlsFiles
from loadgrpc.model import NO_LIMITS, Limits


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """The settings of an agent."""

    broker: str
    """HOST:PORT, or unix:PATH."""
    state_dir: Path | None = None
    """Where its name lives. None: the first free slot under the user's state folder."""
    spool_bytes: int = DEFAULT_SPOOL_BYTES
    """What of its runners' events may be on disk, while the broker does not take them."""
    max_processes: int = 0
    """Processes that it runs at once where each user is one; 0: what the machine has room for."""
    packages: Path | None = None
    """Where the packages of tests are installed. None: in its state directory."""
    max_age_s: float | None = None
    """It leaves once it is so old, and has no part in a run. None: it does not age."""
    max_age_delta_s: float = 0.0
    """A random part of this is added to that, so that not all leave at once."""
    labels: tuple[str, ...] = ()
    """What plans choose it by."""
    certificates: Mapping[str, TlsFiles] | None = None
    """Those of agents, by name: it becomes the first that does not run here yet. None: it speaks
    without encryption."""
    trusted_keys: tuple[Path, ...] = ()
    """Files of public keys: it runs only what is signed with one of them. Empty: everything."""
    run_as: str = ""
    """The user that runners run as. Empty: its own."""
    limits: Limits = NO_LIMITS
    """What each run may take of it."""
