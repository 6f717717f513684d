"""Everything that loadgrpc raises on purpose.

    LoadgrpcError
    ├── InvalidRequest        a plan or a message breaks a rule: the caller's fault
    ├── NotFound              no such run, source or runner
    ├── AlreadyExists         a request_id used for two plans
    ├── TooFewAgents          fewer agents are idle than a plan asks for
    ├── NoRoom                what is sent has no room beside what is there
    ├── RunNotOver            what was asked for needs a run that is over
    ├── EventsGone            a run had events, and none of them is kept
    ├── NoTls                 what was asked for needs TLS, and there is none
    ├── Superseded            a newer stream of the same agent or source took over
    ├── NotAllowed            no valid token, and no certificate of anybody known
    ├── Forbidden             somebody known, whose role does not allow it
    ├── OtherVersion          an agent and a broker of different minor versions
    ├── Unavailable           the other side cannot be reached, or is going away
    │   ├── StoreUnavailable  it was reached, but its store cannot be read or written
    │   └── OverLimit         it was reached, but its caller takes more than a limit allows
    ├── TestNotLoaded         the test could not be imported or found
    └── RunFailed             a run did not pass, and whoever asked for it wants to know

Rule: blame is in the type. What is not in this tree is a defect: it is logged whole and
shown to the other side as "internal error". A failed request of a test is none of these;
it is a hit, and data. `protocol/status.py` maps each to its gRPC status and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadgrpc.model import Summary


class LoadgrpcError(Exception):
    """The root. `reason` is the name of the error on the wire."""

    reason = "LOADGRPC_ERROR"


@dataclass(frozen=True)
class Violation:
    """One wrong field: its path, such as `plan.users[1]`, and what is wrong with it."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class InvalidRequest(LoadgrpcError):
    """A plan or a message breaks a rule; names every field that does."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation] | str) -> None:
        if isinstance(violations, str):
            super().__init__(violations)
            self.violations: tuple[Violation, ...] = ()
        else:
            super().__init__("; ".join(str(violation) for violation in violations))
            self.violations = tuple(violations)

    def within(self, where: str) -> InvalidRequest:
        """The same about a message that is in another one, at this path."""
        return InvalidRequest(
            [Violation(f"{where}{each.field}", each.description) for each in self.violations]
        )


class NotFound(LoadgrpcError):
    """No such run, source or runner."""

    reason = "NOT_FOUND"


class AlreadyExists(LoadgrpcError):
    """The name is taken by something else."""

    reason = "ALREADY_EXISTS"


class TooFewAgents(LoadgrpcError):
    """Fewer agents are idle than a plan asks for."""

    reason = "TOO_FEW_AGENTS"


class NoRoom(LoadgrpcError):
    """What is sent has no room beside what is there and needed."""

    reason = "NO_ROOM"


class RunNotOver(LoadgrpcError):
    """What was asked for needs a run that is over."""

    reason = "RUN_NOT_OVER"


class EventsGone(LoadgrpcError):
    """A run had events, and none of them is kept any more."""

    reason = "EVENTS_GONE"


class NoTls(LoadgrpcError):
    """What was asked for needs TLS, which a broker does not have."""

    reason = "NO_TLS"


class Superseded(LoadgrpcError):
    """A newer stream of the same agent or source took over."""

    reason = "SUPERSEDED"


class NotAllowed(LoadgrpcError):
    """No valid token, and no certificate of anybody known."""

    reason = "NOT_ALLOWED"


class Forbidden(LoadgrpcError):
    """Somebody known asks, whose role does not allow it."""

    reason = "FORBIDDEN"


class OtherVersion(LoadgrpcError):
    """An agent and a broker of different minor versions do not work together."""

    reason = "OTHER_VERSION"


class Unavailable(LoadgrpcError):
    """The other side cannot be reached, or is going away; trying again later may help."""

    reason = "UNAVAILABLE"


class StoreUnavailable(Unavailable):
    """The other side was reached, but its store cannot be read or written for now."""

    reason = "STORE"


class OverLimit(Unavailable):
    """The other side was reached, but refuses what is more than a limit of its caller allows.

    `retry_s`: after how long it may take it, in seconds.
    """

    reason = "OVER_LIMIT"

    def __init__(self, message: str, *, retry_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class TestNotLoaded(LoadgrpcError):
    """The test could not be imported or found; `traceback` may show why.

    `cause` is the type of what was raised, as `ModuleNotFoundError`.
    """

    reason = "TEST_NOT_LOADED"
    __test__ = False  # not a test, whatever pytest thinks of its name

    def __init__(self, message: str, *, cause: str = "TestNotLoaded", traceback: str = "") -> None:
        super().__init__(message)
        self.cause = cause
        self.traceback = traceback


class RunFailed(LoadgrpcError):
    """A run did not pass; raised only where that was asked for. `summary`: what it came to."""

    reason = "RUN_FAILED"

    def __init__(self, message: str, summary: Summary | None = None) -> None:
        super().__init__(message)
        self.summary = summary
