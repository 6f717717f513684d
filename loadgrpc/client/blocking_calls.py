"""Schedules and campaigns for those without an event loop: parts of `loadgrpc.Client`.

Rule: as in `blocking`: every method is one of `ScheduleCalls` or `CampaignCalls`, waited for.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadgrpc.client.campaigns import CampaignCalls
from loadgrpc.client.portal import Portal
from loadgrpc.client.schedules import ScheduleCalls
from loadgrpc.model import Campaign, CampaignSpec, Plan, Schedule, ScheduleSpec, StopMode


class BlockingSchedules:
    """Plans that a broker starts at times of a calendar; see `ScheduleCalls`."""

    def __init__(self, through: Portal, calls: ScheduleCalls) -> None:
        self._portal = through
        self._calls = calls

    def add(self, spec: ScheduleSpec) -> Schedule:
        """Adds a schedule; the same again changes nothing."""
        return self._portal.call(self._calls.add(spec))

    def list(self, name: str = "") -> list[Schedule]:
        """All schedules, by name, or the one of a name."""
        return self._portal.call(self._calls.list(name))

    def pause(self, name: str) -> Schedule:
        """Keeps a schedule from starting runs."""
        return self._portal.call(self._calls.pause(name))

    def resume(self, name: str) -> Schedule:
        """Has a paused schedule start runs again, from the next time on."""
        return self._portal.call(self._calls.resume(name))

    def run_now(self, name: str) -> Schedule:
        """Starts a run of a schedule now: the newest firing of what it returns."""
        return self._portal.call(self._calls.run_now(name))

    def remove(self, name: str) -> None:
        """Removes a schedule; its active run goes on."""
        self._portal.call(self._calls.remove(name))


class BlockingCampaigns:
    """Runs that depend on each other; see `CampaignCalls`."""

    def __init__(self, through: Portal, calls: CampaignCalls) -> None:
        self._portal = through
        self._calls = calls

    def start(self, spec: CampaignSpec, *, request_id: str = "") -> Campaign:
        """Starts a campaign; with the same request id, the same one is returned."""
        return self._portal.call(self._calls.start(spec, request_id=request_id))

    def get(self, campaign_id: str) -> Campaign:
        """A campaign as it stands."""
        return self._portal.call(self._calls.get(campaign_id))

    def watch(self, campaign_id: str, *, after: int = 0) -> Iterator[Campaign]:
        """A campaign as it stands, then whenever it has changed, to its end."""
        return self._portal.iterate(self._calls.watch(campaign_id, after=after))

    def result(self, campaign_id: str) -> Campaign:
        """A campaign, once it is over."""
        for campaign in self.watch(campaign_id):
            if campaign.state.final:
                return campaign
        return self.get(campaign_id)

    def list(self) -> Iterator[Campaign]:
        """All campaigns, the newest first, without their plans."""
        token = ""
        while True:
            found, token = self._portal.call(self._calls.list(page_token=token))
            yield from found
            if not token:
                return

    def stop(self, campaign_id: str, *, kill: bool = False) -> Campaign:
        """Stops a campaign and its active runs; one that is over stays as it is."""
        mode = StopMode.KILL if kill else StopMode.GRACEFUL
        return self._portal.call(self._calls.stop(campaign_id, mode))

    def replace(self, campaign_id: str, step: str, plan: Plan) -> Campaign:
        """Gives a step another plan; an active run of it is stopped first."""
        return self._portal.call(self._calls.replace(campaign_id, step, plan))

    def delete(self, campaign_id: str) -> None:
        """Deletes a campaign that is over. Raises RunNotOver if it is active."""
        self._portal.call(self._calls.delete(campaign_id))
