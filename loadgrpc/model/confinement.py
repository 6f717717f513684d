"""How an agent confines what it runs."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What each run may take on an agent, all its processes together. None: as much as there is."""

    memory_bytes: int | None = None
    processes: int | None = None
    files: int | None = None
    """Open files, of each process."""
    time_s: float | None = None

    def __bool__(self) -> bool:
        return any(each is not None for each in astuple(self))


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What whoever started an agent allows it to run, and how."""

    signed_only: bool = False
    """It runs nothing but what is signed by somebody whom it trusts."""
    run_as: str = ""
    """The user that runners run as. Empty: that of the agent."""
    limits: Limits = NO_LIMITS

    def __bool__(self) -> bool:
        return bool(self.signed_only or self.run_as or self.limits)

    def __str__(self) -> str:
        """For people: `signed only, as load, limits: 4,000 MB, 200 processes`. Empty: nothing."""
        limits = self.limits
        told = ["signed only"] if self.signed_only else []
        told += [f"as {self.run_as}"] if self.run_as else []
        if limits.memory_bytes is not None:
            told.append(f"at most {limits.memory_bytes / 1e6:,.0f} MB")
        if limits.processes is not None:
            told.append(f"at most {limits.processes:,} processes")
        if limits.files is not None:
            told.append(f"at most {limits.files:,} open files")
        if limits.time_s is not None:
            told.append(f"at most {limits.time_s:,.0f} s")
        return ", ".join(told)


UNCONFINED: Final = Confinement()
