import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from loadgrpc.v1 import event_pb2 as _event_pb2
from loadgrpc.v1 import run_pb2 as _run_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetAssignmentRequest(_message.Message):
    __slots__ = ("source", "scenario")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    source: SourceId
    scenario: str
    def __init__(self, source: _Optional[_Union[SourceId, _Mapping]] = ..., scenario: _Optional[str] = ...) -> None: ...

class GetAssignmentResponse(_message.Message):
    __slots__ = ("assignment",)
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("run_id", "agent_id", "test", "cycles", "spawn_rate", "server_url", "processes", "stop_timeout", "no_dns_resolve", "scenario", "user", "first_cycle", "plan", "placement", "python_path", "parameters", "stages", "load_changes", "deck", "user_index")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _run_pb2.Parameter
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_run_pb2.Parameter, _Mapping]] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    CYCLES_FIELD_NUMBER: _ClassVar[int]
    SPAWN_RATE_FIELD_NUMBER: _ClassVar[int]
    SERVER_URL_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    STOP_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    NO_DNS_RESOLVE_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    FIRST_CYCLE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    PYTHON_PATH_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LOAD_CHANGES_FIELD_NUMBER: _ClassVar[int]
    DECK_FIELD_NUMBER: _ClassVar[int]
    USER_INDEX_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    agent_id: str
    test: str
    cycles: _containers.RepeatedCompositeFieldContainer[Cycle]
    spawn_rate: float
    server_url: str
    processes: int
    stop_timeout: _duration_pb2.Duration
    no_dns_resolve: bool
    scenario: str
    user: int
    first_cycle: int
    plan: _run_pb2.RunSpec
    placement: Placement
    python_path: _containers.RepeatedScalarFieldContainer[str]
    parameters: _containers.MessageMap[str, _run_pb2.Parameter]
    stages: _containers.RepeatedCompositeFieldContainer[_run_pb2.Stage]
    load_changes: _containers.RepeatedCompositeFieldContainer[_run_pb2.LoadChange]
    deck: CaseDeck
    user_index: int
    def __init__(self, run_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., test: _Optional[str] = ..., cycles: _Optional[_Iterable[_Union[Cycle, _Mapping]]] = ..., spawn_rate: _Optional[float] = ..., server_url: _Optional[str] = ..., processes: _Optional[int] = ..., stop_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., no_dns_resolve: bool = ..., scenario: _Optional[str] = ..., user: _Optional[int] = ..., first_cycle: _Optional[int] = ..., plan: _Optional[_Union[_run_pb2.RunSpec, _Mapping]] = ..., placement: _Optional[_Union[Placement, _Mapping]] = ..., python_path: _Optional[_Iterable[str]] = ..., parameters: _Optional[_Mapping[str, _run_pb2.Parameter]] = ..., stages: _Optional[_Iterable[_Union[_run_pb2.Stage, _Mapping]]] = ..., load_changes: _Optional[_Iterable[_Union[_run_pb2.LoadChange, _Mapping]]] = ..., deck: _Optional[_Union[CaseDeck, _Mapping]] = ..., user_index: _Optional[int] = ...) -> None: ...

class CaseDeck(_message.Message):
    __slots__ = ("cases", "entries")
    CASES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    cases: _containers.RepeatedCompositeFieldContainer[_run_pb2.FedCase]
    entries: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, cases: _Optional[_Iterable[_Union[_run_pb2.FedCase, _Mapping]]] = ..., entries: _Optional[_Iterable[int]] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("agent_index", "agents", "user_offsets", "total_users")
    AGENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    USER_OFFSETS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_USERS_FIELD_NUMBER: _ClassVar[int]
    agent_index: int
    agents: int
    user_offsets: _containers.RepeatedScalarFieldContainer[int]
    total_users: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, agent_index: _Optional[int] = ..., agents: _Optional[int] = ..., user_offsets: _Optional[_Iterable[int]] = ..., total_users: _Optional[_Iterable[int]] = ...) -> None: ...

class Cycle(_message.Message):
    __slots__ = ("users", "iterations", "duration")
    USERS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    users: int
    iterations: int
    duration: _duration_pb2.Duration
    def __init__(self, users: _Optional[int] = ..., iterations: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SourceId(_message.Message):
    __slots__ = ("run_id", "agent_id", "runner_id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    agent_id: str
    runner_id: str
    def __init__(self, run_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., runner_id: _Optional[str] = ...) -> None: ...

class PublishEventsRequest(_message.Message):
    __slots__ = ("source", "open", "batch", "skip", "ready", "finish")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    source: SourceId
    open: OpenSource
    batch: EventBatch
    skip: Skip
    ready: CycleReady
    finish: Finish
    def __init__(self, source: _Optional[_Union[SourceId, _Mapping]] = ..., open: _Optional[_Union[OpenSource, _Mapping]] = ..., batch: _Optional[_Union[EventBatch, _Mapping]] = ..., skip: _Optional[_Union[Skip, _Mapping]] = ..., ready: _Optional[_Union[CycleReady, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ...) -> None: ...

class OpenSource(_message.Message):
    __slots__ = ("epoch", "capabilities", "scenario", "types")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    capabilities: RunnerCapabilities
    scenario: str
    types: bytes
    def __init__(self, epoch: _Optional[int] = ..., capabilities: _Optional[_Union[RunnerCapabilities, _Mapping]] = ..., scenario: _Optional[str] = ..., types: _Optional[bytes] = ...) -> None: ...

class RunnerCapabilities(_message.Message):
    __slots__ = ("cycle_barrier", "cases", "stages")
    CYCLE_BARRIER_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    cycle_barrier: bool
    cases: bool
    stages: bool
    def __init__(self, cycle_barrier: bool = ..., cases: bool = ..., stages: bool = ...) -> None: ...

class EventBatch(_message.Message):
    __slots__ = ("first_sequence", "events", "hit_blocks", "test_blocks", "count")
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HIT_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    TEST_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    first_sequence: int
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    hit_blocks: _containers.RepeatedCompositeFieldContainer[_event_pb2.HitBlock]
    test_blocks: _containers.RepeatedCompositeFieldContainer[_event_pb2.TestBlock]
    count: int
    def __init__(self, first_sequence: _Optional[int] = ..., events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., hit_blocks: _Optional[_Iterable[_Union[_event_pb2.HitBlock, _Mapping]]] = ..., test_blocks: _Optional[_Iterable[_Union[_event_pb2.TestBlock, _Mapping]]] = ..., count: _Optional[int] = ...) -> None: ...

class Skip(_message.Message):
    __slots__ = ("first_sequence", "count", "reason", "hits")
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    first_sequence: int
    count: int
    reason: str
    hits: int
    def __init__(self, first_sequence: _Optional[int] = ..., count: _Optional[int] = ..., reason: _Optional[str] = ..., hits: _Optional[int] = ...) -> None: ...

class CycleReady(_message.Message):
    __slots__ = ("cycle",)
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    cycle: int
    def __init__(self, cycle: _Optional[int] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("totals", "load_error")
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    LOAD_ERROR_FIELD_NUMBER: _ClassVar[int]
    totals: SourceTotals
    load_error: _event_pb2.ExceptionInfo
    def __init__(self, totals: _Optional[_Union[SourceTotals, _Mapping]] = ..., load_error: _Optional[_Union[_event_pb2.ExceptionInfo, _Mapping]] = ...) -> None: ...

class SourceTotals(_message.Message):
    __slots__ = ("events", "hits")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    events: int
    hits: int
    def __init__(self, events: _Optional[int] = ..., hits: _Optional[int] = ...) -> None: ...

class PublishEventsResponse(_message.Message):
    __slots__ = ("source", "opened", "ack", "gap", "rejected", "finished", "run_closed", "start_cycle", "stop", "error", "too_large", "types_refused", "load_changed")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    RUN_CLOSED_FIELD_NUMBER: _ClassVar[int]
    START_CYCLE_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TOO_LARGE_FIELD_NUMBER: _ClassVar[int]
    TYPES_REFUSED_FIELD_NUMBER: _ClassVar[int]
    LOAD_CHANGED_FIELD_NUMBER: _ClassVar[int]
    source: SourceId
    opened: SourceOpened
    ack: Ack
    gap: Gap
    rejected: Rejected
    finished: Finished
    run_closed: RunClosed
    start_cycle: StartCycle
    stop: Stop
    error: SourceError
    too_large: TooLarge
    types_refused: TypesRefused
    load_changed: LoadChanged
    def __init__(self, source: _Optional[_Union[SourceId, _Mapping]] = ..., opened: _Optional[_Union[SourceOpened, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., rejected: _Optional[_Union[Rejected, _Mapping]] = ..., finished: _Optional[_Union[Finished, _Mapping]] = ..., run_closed: _Optional[_Union[RunClosed, _Mapping]] = ..., start_cycle: _Optional[_Union[StartCycle, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., error: _Optional[_Union[SourceError, _Mapping]] = ..., too_large: _Optional[_Union[TooLarge, _Mapping]] = ..., types_refused: _Optional[_Union[TypesRefused, _Mapping]] = ..., load_changed: _Optional[_Union[LoadChanged, _Mapping]] = ...) -> None: ...

class LoadChanged(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[_run_pb2.LoadChange]
    def __init__(self, changes: _Optional[_Iterable[_Union[_run_pb2.LoadChange, _Mapping]]] = ...) -> None: ...

class SourceOpened(_message.Message):
    __slots__ = ("committed_sequence", "limits", "durable_sequence")
    COMMITTED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    committed_sequence: int
    limits: Limits
    durable_sequence: int
    def __init__(self, committed_sequence: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., durable_sequence: _Optional[int] = ...) -> None: ...

class SourceError(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class TooLarge(_message.Message):
    __slots__ = ("first_sequence", "batch_bytes")
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    first_sequence: int
    batch_bytes: int
    def __init__(self, first_sequence: _Optional[int] = ..., batch_bytes: _Optional[int] = ...) -> None: ...

class TypesRefused(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_batch_bytes", "max_unacked_batches", "max_unacked_bytes")
    MAX_BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKED_BATCHES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKED_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_batch_bytes: int
    max_unacked_batches: int
    max_unacked_bytes: int
    def __init__(self, max_batch_bytes: _Optional[int] = ..., max_unacked_batches: _Optional[int] = ..., max_unacked_bytes: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("durable_sequence", "committed_sequence")
    DURABLE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    durable_sequence: int
    committed_sequence: int
    def __init__(self, durable_sequence: _Optional[int] = ..., committed_sequence: _Optional[int] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("expected_sequence",)
    EXPECTED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    expected_sequence: int
    def __init__(self, expected_sequence: _Optional[int] = ...) -> None: ...

class Rejected(_message.Message):
    __slots__ = ("count", "violations", "first_sequence")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    count: int
    violations: _containers.RepeatedScalarFieldContainer[str]
    first_sequence: int
    def __init__(self, count: _Optional[int] = ..., violations: _Optional[_Iterable[str]] = ..., first_sequence: _Optional[int] = ...) -> None: ...

class Finished(_message.Message):
    __slots__ = ("committed", "rejected", "lost")
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    committed: int
    rejected: int
    lost: int
    def __init__(self, committed: _Optional[int] = ..., rejected: _Optional[int] = ..., lost: _Optional[int] = ...) -> None: ...

class RunClosed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartCycle(_message.Message):
    __slots__ = ("cycle", "begin_time")
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    BEGIN_TIME_FIELD_NUMBER: _ClassVar[int]
    cycle: int
    begin_time: _timestamp_pb2.Timestamp
    def __init__(self, cycle: _Optional[int] = ..., begin_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("stop_timeout",)
    STOP_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    stop_timeout: _duration_pb2.Duration
    def __init__(self, stop_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
