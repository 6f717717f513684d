import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from loadgrpc.v1 import event_pb2 as _event_pb2
from loadgrpc.v1 import run_pb2 as _run_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_STATE: _ClassVar[ChangeKind]
    CHANGE_KIND_AGENT: _ClassVar[ChangeKind]
    CHANGE_KIND_LOAD: _ClassVar[ChangeKind]
    CHANGE_KIND_THRESHOLD: _ClassVar[ChangeKind]
    CHANGE_KIND_NOTE: _ClassVar[ChangeKind]
    CHANGE_KIND_AUDIT: _ClassVar[ChangeKind]
    CHANGE_KIND_ATTEMPT: _ClassVar[ChangeKind]

class AgentEvent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_EVENT_UNSPECIFIED: _ClassVar[AgentEvent]
    AGENT_EVENT_UNREACHABLE: _ClassVar[AgentEvent]
    AGENT_EVENT_BACK: _ClassVar[AgentEvent]
    AGENT_EVENT_LOST: _ClassVar[AgentEvent]

class StopMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_MODE_UNSPECIFIED: _ClassVar[StopMode]
    STOP_MODE_GRACEFUL: _ClassVar[StopMode]
    STOP_MODE_KILL: _ClassVar[StopMode]

class ComparisonOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPARISON_OUTCOME_UNSPECIFIED: _ClassVar[ComparisonOutcome]
    COMPARISON_OUTCOME_SAME: _ClassVar[ComparisonOutcome]
    COMPARISON_OUTCOME_BETTER: _ClassVar[ComparisonOutcome]
    COMPARISON_OUTCOME_WORSE: _ClassVar[ComparisonOutcome]
    COMPARISON_OUTCOME_CANNOT_TELL: _ClassVar[ComparisonOutcome]

class AgentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_STATE_UNSPECIFIED: _ClassVar[AgentState]
    AGENT_STATE_IDLE: _ClassVar[AgentState]
    AGENT_STATE_BUSY: _ClassVar[AgentState]
    AGENT_STATE_UNREACHABLE: _ClassVar[AgentState]
    AGENT_STATE_DRAINING: _ClassVar[AgentState]
    AGENT_STATE_DRAINED: _ClassVar[AgentState]
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_STATE: ChangeKind
CHANGE_KIND_AGENT: ChangeKind
CHANGE_KIND_LOAD: ChangeKind
CHANGE_KIND_THRESHOLD: ChangeKind
CHANGE_KIND_NOTE: ChangeKind
CHANGE_KIND_AUDIT: ChangeKind
CHANGE_KIND_ATTEMPT: ChangeKind
AGENT_EVENT_UNSPECIFIED: AgentEvent
AGENT_EVENT_UNREACHABLE: AgentEvent
AGENT_EVENT_BACK: AgentEvent
AGENT_EVENT_LOST: AgentEvent
STOP_MODE_UNSPECIFIED: StopMode
STOP_MODE_GRACEFUL: StopMode
STOP_MODE_KILL: StopMode
COMPARISON_OUTCOME_UNSPECIFIED: ComparisonOutcome
COMPARISON_OUTCOME_SAME: ComparisonOutcome
COMPARISON_OUTCOME_BETTER: ComparisonOutcome
COMPARISON_OUTCOME_WORSE: ComparisonOutcome
COMPARISON_OUTCOME_CANNOT_TELL: ComparisonOutcome
AGENT_STATE_UNSPECIFIED: AgentState
AGENT_STATE_IDLE: AgentState
AGENT_STATE_BUSY: AgentState
AGENT_STATE_UNREACHABLE: AgentState
AGENT_STATE_DRAINING: AgentState
AGENT_STATE_DRAINED: AgentState

class StartRunRequest(_message.Message):
    __slots__ = ("plan", "request_id", "start_time", "delay", "expire_time", "expire_after", "priority", "queue")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_AFTER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    plan: _run_pb2.RunSpec
    request_id: str
    start_time: _timestamp_pb2.Timestamp
    delay: _duration_pb2.Duration
    expire_time: _timestamp_pb2.Timestamp
    expire_after: _duration_pb2.Duration
    priority: int
    queue: bool
    def __init__(self, plan: _Optional[_Union[_run_pb2.RunSpec, _Mapping]] = ..., request_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., priority: _Optional[int] = ..., queue: bool = ...) -> None: ...

class StartRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class CheckPlanRequest(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: _run_pb2.RunSpec
    def __init__(self, plan: _Optional[_Union[_run_pb2.RunSpec, _Mapping]] = ...) -> None: ...

class CheckPlanResponse(_message.Message):
    __slots__ = ("plan", "waits_for")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    plan: _run_pb2.RunSpec
    waits_for: str
    def __init__(self, plan: _Optional[_Union[_run_pb2.RunSpec, _Mapping]] = ..., waits_for: _Optional[str] = ...) -> None: ...

class UploadBundleRequest(_message.Message):
    __slots__ = ("sha256", "size", "offset", "chunk")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size: int
    offset: int
    chunk: bytes
    def __init__(self, sha256: _Optional[str] = ..., size: _Optional[int] = ..., offset: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class UploadBundleResponse(_message.Message):
    __slots__ = ("received", "complete")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    received: int
    complete: bool
    def __init__(self, received: _Optional[int] = ..., complete: bool = ...) -> None: ...

class GetBundleRequest(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    def __init__(self, sha256: _Optional[str] = ...) -> None: ...

class GetBundleResponse(_message.Message):
    __slots__ = ("received", "size", "complete")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    received: int
    size: int
    complete: bool
    def __init__(self, received: _Optional[int] = ..., size: _Optional[int] = ..., complete: bool = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "states", "exit_codes", "labels", "owner", "title")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[_run_pb2.RunState]
    exit_codes: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    owner: str
    title: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_run_pb2.RunState, str]]] = ..., exit_codes: _Optional[_Iterable[int]] = ..., labels: _Optional[_Iterable[str]] = ..., owner: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token", "store_trouble")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STORE_TROUBLE_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_run_pb2.Run]
    next_page_token: str
    store_trouble: str
    def __init__(self, runs: _Optional[_Iterable[_Union[_run_pb2.Run, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., store_trouble: _Optional[str] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("run_id", "after", "windows")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    after: int
    windows: bool
    def __init__(self, run_id: _Optional[str] = ..., after: _Optional[int] = ..., windows: bool = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("run", "progress", "window", "sequence", "change")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    progress: RunProgress
    window: TimelineWindow
    sequence: int
    change: Change
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ..., progress: _Optional[_Union[RunProgress, _Mapping]] = ..., window: _Optional[_Union[TimelineWindow, _Mapping]] = ..., sequence: _Optional[int] = ..., change: _Optional[_Union[Change, _Mapping]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("sequence", "time", "kind", "state", "attempt", "reason", "agent_id", "agent_event", "cycle", "users", "custom_state", "threshold", "due_time", "load", "scenario")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_EVENT_FIELD_NUMBER: _ClassVar[int]
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    kind: ChangeKind
    state: _run_pb2.RunState
    attempt: int
    reason: str
    agent_id: str
    agent_event: AgentEvent
    cycle: int
    users: int
    custom_state: _event_pb2.CustomState
    threshold: _run_pb2.ThresholdResult
    due_time: _timestamp_pb2.Timestamp
    load: _run_pb2.LoadChange
    scenario: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[ChangeKind, str]] = ..., state: _Optional[_Union[_run_pb2.RunState, str]] = ..., attempt: _Optional[int] = ..., reason: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_event: _Optional[_Union[AgentEvent, str]] = ..., cycle: _Optional[int] = ..., users: _Optional[int] = ..., custom_state: _Optional[_Union[_event_pb2.CustomState, _Mapping]] = ..., threshold: _Optional[_Union[_run_pb2.ThresholdResult, _Mapping]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., load: _Optional[_Union[_run_pb2.LoadChange, _Mapping]] = ..., scenario: _Optional[str] = ...) -> None: ...

class SetLoadRequest(_message.Message):
    __slots__ = ("run_id", "request_id", "scenario", "users", "rate", "factor", "pause", "resume")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    request_id: str
    scenario: str
    users: float
    rate: float
    factor: float
    pause: bool
    resume: bool
    def __init__(self, run_id: _Optional[str] = ..., request_id: _Optional[str] = ..., scenario: _Optional[str] = ..., users: _Optional[float] = ..., rate: _Optional[float] = ..., factor: _Optional[float] = ..., pause: bool = ..., resume: bool = ...) -> None: ...

class SetLoadResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

class AddNoteRequest(_message.Message):
    __slots__ = ("run_id", "request_id", "text")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    request_id: str
    text: str
    def __init__(self, run_id: _Optional[str] = ..., request_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class AddNoteResponse(_message.Message):
    __slots__ = ("change",)
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    change: Change
    def __init__(self, change: _Optional[_Union[Change, _Mapping]] = ...) -> None: ...

class RunProgress(_message.Message):
    __slots__ = ("elapsed", "fraction", "cycle", "cycles", "users", "hits", "failed_hits", "rate", "p50", "p95", "iterations", "agents", "saturated", "troubles", "window", "names", "failures", "time_left", "machine_busy", "sockets", "passed_checks", "failed_checks", "custom_states", "thresholds", "cases")
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    CYCLES_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    FAILED_HITS_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    SATURATED_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_FIELD_NUMBER: _ClassVar[int]
    MACHINE_BUSY_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    PASSED_CHECKS_FIELD_NUMBER: _ClassVar[int]
    FAILED_CHECKS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    elapsed: _duration_pb2.Duration
    fraction: float
    cycle: int
    cycles: int
    users: int
    hits: int
    failed_hits: int
    rate: float
    p50: _duration_pb2.Duration
    p95: _duration_pb2.Duration
    iterations: _run_pb2.IterationFigures
    agents: int
    saturated: bool
    troubles: _containers.RepeatedCompositeFieldContainer[_run_pb2.Trouble]
    window: WindowFigures
    names: _containers.RepeatedCompositeFieldContainer[NameProgress]
    failures: _containers.RepeatedCompositeFieldContainer[FailureProgress]
    time_left: _duration_pb2.Duration
    machine_busy: bool
    sockets: SocketProgress
    passed_checks: int
    failed_checks: int
    custom_states: _containers.RepeatedCompositeFieldContainer[_run_pb2.ReportedState]
    thresholds: _containers.RepeatedCompositeFieldContainer[_run_pb2.ThresholdResult]
    cases: CasesProgress
    def __init__(self, elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., fraction: _Optional[float] = ..., cycle: _Optional[int] = ..., cycles: _Optional[int] = ..., users: _Optional[int] = ..., hits: _Optional[int] = ..., failed_hits: _Optional[int] = ..., rate: _Optional[float] = ..., p50: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., iterations: _Optional[_Union[_run_pb2.IterationFigures, _Mapping]] = ..., agents: _Optional[int] = ..., saturated: bool = ..., troubles: _Optional[_Iterable[_Union[_run_pb2.Trouble, _Mapping]]] = ..., window: _Optional[_Union[WindowFigures, _Mapping]] = ..., names: _Optional[_Iterable[_Union[NameProgress, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[FailureProgress, _Mapping]]] = ..., time_left: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., machine_busy: bool = ..., sockets: _Optional[_Union[SocketProgress, _Mapping]] = ..., passed_checks: _Optional[int] = ..., failed_checks: _Optional[int] = ..., custom_states: _Optional[_Iterable[_Union[_run_pb2.ReportedState, _Mapping]]] = ..., thresholds: _Optional[_Iterable[_Union[_run_pb2.ThresholdResult, _Mapping]]] = ..., cases: _Optional[_Union[CasesProgress, _Mapping]] = ...) -> None: ...

class CasesProgress(_message.Message):
    __slots__ = ("coverage", "cases")
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    coverage: _run_pb2.CoverageFigures
    cases: _containers.RepeatedCompositeFieldContainer[CaseProgress]
    def __init__(self, coverage: _Optional[_Union[_run_pb2.CoverageFigures, _Mapping]] = ..., cases: _Optional[_Iterable[_Union[CaseProgress, _Mapping]]] = ...) -> None: ...

class CaseProgress(_message.Message):
    __slots__ = ("scenario", "case", "iterations", "not_passed", "rate", "p95")
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    CASE_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    NOT_PASSED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    scenario: str
    case: str
    iterations: int
    not_passed: int
    rate: float
    p95: _duration_pb2.Duration
    def __init__(self, scenario: _Optional[str] = ..., case: _Optional[str] = ..., iterations: _Optional[int] = ..., not_passed: _Optional[int] = ..., rate: _Optional[float] = ..., p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SocketProgress(_message.Message):
    __slots__ = ("open", "broken", "messages_sent", "messages_received", "sent_rate", "received_rate")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_SENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SENT_RATE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_RATE_FIELD_NUMBER: _ClassVar[int]
    open: int
    broken: int
    messages_sent: int
    messages_received: int
    sent_rate: float
    received_rate: float
    def __init__(self, open: _Optional[int] = ..., broken: _Optional[int] = ..., messages_sent: _Optional[int] = ..., messages_received: _Optional[int] = ..., sent_rate: _Optional[float] = ..., received_rate: _Optional[float] = ...) -> None: ...

class WindowFigures(_message.Message):
    __slots__ = ("end", "length", "hits", "failed", "p50", "p95")
    END_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    end: _timestamp_pb2.Timestamp
    length: _duration_pb2.Duration
    hits: int
    failed: int
    p50: _duration_pb2.Duration
    p95: _duration_pb2.Duration
    def __init__(self, end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., length: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hits: _Optional[int] = ..., failed: _Optional[int] = ..., p50: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class NameProgress(_message.Message):
    __slots__ = ("scenario", "name", "method", "hits", "failed", "rate", "p95")
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    scenario: str
    name: str
    method: str
    hits: int
    failed: int
    rate: float
    p95: _duration_pb2.Duration
    def __init__(self, scenario: _Optional[str] = ..., name: _Optional[str] = ..., method: _Optional[str] = ..., hits: _Optional[int] = ..., failed: _Optional[int] = ..., rate: _Optional[float] = ..., p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FailureProgress(_message.Message):
    __slots__ = ("count", "message", "where")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    count: int
    message: str
    where: str
    def __init__(self, count: _Optional[int] = ..., message: _Optional[str] = ..., where: _Optional[str] = ...) -> None: ...

class StopRunRequest(_message.Message):
    __slots__ = ("run_id", "mode")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    mode: StopMode
    def __init__(self, run_id: _Optional[str] = ..., mode: _Optional[_Union[StopMode, str]] = ...) -> None: ...

class StopRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class GetSummaryRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class GetSummaryResponse(_message.Message):
    __slots__ = ("summary",)
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    summary: _run_pb2.RunSummary
    def __init__(self, summary: _Optional[_Union[_run_pb2.RunSummary, _Mapping]] = ...) -> None: ...

class CheckRunRequest(_message.Message):
    __slots__ = ("run_id", "thresholds", "to")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thresholds: _containers.RepeatedScalarFieldContainer[str]
    to: _timestamp_pb2.Timestamp
    def __init__(self, run_id: _Optional[str] = ..., thresholds: _Optional[_Iterable[str]] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class CheckRunResponse(_message.Message):
    __slots__ = ("results", "windows", "late_hits", "over")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    LATE_HITS_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_run_pb2.ThresholdResult]
    windows: _containers.RepeatedCompositeFieldContainer[WindowsRead]
    late_hits: int
    over: bool
    def __init__(self, results: _Optional[_Iterable[_Union[_run_pb2.ThresholdResult, _Mapping]]] = ..., windows: _Optional[_Iterable[_Union[WindowsRead, _Mapping]]] = ..., late_hits: _Optional[int] = ..., over: bool = ...) -> None: ...

class WindowsRead(_message.Message):
    __slots__ = ("length", "count")
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    length: _duration_pb2.Duration
    count: int
    def __init__(self, length: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class CompareRunsRequest(_message.Message):
    __slots__ = ("run_ids", "min_effect")
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    MIN_EFFECT_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    min_effect: float
    def __init__(self, run_ids: _Optional[_Iterable[str]] = ..., min_effect: _Optional[float] = ...) -> None: ...

class CompareRunsResponse(_message.Message):
    __slots__ = ("comparisons",)
    COMPARISONS_FIELD_NUMBER: _ClassVar[int]
    comparisons: _containers.RepeatedCompositeFieldContainer[RunComparison]
    def __init__(self, comparisons: _Optional[_Iterable[_Union[RunComparison, _Mapping]]] = ...) -> None: ...

class RunComparison(_message.Message):
    __slots__ = ("before_id", "after_id", "refusals", "figures")
    BEFORE_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    before_id: str
    after_id: str
    refusals: _containers.RepeatedScalarFieldContainer[str]
    figures: _containers.RepeatedCompositeFieldContainer[FigureComparison]
    def __init__(self, before_id: _Optional[str] = ..., after_id: _Optional[str] = ..., refusals: _Optional[_Iterable[str]] = ..., figures: _Optional[_Iterable[_Union[FigureComparison, _Mapping]]] = ...) -> None: ...

class FigureComparison(_message.Message):
    __slots__ = ("figure", "before", "after", "change", "low", "high", "outcome", "name", "method", "scenario")
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    figure: str
    before: float
    after: float
    change: float
    low: float
    high: float
    outcome: ComparisonOutcome
    name: str
    method: str
    scenario: str
    def __init__(self, figure: _Optional[str] = ..., before: _Optional[float] = ..., after: _Optional[float] = ..., change: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., outcome: _Optional[_Union[ComparisonOutcome, str]] = ..., name: _Optional[str] = ..., method: _Optional[str] = ..., scenario: _Optional[str] = ...) -> None: ...

class GetTimelineRequest(_message.Message):
    __slots__ = ("run_id", "to", "resolution", "names", "without_series", "page_size", "page_token", "distribution", "by_name")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_SERIES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    BY_NAME_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    to: _timestamp_pb2.Timestamp
    resolution: _duration_pb2.Duration
    names: _containers.RepeatedScalarFieldContainer[str]
    without_series: bool
    page_size: int
    page_token: str
    distribution: bool
    by_name: bool
    def __init__(self, run_id: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., names: _Optional[_Iterable[str]] = ..., without_series: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., distribution: bool = ..., by_name: bool = ..., **kwargs) -> None: ...

class GetTimelineResponse(_message.Message):
    __slots__ = ("windows", "resolution", "next_page_token")
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    windows: _containers.RepeatedCompositeFieldContainer[TimelineWindow]
    resolution: _duration_pb2.Duration
    next_page_token: str
    def __init__(self, windows: _Optional[_Iterable[_Union[TimelineWindow, _Mapping]]] = ..., resolution: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class TimelineWindow(_message.Message):
    __slots__ = ("start", "length", "closed", "hits", "series", "users", "late", "late_data", "lag", "checks", "transactions", "measurements", "gauges", "planned", "started", "dropped", "waiting", "cases", "distribution", "cpu")
    START_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    LATE_DATA_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    length: _duration_pb2.Duration
    closed: bool
    hits: _run_pb2.HitFigures
    series: _containers.RepeatedCompositeFieldContainer[WindowSeries]
    users: int
    late: int
    late_data: int
    lag: _run_pb2.ElapsedFigures
    checks: _containers.RepeatedCompositeFieldContainer[_run_pb2.CheckFigures]
    transactions: _containers.RepeatedCompositeFieldContainer[_run_pb2.TransactionFigures]
    measurements: _containers.RepeatedCompositeFieldContainer[_run_pb2.MeasurementFigures]
    gauges: _containers.RepeatedCompositeFieldContainer[_run_pb2.GaugeFigures]
    planned: int
    started: int
    dropped: int
    waiting: int
    cases: _containers.RepeatedCompositeFieldContainer[_run_pb2.CaseFigures]
    distribution: Distribution
    cpu: CpuFigures
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., length: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., closed: bool = ..., hits: _Optional[_Union[_run_pb2.HitFigures, _Mapping]] = ..., series: _Optional[_Iterable[_Union[WindowSeries, _Mapping]]] = ..., users: _Optional[int] = ..., late: _Optional[int] = ..., late_data: _Optional[int] = ..., lag: _Optional[_Union[_run_pb2.ElapsedFigures, _Mapping]] = ..., checks: _Optional[_Iterable[_Union[_run_pb2.CheckFigures, _Mapping]]] = ..., transactions: _Optional[_Iterable[_Union[_run_pb2.TransactionFigures, _Mapping]]] = ..., measurements: _Optional[_Iterable[_Union[_run_pb2.MeasurementFigures, _Mapping]]] = ..., gauges: _Optional[_Iterable[_Union[_run_pb2.GaugeFigures, _Mapping]]] = ..., planned: _Optional[int] = ..., started: _Optional[int] = ..., dropped: _Optional[int] = ..., waiting: _Optional[int] = ..., cases: _Optional[_Iterable[_Union[_run_pb2.CaseFigures, _Mapping]]] = ..., distribution: _Optional[_Union[Distribution, _Mapping]] = ..., cpu: _Optional[_Union[CpuFigures, _Mapping]] = ...) -> None: ...

class CpuFigures(_message.Message):
    __slots__ = ("avg", "max")
    AVG_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    avg: float
    max: float
    def __init__(self, avg: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class Distribution(_message.Message):
    __slots__ = ("first", "counts")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    first: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, first: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class WindowSeries(_message.Message):
    __slots__ = ("scenario", "name", "method", "protocol", "status_class", "hits", "late", "tags", "distribution")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    STATUS_CLASS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    scenario: str
    name: str
    method: str
    protocol: str
    status_class: int
    hits: _run_pb2.HitFigures
    late: int
    tags: _containers.ScalarMap[str, str]
    distribution: Distribution
    def __init__(self, scenario: _Optional[str] = ..., name: _Optional[str] = ..., method: _Optional[str] = ..., protocol: _Optional[str] = ..., status_class: _Optional[int] = ..., hits: _Optional[_Union[_run_pb2.HitFigures, _Mapping]] = ..., late: _Optional[int] = ..., tags: _Optional[_Mapping[str, str]] = ..., distribution: _Optional[_Union[Distribution, _Mapping]] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("run_id", "kinds", "agent_id", "limit", "after")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    kinds: _containers.RepeatedScalarFieldContainer[str]
    agent_id: str
    limit: int
    after: str
    def __init__(self, run_id: _Optional[str] = ..., kinds: _Optional[_Iterable[str]] = ..., agent_id: _Optional[str] = ..., limit: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[ListedEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[ListedEvent, _Mapping]]] = ...) -> None: ...

class ListedEvent(_message.Message):
    __slots__ = ("agent_id", "runner_id", "sequence", "event", "position", "time")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    runner_id: str
    sequence: int
    event: _event_pb2.Event
    position: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, agent_id: _Optional[str] = ..., runner_id: _Optional[str] = ..., sequence: _Optional[int] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., position: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeleteRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class DeleteRunResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PurgeRunsRequest(_message.Message):
    __slots__ = ("older_than", "waiting")
    OLDER_THAN_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    older_than: _duration_pb2.Duration
    waiting: bool
    def __init__(self, older_than: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., waiting: bool = ...) -> None: ...

class PurgeRunsResponse(_message.Message):
    __slots__ = ("run_ids", "count")
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    count: int
    def __init__(self, run_ids: _Optional[_Iterable[str]] = ..., count: _Optional[int] = ...) -> None: ...

class ListAgentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("agents",)
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[Agent]
    def __init__(self, agents: _Optional[_Iterable[_Union[Agent, _Mapping]]] = ...) -> None: ...

class Agent(_message.Message):
    __slots__ = ("agent_id", "hostname", "pid", "version", "cores", "state", "run_id", "last_seen_time", "troubles", "drained", "retiring", "labels", "confinement")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    RETIRING_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CONFINEMENT_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    hostname: str
    pid: int
    version: str
    cores: int
    state: AgentState
    run_id: str
    last_seen_time: _timestamp_pb2.Timestamp
    troubles: _containers.RepeatedScalarFieldContainer[str]
    drained: bool
    retiring: bool
    labels: _containers.RepeatedScalarFieldContainer[str]
    confinement: Confinement
    def __init__(self, agent_id: _Optional[str] = ..., hostname: _Optional[str] = ..., pid: _Optional[int] = ..., version: _Optional[str] = ..., cores: _Optional[int] = ..., state: _Optional[_Union[AgentState, str]] = ..., run_id: _Optional[str] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., troubles: _Optional[_Iterable[str]] = ..., drained: bool = ..., retiring: bool = ..., labels: _Optional[_Iterable[str]] = ..., confinement: _Optional[_Union[Confinement, _Mapping]] = ...) -> None: ...

class Confinement(_message.Message):
    __slots__ = ("signed_only", "run_as", "memory_bytes", "processes", "files", "time")
    SIGNED_ONLY_FIELD_NUMBER: _ClassVar[int]
    RUN_AS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    signed_only: bool
    run_as: str
    memory_bytes: int
    processes: int
    files: int
    time: _duration_pb2.Duration
    def __init__(self, signed_only: bool = ..., run_as: _Optional[str] = ..., memory_bytes: _Optional[int] = ..., processes: _Optional[int] = ..., files: _Optional[int] = ..., time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DrainAgentRequest(_message.Message):
    __slots__ = ("agent_id", "undo")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    undo: bool
    def __init__(self, agent_id: _Optional[str] = ..., undo: bool = ...) -> None: ...

class DrainAgentResponse(_message.Message):
    __slots__ = ("agent",)
    AGENT_FIELD_NUMBER: _ClassVar[int]
    agent: Agent
    def __init__(self, agent: _Optional[_Union[Agent, _Mapping]] = ...) -> None: ...

class GetBrokerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBrokerResponse(_message.Message):
    __slots__ = ("version", "pid", "hostname", "store", "start_time", "agents", "active_runs", "store_trouble", "address", "store_bytes", "lease", "keep_runs", "keep_hits_bytes", "allow_version_skew", "limits", "errors")
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    STORE_TROUBLE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STORE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    KEEP_RUNS_FIELD_NUMBER: _ClassVar[int]
    KEEP_HITS_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOW_VERSION_SKEW_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    hostname: str
    store: str
    start_time: _timestamp_pb2.Timestamp
    agents: int
    active_runs: int
    store_trouble: str
    address: str
    store_bytes: int
    lease: _duration_pb2.Duration
    keep_runs: int
    keep_hits_bytes: int
    allow_version_skew: bool
    limits: _containers.RepeatedCompositeFieldContainer[LimitUse]
    errors: _containers.ScalarMap[str, int]
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., hostname: _Optional[str] = ..., store: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agents: _Optional[int] = ..., active_runs: _Optional[int] = ..., store_trouble: _Optional[str] = ..., address: _Optional[str] = ..., store_bytes: _Optional[int] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., keep_runs: _Optional[int] = ..., keep_hits_bytes: _Optional[int] = ..., allow_version_skew: bool = ..., limits: _Optional[_Iterable[_Union[LimitUse, _Mapping]]] = ..., errors: _Optional[_Mapping[str, int]] = ...) -> None: ...

class LimitUse(_message.Message):
    __slots__ = ("name", "value", "per_second", "refused", "delayed", "last_caller", "last_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    DELAYED_FIELD_NUMBER: _ClassVar[int]
    LAST_CALLER_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    per_second: bool
    refused: int
    delayed: int
    last_caller: str
    last_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ..., per_second: bool = ..., refused: _Optional[int] = ..., delayed: _Optional[int] = ..., last_caller: _Optional[str] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
