"""The campaigns of a broker: stored, carried out, and shown to whoever watches.

Rule: `campaign_life.py` decides; this stores what it says, and only then does it, or shows it. What
is to be done follows from how a campaign stands, so that a restart is no special case. A campaign
is changed by one at a time.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from loadgrpc.broker import campaign_life as life
from loadgrpc.broker.active_campaign import ActiveCampaign
from loadgrpc.broker.announcing import Announcing
from loadgrpc.broker.launcher import Launcher
from loadgrpc.broker.work import Guard
from loadgrpc.campaign.results import RESULTS_ENV, as_text
from loadgrpc.errors import (
    AlreadyExists,
    InvalidRequest,
    NoRoom,
    NotFound,
    RunNotOver,
    StoreUnavailable,
    Unavailable,
    Violation,
)
from loadgrpc.model import Campaign, CampaignSpec, Plan, StepState, StopMode
from loadgrpc.protocol.bounds import MAX_ANSWER_BYTES, MAX_REASON_CHARS, kept_chars
from loadgrpc.protocol.campaigns import (
    campaign_from_proto,
    campaign_spec_to_proto,
    campaign_to_proto,
)
from loadgrpc.store import CampaignRecord, Store, StoreError
from loadgrpc.v1 import campaign_pb2

MAX_CAMPAIGNS: Final = 100
"""Campaigns that are not over: each is looked at every second."""
KEPT_CAMPAIGNS: Final = 1_000
"""Campaigns that are over, and are kept."""
MAX_REPLACED: Final = 20
"""How often the plan of a step may be replaced."""
MAX_SPEC_BYTES: Final = 1 << 20
"""Of what is asked for, replaced plans included: answers fit into what clients accept."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class CampaignPage(NamedTuple):
    """Some campaigns, the newest first, without their plans."""

    campaigns: list[campaign_pb2.Campaign]
    next_number: int | None
    """None: this is the last page."""


class Campaigns:
    """See the module. `now_ns`: the time of day."""

    def __init__(
        self,
        store: Store,
        launcher: Launcher,
        announcing: Announcing,
        now_ns: Callable[[], int],
    ) -> None:
        self._store = store.campaigns
        self._launcher = launcher
        self._announcing = announcing
        self._now_ns = now_ns
        self._active: dict[str, ActiveCampaign] = {}
        self._starting = asyncio.Lock()
        self._closing = False
        self._guard = Guard()

    async def recall(self) -> None:
        """Reads what an earlier broker has left.

        Raises:
            StoreError: the store cannot be read.
        """
        for record in await self._store.active():
            try:
                campaign = _campaign_of(record)
            except Exception:  # noqa: BLE001 - whatever damage raises; the others go on
                name = record.campaign_id
                _log.exception("campaign %s is damaged in the store, and left alone", name)
                continue
            self._active[campaign.campaign_id] = ActiveCampaign(campaign, record.request_id or "")
            _log.info("campaign %s continues", campaign.campaign_id)

    def close(self) -> None:
        """Ends all watches; campaigns stay as they are, for the next broker."""
        self._closing = True
        for active in self._active.values():
            active.wake()

    # What clients do

    async def start(self, spec: CampaignSpec, request_id: str = "") -> Campaign:
        """Starts a campaign; the same request again returns the same one.

        Raises:
            InvalidRequest: one of its observers cannot be notified.
            NotFound: the bundle of one of its plans is not there.
            AlreadyExists: the request was used for another one.
            NoRoom: too many are active.
            StoreUnavailable: it could not be stored.
        """
        await self._check(spec)
        async with self._starting:
            if request_id and (known := await self._of_request(request_id)) is not None:
                if not life.was_asked_for(known, spec):
                    message = f"request_id {request_id!r} was used for another campaign"
                    raise AlreadyExists(f"{message}, {known.campaign_id}")
                return known
            if len(self._active) >= MAX_CAMPAIGNS:
                raise NoRoom(f"{MAX_CAMPAIGNS} campaigns are active already")
            campaign = life.begun(f"c-{secrets.token_hex(5)}", spec, self._now_ns())
            active = ActiveCampaign(campaign, request_id)
            await self._save(active, campaign, with_spec=True)
            self._active[campaign.campaign_id] = active
        _log.info("campaign %s of %s begins", campaign.campaign_id, spec.label)
        await self._turn(active)
        return active.campaign

    async def get(self, campaign_id: str) -> Campaign:
        """A campaign as it stands.

        Raises:
            NotFound: no such campaign.
            StoreUnavailable: the store cannot be read.
        """
        if (active := self._active.get(campaign_id)) is not None:
            return active.campaign
        record = await _read(self._store.get(campaign_id))
        if record is None:
            raise _unknown(campaign_id)
        return _campaign_of(record)

    async def list(self, limit: int, before: int | None = None) -> CampaignPage:
        """A page of campaigns, newest first; after that of number `before`.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        records = await _read(self._store.listed(limit + 1, before))
        found: list[campaign_pb2.Campaign] = []
        size = 0
        for record in records:
            size += len(record.head)
            if len(found) == limit or (found and size > MAX_ANSWER_BYTES):
                return CampaignPage(found, records[len(found) - 1].number)
            found.append(campaign_pb2.Campaign.FromString(record.head))
        return CampaignPage(found, None)

    async def watch(self, campaign_id: str, after: int = 0) -> AsyncIterator[Campaign]:
        """A campaign whenever it has changed beyond a sequence, to its end.

        Raises:
            NotFound: no such campaign.
            Unavailable: the broker is going away.
        """
        active = self._active.get(campaign_id)
        if active is None:
            yield await self.get(campaign_id)
            return
        while True:
            campaign = active.campaign
            if campaign.sequence > after:
                yield campaign
                after = campaign.sequence
            if campaign.state.final:
                return
            if self._closing:
                raise Unavailable("the broker is going away")
            if active.campaign is campaign:
                await active.changed()

    async def stop(self, campaign_id: str, mode: StopMode, asked_by: str = "") -> Campaign:
        """Stops a campaign and its active runs; one that is over stays as it is.

        Raises:
            NotFound: no such campaign.
            StoreUnavailable: it could not be stored.
        """
        if (active := self._active.get(campaign_id)) is None:
            return await self.get(campaign_id)
        async with active.lock:
            if mode is StopMode.KILL:
                active.mode = mode
            reason = kept_chars(f"{asked_by or 'somebody'} asked to stop it", MAX_REASON_CHARS)
            await self._become(active, life.CampaignStopAsked(reason))
        await self._turn(active)
        return active.campaign

    async def replace(
        self, campaign_id: str, name: str, plan: Plan, asked_by: str = ""
    ) -> Campaign:
        """Gives a step another plan, and its active run a successor.

        Raises:
            NotFound: no such campaign or step, or the plan's bundle is not there.
            InvalidRequest: the step is over, or the plan cannot be run.
            StoreUnavailable: it could not be stored.
        """
        await self._launcher.check(plan, "")
        active = self._active.get(campaign_id)
        if active is None:
            campaign = await self.get(campaign_id)
            detail = f"campaign {campaign.campaign_id} is {campaign.state.name}: it is over"
            raise InvalidRequest([Violation("campaign_id", detail)])
        async with active.lock:
            _check_replaceable(active.campaign, name)
            reason = kept_chars(f"{asked_by or 'somebody'} replaced its plan", MAX_REASON_CHARS)
            await self._become(active, life.PlanReplaced(name, plan, reason), with_spec=True)
        await self._turn(active)
        return active.campaign

    async def delete(self, campaign_id: str) -> None:
        """Deletes a campaign that is over.

        Raises:
            NotFound: no such campaign.
            RunNotOver: it is active.
            StoreUnavailable: it could not be deleted.
        """
        if campaign_id in self._active:
            raise RunNotOver(f"campaign {campaign_id} is active: stop it first")
        if not await _read(self._store.drop(campaign_id)):
            raise _unknown(campaign_id)

    # What time does

    async def tick(self) -> None:
        """Does what is due."""
        for active in list(self._active.values()):
            campaign_id = active.campaign.campaign_id
            with self._guard(f"carrying out campaign {campaign_id}"):
                try:
                    await self._turn(active)
                except StoreUnavailable as error:
                    _log.info("campaign %s waits: %s", campaign_id, error)

    async def _turn(self, active: ActiveCampaign) -> None:
        """Does what is due for a campaign, until nothing is but waiting."""
        async with active.lock:
            before = None
            while active.campaign is not before:
                before = active.campaign
                for command in list(life.due(before, self._now_ns())):
                    if (event := await self._done(active, command)) is not None:
                        await self._become(active, event)
            if active.campaign.state.final:
                await self._over(active)

    async def _done(self, active: ActiveCampaign, command: life.Command) -> life.Event | None:
        """Carries out a command; what came of it, None: nothing that changes anything."""
        match command:
            case life.StartRun():
                return await self._start(active.campaign, command)
            case life.FindRun():
                return await self._find(command)
            case life.WatchRun():
                return await self._look(active, command)
            case life.Notify():
                return self._notify(active.campaign, command)
            case life.Forget(name):
                self._announcing.forget(active.campaign.campaign_id, name)
                return life.RunNotStarted(name, "")

    async def _find(self, command: life.FindRun) -> life.Event | None:
        found = await self._launcher.find(command.request_id)
        if found.run_id:
            return life.RunStarted(command.step, found.run_id)
        return None if found.waits else life.RunNotStarted(command.step, "")

    async def _look(self, active: ActiveCampaign, command: life.WatchRun) -> life.Event | None:
        status = active.campaign.by_name[command.step]
        result = await self._launcher.result(command.run_id)
        if status.state is StepState.READY:
            why = None if result is not None else self._launcher.waiting(command.run_id)
            if why is None:
                return life.RunStarted(command.step, command.run_id)
            return life.RunWaits(command.step, why) if why != status.reason else None
        if result is not None:
            return life.RunOver(command.step, result)
        if command.stop:
            by = f"campaign {active.campaign.campaign_id}"
            await self._launcher.stop(command.run_id, active.mode, by)
        return None

    def _notify(self, campaign: Campaign, command: life.Notify) -> life.Event | None:
        if not command.begun:
            return life.NotifyBegan(command.step)
        reason = self._announcing.outcome(campaign, command.step, command.observer)
        return None if reason is None else life.Notified(command.step, reason)

    async def _start(self, campaign: Campaign, command: life.StartRun) -> life.Event | None:
        plan = command.plan
        if campaign.spec.step(command.step).results:
            told = as_text(life.results_of(campaign, command.step).values())
            env = {**dict(plan.env), RESULTS_ENV: told}
            plan = replace(plan, env=tuple(sorted(env.items())))
        launched = await self._launcher.start(
            plan,
            command.request_id,
            label=f"campaign={campaign.campaign_id}",
            within_s=campaign.spec.start_timeout_s,
        )
        if launched.run_id and launched.waits:
            return life.RunWaits(command.step, launched.reason, launched.run_id)
        if launched.run_id:
            return life.RunStarted(command.step, launched.run_id)
        if launched.waits and not command.overdue:
            known = campaign.by_name[command.step].reason
            changes = launched.reason != known
            return life.RunWaits(command.step, launched.reason) if changes else None
        return life.RunNotStarted(command.step, launched.reason)

    async def _become(
        self, active: ActiveCampaign, event: life.Event, *, with_spec: bool = False
    ) -> None:
        """Lets an event happen to a campaign; stores and then shows what becomes of it.

        Raises:
            StoreUnavailable: it could not be stored: nothing has happened then.
        """
        campaign = life.step(active.campaign, event, self._now_ns())
        if campaign is active.campaign:
            return
        await self._save(active, campaign, with_spec=with_spec)
        active.show(campaign)

    async def _over(self, active: ActiveCampaign) -> None:
        campaign = active.campaign
        if self._active.pop(campaign.campaign_id, None) is None:
            return
        judged = campaign.verdict
        assert judged is not None  # noqa: S101 - it is over
        _log.info(
            "campaign %s is %s, exit %d: %s",
            campaign.campaign_id,
            campaign.state.name,
            judged.exit_code,
            judged.reason,
        )
        try:
            await self._store.drop_beyond(KEPT_CAMPAIGNS)
        except StoreError as error:
            _log.info("older campaigns are still there: %s", error)

    async def _check(self, spec: CampaignSpec) -> None:
        """Sees that the steps of a campaign could be carried out here."""
        found: list[Violation] = []
        for at, step in enumerate(spec.steps):
            where = f"campaign.steps[{at}]."
            try:
                if step.plan is not None:
                    await self._launcher.check(step.plan, where)
                if step.observer is not None:
                    await self._announcing.check(step.observer, where)
            except InvalidRequest as error:
                found += error.violations
        if found:
            raise InvalidRequest(found)

    # To the store and back

    async def _save(self, active: ActiveCampaign, campaign: Campaign, *, with_spec: bool) -> None:
        head = campaign_to_proto(campaign, shown=True, listed=True)
        spec = campaign_spec_to_proto(campaign.spec, kept=True) if with_spec else None
        if spec is not None and (size := spec.ByteSize()) > MAX_SPEC_BYTES:
            detail = f"has {size:,} bytes, more than {MAX_SPEC_BYTES:,}"
            raise InvalidRequest([Violation("campaign", detail)])
        record = CampaignRecord(
            campaign_id=campaign.campaign_id,
            head=head.SerializeToString(),
            spec=spec.SerializeToString() if spec is not None else None,
            request_id=active.request_id or None,
            over=campaign.state.final,
            bundles=_bundles(campaign.spec),
        )
        try:
            await self._store.save(record)
        except StoreError as error:
            name = campaign.campaign_id
            raise StoreUnavailable(f"campaign {name} could not be stored: {error}") from error

    async def _of_request(self, request_id: str) -> Campaign | None:
        record = await _read(self._store.of_request(request_id))
        if record is None:
            return None
        active = self._active.get(record.campaign_id)
        return active.campaign if active is not None else _campaign_of(record)


async def _read(asked: Awaitable[T]) -> T:
    """What the store answers.

    Raises:
        StoreUnavailable: it does not.
    """
    try:
        return await asked
    except StoreError as error:
        raise StoreUnavailable(str(error)) from error


def _campaign_of(record: CampaignRecord) -> Campaign:
    message = campaign_pb2.Campaign.FromString(record.head)
    assert record.spec is not None  # noqa: S101 - it was read
    message.spec.CopyFrom(campaign_pb2.CampaignSpec.FromString(record.spec))
    return campaign_from_proto(message)


def _bundles(spec: CampaignSpec) -> list[str]:
    return [step.plan.bundle for step in spec.steps if step.plan is not None and step.plan.bundle]


def _check_replaceable(campaign: Campaign, name: str) -> None:
    """Sees that a step may have another plan.

    Raises:
        NotFound: there is no such step.
        InvalidRequest: it is over, or notifies an observer, or was replaced too often.
    """
    if (status := campaign.by_name.get(name)) is None:
        raise NotFound(f"campaign {campaign.campaign_id} has no step {name!r}")
    detail = ""
    if campaign.spec.step(name).plan is None:
        detail = f"{name!r} notifies an observer: it has no plan"
    elif status.state.final or status.state is StepState.STOPPING:
        detail = f"{name!r} is {status.state.name}: only a step that is not over can be replaced"
    elif len(status.replaced) >= MAX_REPLACED:
        detail = f"{name!r} was replaced {MAX_REPLACED} times"
    if detail:
        raise InvalidRequest([Violation("step", detail)])


def _unknown(campaign_id: str) -> NotFound:
    return NotFound(f"no campaign {campaign_id!r}: `loadgrpc campaign list` has all of them")
