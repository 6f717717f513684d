"""A channel whose certificates may be replaced, and that shows with each call who makes it.

Rule: a call begins with what the files hold at that moment, and stays on its connection to its
end. gRPC cannot change the credentials of a channel, so that there is a new one whenever they
change; the former one is closed once its calls are over. A token goes with each call, and only
here, where all of it is encrypted; or to a Unix socket, in a folder of this user's own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import grpc
import grpc.aio

from loadgrpc.certs import FreshPems, Pems, TlsFiles

HEADER: Final = "authorization"
SCHEME: Final = "Bearer "
VIEWER_HEADER: Final = "loadgrpc-viewer"
"""Of calls by way of a page: the address of the one who looks at it."""

Metadata: TypeAlias = tuple[tuple[str, str], ...]


def bearer(token: str) -> Metadata:
    """What a call shows of a token; nothing of an empty one."""
    return ((HEADER, SCHEME + token),) if token else ()


class SecureChannel:
    """See the module; of grpc.aio.Channel it has what stubs call."""

    def __init__(
        self,
        endpoint: str,
        files: TlsFiles | None,
        options: Sequence[tuple[str, Any]],
        shown: Callable[[], Metadata],
    ) -> None:
        """Does not connect yet; `shown` is asked at each call, in the context of its caller.

        Without files there is no encryption: that is for Unix sockets only.

        Raises:
            CertsError: the files cannot be used.
        """
        self._endpoint = endpoint
        self._fresh = None if files is None else FreshPems(files)
        self._options = options
        self._shown = shown
        self._pems: Pems | None = None
        """What the channel was made of."""
        self._channel: grpc.aio.Channel | None = None
        self._calls: Counter[grpc.aio.Channel] = Counter()
        """Calls that are not over, by channel."""
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(self, method: str, *codec: Any, **named: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._multi("unary_unary", method, *codec, **named)

    def unary_stream(self, method: str, *codec: Any, **named: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._multi("unary_stream", method, *codec, **named)

    def stream_unary(self, method: str, *codec: Any, **named: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._multi("stream_unary", method, *codec, **named)

    def stream_stream(self, method: str, *codec: Any, **named: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._multi("stream_stream", method, *codec, **named)

    async def close(self, grace: float | None = None) -> None:
        """Ends all calls, and closes the connections."""
        channels = {*self._calls, *([self._channel] if self._channel else [])}
        self._channel = None
        await asyncio.gather(*self._closing, *(each.close(grace) for each in channels))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _multi(self, kind: str, method: str, *codec: Any, **named: Any) -> Callable[..., Any]:
        made: tuple[grpc.aio.Channel, Callable[..., Any]] | None = None

        def begin(*arguments: Any, metadata: Sequence[Any] | None = None, **more: Any) -> Any:
            nonlocal made
            channel = self._current()
            if made is None or made[0] is not channel:
                made = channel, getattr(channel, kind)(method, *codec, **named)
            if shown := self._shown():
                metadata = (*(metadata or ()), *shown)
            call = made[1](*arguments, metadata=metadata, **more)
            self._calls[channel] += 1
            call.add_done_callback(lambda _: self._over(channel))
            return call

        return begin

    def _current(self) -> grpc.aio.Channel:
        """The channel for a call that begins now."""
        pems = None if self._fresh is None else self._fresh.look()
        if self._channel is None or pems is not self._pems:
            former, self._pems = self._channel, pems
            self._channel = self._made(pems)
            if former is not None and not self._calls[former]:
                self._close(former)
        return self._channel

    def _made(self, pems: Pems | None) -> grpc.aio.Channel:
        if pems is None:
            return grpc.aio.insecure_channel(self._endpoint, options=self._options)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=pems.ca, private_key=pems.key, certificate_chain=pems.cert
        )
        return grpc.aio.secure_channel(self._endpoint, credentials, options=self._options)

    def _over(self, channel: grpc.aio.Channel) -> None:
        self._calls[channel] -= 1
        if not self._calls[channel]:
            del self._calls[channel]
            if channel is not self._channel:
                self._close(channel)

    def _close(self, channel: grpc.aio.Channel) -> None:
        closing = asyncio.get_running_loop().create_task(channel.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
