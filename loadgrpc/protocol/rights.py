"""Who may call what: one table, method by method.

Rule: a method without a row may be called by nobody; a test holds the table against the services.
Whose a run is, or which agent somebody is, is checked where that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from loadgrpc.model import Role


@dataclass(frozen=True)
class Right:
    """Who may call a method."""

    least: Role | None
    """The role that includes it. None: no client may."""
    agents: bool = False
    """Whether agents may."""
    public: bool = False
    """Whether everybody may, where reflection is open."""

    def includes(self, role: Role) -> bool:
        """Whether whoever has this role may."""
        if role is Role.AGENT:
            return self.agents
        return self.least is not None and role.includes(self.least)

    def __str__(self) -> str:
        names = [self.least.name.lower()] if self.least is not None else []
        return " or ".join([*names, *(["agent"] if self.agents else [])])


_WATCH: Final = Right(Role.WATCH)
_RUN: Final = Right(Role.RUN)
_ADMIN: Final = Right(Role.ADMIN)
_AGENT: Final = Right(None, agents=True)
_PUBLIC: Final = Right(Role.WATCH, agents=True, public=True)

_OF_SERVICES: Final[Mapping[str, Mapping[str, Right]]] = {
    "loadgrpc.v1.ControlService": {
        "StartRun": _RUN,
        "CheckPlan": _RUN,
        "UploadBundle": _RUN,
        "GetBundle": _RUN,
        "GetRun": _WATCH,
        "ListRuns": _WATCH,
        "WatchRun": _WATCH,
        "StopRun": _RUN,
        "SetLoad": _RUN,
        "AddNote": _RUN,
        "GetSummary": _WATCH,
        "GetTimeline": _WATCH,
        "CheckRun": _WATCH,
        "CompareRuns": _WATCH,
        "ListEvents": _WATCH,
        "DeleteRun": _RUN,
        "PurgeRuns": _ADMIN,
        "ListAgents": _WATCH,
        "DrainAgent": _ADMIN,
        "GetBroker": _WATCH,
    },
    "loadgrpc.v1.ScheduleService": {
        "AddSchedule": _RUN,
        "ListSchedules": _WATCH,
        "PauseSchedule": _RUN,
        "ResumeSchedule": _RUN,
        "RunScheduleNow": _RUN,
        "RemoveSchedule": _RUN,
    },
    "loadgrpc.v1.CampaignService": {
        "StartCampaign": _RUN,
        "GetCampaign": _WATCH,
        "ListCampaigns": _WATCH,
        "WatchCampaign": _WATCH,
        "StopCampaign": _RUN,
        "ReplaceStep": _RUN,
        "DeleteCampaign": _RUN,
    },
    "loadgrpc.v1.FleetService": {"Connect": _AGENT, "FetchBundle": _AGENT},
    "loadgrpc.v1.RunnerService": {
        "GetAssignment": Right(Role.ADMIN, agents=True),  # it has the secrets of a plan
        "PublishEvents": _AGENT,
    },
    "loadgrpc.v1.AccessService": {
        "GetCaller": Right(Role.WATCH, agents=True),
        "CreateToken": _ADMIN,
        "ListTokens": _ADMIN,
        "RevokeToken": _ADMIN,
        "ListAudit": _ADMIN,
    },
    "grpc.health.v1.Health": {"Check": _PUBLIC, "Watch": _PUBLIC, "List": _PUBLIC},
    "grpc.reflection.v1.ServerReflection": {"ServerReflectionInfo": _PUBLIC},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": _PUBLIC},
}

RIGHTS: Final[Mapping[str, Right]] = {
    f"/{service}/{method}": right
    for service, methods in _OF_SERVICES.items()
    for method, right in methods.items()
}
"""By the path of a method."""
NOBODY: Final = Right(None)
