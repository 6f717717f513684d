"""A campaign that is not over: how it stands, and who watches it."""

from __future__ import annotations

import asyncio

from loadgrpc.model import Campaign, StopMode


class ActiveCampaign:
    """A campaign that is not over."""

    def __init__(self, campaign: Campaign, request_id: str = "") -> None:
        self.campaign = campaign
        self.request_id = request_id
        self.lock = asyncio.Lock()
        self.mode = StopMode.GRACEFUL
        """How its runs are to be stopped, as far as anybody asked for that here."""
        self._changed = asyncio.Event()

    def show(self, campaign: Campaign) -> None:
        """From now on the campaign stands like this."""
        self.campaign = campaign
        self.wake()

    def wake(self) -> None:
        """Wakes everybody who watches."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Waits until it is shown as something else."""
        await self._changed.wait()
