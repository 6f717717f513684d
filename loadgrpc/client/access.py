"""Who may do what at a broker: `client.access`. Rule: as in `client`."""

from __future__ import annotations

import grpc.aio

from loadgrpc.client.calling import called
from loadgrpc.model import AccessInfo, Audited, Role, Token
from loadgrpc.protocol.access import (
    DEFAULT_TOKEN_S,
    access_from_proto,
    audited_from_proto,
    token_from_proto,
    wanted_to_proto,
)
from loadgrpc.v1 import access_pb2 as pb2
from loadgrpc.v1 import access_pb2_grpc


class AccessCalls:
    """Tokens, and who the caller is."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = access_pb2_grpc.AccessServiceStub(channel)

    async def caller(self) -> AccessInfo:
        """Who we are to the broker, and how it is protected."""
        return access_from_proto(await called(self._stub.GetCaller, pb2.GetCallerRequest()))

    async def create_token(
        self, name: str, role: Role, expires_after_s: float = DEFAULT_TOKEN_S
    ) -> tuple[Token, str]:
        """Makes a token, valid for as long as this; the token, and its secret.

        Raises InvalidRequest, AlreadyExists, NoRoom, or NoTls if it cannot.
        """
        request = wanted_to_proto((name, role, expires_after_s))
        response = await called(self._stub.CreateToken, request)
        return token_from_proto(response.token), response.secret

    async def list_tokens(self) -> list[Token]:
        """All tokens, by name, void ones too."""
        response = await called(self._stub.ListTokens, pb2.ListTokensRequest())
        return [token_from_proto(each) for each in response.tokens]

    async def revoke_token(self, name: str) -> Token:
        """Makes a token void. Raises NotFound if there is none of that name."""
        response = await called(self._stub.RevokeToken, pb2.RevokeTokenRequest(name=name))
        return token_from_proto(response.token)

    async def list_audit(
        self, *, limit: int = 0, page_token: str = "", name: str = ""
    ) -> tuple[list[Audited], str]:
        """A page of what was done, newest first, and the token of the next page; empty: the last.

        Optionally only what was done by the caller of a `name`.
        """
        request = pb2.ListAuditRequest(page_size=limit, page_token=page_token, name=name)
        response = await called(self._stub.ListAudit, request)
        return [audited_from_proto(each) for each in response.entries], response.next_page_token
