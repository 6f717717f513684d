"""The schedules of a broker: stored, looked at every second, and changed by whoever asks.

Rule: `firing.py` decides; this stores what it says, and only then does it, or shows it. A schedule
is changed by one at a time.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from loadgrpc.broker import firing
from loadgrpc.broker.cron import Cron
from loadgrpc.broker.launcher import Launcher
from loadgrpc.broker.work import Guard
from loadgrpc.errors import (
    AlreadyExists,
    InvalidRequest,
    NoRoom,
    NotFound,
    StoreUnavailable,
    Violation,
)
from loadgrpc.model import Schedule, ScheduleSpec
from loadgrpc.protocol.schedules import schedule_from_proto, schedule_to_proto
from loadgrpc.store import ScheduleRecord, Store, StoreError
from loadgrpc.v1 import schedule_pb2

MAX_SCHEDULES: Final = 500
"""Each is looked at every second, and read when the broker starts."""

_log = logging.getLogger(__name__)


@dataclass
class KnownSchedule:
    """A schedule that is known here."""

    schedule: Schedule
    cron: Cron
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    removed: bool = False


class Schedules:
    """See the module. `now_ns`: the time of day, by the machine's own clock."""

    def __init__(self, store: Store, launcher: Launcher, now_ns: Callable[[], int]) -> None:
        self._store = store.campaigns
        self._launcher = launcher
        self._now_ns = now_ns
        self._kept: dict[str, KnownSchedule] = {}
        self._adding = asyncio.Lock()
        self._guard = Guard()

    async def recall(self) -> None:
        """Reads what an earlier broker has left.

        Raises:
            StoreError: the store cannot be read.
        """
        for record in await self._store.schedules():
            try:
                message = schedule_pb2.Schedule.FromString(record.body)
                schedule = schedule_from_proto(message)
                cron = Cron(schedule.spec.cron, schedule.spec.time_zone)
            except Exception:  # noqa: BLE001 - whatever damage raises; the others go on
                _log.exception("schedule %s is damaged in the store, and left alone", record.name)
                continue
            self._kept[record.name] = KnownSchedule(schedule, cron)

    # What clients do

    def all(self) -> list[Schedule]:
        """All schedules, by name."""
        return [self._kept[name].schedule for name in sorted(self._kept)]

    def get(self, name: str) -> Schedule:
        """One of them.

        Raises:
            NotFound: no such schedule.
        """
        return self._found(name).schedule

    async def add(self, spec: ScheduleSpec) -> Schedule:
        """Adds a schedule; the same again changes nothing.

        Raises:
            InvalidRequest: it is wrong, or its times never come.
            AlreadyExists: there is another one of that name.
            NoRoom: there are too many.
            NotFound: the bundle of its plan is not there.
            StoreUnavailable: it could not be stored.
        """
        cron = Cron(spec.cron, spec.time_zone)
        now_ns = self._now_ns()
        next_ns = cron.after(now_ns)
        if next_ns is None:
            raise InvalidRequest([Violation("schedule.cron", f"{spec.cron!r} never comes")])
        await self._launcher.check(spec.plan, "schedule.")
        _check_secrets(spec)
        async with self._adding:
            if (known := self._kept.get(spec.name)) is not None:
                if known.schedule.spec == spec:
                    return known.schedule
                raise AlreadyExists(f"there is another schedule {spec.name!r}: remove it first")
            if len(self._kept) >= MAX_SCHEDULES:
                raise NoRoom(f"there are {MAX_SCHEDULES} schedules already: remove some")
            schedule = Schedule(
                schedule_id=f"s-{secrets.token_hex(5)}",
                spec=spec,
                create_time_ns=now_ns,
                next_time_ns=next_ns,
            )
            await self._save(schedule)
            self._kept[spec.name] = KnownSchedule(schedule, cron)
        return schedule

    async def pause(self, name: str) -> Schedule:
        """Keeps a schedule from starting runs.

        Raises:
            NotFound: no such schedule.
            StoreUnavailable: it could not be stored.
        """
        return await self._asked(name, lambda kept: firing.paused(kept.schedule))

    async def resume(self, name: str) -> Schedule:
        """Has a paused schedule start runs again, from the next time on. Errors as of `pause`."""

        def resumed(kept: KnownSchedule) -> Schedule:
            if not kept.schedule.paused:
                return kept.schedule
            return firing.resumed(kept.schedule, kept.cron, self._now_ns())

        return await self._asked(name, resumed)

    async def run_now(self, name: str) -> Schedule:
        """Starts a run of a schedule now. Errors are those of `pause`.

        Raises:
            NoRoom: too many of its runs are active.
        """

        def fired(kept: KnownSchedule) -> Schedule:
            return firing.fired_by_hand(kept.schedule, self._now_ns())

        await self._asked(name, fired)
        await self._turn(kept := self._found(name))
        return kept.schedule

    async def remove(self, name: str) -> None:
        """Removes a schedule. Errors as of `pause`."""
        kept = self._found(name)
        async with kept.lock:
            try:
                await self._store.drop_schedule(name)
            except StoreError as error:
                raise StoreUnavailable(f"schedule {name} stays as it is: {error}") from error
            kept.removed = True
            del self._kept[name]

    async def _asked(self, name: str, change: Callable[[KnownSchedule], Schedule]) -> Schedule:
        kept = self._found(name)
        async with kept.lock:
            if kept.removed:
                raise _unknown(name)
            await self._become(kept, change(kept))
        return kept.schedule

    def _found(self, name: str) -> KnownSchedule:
        if (kept := self._kept.get(name)) is None:
            raise _unknown(name)
        return kept

    # What time does

    async def tick(self) -> None:
        """Does what is due."""
        for kept in list(self._kept.values()):
            name = kept.schedule.spec.name
            with self._guard(f"carrying out schedule {name}"):
                try:
                    await self._turn(kept)
                except StoreUnavailable as error:
                    _log.info("schedule %s waits: %s", name, error)

    async def _turn(self, kept: KnownSchedule) -> None:
        async with kept.lock:
            if kept.removed:
                return
            now_ns = self._now_ns()
            await self._become(kept, firing.time_passed(kept.schedule, kept.cron, now_ns))
            for command in list(firing.due(kept.schedule, now_ns)):
                await self._become(kept, await self._done(kept.schedule, command))

    async def _done(
        self, schedule: Schedule, command: firing.StartFiring | firing.WatchFiring
    ) -> Schedule:
        """The schedule, once a command was carried out."""
        number, now_ns = command.number, self._now_ns()
        if isinstance(command, firing.WatchFiring):
            return await self._looked(schedule, command, now_ns)
        spec = schedule.spec
        launched = await self._launcher.start(
            spec.plan,
            command.request_id,
            label=f"schedule={spec.name}",
            within_s=spec.start_timeout_s,
        )
        if launched.waits and not (command.overdue and not launched.run_id):
            return firing.waits(schedule, number, launched.reason, launched.run_id)
        if launched.run_id:
            return firing.started(schedule, number, launched.run_id, now_ns)
        return firing.not_started(schedule, number, launched.reason, now_ns)

    async def _looked(
        self, schedule: Schedule, command: firing.WatchFiring, now_ns: int
    ) -> Schedule:
        """The schedule, once it was seen how the run of a firing stands."""
        number, run_id = command.number, command.run_id
        result = await self._launcher.result(run_id)
        if command.queued:
            why = None if result is not None else self._launcher.waiting(run_id)
            if why is not None:
                return firing.waits(schedule, number, why)
            schedule = firing.started(schedule, number, run_id, now_ns)
        if result is None:
            return schedule
        return firing.over(schedule, number, result.verdict, now_ns)

    async def _become(self, kept: KnownSchedule, schedule: Schedule) -> None:
        """Stores and then shows what has become of a schedule.

        Raises:
            StoreUnavailable: it could not be stored: nothing has changed then.
        """
        if schedule == kept.schedule:
            return
        await self._save(schedule)
        kept.schedule = schedule

    async def _save(self, schedule: Schedule) -> None:
        spec = schedule.spec
        body = schedule_to_proto(schedule).SerializeToString()
        record = ScheduleRecord(name=spec.name, body=body, bundle=spec.plan.bundle)
        try:
            await self._store.save_schedule(record)
        except StoreError as error:
            raise StoreUnavailable(f"schedule {spec.name} is not stored: {error}") from error


def _check_secrets(spec: ScheduleSpec) -> None:
    """Sees that a schedule can be stored, which secrets never are.

    Raises:
        InvalidRequest: its plan has some.
    """
    detail = (
        "is a secret, or has one in it, which no schedule can keep: have the test read it where it"
        " runs"
    )
    if found := spec.plan.secret_fields:
        raise InvalidRequest([Violation(f"schedule.plan.{each}", detail) for each in found])


def _unknown(name: str) -> NotFound:
    return NotFound(f"no schedule {name!r}: `loadgrpc schedule list` has all of them")
