"""Campaigns of a broker, as a client sees them: `client.campaigns`. Rule: as in `client`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc.aio

from loadgrpc.client.calling import called
from loadgrpc.client.private_way import PrivateWay
from loadgrpc.model import Campaign, CampaignSpec, Plan, StopMode
from loadgrpc.protocol import plans, status
from loadgrpc.protocol.campaigns import campaign_from_proto, campaign_spec_to_proto
from loadgrpc.v1 import campaign_pb2 as pb2
from loadgrpc.v1 import campaign_pb2_grpc


class CampaignCalls:
    """Runs that depend on each other; `loadgrpc.campaign` puts them together."""

    def __init__(self, channel: grpc.aio.Channel, way: PrivateWay) -> None:
        self._way = way
        self._stub = campaign_pb2_grpc.CampaignServiceStub(channel)

    async def start(self, spec: CampaignSpec, *, request_id: str = "") -> Campaign:
        """Starts a campaign. Raises InvalidRequest or AlreadyExists if it cannot."""
        self._way.check(each.plan for each in spec.steps if each.plan is not None)
        request = pb2.StartCampaignRequest(
            campaign=campaign_spec_to_proto(spec), request_id=request_id
        )
        response = await called(self._stub.StartCampaign, request)
        return campaign_from_proto(response.campaign)

    async def get(self, campaign_id: str) -> Campaign:
        """A campaign as it stands."""
        request = pb2.GetCampaignRequest(campaign_id=campaign_id)
        return campaign_from_proto((await called(self._stub.GetCampaign, request)).campaign)

    async def watch(self, campaign_id: str, *, after: int = 0) -> AsyncIterator[Campaign]:
        """A campaign as it stands, then whenever it has changed, to its end.

        `after`: the last sequence seen.
        """
        request = pb2.WatchCampaignRequest(campaign_id=campaign_id, after=after)
        call = self._stub.WatchCampaign(request)
        try:
            async for response in call:
                yield campaign_from_proto(response.campaign)
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        finally:
            call.cancel()

    async def list(self, *, page_size: int = 0, page_token: str = "") -> tuple[list[Campaign], str]:
        """A page of campaigns, newest first, and the token of the next page; empty: the last.

        Their steps have no plans here: `get` has them.
        """
        request = pb2.ListCampaignsRequest(page_size=page_size, page_token=page_token)
        response = await called(self._stub.ListCampaigns, request)
        return [campaign_from_proto(each) for each in response.campaigns], response.next_page_token

    async def stop(self, campaign_id: str, mode: StopMode = StopMode.GRACEFUL) -> Campaign:
        """Stops a campaign and its active runs; one that is over stays as it is."""
        request = pb2.StopCampaignRequest(campaign_id=campaign_id, mode=int(mode))  # type: ignore[arg-type]  # an enum's number
        return campaign_from_proto((await called(self._stub.StopCampaign, request)).campaign)

    async def replace(self, campaign_id: str, step: str, plan: Plan) -> Campaign:
        """Gives a step another plan; an active run of it is stopped first."""
        self._way.check([plan])
        request = pb2.ReplaceStepRequest(
            campaign_id=campaign_id, step=step, plan=plans.plan_to_proto(plan)
        )
        return campaign_from_proto((await called(self._stub.ReplaceStep, request)).campaign)

    async def delete(self, campaign_id: str) -> None:
        """Deletes a campaign that is over. Raises RunNotOver if it is active."""
        await called(self._stub.DeleteCampaign, pb2.DeleteCampaignRequest(campaign_id=campaign_id))
