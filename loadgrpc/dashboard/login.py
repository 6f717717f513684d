"""The way in and out: who somebody is to the page, and the token that their browser keeps.

Rule: a token is shown to the broker before it is kept, in a cookie that no script can read. It is
in no address, no log and no answer.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2
from starlette.requests import Request
from starlette.responses import Response

import loadgrpc
from loadgrpc.dashboard.asked import Query, message_of
from loadgrpc.dashboard.documents import json_response
from loadgrpc.dashboard.login_check import may_call
from loadgrpc.dashboard.refusal import TurnedAway, wrong
from loadgrpc.dashboard.viewer import LOG_IN, Viewer, address_of, checked, forget, keep, viewer_of
from loadgrpc.dashboard.viewers import Viewers
from loadgrpc.errors import NotAllowed
from loadgrpc.model import AccessInfo
from loadgrpc.protocol.access import access_to_proto
from loadgrpc.protocol.document import as_document


class PageLogin:
    """See the module; without `viewers` nobody is asked who they are."""

    def __init__(self, broker: str, viewers: Viewers | None, *, control: bool) -> None:
        self._broker = broker
        self._viewers = viewers
        self._control = control

    async def web(self, request: Request) -> Response:
        """What the page is, and what the viewer may do; before they are known: nothing."""
        Query(request)
        if self._viewers is None:
            return json_response(self._document(None))
        try:
            access = await self._viewers.known(viewer_of(request), 0.0)
        except (NotAllowed, TurnedAway) as error:
            return json_response(_outside("" if str(error) == LOG_IN else str(error)))
        return json_response(self._document(access))

    async def login(self, request: Request) -> Response:
        """Lets somebody in who shows a token."""
        Query(request)
        given = await message_of(request, struct_pb2.Struct())
        token = given.fields["token"].string_value.strip()
        if not token or len(given.fields) != 1:
            raise wrong("token", 'is missing: expected {"token": "lgt_…"}')
        if self._viewers is None:
            return json_response(self._document(None))
        viewer = Viewer(token=checked(token), address=address_of(request))
        response = json_response(self._document(await self._viewers.known(viewer)))
        keep(request, response, token)
        return response

    async def logout(self, request: Request) -> Response:
        """Has the browser forget the token; the token itself stays valid."""
        Query(request)
        response = json_response(_outside("") if self._viewers else self._document(None))
        forget(request, response)
        return response

    def _document(self, access: AccessInfo | None) -> dict[str, Any]:
        caller = None if access is None else access.caller
        may = may_call(caller, control=self._control)
        return {
            "control": "StartRun" in may,
            "version": loadgrpc.__version__,
            "broker": self._broker,
            "login": self._viewers is not None,
            "access": None if access is None else as_document(access_to_proto(access)),
            "may": may,
        }


def _outside(why: str) -> dict[str, Any]:
    """What somebody learns who is not known: that they have to log in, and perhaps why."""
    return {
        "control": False,
        "version": "",
        "broker": "",
        "login": True,
        "access": None,
        "may": [],
        "why": why,
    }
