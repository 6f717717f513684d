"""The stream of one source from the relay to the broker.

Rule: it is reopened for as long as the source should be open, each time with a higher epoch. The
backlog says what to send, which is read from disk if it is there. Answers of the broker go to
`answered` unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import grpc.aio

from loadgrpc.agent.backlog import Backlog, KeptMessage
from loadgrpc.agent.defects import log_defect
from loadgrpc.agent.spool import Spool
from loadgrpc.agent.streams import Streams
from loadgrpc.errors import LoadgrpcError, Unavailable
from loadgrpc.protocol import status
from loadgrpc.protocol.backoff import Backoff
from loadgrpc.protocol.outbound import Word, open_request
from loadgrpc.v1 import runner_pb2

FIRST_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 3.0
STALLED_S: Final = 10.0
"""It is logged when streams have kept breaking for this long with nothing committed."""

_log = logging.getLogger(__name__)


class Uplink:
    """See the module. `refused` is called when the broker will not have the source at all."""

    def __init__(
        self,
        broker: Streams,
        source: runner_pb2.SourceId,
        scenario: str,
        backlog: Backlog,
        spool: Spool,
        *,
        answered: Callable[[bytes], None],
        refused: Callable[[LoadgrpcError], None],
    ) -> None:
        self.capabilities = runner_pb2.RunnerCapabilities(
            cycle_barrier=True, cases=True, stages=True
        )
        """What the runner says that it can do; until then, everything: it may have said so to an
        agent before this one."""
        self.types = b""
        """The newest types of its own that the runner has brought."""
        self._broker = broker
        self._source = source
        self._scenario = scenario
        self._backlog = backlog
        self._spool = spool
        self._answered = answered
        self._refused = refused
        self._epoch = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._call: grpc.aio.StreamStreamCall | None = None
        self._stalled_s: float | None = None
        """Since when (monotonic) streams break and nothing is committed; None: it is."""
        self._stall_told = False

    def begin(self) -> None:
        """From now on the source is to be open at the broker."""
        self._wanted.set()
        if self._living is None:
            self._living = asyncio.get_running_loop().create_task(self._live())
            self._living.add_done_callback(log_defect)

    def end(self) -> None:
        """The source need not be open any more, until it begins again."""
        self._wanted.clear()
        if self._call is not None:
            self._call.cancel()

    def bring(self, types: bytes) -> None:
        """The runner has brought types: they are handed on, on each stream."""
        self.types = types
        self._news.set()

    def poke(self) -> None:
        """There may be something to send."""
        self._news.set()

    async def close(self) -> None:
        """Ends it for good."""
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)

    async def _live(self) -> None:
        backoff = Backoff(FIRST_BACKOFF_S, MAX_BACKOFF_S)
        while True:
            await self._wanted.wait()
            began_s, before = asyncio.get_running_loop().time(), self._backlog.committed
            try:
                await self._stream()
            except Unavailable as error:
                if not self._wanted.is_set():
                    continue
                if self._backlog.committed > before:
                    backoff.reset()  # it got on: whoever cut it, the next one gets on, too
                    self._got_on()
                    _log.info("the stream to the broker broke (%s); opening it again", error)
                    continue
                if asyncio.get_running_loop().time() - began_s > MAX_BACKOFF_S:
                    backoff.reset()
                self._stalls(error)
                _log.info("cannot reach the broker (%s); trying again", error)
                await asyncio.sleep(backoff.next_s())
            except LoadgrpcError as error:
                _log.error("the broker rejected the source: %s", error)
                self.end()
                self._refused(error)
            except Exception:  # noqa: BLE001 - logged
                _log.exception("a defect: please report it; opening the stream again")
                await asyncio.sleep(backoff.next_s())

    def _stalls(self, error: Unavailable) -> None:
        """A stream broke, and nothing was committed on it."""
        outbound, now_s = self._backlog.outbound, asyncio.get_running_loop().time()
        if not outbound.kept:
            self._stalled_s = None
        elif self._stalled_s is None:
            self._stalled_s = now_s
        elif not self._stall_told and now_s - self._stalled_s > STALLED_S:
            self._stall_told = True
            _log.warning(
                "source %s: for %.0f s each stream to the broker has broken before anything was "
                "committed (%s); %d bytes wait. Is a proxy in between that limits or buffers "
                "requests?",
                self._source.runner_id,
                now_s - self._stalled_s,
                error,
                outbound.kept_bytes,
            )

    def _got_on(self) -> None:
        """Something was committed."""
        if self._stall_told:
            _log.warning("source %s: the broker accepts events again", self._source.runner_id)
        self._stalled_s, self._stall_told = None, False

    async def _stream(self) -> None:
        """One stream, from its opening to its end.

        Raises:
            Unavailable: it broke.
            LoadgrpcError: the broker will not have us.
        """
        # The clock's epochs are above those that an agent before this one has used.
        self._epoch = max(self._epoch + 1, time.time_ns())
        self._backlog.outbound.begin()
        before = self._backlog.committed
        call = self._call = self._broker.PublishEvents(wait_for_ready=True)
        writing = asyncio.create_task(self._write(call))
        writing.add_done_callback(lambda _: call.cancel())
        try:
            async for response in call:
                self._answered(response)
                self._news.set()
                if self._stall_told and self._backlog.committed > before:
                    self._got_on()
            raise Unavailable("the broker closed the stream")
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Unavailable("nobody wants it any more") from None
        finally:
            self._call = None
            self._backlog.outbound.is_open = False
            call.cancel()
            writing.cancel()
            with suppress(asyncio.CancelledError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await writing

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:
        outbound = self._backlog.outbound
        brought: bytes | None = None
        while True:
            if brought != self.types:  # a source may open again on the same stream
                brought = self.types
                await call.write(self._opening(brought))
            following = outbound.next()
            if following is None:
                self._news.clear()
                await self._news.wait()
                continue
            outbound.count_as_sent(following)
            if (message := await self._bytes(following)) is not None:
                await call.write(message)

    def _opening(self, types: bytes) -> bytes:
        return open_request(
            self._source,
            self._epoch,
            self.capabilities,
            scenario=self._scenario,
            types=types,
        )

    async def _bytes(self, following: KeptMessage | Word) -> bytes | None:
        """What to send; None: there is nothing to send any more in this place."""
        if following.request is not None:
            return following.request
        assert isinstance(following, KeptMessage)  # noqa: S101 - control messages are in memory
        assert following.place is not None  # noqa: S101 - or it would be in memory
        found = await asyncio.to_thread(self._spool.read, following.place)
        if found is None and following in self._backlog.outbound.kept:
            _log.error("%s is damaged: its events are counted as lost", following.place.path)
            self._backlog.damaged(following)
        return found
