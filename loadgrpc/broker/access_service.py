"""AccessService: parse, call, convert. Nothing is decided here."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from loadgrpc.broker.audit import Audit, page_of
from loadgrpc.broker.callers import CALLER, client_of
from loadgrpc.errors import NoTls
from loadgrpc.model import AccessInfo
from loadgrpc.protocol.access import (
    access_to_proto,
    audited_to_proto,
    token_to_proto,
    wanted_from_proto,
)
from loadgrpc.protocol.required import required
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import access_pb2, access_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadgrpc.broker.access import Access

_log = logging.getLogger(__name__)


class AccessService(access_pb2_grpc.AccessServiceServicer):
    """Tokens, and who somebody is; see access.proto."""

    def __init__(self, access: Access | None, audit: Audit, info: Callable[[], AccessInfo]) -> None:
        """`access` is None if the broker asks nobody; `info` has all but the caller."""
        self._access = access
        self._audit = audit
        self._info = info

    async def GetCaller(  # noqa: N802 - the name in the proto
        self, _request: access_pb2.GetCallerRequest, _: Context
    ) -> access_pb2.GetCallerResponse:
        """See access.proto."""
        return access_to_proto(replace(self._info(), caller=CALLER.get()))

    async def CreateToken(  # noqa: N802
        self, request: access_pb2.CreateTokenRequest, context: Context
    ) -> access_pb2.CreateTokenResponse:
        """See access.proto."""
        tokens = self._needed().tokens
        token, secret = await tokens.create(*wanted_from_proto(request))
        _log.info("%s made token %s (%s)", client_of(context), token.name, token.role.name.lower())
        self._audit.note(context, "made a token", token.name, token.role.name.lower())
        return access_pb2.CreateTokenResponse(token=token_to_proto(token), secret=secret)

    async def ListTokens(  # noqa: N802
        self, _request: access_pb2.ListTokensRequest, _: Context
    ) -> access_pb2.ListTokensResponse:
        """See access.proto."""
        tokens = self._access.tokens.all() if self._access is not None else []
        return access_pb2.ListTokensResponse(tokens=map(token_to_proto, tokens))

    async def RevokeToken(  # noqa: N802
        self, request: access_pb2.RevokeTokenRequest, context: Context
    ) -> access_pb2.RevokeTokenResponse:
        """See access.proto."""
        access = self._needed()
        token = await access.tokens.revoke(required(request, "name"))
        _log.info("%s revoked token %s", client_of(context), token.name)
        self._audit.note(context, "revoked a token", token.name)
        response = access_pb2.RevokeTokenResponse(token=token_to_proto(token))
        access.cut_off()
        return response

    async def ListAudit(  # noqa: N802
        self, request: access_pb2.ListAuditRequest, _: Context
    ) -> access_pb2.ListAuditResponse:
        """See access.proto."""
        limit, before = page_of(request.page_size, request.page_token)
        entries = await self._audit.list(limit, before, request.name)
        following = str(entries[-1].number) if len(entries) == limit else ""
        return access_pb2.ListAuditResponse(
            entries=map(audited_to_proto, entries), next_page_token=following
        )

    def _needed(self) -> Access:
        if self._access is None:
            raise NoTls(
                "this broker has no TLS and asks nobody for a token: `loadgrpc certs init`, then"
                " start it again"
            )
        return self._access
