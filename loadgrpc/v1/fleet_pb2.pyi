import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from loadgrpc.v1 import control_pb2 as _control_pb2
from loadgrpc.v1 import run_pb2 as _run_pb2
from loadgrpc.v1 import runner_pb2 as _runner_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FetchBundleRequest(_message.Message):
    __slots__ = ("sha256", "offset")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    offset: int
    def __init__(self, sha256: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class FetchBundleResponse(_message.Message):
    __slots__ = ("size", "chunk")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    size: int
    chunk: bytes
    def __init__(self, size: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class ConnectRequest(_message.Message):
    __slots__ = ("register", "heartbeat", "runner_exit", "goodbye", "ready", "held_back", "retiring", "preparing")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RUNNER_EXIT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    HELD_BACK_FIELD_NUMBER: _ClassVar[int]
    RETIRING_FIELD_NUMBER: _ClassVar[int]
    PREPARING_FIELD_NUMBER: _ClassVar[int]
    register: Register
    heartbeat: Heartbeat
    runner_exit: RunnerExit
    goodbye: Goodbye
    ready: AssignmentReady
    held_back: UsersHeldBack
    retiring: Retiring
    preparing: AssignmentPreparing
    def __init__(self, register: _Optional[_Union[Register, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., runner_exit: _Optional[_Union[RunnerExit, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., ready: _Optional[_Union[AssignmentReady, _Mapping]] = ..., held_back: _Optional[_Union[UsersHeldBack, _Mapping]] = ..., retiring: _Optional[_Union[Retiring, _Mapping]] = ..., preparing: _Optional[_Union[AssignmentPreparing, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("agent_id", "hostname", "pid", "version", "cores", "run_ids", "assignments", "time", "prepares", "labels", "confinement")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PREPARES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CONFINEMENT_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    hostname: str
    pid: int
    version: str
    cores: int
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    assignments: _containers.RepeatedCompositeFieldContainer[HeldAssignment]
    time: _timestamp_pb2.Timestamp
    prepares: bool
    labels: _containers.RepeatedScalarFieldContainer[str]
    confinement: _control_pb2.Confinement
    def __init__(self, agent_id: _Optional[str] = ..., hostname: _Optional[str] = ..., pid: _Optional[int] = ..., version: _Optional[str] = ..., cores: _Optional[int] = ..., run_ids: _Optional[_Iterable[str]] = ..., assignments: _Optional[_Iterable[_Union[HeldAssignment, _Mapping]]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., prepares: bool = ..., labels: _Optional[_Iterable[str]] = ..., confinement: _Optional[_Union[_control_pb2.Confinement, _Mapping]] = ...) -> None: ...

class HeldAssignment(_message.Message):
    __slots__ = ("run_id", "scenario")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    scenario: str
    def __init__(self, run_id: _Optional[str] = ..., scenario: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("time",)
    TIME_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RunnerExit(_message.Message):
    __slots__ = ("run_id", "exit_status", "stderr_tail", "start_error", "runner_id", "produced_events", "produced_hits", "scenario", "last", "not_prepared")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_STATUS_FIELD_NUMBER: _ClassVar[int]
    STDERR_TAIL_FIELD_NUMBER: _ClassVar[int]
    START_ERROR_FIELD_NUMBER: _ClassVar[int]
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    PRODUCED_HITS_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    NOT_PREPARED_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    exit_status: int
    stderr_tail: str
    start_error: str
    runner_id: str
    produced_events: int
    produced_hits: int
    scenario: str
    last: bool
    not_prepared: bool
    def __init__(self, run_id: _Optional[str] = ..., exit_status: _Optional[int] = ..., stderr_tail: _Optional[str] = ..., start_error: _Optional[str] = ..., runner_id: _Optional[str] = ..., produced_events: _Optional[int] = ..., produced_hits: _Optional[int] = ..., scenario: _Optional[str] = ..., last: bool = ..., not_prepared: bool = ...) -> None: ...

class AssignmentReady(_message.Message):
    __slots__ = ("run_id", "scenario", "cycle")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    scenario: str
    cycle: int
    def __init__(self, run_id: _Optional[str] = ..., scenario: _Optional[str] = ..., cycle: _Optional[int] = ...) -> None: ...

class UsersHeldBack(_message.Message):
    __slots__ = ("run_id", "scenario", "waiting", "total", "max_processes")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    MAX_PROCESSES_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    scenario: str
    waiting: int
    total: int
    max_processes: int
    def __init__(self, run_id: _Optional[str] = ..., scenario: _Optional[str] = ..., waiting: _Optional[int] = ..., total: _Optional[int] = ..., max_processes: _Optional[int] = ...) -> None: ...

class AssignmentPreparing(_message.Message):
    __slots__ = ("run_id", "doing")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DOING_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    doing: str
    def __init__(self, run_id: _Optional[str] = ..., doing: _Optional[str] = ...) -> None: ...

class AssignmentCycle(_message.Message):
    __slots__ = ("run_id", "scenario", "cycle")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    scenario: str
    cycle: int
    def __init__(self, run_id: _Optional[str] = ..., scenario: _Optional[str] = ..., cycle: _Optional[int] = ...) -> None: ...

class StartAssignment(_message.Message):
    __slots__ = ("assignment", "test_runner", "runner_mode", "silence_timeout", "load_changed")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    TEST_RUNNER_FIELD_NUMBER: _ClassVar[int]
    RUNNER_MODE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LOAD_CHANGED_FIELD_NUMBER: _ClassVar[int]
    assignment: _runner_pb2.Assignment
    test_runner: str
    runner_mode: _run_pb2.RunnerMode
    silence_timeout: _duration_pb2.Duration
    load_changed: bool
    def __init__(self, assignment: _Optional[_Union[_runner_pb2.Assignment, _Mapping]] = ..., test_runner: _Optional[str] = ..., runner_mode: _Optional[_Union[_run_pb2.RunnerMode, str]] = ..., silence_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., load_changed: bool = ...) -> None: ...

class RunnerExitNoted(_message.Message):
    __slots__ = ("run_id", "runner_id", "scenario")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    runner_id: str
    scenario: str
    def __init__(self, run_id: _Optional[str] = ..., runner_id: _Optional[str] = ..., scenario: _Optional[str] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Retiring(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Dismissed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("registered", "run", "stop", "heartbeat", "exit_noted", "start_cycle", "dismissed")
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    EXIT_NOTED_FIELD_NUMBER: _ClassVar[int]
    START_CYCLE_FIELD_NUMBER: _ClassVar[int]
    DISMISSED_FIELD_NUMBER: _ClassVar[int]
    registered: Registered
    run: StartAssignment
    stop: StopAssignment
    heartbeat: Heartbeat
    exit_noted: RunnerExitNoted
    start_cycle: AssignmentCycle
    dismissed: Dismissed
    def __init__(self, registered: _Optional[_Union[Registered, _Mapping]] = ..., run: _Optional[_Union[StartAssignment, _Mapping]] = ..., stop: _Optional[_Union[StopAssignment, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., exit_noted: _Optional[_Union[RunnerExitNoted, _Mapping]] = ..., start_cycle: _Optional[_Union[AssignmentCycle, _Mapping]] = ..., dismissed: _Optional[_Union[Dismissed, _Mapping]] = ...) -> None: ...

class Registered(_message.Message):
    __slots__ = ("version", "heartbeat_interval", "lease")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    version: str
    heartbeat_interval: _duration_pb2.Duration
    lease: _duration_pb2.Duration
    def __init__(self, version: _Optional[str] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StopAssignment(_message.Message):
    __slots__ = ("run_id", "mode", "stop_timeout", "scenario")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STOP_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    mode: _control_pb2.StopMode
    stop_timeout: _duration_pb2.Duration
    scenario: str
    def __init__(self, run_id: _Optional[str] = ..., mode: _Optional[_Union[_control_pb2.StopMode, str]] = ..., stop_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scenario: _Optional[str] = ...) -> None: ...
