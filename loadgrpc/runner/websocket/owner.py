"""What a WebSocket belongs to: it says what to connect by, and counts what happens.

Rule: one for each socket. A socket that a test makes by itself belongs to nobody: it works, and is
not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from loadgrpc.clock import Clock, SystemClock
from loadgrpc.runner.hit import HitSink
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.websocket.opening import Opening, SocketUrl, Trust

if TYPE_CHECKING:
    from loadgrpc.runner.socket_tally import SocketTally


class SocketOwner:
    """See the module. `None` for `sink` and `tally`: it is not in a load run."""

    def __init__(
        self,
        clock: Clock,
        trust: Trust,
        *,
        name: str = "",
        sink: HitSink | None = None,
        addresses: AddressBook | None = None,
        tally: SocketTally | None = None,
        forget: Callable[[Any], object] = lambda _: None,
        failed: Callable[[BaseException], object] = lambda _: None,
        raised: Callable[[BaseException], object] = lambda _: None,
    ) -> None:
        """`forget` is called with a socket that has ended; `failed`, with what went wrong.

        `raised` is called with what the test gets to see by itself.
        """
        self.raised = raised
        self.clock = clock
        self.trust = trust
        self.failed = failed
        self._name = name
        self._sink = sink
        self._addresses = addresses
        self._tally = tally
        self._forget = forget

    def opening(self, target: SocketUrl) -> Opening:
        """An attempt to open it."""
        name = self._name or target.url.partition("?")[0]
        return Opening(target, name, self.clock, self._sink, self._addresses)

    def opened(self) -> None:
        """It is open."""
        if self._tally is not None:
            self._tally.open()

    def sent(self, size: int) -> None:
        """A message of this size was sent."""
        if self._tally is not None:
            self._tally.sent(size)

    def received(self, size: int, gap_ns: int | None) -> None:
        """A message came, this long after the one before it; None: the first."""
        if self._tally is not None:
            self._tally.received(size, gap_ns)

    def ended(self, socket: Any, *, broken: bool, error: BaseException | None) -> None:
        """It is over; `broken`: without a closing handshake. `error` is what went wrong, if any."""
        if self._tally is not None:
            self._tally.close(broken=broken)
        self._forget(socket)
        if error is not None:
            self.failed(error)


NOBODY: Final = SocketOwner(SystemClock(), Trust())
"""The owner of a socket that a test made by itself."""
