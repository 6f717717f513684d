"""CampaignService: parse, call, convert. Nothing is decided here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from loadgrpc.broker.audit import Audit
from loadgrpc.broker.callers import CALLER, check_owner, client_of, own
from loadgrpc.broker.campaigns import MAX_SPEC_BYTES, Campaigns
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import StopMode
from loadgrpc.protocol import plans
from loadgrpc.protocol.campaigns import campaign_spec_from_proto, campaign_to_proto
from loadgrpc.protocol.required import page_number, required
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import campaign_pb2, campaign_pb2_grpc, control_pb2

MAX_CAMPAIGNS_LISTED: Final = 100
CAMPAIGNS_LISTED: Final = 20

_log = logging.getLogger(__name__)


class CampaignService(campaign_pb2_grpc.CampaignServiceServicer):
    """Runs that depend on each other; see campaign.proto."""

    def __init__(self, campaigns: Campaigns, audit: Audit) -> None:
        self._audit = audit
        self._campaigns = campaigns

    async def _changed(self, request: Any) -> str:
        """The campaign that a request names, which its caller may change."""
        campaign_id = required(request, "campaign_id")
        if CALLER.get() is None:
            return campaign_id
        campaign = await self._campaigns.get(campaign_id)
        for step in campaign.spec.steps:
            if step.plan is not None:
                check_owner(step.plan.user_id, f"campaign {campaign_id}")
        return campaign_id

    async def StartCampaign(  # noqa: N802 - the name in the proto
        self, request: campaign_pb2.StartCampaignRequest, context: Context
    ) -> campaign_pb2.StartCampaignResponse:
        """See campaign.proto."""
        if (size := request.campaign.ByteSize()) > MAX_SPEC_BYTES:
            detail = f"has {size:,} bytes, more than {MAX_SPEC_BYTES:,}"
            raise InvalidRequest([Violation("campaign", detail)])
        spec = campaign_spec_from_proto(request.campaign)
        steps = (replace(step, plan=step.plan and own(step.plan)) for step in spec.steps)
        spec = replace(spec, steps=tuple(steps))
        campaign = await self._campaigns.start(spec, request.request_id)
        _log.info("%s asked for campaign %s", client_of(context), campaign.campaign_id)
        self._audit.note(context, "started a campaign", campaign.campaign_id)
        shown = campaign_to_proto(campaign, shown=True)
        return campaign_pb2.StartCampaignResponse(campaign=shown)

    async def GetCampaign(  # noqa: N802
        self, request: campaign_pb2.GetCampaignRequest, _: Context
    ) -> campaign_pb2.GetCampaignResponse:
        """See campaign.proto."""
        campaign = await self._campaigns.get(required(request, "campaign_id"))
        shown = campaign_to_proto(campaign, shown=True)
        return campaign_pb2.GetCampaignResponse(campaign=shown)

    async def ListCampaigns(  # noqa: N802
        self, request: campaign_pb2.ListCampaignsRequest, _: Context
    ) -> campaign_pb2.ListCampaignsResponse:
        """See campaign.proto."""
        before = page_number(request.page_token)
        limit = min(request.page_size or CAMPAIGNS_LISTED, MAX_CAMPAIGNS_LISTED)
        page = await self._campaigns.list(limit, before)
        following = str(page.next_number) if page.next_number is not None else ""
        return campaign_pb2.ListCampaignsResponse(
            campaigns=page.campaigns, next_page_token=following
        )

    async def WatchCampaign(  # noqa: N802
        self, request: campaign_pb2.WatchCampaignRequest, _: Context
    ) -> AsyncIterator[campaign_pb2.WatchCampaignResponse]:
        """See campaign.proto."""
        async for campaign in self._campaigns.watch(
            required(request, "campaign_id"), request.after
        ):
            shown = campaign_to_proto(campaign, shown=True)
            yield campaign_pb2.WatchCampaignResponse(campaign=shown)

    async def StopCampaign(  # noqa: N802
        self, request: campaign_pb2.StopCampaignRequest, context: Context
    ) -> campaign_pb2.StopCampaignResponse:
        """See campaign.proto."""
        if request.mode not in control_pb2.StopMode.values():
            raise InvalidRequest([Violation("mode", "is not known here")])
        kill = request.mode == control_pb2.STOP_MODE_KILL
        mode = StopMode.KILL if kill else StopMode.GRACEFUL
        by = client_of(context)
        campaign = await self._campaigns.stop(await self._changed(request), mode, by)
        _log.info("%s asked to stop campaign %s", by, campaign.campaign_id)
        self._audit.note(context, "stopped a campaign", campaign.campaign_id)
        shown = campaign_to_proto(campaign, shown=True)
        return campaign_pb2.StopCampaignResponse(campaign=shown)

    async def ReplaceStep(  # noqa: N802
        self, request: campaign_pb2.ReplaceStepRequest, context: Context
    ) -> campaign_pb2.ReplaceStepResponse:
        """See campaign.proto."""
        step = required(request, "step")
        plan = own(plans.plan_from_proto(request.plan))
        by, campaign_id = client_of(context), await self._changed(request)
        campaign = await self._campaigns.replace(campaign_id, step, plan, by)
        _log.info("%s replaced step %s of campaign %s", by, step, campaign.campaign_id)
        self._audit.note(context, "changed a campaign", campaign.campaign_id, f"step {step}")
        shown = campaign_to_proto(campaign, shown=True)
        return campaign_pb2.ReplaceStepResponse(campaign=shown)

    async def DeleteCampaign(  # noqa: N802
        self, request: campaign_pb2.DeleteCampaignRequest, context: Context
    ) -> campaign_pb2.DeleteCampaignResponse:
        """See campaign.proto."""
        await self._campaigns.delete(await self._changed(request))
        _log.info("%s deleted campaign %s", client_of(context), request.campaign_id)
        self._audit.note(context, "deleted a campaign", request.campaign_id)
        return campaign_pb2.DeleteCampaignResponse()
