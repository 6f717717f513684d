import datetime

from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UserFixture(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USER_FIXTURE_UNSPECIFIED: _ClassVar[UserFixture]
    USER_FIXTURE_SET_UP: _ClassVar[UserFixture]
    USER_FIXTURE_TEAR_DOWN: _ClassVar[UserFixture]

class HitError(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HIT_ERROR_UNSPECIFIED: _ClassVar[HitError]
    HIT_ERROR_DNS: _ClassVar[HitError]
    HIT_ERROR_CONNECT: _ClassVar[HitError]
    HIT_ERROR_TLS: _ClassVar[HitError]
    HIT_ERROR_TIMEOUT: _ClassVar[HitError]
    HIT_ERROR_CLOSED: _ClassVar[HitError]
    HIT_ERROR_PROTOCOL: _ClassVar[HitError]
    HIT_ERROR_ABORTED: _ClassVar[HitError]
    HIT_ERROR_OTHER: _ClassVar[HitError]

class DataMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_MODE_UNSPECIFIED: _ClassVar[DataMode]
    DATA_MODE_UNIQUE: _ClassVar[DataMode]
    DATA_MODE_IN_TURN: _ClassVar[DataMode]
    DATA_MODE_RANDOM: _ClassVar[DataMode]
    DATA_MODE_ONCE: _ClassVar[DataMode]

class OutputStream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_STREAM_UNSPECIFIED: _ClassVar[OutputStream]
    OUTPUT_STREAM_STDOUT: _ClassVar[OutputStream]
    OUTPUT_STREAM_STDERR: _ClassVar[OutputStream]

class TestOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_OUTCOME_UNSPECIFIED: _ClassVar[TestOutcome]
    TEST_OUTCOME_SUCCESS: _ClassVar[TestOutcome]
    TEST_OUTCOME_FAILURE: _ClassVar[TestOutcome]
    TEST_OUTCOME_ERROR: _ClassVar[TestOutcome]
    TEST_OUTCOME_INTERRUPTED: _ClassVar[TestOutcome]
USER_FIXTURE_UNSPECIFIED: UserFixture
USER_FIXTURE_SET_UP: UserFixture
USER_FIXTURE_TEAR_DOWN: UserFixture
HIT_ERROR_UNSPECIFIED: HitError
HIT_ERROR_DNS: HitError
HIT_ERROR_CONNECT: HitError
HIT_ERROR_TLS: HitError
HIT_ERROR_TIMEOUT: HitError
HIT_ERROR_CLOSED: HitError
HIT_ERROR_PROTOCOL: HitError
HIT_ERROR_ABORTED: HitError
HIT_ERROR_OTHER: HitError
DATA_MODE_UNSPECIFIED: DataMode
DATA_MODE_UNIQUE: DataMode
DATA_MODE_IN_TURN: DataMode
DATA_MODE_RANDOM: DataMode
DATA_MODE_ONCE: DataMode
OUTPUT_STREAM_UNSPECIFIED: OutputStream
OUTPUT_STREAM_STDOUT: OutputStream
OUTPUT_STREAM_STDERR: OutputStream
TEST_OUTCOME_UNSPECIFIED: TestOutcome
TEST_OUTCOME_SUCCESS: TestOutcome
TEST_OUTCOME_FAILURE: TestOutcome
TEST_OUTCOME_ERROR: TestOutcome
TEST_OUTCOME_INTERRUPTED: TestOutcome

class Event(_message.Message):
    __slots__ = ("time", "status", "test_start", "test_stop", "test_success", "test_failure", "test_error", "hit", "counter", "state", "generator", "custom", "output", "socket", "data", "rules", "check", "transaction", "measurement", "gauge", "custom_state", "arrivals")
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TEST_START_FIELD_NUMBER: _ClassVar[int]
    TEST_STOP_FIELD_NUMBER: _ClassVar[int]
    TEST_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    TEST_FAILURE_FIELD_NUMBER: _ClassVar[int]
    TEST_ERROR_FIELD_NUMBER: _ClassVar[int]
    HIT_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    GENERATOR_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    GAUGE_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATE_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    status: LoadStatus
    test_start: TestStart
    test_stop: TestStop
    test_success: TestSuccess
    test_failure: TestFailure
    test_error: TestError
    hit: Hit
    counter: Counter
    state: RunnerState
    generator: GeneratorState
    custom: _any_pb2.Any
    output: Output
    socket: SocketActivity
    data: DataUse
    rules: DesignedRules
    check: Check
    transaction: Transaction
    measurement: Measurement
    gauge: Gauge
    custom_state: CustomState
    arrivals: ArrivalsState
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[LoadStatus, _Mapping]] = ..., test_start: _Optional[_Union[TestStart, _Mapping]] = ..., test_stop: _Optional[_Union[TestStop, _Mapping]] = ..., test_success: _Optional[_Union[TestSuccess, _Mapping]] = ..., test_failure: _Optional[_Union[TestFailure, _Mapping]] = ..., test_error: _Optional[_Union[TestError, _Mapping]] = ..., hit: _Optional[_Union[Hit, _Mapping]] = ..., counter: _Optional[_Union[Counter, _Mapping]] = ..., state: _Optional[_Union[RunnerState, _Mapping]] = ..., generator: _Optional[_Union[GeneratorState, _Mapping]] = ..., custom: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., output: _Optional[_Union[Output, _Mapping]] = ..., socket: _Optional[_Union[SocketActivity, _Mapping]] = ..., data: _Optional[_Union[DataUse, _Mapping]] = ..., rules: _Optional[_Union[DesignedRules, _Mapping]] = ..., check: _Optional[_Union[Check, _Mapping]] = ..., transaction: _Optional[_Union[Transaction, _Mapping]] = ..., measurement: _Optional[_Union[Measurement, _Mapping]] = ..., gauge: _Optional[_Union[Gauge, _Mapping]] = ..., custom_state: _Optional[_Union[CustomState, _Mapping]] = ..., arrivals: _Optional[_Union[ArrivalsState, _Mapping]] = ...) -> None: ...

class LoadStatus(_message.Message):
    __slots__ = ("iterations", "users", "current_iteration", "current_user", "cycle", "case", "user_fixture")
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_ITERATION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_USER_FIELD_NUMBER: _ClassVar[int]
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    CASE_FIELD_NUMBER: _ClassVar[int]
    USER_FIXTURE_FIELD_NUMBER: _ClassVar[int]
    iterations: int
    users: int
    current_iteration: int
    current_user: int
    cycle: int
    case: str
    user_fixture: UserFixture
    def __init__(self, iterations: _Optional[int] = ..., users: _Optional[int] = ..., current_iteration: _Optional[int] = ..., current_user: _Optional[int] = ..., cycle: _Optional[int] = ..., case: _Optional[str] = ..., user_fixture: _Optional[_Union[UserFixture, str]] = ...) -> None: ...

class TestStart(_message.Message):
    __slots__ = ("test",)
    TEST_FIELD_NUMBER: _ClassVar[int]
    test: str
    def __init__(self, test: _Optional[str] = ...) -> None: ...

class TestStop(_message.Message):
    __slots__ = ("test",)
    TEST_FIELD_NUMBER: _ClassVar[int]
    test: str
    def __init__(self, test: _Optional[str] = ...) -> None: ...

class TestSuccess(_message.Message):
    __slots__ = ("test",)
    TEST_FIELD_NUMBER: _ClassVar[int]
    test: str
    def __init__(self, test: _Optional[str] = ...) -> None: ...

class TestFailure(_message.Message):
    __slots__ = ("test", "exception")
    TEST_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    test: str
    exception: ExceptionInfo
    def __init__(self, test: _Optional[str] = ..., exception: _Optional[_Union[ExceptionInfo, _Mapping]] = ...) -> None: ...

class TestError(_message.Message):
    __slots__ = ("test", "exception")
    TEST_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    test: str
    exception: ExceptionInfo
    def __init__(self, test: _Optional[str] = ..., exception: _Optional[_Union[ExceptionInfo, _Mapping]] = ...) -> None: ...

class ExceptionInfo(_message.Message):
    __slots__ = ("type", "message", "traceback")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    type: str
    message: str
    traceback: str
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ...) -> None: ...

class Hit(_message.Message):
    __slots__ = ("name", "url", "method", "status", "error", "error_message", "planned_start_time", "start_time", "elapsed", "time_to_first_byte", "connect", "bytes_sent", "bytes_received", "protocol", "failed", "attempt", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PLANNED_START_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_FIRST_BYTE_FIELD_NUMBER: _ClassVar[int]
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    method: str
    status: int
    error: HitError
    error_message: str
    planned_start_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    elapsed: _duration_pb2.Duration
    time_to_first_byte: _duration_pb2.Duration
    connect: _duration_pb2.Duration
    bytes_sent: int
    bytes_received: int
    protocol: str
    failed: bool
    attempt: int
    tags: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., method: _Optional[str] = ..., status: _Optional[int] = ..., error: _Optional[_Union[HitError, str]] = ..., error_message: _Optional[str] = ..., planned_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., time_to_first_byte: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., connect: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., protocol: _Optional[str] = ..., failed: bool = ..., attempt: _Optional[int] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CustomState(_message.Message):
    __slots__ = ("name", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    name: str
    details: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Counter(_message.Message):
    __slots__ = ("name", "increment")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INCREMENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    increment: int
    def __init__(self, name: _Optional[str] = ..., increment: _Optional[int] = ...) -> None: ...

class SocketActivity(_message.Message):
    __slots__ = ("name", "protocol", "opened", "closed", "broken", "messages_sent", "messages_received", "bytes_sent", "bytes_received", "gaps_ns", "gap_counts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_SENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    GAPS_NS_FIELD_NUMBER: _ClassVar[int]
    GAP_COUNTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    protocol: str
    opened: int
    closed: int
    broken: int
    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int
    gaps_ns: _containers.RepeatedScalarFieldContainer[int]
    gap_counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., protocol: _Optional[str] = ..., opened: _Optional[int] = ..., closed: _Optional[int] = ..., broken: _Optional[int] = ..., messages_sent: _Optional[int] = ..., messages_received: _Optional[int] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., gaps_ns: _Optional[_Iterable[int]] = ..., gap_counts: _Optional[_Iterable[int]] = ...) -> None: ...

class RunnerState(_message.Message):
    __slots__ = ("active_users", "started_users")
    ACTIVE_USERS_FIELD_NUMBER: _ClassVar[int]
    STARTED_USERS_FIELD_NUMBER: _ClassVar[int]
    active_users: int
    started_users: int
    def __init__(self, active_users: _Optional[int] = ..., started_users: _Optional[int] = ...) -> None: ...

class GeneratorState(_message.Message):
    __slots__ = ("process", "elapsed", "cpu", "cores", "lags_ns", "gc_pauses", "gc_time", "gc_max", "machine_cpu", "steal", "other_cpu")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    LAGS_NS_FIELD_NUMBER: _ClassVar[int]
    GC_PAUSES_FIELD_NUMBER: _ClassVar[int]
    GC_TIME_FIELD_NUMBER: _ClassVar[int]
    GC_MAX_FIELD_NUMBER: _ClassVar[int]
    MACHINE_CPU_FIELD_NUMBER: _ClassVar[int]
    STEAL_FIELD_NUMBER: _ClassVar[int]
    OTHER_CPU_FIELD_NUMBER: _ClassVar[int]
    process: int
    elapsed: _duration_pb2.Duration
    cpu: _duration_pb2.Duration
    cores: int
    lags_ns: _containers.RepeatedScalarFieldContainer[int]
    gc_pauses: int
    gc_time: _duration_pb2.Duration
    gc_max: _duration_pb2.Duration
    machine_cpu: float
    steal: float
    other_cpu: float
    def __init__(self, process: _Optional[int] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cpu: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cores: _Optional[int] = ..., lags_ns: _Optional[_Iterable[int]] = ..., gc_pauses: _Optional[int] = ..., gc_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., gc_max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., machine_cpu: _Optional[float] = ..., steal: _Optional[float] = ..., other_cpu: _Optional[float] = ...) -> None: ...

class ArrivalsState(_message.Message):
    __slots__ = ("process", "planned", "started", "dropped", "waiting", "users", "max_users")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    MAX_USERS_FIELD_NUMBER: _ClassVar[int]
    process: int
    planned: int
    started: int
    dropped: int
    waiting: int
    users: int
    max_users: int
    def __init__(self, process: _Optional[int] = ..., planned: _Optional[int] = ..., started: _Optional[int] = ..., dropped: _Optional[int] = ..., waiting: _Optional[int] = ..., users: _Optional[int] = ..., max_users: _Optional[int] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("text", "process", "stream", "left_out")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    text: str
    process: int
    stream: OutputStream
    left_out: int
    def __init__(self, text: _Optional[str] = ..., process: _Optional[int] = ..., stream: _Optional[_Union[OutputStream, str]] = ..., left_out: _Optional[int] = ...) -> None: ...

class DataUse(_message.Message):
    __slots__ = ("file", "mode", "rows", "taken", "repeated", "refused", "stopped", "digest")
    FILE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    file: str
    mode: DataMode
    rows: int
    taken: int
    repeated: int
    refused: int
    stopped: int
    digest: int
    def __init__(self, file: _Optional[str] = ..., mode: _Optional[_Union[DataMode, str]] = ..., rows: _Optional[int] = ..., taken: _Optional[int] = ..., repeated: _Optional[int] = ..., refused: _Optional[int] = ..., stopped: _Optional[int] = ..., digest: _Optional[int] = ...) -> None: ...

class DesignedRules(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class Check(_message.Message):
    __slots__ = ("name", "passed", "failed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    name: str
    passed: int
    failed: int
    def __init__(self, name: _Optional[str] = ..., passed: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("name", "elapsed_ns", "counts", "failed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_NS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    name: str
    elapsed_ns: _containers.RepeatedScalarFieldContainer[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    failed: int
    def __init__(self, name: _Optional[str] = ..., elapsed_ns: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ..., failed: _Optional[int] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("name", "values", "counts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class Gauge(_message.Message):
    __slots__ = ("name", "value", "min", "max")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    min: float
    max: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class HitBlock(_message.Message):
    __slots__ = ("count", "base_time", "status", "labels", "label", "start_ns", "delay_ns", "elapsed_ns", "first_byte_ns", "connect_ns", "bytes_sent", "bytes_received", "user", "iteration", "urls", "url", "attempt", "cases", "case", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    START_NS_FIELD_NUMBER: _ClassVar[int]
    DELAY_NS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_NS_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_NS_FIELD_NUMBER: _ClassVar[int]
    CONNECT_NS_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    URLS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    CASE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    count: int
    base_time: _timestamp_pb2.Timestamp
    status: LoadStatus
    labels: _containers.RepeatedCompositeFieldContainer[HitLabel]
    label: bytes
    start_ns: bytes
    delay_ns: bytes
    elapsed_ns: bytes
    first_byte_ns: bytes
    connect_ns: bytes
    bytes_sent: bytes
    bytes_received: bytes
    user: bytes
    iteration: bytes
    urls: _containers.RepeatedScalarFieldContainer[str]
    url: bytes
    attempt: bytes
    cases: _containers.RepeatedScalarFieldContainer[str]
    case: bytes
    tags: _containers.ScalarMap[str, str]
    def __init__(self, count: _Optional[int] = ..., base_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[LoadStatus, _Mapping]] = ..., labels: _Optional[_Iterable[_Union[HitLabel, _Mapping]]] = ..., label: _Optional[bytes] = ..., start_ns: _Optional[bytes] = ..., delay_ns: _Optional[bytes] = ..., elapsed_ns: _Optional[bytes] = ..., first_byte_ns: _Optional[bytes] = ..., connect_ns: _Optional[bytes] = ..., bytes_sent: _Optional[bytes] = ..., bytes_received: _Optional[bytes] = ..., user: _Optional[bytes] = ..., iteration: _Optional[bytes] = ..., urls: _Optional[_Iterable[str]] = ..., url: _Optional[bytes] = ..., attempt: _Optional[bytes] = ..., cases: _Optional[_Iterable[str]] = ..., case: _Optional[bytes] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class HitLabel(_message.Message):
    __slots__ = ("name", "method", "status", "error", "error_message", "protocol", "failed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    name: str
    method: str
    status: int
    error: HitError
    error_message: str
    protocol: str
    failed: bool
    def __init__(self, name: _Optional[str] = ..., method: _Optional[str] = ..., status: _Optional[int] = ..., error: _Optional[_Union[HitError, str]] = ..., error_message: _Optional[str] = ..., protocol: _Optional[str] = ..., failed: bool = ...) -> None: ...

class TestBlock(_message.Message):
    __slots__ = ("count", "base_time", "status", "labels", "label", "start_ns", "elapsed_ns", "user", "iteration", "cases", "case", "delay_ns")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    START_NS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_NS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    CASE_FIELD_NUMBER: _ClassVar[int]
    DELAY_NS_FIELD_NUMBER: _ClassVar[int]
    count: int
    base_time: _timestamp_pb2.Timestamp
    status: LoadStatus
    labels: _containers.RepeatedCompositeFieldContainer[TestLabel]
    label: bytes
    start_ns: bytes
    elapsed_ns: bytes
    user: bytes
    iteration: bytes
    cases: _containers.RepeatedScalarFieldContainer[str]
    case: bytes
    delay_ns: bytes
    def __init__(self, count: _Optional[int] = ..., base_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[LoadStatus, _Mapping]] = ..., labels: _Optional[_Iterable[_Union[TestLabel, _Mapping]]] = ..., label: _Optional[bytes] = ..., start_ns: _Optional[bytes] = ..., elapsed_ns: _Optional[bytes] = ..., user: _Optional[bytes] = ..., iteration: _Optional[bytes] = ..., cases: _Optional[_Iterable[str]] = ..., case: _Optional[bytes] = ..., delay_ns: _Optional[bytes] = ...) -> None: ...

class TestLabel(_message.Message):
    __slots__ = ("test", "outcome", "exception")
    TEST_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    test: str
    outcome: TestOutcome
    exception: ExceptionInfo
    def __init__(self, test: _Optional[str] = ..., outcome: _Optional[_Union[TestOutcome, str]] = ..., exception: _Optional[_Union[ExceptionInfo, _Mapping]] = ...) -> None: ...
