"""A client of a broker. Rule: convert, call, turn statuses into errors; nothing more."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import grpc
import grpc.aio

from loadgrpc.bundle.pack import Bundle
from loadgrpc.certs import TlsFiles
from loadgrpc.client.access import AccessCalls
from loadgrpc.client.calling import CALL_TIMEOUT_S, called
from loadgrpc.client.campaigns import CampaignCalls
from loadgrpc.client.credentials import Credentials
from loadgrpc.client.declared import compared
from loadgrpc.client.greeting import greet
from loadgrpc.client.handle import AsyncRunHandle
from loadgrpc.client.private_way import PrivateWay
from loadgrpc.client.raw_calls import RawCalls
from loadgrpc.client.schedules import ScheduleCalls
from loadgrpc.client.uploading import known_bundle, send_bundle
from loadgrpc.errors import NotFound, Unavailable
from loadgrpc.model import (
    Agent,
    Assignment,
    BrokerInfo,
    Change,
    CheckedRun,
    CheckQuery,
    LoadOrder,
    News,
    Plan,
    Run,
    RunComparison,
    RunState,
    SourceId,
    StopMode,
    Submission,
    Summary,
    TimelinePage,
    TimelineQuery,
    TimelineWindow,
)
from loadgrpc.protocol import (
    assignments,
    live_loads,
    plans,
    progress,
    status,
    timeline,
    times,
)
from loadgrpc.protocol.backoff import Backoff
from loadgrpc.protocol.comparisons import compare_to_proto, comparison_from_proto
from loadgrpc.protocol.runs import agent_from_proto, broker_from_proto, run_from_proto
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.protocol.submissions import submission_to_proto
from loadgrpc.protocol.summary import summary_from_proto
from loadgrpc.protocol.thresholds import check_to_proto, checked_from_proto
from loadgrpc.protocol.transport import new_channel
from loadgrpc.v1 import control_pb2, control_pb2_grpc, runner_pb2, runner_pb2_grpc

CONNECT_TIMEOUT_S: Final = 2.5
UPLOAD_TRIES: Final = 5
"""How often an upload may break off at one place."""
FIRST_RETRY_S: Final = 0.2
MAX_RETRY_S: Final = 5.0


class Client:
    """A connection to a broker, for use on one event loop.

        async with Client.connect("127.0.0.1:7979") as client:
            scenario = Scenario(test="example.TestWebSite.test_es", users=(10,))
            run = await client.start_run(Plan(scenarios=(scenario,)))

    Every method raises errors of `loadgrpc.errors`: Unavailable when the broker cannot be
    reached or does not answer, NotFound for a run it does not know.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        endpoint: str,
        connect_timeout_s: float,
        files: TlsFiles | None = None,
        way: PrivateWay = PrivateWay(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._channel = channel
        self._files = files
        self._endpoint = endpoint
        self._connect_timeout_s = connect_timeout_s
        self._control = control_pb2_grpc.ControlServiceStub(channel)
        self._runner = runner_pb2_grpc.RunnerServiceStub(channel)
        self.raw = RawCalls(self._control, way)
        self._way = way
        self.schedules = ScheduleCalls(channel, way)
        self.campaigns = CampaignCalls(channel, way)
        self.access = AccessCalls(channel)

    @classmethod
    def connect(
        cls,
        endpoint: str,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        credentials: Credentials | None = None,
    ) -> Self:
        """A client of the broker at `endpoint`, HOST:PORT or unix:PATH; use it in `async with`.

        Credentials are those of the environment, if none are given. Entering raises Unavailable
        when the broker does not answer in time. Raises CertsError if certificates cannot be used.
        """
        shown = credentials or Credentials.of_environment()
        files = shown.files(endpoint)
        channel = new_channel(endpoint, files, shown.secret)
        way = PrivateWay(endpoint if files is None and shown.exposed(endpoint) else "")
        return cls(channel, endpoint, connect_timeout_s, files, way)

    async def __aenter__(self) -> Self:
        try:
            await greet(self._control, self._endpoint, self._files, self._connect_timeout_s)
        except BaseException:
            await self._channel.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._channel.close()

    async def start(
        self,
        plan: Plan,
        *,
        request_id: str = "",
        submission: Submission | None = None,
        bundle: Bundle | None = None,
    ) -> AsyncRunHandle:
        """Starts a run, or lets it wait, and returns what it is held by.

        Parameters are compared with what the test declares, if it can be loaded from here, before
        anything is sent; `bundle` has the files that the test needs. Errors are those of
        `start_run`.
        """
        plan = await compared(plan)
        if bundle is not None:
            await self.upload_bundle(bundle)
            plan = replace(plan, bundle=bundle.sha256)
        run = await self.start_run(plan, request_id=request_id, submission=submission)
        return AsyncRunHandle(self, run.run_id)

    def run_handle(self, run_id: str) -> AsyncRunHandle:
        """A run by its id, whoever started it; nothing is asked before a method of it is called."""
        return AsyncRunHandle(self, run_id)

    async def start_run(
        self, plan: Plan, *, request_id: str = "", submission: Submission | None = None
    ) -> Run:
        """Starts a run, or lets it wait for its time or for agents, as the submission says.

        Raises TooFewAgents, InvalidRequest or AlreadyExists if it cannot; NoTls if the plan has
        secrets, and the broker is on another machine and without encryption.
        """
        self._way.check([plan])
        request = submission_to_proto(submission or Submission())
        request.plan.CopyFrom(plans.plan_to_proto(plan))
        request.request_id = request_id
        return run_from_proto((await called(self._control.StartRun, request)).run)

    async def upload_bundle(
        self, bundle: Bundle, on_progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """Brings a bundle to the broker, unless it is there; sends what is missing of it.

        `on_progress` gets the bytes that are there. An upload that breaks off is continued, unless
        that happens several times at the same place. Raises NoRoom if the broker has none for it.
        """
        backoff = Backoff(FIRST_RETRY_S, MAX_RETRY_S)
        tries, reached, why = 0, -1, "it was dropped"
        while not (known := await known_bundle(self._control, bundle.sha256)).complete:
            at = known.received if known.size == bundle.size else 0
            if at > reached:
                tries, reached = 0, at
                backoff.reset()
            elif tries == UPLOAD_TRIES:
                raise Unavailable(f"the test's files could not be sent: {why}")
            tries += 1
            try:
                await send_bundle(self._control, bundle, at, on_progress)
            except Unavailable as error:
                why = str(error)
                await asyncio.sleep(backoff.next_s())
        on_progress(bundle.size)

    async def get_run(self, run_id: str) -> Run:
        """The state of a run."""
        request = control_pb2.GetRunRequest(run_id=run_id)
        return run_from_proto((await called(self._control.GetRun, request)).run)

    async def get_assignment(self, source: SourceId, scenario: str = "") -> Assignment:
        """The assignment of a runner that reports to the broker directly."""
        request = runner_pb2.GetAssignmentRequest(source=source_to_proto(source), scenario=scenario)
        response = await called(self._runner.GetAssignment, request)
        return assignments.assignment_from_proto(response.assignment)

    async def watch_run(
        self, run_id: str, *, after: int | None = None, windows: bool = False
    ) -> AsyncIterator[News]:
        """The run, then its changes, and its figures once a second; ends after its end.

        `after` is the last sequence seen: only later changes come, each of them; 0: all from the
        beginning. `windows`: each that closes from now on comes too.
        """
        request = control_pb2.WatchRunRequest(run_id=run_id, after=after, windows=windows)
        async with aclosing(self.raw.watch(request)) as responses:
            async for response in responses:
                yield progress.news_from_proto(response)

    async def list_changes(self, run_id: str) -> list[Change]:
        """The log of a run: what happened to it up to now, in order."""
        return [progress.change_from_proto(each) for each in await self.raw.changes(run_id)]

    async def stop_run(self, run_id: str, mode: StopMode = StopMode.GRACEFUL) -> Run:
        """Stops a run; repeating it, or stopping a run that is over, changes nothing."""
        request = control_pb2.StopRunRequest(run_id=run_id, mode=int(mode))  # type: ignore[arg-type]  # an enum's number
        return run_from_proto((await called(self._control.StopRun, request)).run)

    async def set_load(self, run_id: str, order: LoadOrder, request_id: str = "") -> list[Change]:
        """Changes the load of a run while it runs; the entries of its log.

        The same `request_id` again changes nothing.
        """
        request = live_loads.request_of(run_id, order, request_id or secrets.token_hex(8))
        response = await called(self._control.SetLoad, request)
        return [progress.change_from_proto(each) for each in response.changes]

    async def add_note(self, run_id: str, text: str, request_id: str = "") -> Change | None:
        """Writes a note to the log of an active run; None: the log is full.

        The same `request_id` again changes nothing.
        """
        request_id = request_id or secrets.token_hex(8)
        request = control_pb2.AddNoteRequest(run_id=run_id, text=text, request_id=request_id)
        response = await called(self._control.AddNote, request)
        return progress.change_from_proto(response.change) if response.HasField("change") else None

    async def get_summary(self, run_id: str) -> Summary:
        """The result of a run, or its figures so far."""
        request = control_pb2.GetSummaryRequest(run_id=run_id)
        response = await called(self._control.GetSummary, request)
        return summary_from_proto(response.summary)

    async def get_timeline(self, query: TimelineQuery) -> TimelinePage:
        """Some windows of a run: a page of them, at most 3 MiB."""
        request = timeline.query_to_proto(query)
        return timeline.page_from_proto(await called(self._control.GetTimeline, request))

    async def list_windows(self, query: TimelineQuery) -> AsyncIterator[TimelineWindow]:
        """All windows of a run that are wanted, in the order of time, page by page."""
        page = await self.get_timeline(query)
        while True:
            for window in page.windows:
                yield window
            if not page.next_token:
                return
            page = await self.get_timeline(replace(query, page_token=page.next_token))

    async def check_run(
        self, run_id: str, thresholds: Sequence[str] = (), span: Sequence[int | None] = (None, None)
    ) -> CheckedRun:
        """How a run, or a span of it (wall clock, ns), is judged; by nothing: by its plan."""
        begin, end = span
        query = CheckQuery(run_id=run_id, thresholds=(*thresholds,), from_ns=begin, to_ns=end)
        return checked_from_proto(await called(self._control.CheckRun, check_to_proto(query)))

    async def compare_runs(
        self, run_ids: Sequence[str], *, min_effect: float = 0.0
    ) -> list[RunComparison]:
        """Runs that are over, compared with the first; `min_effect` in percent, 0: the usual."""
        request = compare_to_proto((tuple(run_ids), min_effect))
        answer = await called(self._control.CompareRuns, request)
        return [comparison_from_proto(each) for each in answer.comparisons]

    async def list_events(
        self,
        run_id: str,
        *,
        kinds: Collection[str] = (),
        agent_id: str = "",
        limit: int = 0,
        after: str = "",
    ) -> AsyncGenerator[control_pb2.ListedEvent, None]:
        """The stored events of a run, as messages: event.proto describes them.

        Optionally only those of some `kinds`, of one agent, and after the `position` of another
        event; at most `limit`, 0: all. Raises EventsGone if none of them is kept.
        """
        request = control_pb2.ListEventsRequest(
            run_id=run_id, kinds=kinds, agent_id=agent_id, limit=limit, after=after
        )
        call = self._control.ListEvents(request)
        try:
            async for response in call:
                for event in response.events:
                    yield event
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        finally:
            call.cancel()

    async def describe(self, symbol: str) -> list[bytes]:
        """The file that defines a symbol, such as a type that a run brought, and its imports.

        Each is a serialised FileDescriptorProto, from the broker's reflection. Raises NotFound if
        there is none.
        """
        # Imported here: only needed for types.
        from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # noqa: PLC0415

        stub = reflection_pb2_grpc.ServerReflectionStub(self._channel)
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
        call = stub.ServerReflectionInfo(iter([request]), timeout=CALL_TIMEOUT_S)
        try:
            response = await call.read()
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        finally:
            call.cancel()
        if response.HasField("error_response"):
            raise NotFound(response.error_response.error_message)
        return list(response.file_descriptor_response.file_descriptor_proto)

    async def delete_run(self, run_id: str) -> None:
        """Deletes a run with everything stored about it. Raises RunNotOver if it is active."""
        await called(self._control.DeleteRun, control_pb2.DeleteRunRequest(run_id=run_id))

    async def purge_runs(self, older_than_s: float = 0.0) -> list[str]:
        """Deletes runs that ended longer ago than this; returns their ids, oldest first.

        It may take long: a timeout for this call is up to the caller.
        """
        older_than = times.seconds_to_proto(older_than_s)
        request = control_pb2.PurgeRunsRequest(older_than=older_than)
        response = await called(self._control.PurgeRuns, request, timeout_s=None)
        return list(response.run_ids)

    async def purge_waiting(self) -> list[str]:
        """Stops all runs that wait for their time or for agents; returns their ids."""
        request = control_pb2.PurgeRunsRequest(waiting=True)
        return list((await called(self._control.PurgeRuns, request)).run_ids)

    async def list_runs(
        self,
        *,
        page_size: int = 0,
        page_token: str = "",
        states: Collection[RunState] = (),
        exit_codes: Collection[int] = (),
        labels: Collection[str] = (),
        owner: str = "",
        title: str = "",
    ) -> tuple[list[Run], str]:
        """A page of runs, newest first, and the token of the next page; empty: it is the last.

        Optionally only runs in some `states` or judged with some `exit_codes`, with all of some
        `labels`, of an `owner`, or with a text in their `title`; a page may then be short, or
        empty, without being the last.
        """
        request = control_pb2.ListRunsRequest(
            page_size=page_size,
            page_token=page_token,
            states=[int(state) for state in states],  # type: ignore[misc]  # an enum's numbers
            exit_codes=exit_codes,
            labels=labels,
            owner=owner,
            title=title,
        )
        response = await called(self._control.ListRuns, request)
        return [run_from_proto(run) for run in response.runs], response.next_page_token

    async def list_agents(self) -> list[Agent]:
        """The agents the broker knows, by id."""
        response = await called(self._control.ListAgents, control_pb2.ListAgentsRequest())
        return [agent_from_proto(agent) for agent in response.agents]

    async def drain_agent(self, agent_id: str, *, undo: bool = False) -> Agent:
        """Gives an agent no further runs, or, to undo that, runs again. Returns the agent.

        Raises NotFound for an agent that the broker does not know.
        """
        request = control_pb2.DrainAgentRequest(agent_id=agent_id, undo=undo)
        return agent_from_proto((await called(self._control.DrainAgent, request)).agent)

    async def get_broker(self) -> BrokerInfo:
        """About the broker itself."""
        response = await called(self._control.GetBroker, control_pb2.GetBrokerRequest())
        return broker_from_proto(response)
