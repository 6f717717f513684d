"""The client of a broker for those without an event loop: `loadgrpc.Client("HOST:7979")`.

    with loadgrpc.Client() as client:
        handle = client.start(plan_of(test="web.py::TestShop.test_buy", users=10, iterations=20))
        for news in handle.watch():
            print(news.sequence, news.update)
        assert handle.result().hits.p95 < 0.3

Rule: every method is one of `Client` or `AsyncRunHandle`, waited for; nothing is done here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from loadgrpc.client.blocking_calls import BlockingCampaigns, BlockingSchedules
from loadgrpc.client.client import CONNECT_TIMEOUT_S, Client
from loadgrpc.client.credentials import Credentials
from loadgrpc.client.handle import AsyncRunHandle
from loadgrpc.client.portal import Portal, portal
from loadgrpc.client.result import LoadResult
from loadgrpc.model import (
    Agent,
    BrokerInfo,
    News,
    Plan,
    Run,
    RunState,
    Submission,
    Summary,
    TimelineWindow,
)

if TYPE_CHECKING:
    from loadgrpc.bundle.pack import Bundle
    from loadgrpc.v1.control_pb2 import ListedEvent

DEFAULT_BROKER = "127.0.0.1:7979"


class BlockingClient:
    """A connection to a broker; to be closed, or used in `with`.

    Every method raises errors of `loadgrpc.errors`: Unavailable when the broker cannot be reached
    or does not answer, NotFound for a run that it does not know.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_BROKER,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        credentials: Credentials | None = None,
    ) -> None:
        """Connects to the broker at `endpoint`, HOST:PORT or unix:PATH.

        Credentials are those of the environment, if none are given.

        Raises:
            Unavailable: it does not answer in time.
            NotAllowed: it does not know us.
            CertsError: certificates cannot be used.
        """
        self._portal = portal()
        self._client = self._portal.call(_connected(endpoint, connect_timeout_s, credentials))
        self._endpoint = endpoint
        self.schedules = BlockingSchedules(self._portal, self._client.schedules)
        self.campaigns = BlockingCampaigns(self._portal, self._client.campaigns)

    def __repr__(self) -> str:
        return f"<client of {self._endpoint}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; runs go on."""
        self._portal.call(self._client.__aexit__(None, None, None))

    def start(
        self,
        plan: Plan,
        *,
        request_id: str = "",
        submission: Submission | None = None,
        bundle: Bundle | None = None,
    ) -> RunHandle:
        """Starts a run, or lets it wait.

        Args:
            plan: What to run.
            request_id: With the same one, and the same plan, the same run is returned.
            submission: When it is to start, and whether it waits for agents. None: now, or not.
            bundle: The files that the test needs, if the agents do not have them.

        Raises:
            InvalidRequest: fields of the plan, or parameters of the test, are wrong.
            TooFewAgents: fewer agents are idle than the plan asks for.
            AlreadyExists: the request id was used for another plan.
        """
        starting = self._client.start(
            plan, request_id=request_id, submission=submission, bundle=bundle
        )
        return RunHandle(self._portal, self._portal.call(starting))

    def run_handle(self, run_id: str) -> RunHandle:
        """A run by its id, whoever started it; nothing is asked before a method of it is called."""
        return RunHandle(self._portal, self._client.run_handle(run_id))

    def runs(self, *, states: Collection[RunState] = ()) -> Iterator[Run]:
        """All runs, the newest first, or those in some states."""
        token = ""
        while True:
            page = self._client.list_runs(page_token=token, states=states)
            found, token = self._portal.call(page)
            yield from found
            if not token:
                return

    def agents(self) -> list[Agent]:
        """The agents that the broker knows."""
        return self._portal.call(self._client.list_agents())

    def broker(self) -> BrokerInfo:
        """About the broker itself."""
        return self._portal.call(self._client.get_broker())


class RunHandle:
    """A run, held by whoever started it or knows its `id`; see `AsyncRunHandle`."""

    def __init__(self, through: Portal, handle: AsyncRunHandle) -> None:
        self._portal = through
        self._handle = handle

    def __repr__(self) -> str:
        return repr(self._handle)

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._handle.id

    @property
    def run(self) -> Run:
        """The run as it is now."""
        return self._portal.call(self._handle.run())

    @property
    def state(self) -> RunState:
        """Its state."""
        return self._portal.call(self._handle.state())

    def ready(self) -> bool:
        """Whether it is over."""
        return self._portal.call(self._handle.ready())

    def successful(self) -> bool:
        """Whether it is over, and passed."""
        return self._portal.call(self._handle.successful())

    def failed(self) -> bool:
        """Whether it is over, and did not pass."""
        return self._portal.call(self._handle.failed())

    def result(self, timeout: float | None = None, *, throw: bool = False) -> LoadResult:
        """What it came to, when it is over.

        Args:
            timeout: Seconds to wait at most. None: as long as it takes.
            throw: Whether to raise if it did not pass.

        Raises:
            TimeoutError: it is not over by then; it goes on.
            RunFailed, TestNotLoaded: with `throw`, as `LoadResult.raise_for_verdict` says.
        """
        return self._portal.call(self._handle.result(timeout, throw=throw))

    def watch(self, *, after: int | None = None, windows: bool = False) -> Iterator[News]:
        """The run, its changes, and its figures once a second, until it is over."""
        return self._portal.iterate(self._handle.watch(after=after, windows=windows))

    def stop(self, *, kill: bool = False) -> Run:
        """Lets its users finish their iteration, and ends it; `kill` does not wait for them."""
        return self._portal.call(self._handle.stop(kill=kill))

    def summary(self) -> Summary:
        """Its result, or its figures so far."""
        return self._portal.call(self._handle.summary())

    def events(self, *kinds: str, agent_id: str = "", limit: int = 0) -> Iterator[ListedEvent]:
        """Its stored events, as messages; only those of some kinds, if any are given."""
        return self._portal.iterate(self._handle.events(*kinds, agent_id=agent_id, limit=limit))

    def timeline(
        self, resolution_s: float = 1.0, *, names: Collection[str] = ()
    ) -> Iterator[TimelineWindow]:
        """Its windows in the order of time, each of this many seconds, or of more if it is long."""
        return self._portal.iterate(self._handle.timeline(resolution_s, names=names))


async def _connected(
    endpoint: str, connect_timeout_s: float, credentials: Credentials | None
) -> Client:
    client = Client.connect(endpoint, connect_timeout_s=connect_timeout_s, credentials=credentials)
    return await client.__aenter__()
