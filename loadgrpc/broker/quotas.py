"""What each caller takes of a broker, and what it is kept to.

Rule: a caller is whoever a token or a certificate names. One without either is its machine; on
loopback, where all are on one machine, it is its connection. Whoever goes too fast is slowed down
first and refused then; agents are slowed down only, and what runners measured is never refused.
Whatever a limit did is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

from loadgrpc.broker.inbox import Source
from loadgrpc.broker.pace import Pace
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import LoadgrpcError, OverLimit
from loadgrpc.model import LIMITS, LimitUse
from loadgrpc.protocol.bounds import MAX_BATCH_ENTRIES
from loadgrpc.protocol.rights import NOBODY, RIGHTS

BURST_S: Final = 2
"""As many calls as in this many seconds may begin at once: what a page or a script asks for."""
PATIENCE_S: Final = 1.0
"""How long a call may have to wait for its turn; one that would wait longer is refused."""
AGENTS_PATIENCE_S: Final = 30.0
"""The same of agents, whose runners may all come back at once."""
HELD_S: Final = 30.0
"""How long a refusal may wait for its turn; the stream of its connection is taken meanwhile."""
MAX_CALLERS: Final = 10_000
"""Callers of which it is known what they take; of more, the one that came longest ago is new."""
LOGGED_S: Final = 60.0
"""How often it is logged that a caller is over a limit."""

_HELD: Final[Mapping[str, str]] = {
    "/loadgrpc.v1.ControlService/WatchRun": "watches",
    "/loadgrpc.v1.ControlService/ListEvents": "watches",
    "/loadgrpc.v1.CampaignService/WatchCampaign": "watches",
    "/grpc.health.v1.Health/Watch": "watches",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "watches",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "watches",
    "/loadgrpc.v1.ControlService/UploadBundle": "uploads",
}
"""The limits of calls that go on for a while, by method; a test holds this against the services."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Taken:
    """What a caller takes."""

    pace: Pace
    refusals: Pace
    """Refusing costs as much as answering: there is a pace of that, too."""
    open: Counter[str] = field(default_factory=Counter)
    """Calls that are open, by limit."""


class Quotas:
    """See the module. `chosen`: limits that are not to be what they are by default."""

    def __init__(self, chosen: Mapping[str, int], clock: Clock) -> None:
        self.values: Final = {name: chosen.get(name, row.default) for name, row in LIMITS.items()}
        self._clock = clock
        self._taken: OrderedDict[str, _Taken] = OrderedDict()
        """By caller, those that came last at the end."""
        self._uses = {
            name: LimitUse(name=name, value=value, per_s=LIMITS[name].per_s)
            for name, value in self.values.items()
        }
        self._logged_ns: int | None = None
        self.errors: Counter[str] = Counter()
        """Calls that ended with an error, by its reason."""

    def uses(self) -> tuple[LimitUse, ...]:
        """What each limit has done so far."""
        return tuple(self._uses.values())

    @asynccontextmanager
    async def call(self, method: str, caller: str) -> AsyncIterator[None]:
        """A call of a caller, for as long as the context lasts.

        Raises:
            OverLimit: the caller has to wait, or to end other calls first.
        """
        taken = self._of(caller)
        owed_ns = taken.pace.owed_ns(self._clock.monotonic_ns())
        if owed_ns > _patience_s(method) * NS_PER_S:
            retry_s = owed_ns / NS_PER_S
            await self._refuse(taken, "requests", caller, retry_s, f"try again in {retry_s:.1f} s")
        if wait_ns := taken.pace.take(self._clock.monotonic_ns()):
            self._met("requests", caller, delayed=1)
            await asyncio.sleep(wait_ns / NS_PER_S)
        held = self._held(method)
        for name in held:
            if taken.open[name] >= self.values[name]:
                await self._refuse(taken, name, caller, 1.0, "end others first")
        taken.open.update(held)
        try:
            yield
        finally:
            taken.open.subtract(held)

    def read_ns(self, source: Source, count: int) -> int:
        """How long the broker waits before it reads on, after this many events of a source."""
        if source.pace is None:
            per_s = self.values["events"]
            source.pace = Pace(per_s, max(per_s, MAX_BATCH_ENTRIES))
        wait_ns = source.pace.take(self._clock.monotonic_ns(), count)
        if wait_ns:
            self._met("events", str(source.source_id), delayed=1)
        return wait_ns

    def failed(self, error: LoadgrpcError) -> None:
        """A call ended with an error."""
        self.errors[error.reason] += 1

    def _of(self, caller: str) -> _Taken:
        taken = self._taken.get(caller)
        if taken is None:
            if len(self._taken) >= MAX_CALLERS:
                self._taken.popitem(last=False)
            per_s = self.values["requests"]
            taken = self._taken[caller] = _Taken(
                Pace(per_s, BURST_S * per_s), refusals=Pace(per_s, per_s)
            )
        self._taken.move_to_end(caller)
        return taken

    def _held(self, method: str) -> tuple[str, ...]:
        """The limits of calls that are open at a time, of a method."""
        if _of_agents(method):
            return ()  # as many as it has runners; their connection has a bound
        also = _HELD.get(method)
        return ("calls",) if also is None else ("calls", also)

    async def _refuse(
        self, taken: _Taken, name: str, caller: str, retry_s: float, to_do: str
    ) -> NoReturn:
        """Refuses a call, when it is its turn to be refused.

        Raises:
            OverLimit: always.
        """
        self._met(name, caller, refused=1)
        wait_s = taken.refusals.take(self._clock.monotonic_ns()) / NS_PER_S
        await asyncio.sleep(min(wait_s, HELD_S))
        row, value = LIMITS[name], self.values[name]
        what = f"{value} {row.counts}" + (" per second" if row.per_s else "")
        raise OverLimit(
            f"{caller} has more than {what}: {to_do}, or start the broker with a higher"
            f" --limit {name}={row.shown(value)}",
            retry_s=retry_s,
        )

    def _met(self, name: str, caller: str, *, refused: int = 0, delayed: int = 0) -> None:
        use = self._uses[name]
        self._uses[name] = replace(
            use,
            refused=use.refused + refused,
            delayed=use.delayed + delayed,
            last_caller=caller,
            last_time_ns=self._clock.wall_ns(),
        )
        now_ns = self._clock.monotonic_ns()
        if self._logged_ns is None or now_ns - self._logged_ns >= LOGGED_S * NS_PER_S:
            self._logged_ns = now_ns
            did = "refused" if refused else "slowed down"
            shown = LIMITS[name].shown(self.values[name])
            _log.warning("%s is %s by the limit %s=%s", caller, did, name, shown)


def _of_agents(method: str) -> bool:
    """Whether only agents call a method."""
    right = RIGHTS.get(method, NOBODY)
    return right.agents and right.least is None


def _patience_s(method: str) -> float:
    return AGENTS_PATIENCE_S if RIGHTS.get(method, NOBODY).agents else PATIENCE_S
