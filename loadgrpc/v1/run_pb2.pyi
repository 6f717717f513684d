import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from loadgrpc.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TestOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_ORDER_UNSPECIFIED: _ClassVar[TestOrder]
    TEST_ORDER_WEIGHTED: _ClassVar[TestOrder]
    TEST_ORDER_RANDOM: _ClassVar[TestOrder]
    TEST_ORDER_SEQUENTIAL: _ClassVar[TestOrder]

class RetryReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETRY_REASON_UNSPECIFIED: _ClassVar[RetryReason]
    RETRY_REASON_AGENT_LOST: _ClassVar[RetryReason]
    RETRY_REASON_NOT_STARTED: _ClassVar[RetryReason]
    RETRY_REASON_BROKER_GONE: _ClassVar[RetryReason]
    RETRY_REASON_NOT_LOADED: _ClassVar[RetryReason]
    RETRY_REASON_INCOMPLETE: _ClassVar[RetryReason]
    RETRY_REASON_TEST_FAILED: _ClassVar[RetryReason]
    RETRY_REASON_REQUIREMENT: _ClassVar[RetryReason]

class CaseOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CASE_ORDER_UNSPECIFIED: _ClassVar[CaseOrder]
    CASE_ORDER_IN_TURN: _ClassVar[CaseOrder]
    CASE_ORDER_RANDOM: _ClassVar[CaseOrder]
    CASE_ORDER_WEIGHT: _ClassVar[CaseOrder]

class ObserverEvent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBSERVER_EVENT_UNSPECIFIED: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_START: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_END: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_AGENT_LOST: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_BEFORE_START: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_AFTER_ATTEMPT: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_SUCCESS: _ClassVar[ObserverEvent]
    OBSERVER_EVENT_FAILURE: _ClassVar[ObserverEvent]

class NotificationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_STATE_UNSPECIFIED: _ClassVar[NotificationState]
    NOTIFICATION_STATE_PENDING: _ClassVar[NotificationState]
    NOTIFICATION_STATE_DELIVERED: _ClassVar[NotificationState]
    NOTIFICATION_STATE_GIVEN_UP: _ClassVar[NotificationState]

class RunnerMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNNER_MODE_UNSPECIFIED: _ClassVar[RunnerMode]
    RUNNER_MODE_ONE_USER: _ClassVar[RunnerMode]
    RUNNER_MODE_ALL_USERS: _ClassVar[RunnerMode]
    RUNNER_MODE_BY_HAND: _ClassVar[RunnerMode]

class LoadUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOAD_UNIT_UNSPECIFIED: _ClassVar[LoadUnit]
    LOAD_UNIT_USERS: _ClassVar[LoadUnit]
    LOAD_UNIT_ARRIVALS: _ClassVar[LoadUnit]

class LoadChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOAD_CHANGE_KIND_UNSPECIFIED: _ClassVar[LoadChangeKind]
    LOAD_CHANGE_KIND_LEVEL: _ClassVar[LoadChangeKind]
    LOAD_CHANGE_KIND_FACTOR: _ClassVar[LoadChangeKind]
    LOAD_CHANGE_KIND_PAUSE: _ClassVar[LoadChangeKind]
    LOAD_CHANGE_KIND_RESUME: _ClassVar[LoadChangeKind]

class Spacing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPACING_UNSPECIFIED: _ClassVar[Spacing]
    SPACING_EVEN: _ClassVar[Spacing]
    SPACING_POISSON: _ClassVar[Spacing]

class LatePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LATE_POLICY_UNSPECIFIED: _ClassVar[LatePolicy]
    LATE_POLICY_QUEUE: _ClassVar[LatePolicy]
    LATE_POLICY_DROP: _ClassVar[LatePolicy]

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_STARTING: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_STOPPING: _ClassVar[RunState]
    RUN_STATE_FINISHED: _ClassVar[RunState]
    RUN_STATE_STOPPED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
    RUN_STATE_SCHEDULED: _ClassVar[RunState]
    RUN_STATE_QUEUED: _ClassVar[RunState]
    RUN_STATE_EXPIRED: _ClassVar[RunState]

class TroubleKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TROUBLE_KIND_UNSPECIFIED: _ClassVar[TroubleKind]
    TROUBLE_KIND_AGENT_LOST: _ClassVar[TroubleKind]
    TROUBLE_KIND_AGENT_UNREACHABLE: _ClassVar[TroubleKind]
    TROUBLE_KIND_STORE_AWAY: _ClassVar[TroubleKind]
    TROUBLE_KIND_SOURCE_SILENT: _ClassVar[TroubleKind]
    TROUBLE_KIND_USERS_WAITING: _ClassVar[TroubleKind]
    TROUBLE_KIND_PREPARING: _ClassVar[TroubleKind]

class ThresholdOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    THRESHOLD_OUTCOME_UNSPECIFIED: _ClassVar[ThresholdOutcome]
    THRESHOLD_OUTCOME_PASS: _ClassVar[ThresholdOutcome]
    THRESHOLD_OUTCOME_FAIL: _ClassVar[ThresholdOutcome]
    THRESHOLD_OUTCOME_NO_DATA: _ClassVar[ThresholdOutcome]

class AssignmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIGNMENT_STATE_UNSPECIFIED: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_STARTING: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_RUNNING: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_FINISHED: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_FINISHED_UNVERIFIED: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_LOAD_FAILED: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_LOST: _ClassVar[AssignmentState]
TEST_ORDER_UNSPECIFIED: TestOrder
TEST_ORDER_WEIGHTED: TestOrder
TEST_ORDER_RANDOM: TestOrder
TEST_ORDER_SEQUENTIAL: TestOrder
RETRY_REASON_UNSPECIFIED: RetryReason
RETRY_REASON_AGENT_LOST: RetryReason
RETRY_REASON_NOT_STARTED: RetryReason
RETRY_REASON_BROKER_GONE: RetryReason
RETRY_REASON_NOT_LOADED: RetryReason
RETRY_REASON_INCOMPLETE: RetryReason
RETRY_REASON_TEST_FAILED: RetryReason
RETRY_REASON_REQUIREMENT: RetryReason
CASE_ORDER_UNSPECIFIED: CaseOrder
CASE_ORDER_IN_TURN: CaseOrder
CASE_ORDER_RANDOM: CaseOrder
CASE_ORDER_WEIGHT: CaseOrder
OBSERVER_EVENT_UNSPECIFIED: ObserverEvent
OBSERVER_EVENT_START: ObserverEvent
OBSERVER_EVENT_END: ObserverEvent
OBSERVER_EVENT_AGENT_LOST: ObserverEvent
OBSERVER_EVENT_BEFORE_START: ObserverEvent
OBSERVER_EVENT_AFTER_ATTEMPT: ObserverEvent
OBSERVER_EVENT_SUCCESS: ObserverEvent
OBSERVER_EVENT_FAILURE: ObserverEvent
NOTIFICATION_STATE_UNSPECIFIED: NotificationState
NOTIFICATION_STATE_PENDING: NotificationState
NOTIFICATION_STATE_DELIVERED: NotificationState
NOTIFICATION_STATE_GIVEN_UP: NotificationState
RUNNER_MODE_UNSPECIFIED: RunnerMode
RUNNER_MODE_ONE_USER: RunnerMode
RUNNER_MODE_ALL_USERS: RunnerMode
RUNNER_MODE_BY_HAND: RunnerMode
LOAD_UNIT_UNSPECIFIED: LoadUnit
LOAD_UNIT_USERS: LoadUnit
LOAD_UNIT_ARRIVALS: LoadUnit
LOAD_CHANGE_KIND_UNSPECIFIED: LoadChangeKind
LOAD_CHANGE_KIND_LEVEL: LoadChangeKind
LOAD_CHANGE_KIND_FACTOR: LoadChangeKind
LOAD_CHANGE_KIND_PAUSE: LoadChangeKind
LOAD_CHANGE_KIND_RESUME: LoadChangeKind
SPACING_UNSPECIFIED: Spacing
SPACING_EVEN: Spacing
SPACING_POISSON: Spacing
LATE_POLICY_UNSPECIFIED: LatePolicy
LATE_POLICY_QUEUE: LatePolicy
LATE_POLICY_DROP: LatePolicy
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_STARTING: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_STOPPING: RunState
RUN_STATE_FINISHED: RunState
RUN_STATE_STOPPED: RunState
RUN_STATE_FAILED: RunState
RUN_STATE_SCHEDULED: RunState
RUN_STATE_QUEUED: RunState
RUN_STATE_EXPIRED: RunState
TROUBLE_KIND_UNSPECIFIED: TroubleKind
TROUBLE_KIND_AGENT_LOST: TroubleKind
TROUBLE_KIND_AGENT_UNREACHABLE: TroubleKind
TROUBLE_KIND_STORE_AWAY: TroubleKind
TROUBLE_KIND_SOURCE_SILENT: TroubleKind
TROUBLE_KIND_USERS_WAITING: TroubleKind
TROUBLE_KIND_PREPARING: TroubleKind
THRESHOLD_OUTCOME_UNSPECIFIED: ThresholdOutcome
THRESHOLD_OUTCOME_PASS: ThresholdOutcome
THRESHOLD_OUTCOME_FAIL: ThresholdOutcome
THRESHOLD_OUTCOME_NO_DATA: ThresholdOutcome
ASSIGNMENT_STATE_UNSPECIFIED: AssignmentState
ASSIGNMENT_STATE_STARTING: AssignmentState
ASSIGNMENT_STATE_RUNNING: AssignmentState
ASSIGNMENT_STATE_FINISHED: AssignmentState
ASSIGNMENT_STATE_FINISHED_UNVERIFIED: AssignmentState
ASSIGNMENT_STATE_LOAD_FAILED: AssignmentState
ASSIGNMENT_STATE_LOST: AssignmentState

class RunSpec(_message.Message):
    __slots__ = ("test", "users", "iterations", "duration", "agents", "split", "spawn_rate", "server_url", "processes", "stop_timeout", "no_dns_resolve", "test_runner", "runner_mode", "silence_timeout", "scenarios", "title", "env", "no_patching", "observers", "project_name", "user_id", "require_coverage", "bundle", "test_dir", "python_deps", "parameters", "unchecked", "cases", "pacing", "think", "thresholds", "load", "stages", "seed", "arrivals", "late", "max_users", "agent_labels", "labels", "retry", "tests", "test_order", "signatures")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Parameter
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Parameter, _Mapping]] = ...) -> None: ...
    TEST_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    SPAWN_RATE_FIELD_NUMBER: _ClassVar[int]
    SERVER_URL_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    STOP_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    NO_DNS_RESOLVE_FIELD_NUMBER: _ClassVar[int]
    TEST_RUNNER_FIELD_NUMBER: _ClassVar[int]
    RUNNER_MODE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SCENARIOS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    NO_PATCHING_FIELD_NUMBER: _ClassVar[int]
    OBSERVERS_FIELD_NUMBER: _ClassVar[int]
    PROJECT_NAME_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    TEST_DIR_FIELD_NUMBER: _ClassVar[int]
    PYTHON_DEPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    UNCHECKED_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    THINK_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    MAX_USERS_FIELD_NUMBER: _ClassVar[int]
    AGENT_LABELS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    TEST_ORDER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    test: str
    users: _containers.RepeatedScalarFieldContainer[int]
    iterations: _containers.RepeatedScalarFieldContainer[int]
    duration: _duration_pb2.Duration
    agents: int
    split: bool
    spawn_rate: float
    server_url: str
    processes: int
    stop_timeout: _duration_pb2.Duration
    no_dns_resolve: bool
    test_runner: str
    runner_mode: RunnerMode
    silence_timeout: _duration_pb2.Duration
    scenarios: _containers.RepeatedCompositeFieldContainer[Scenario]
    title: str
    env: _containers.ScalarMap[str, str]
    no_patching: bool
    observers: _containers.RepeatedCompositeFieldContainer[Observer]
    project_name: str
    user_id: str
    require_coverage: int
    bundle: str
    test_dir: str
    python_deps: _containers.RepeatedScalarFieldContainer[str]
    parameters: _containers.MessageMap[str, Parameter]
    unchecked: bool
    cases: FedCases
    pacing: WaitTime
    think: WaitTime
    thresholds: _containers.RepeatedScalarFieldContainer[str]
    load: str
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    seed: int
    arrivals: Spacing
    late: LatePolicy
    max_users: int
    agent_labels: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    retry: RetryPolicy
    tests: _containers.RepeatedCompositeFieldContainer[WeightedTest]
    test_order: TestOrder
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, test: _Optional[str] = ..., users: _Optional[_Iterable[int]] = ..., iterations: _Optional[_Iterable[int]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., agents: _Optional[int] = ..., split: bool = ..., spawn_rate: _Optional[float] = ..., server_url: _Optional[str] = ..., processes: _Optional[int] = ..., stop_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., no_dns_resolve: bool = ..., test_runner: _Optional[str] = ..., runner_mode: _Optional[_Union[RunnerMode, str]] = ..., silence_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scenarios: _Optional[_Iterable[_Union[Scenario, _Mapping]]] = ..., title: _Optional[str] = ..., env: _Optional[_Mapping[str, str]] = ..., no_patching: bool = ..., observers: _Optional[_Iterable[_Union[Observer, _Mapping]]] = ..., project_name: _Optional[str] = ..., user_id: _Optional[str] = ..., require_coverage: _Optional[int] = ..., bundle: _Optional[str] = ..., test_dir: _Optional[str] = ..., python_deps: _Optional[_Iterable[str]] = ..., parameters: _Optional[_Mapping[str, Parameter]] = ..., unchecked: bool = ..., cases: _Optional[_Union[FedCases, _Mapping]] = ..., pacing: _Optional[_Union[WaitTime, _Mapping]] = ..., think: _Optional[_Union[WaitTime, _Mapping]] = ..., thresholds: _Optional[_Iterable[str]] = ..., load: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., seed: _Optional[int] = ..., arrivals: _Optional[_Union[Spacing, str]] = ..., late: _Optional[_Union[LatePolicy, str]] = ..., max_users: _Optional[int] = ..., agent_labels: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., tests: _Optional[_Iterable[_Union[WeightedTest, _Mapping]]] = ..., test_order: _Optional[_Union[TestOrder, str]] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("public_key", "signature")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    signature: bytes
    def __init__(self, public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class WeightedTest(_message.Message):
    __slots__ = ("test", "weight")
    TEST_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    test: str
    weight: int
    def __init__(self, test: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class WaitTime(_message.Message):
    __slots__ = ("constant", "between", "exponential", "lognormal")
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    BETWEEN_FIELD_NUMBER: _ClassVar[int]
    EXPONENTIAL_FIELD_NUMBER: _ClassVar[int]
    LOGNORMAL_FIELD_NUMBER: _ClassVar[int]
    constant: _duration_pb2.Duration
    between: WaitRange
    exponential: _duration_pb2.Duration
    lognormal: LognormalWait
    def __init__(self, constant: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., between: _Optional[_Union[WaitRange, _Mapping]] = ..., exponential: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lognormal: _Optional[_Union[LognormalWait, _Mapping]] = ...) -> None: ...

class WaitRange(_message.Message):
    __slots__ = ("least", "most")
    LEAST_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    least: _duration_pb2.Duration
    most: _duration_pb2.Duration
    def __init__(self, least: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., most: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LognormalWait(_message.Message):
    __slots__ = ("median", "sigma")
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    SIGMA_FIELD_NUMBER: _ClassVar[int]
    median: _duration_pb2.Duration
    sigma: float
    def __init__(self, median: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., sigma: _Optional[float] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("value", "secret")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    value: str
    secret: bool
    def __init__(self, value: _Optional[str] = ..., secret: bool = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "initial_backoff", "multiplier", "max_backoff", "jitter", "retry_on")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    RETRY_ON_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    initial_backoff: _duration_pb2.Duration
    multiplier: float
    max_backoff: _duration_pb2.Duration
    jitter: bool
    retry_on: _containers.RepeatedScalarFieldContainer[RetryReason]
    def __init__(self, max_attempts: _Optional[int] = ..., initial_backoff: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., multiplier: _Optional[float] = ..., max_backoff: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., jitter: bool = ..., retry_on: _Optional[_Iterable[_Union[RetryReason, str]]] = ...) -> None: ...

class FedCases(_message.Message):
    __slots__ = ("cases", "order", "seed")
    CASES_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    cases: _containers.RepeatedCompositeFieldContainer[FedCase]
    order: CaseOrder
    seed: int
    def __init__(self, cases: _Optional[_Iterable[_Union[FedCase, _Mapping]]] = ..., order: _Optional[_Union[CaseOrder, str]] = ..., seed: _Optional[int] = ...) -> None: ...

class FedCase(_message.Message):
    __slots__ = ("name", "rule", "values", "expected", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    rule: str
    values: _containers.RepeatedCompositeFieldContainer[CaseValue]
    expected: _containers.RepeatedCompositeFieldContainer[CaseValue]
    weight: float
    def __init__(self, name: _Optional[str] = ..., rule: _Optional[str] = ..., values: _Optional[_Iterable[_Union[CaseValue, _Mapping]]] = ..., expected: _Optional[_Iterable[_Union[CaseValue, _Mapping]]] = ..., weight: _Optional[float] = ...) -> None: ...

class CaseValue(_message.Message):
    __slots__ = ("name", "text", "whole", "number", "flag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    whole: int
    number: float
    flag: bool
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., whole: _Optional[int] = ..., number: _Optional[float] = ..., flag: bool = ...) -> None: ...

class Observer(_message.Message):
    __slots__ = ("name", "settings", "events")
    class SettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    settings: _containers.ScalarMap[str, str]
    events: _containers.RepeatedScalarFieldContainer[ObserverEvent]
    def __init__(self, name: _Optional[str] = ..., settings: _Optional[_Mapping[str, str]] = ..., events: _Optional[_Iterable[_Union[ObserverEvent, str]]] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("observer", "event", "change", "state", "tries", "reason", "time")
    OBSERVER_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRIES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    observer: str
    event: ObserverEvent
    change: int
    state: NotificationState
    tries: int
    reason: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, observer: _Optional[str] = ..., event: _Optional[_Union[ObserverEvent, str]] = ..., change: _Optional[int] = ..., state: _Optional[_Union[NotificationState, str]] = ..., tries: _Optional[int] = ..., reason: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("unit", "hold", "ramp", "sine", "steps")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    RAMP_FIELD_NUMBER: _ClassVar[int]
    SINE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    unit: LoadUnit
    hold: HoldStage
    ramp: RampStage
    sine: SineStage
    steps: StepsStage
    def __init__(self, unit: _Optional[_Union[LoadUnit, str]] = ..., hold: _Optional[_Union[HoldStage, _Mapping]] = ..., ramp: _Optional[_Union[RampStage, _Mapping]] = ..., sine: _Optional[_Union[SineStage, _Mapping]] = ..., steps: _Optional[_Union[StepsStage, _Mapping]] = ...) -> None: ...

class HoldStage(_message.Message):
    __slots__ = ("level", "duration")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    level: float
    duration: _duration_pb2.Duration
    def __init__(self, level: _Optional[float] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RampStage(_message.Message):
    __slots__ = ("start", "end", "duration")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    start: float
    end: float
    duration: _duration_pb2.Duration
    def __init__(self, start: _Optional[float] = ..., end: _Optional[float] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SineStage(_message.Message):
    __slots__ = ("low", "high", "period", "duration")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    period: _duration_pb2.Duration
    duration: _duration_pb2.Duration
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ..., period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StepsStage(_message.Message):
    __slots__ = ("levels", "each")
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    EACH_FIELD_NUMBER: _ClassVar[int]
    levels: _containers.RepeatedScalarFieldContainer[float]
    each: _duration_pb2.Duration
    def __init__(self, levels: _Optional[_Iterable[float]] = ..., each: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LoadChange(_message.Message):
    __slots__ = ("at", "kind", "value")
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    at: _duration_pb2.Duration
    kind: LoadChangeKind
    value: float
    def __init__(self, at: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., kind: _Optional[_Union[LoadChangeKind, str]] = ..., value: _Optional[float] = ...) -> None: ...

class Scenario(_message.Message):
    __slots__ = ("name", "test", "users", "iterations", "duration", "spawn_rate", "server_url", "processes", "test_runner", "runner_mode", "silence_timeout", "pacing", "think", "parameters", "load", "stages", "arrivals", "late", "max_users", "tests", "test_order", "cases")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Parameter
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Parameter, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    SPAWN_RATE_FIELD_NUMBER: _ClassVar[int]
    SERVER_URL_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    TEST_RUNNER_FIELD_NUMBER: _ClassVar[int]
    RUNNER_MODE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    THINK_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    MAX_USERS_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    TEST_ORDER_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    name: str
    test: str
    users: _containers.RepeatedScalarFieldContainer[int]
    iterations: _containers.RepeatedScalarFieldContainer[int]
    duration: _duration_pb2.Duration
    spawn_rate: float
    server_url: str
    processes: int
    test_runner: str
    runner_mode: RunnerMode
    silence_timeout: _duration_pb2.Duration
    pacing: WaitTime
    think: WaitTime
    parameters: _containers.MessageMap[str, Parameter]
    load: str
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    arrivals: Spacing
    late: LatePolicy
    max_users: int
    tests: _containers.RepeatedCompositeFieldContainer[WeightedTest]
    test_order: TestOrder
    cases: FedCases
    def __init__(self, name: _Optional[str] = ..., test: _Optional[str] = ..., users: _Optional[_Iterable[int]] = ..., iterations: _Optional[_Iterable[int]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., spawn_rate: _Optional[float] = ..., server_url: _Optional[str] = ..., processes: _Optional[int] = ..., test_runner: _Optional[str] = ..., runner_mode: _Optional[_Union[RunnerMode, str]] = ..., silence_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., pacing: _Optional[_Union[WaitTime, _Mapping]] = ..., think: _Optional[_Union[WaitTime, _Mapping]] = ..., parameters: _Optional[_Mapping[str, Parameter]] = ..., load: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., arrivals: _Optional[_Union[Spacing, str]] = ..., late: _Optional[_Union[LatePolicy, str]] = ..., max_users: _Optional[int] = ..., tests: _Optional[_Iterable[_Union[WeightedTest, _Mapping]]] = ..., test_order: _Optional[_Union[TestOrder, str]] = ..., cases: _Optional[_Union[FedCases, _Mapping]] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("run_id", "state", "reason", "plan", "create_time", "start_time", "end_time", "agent_ids", "troubles", "verdict", "due_time", "expire_time", "priority", "waiting", "attempt", "attempts")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    state: RunState
    reason: str
    plan: RunSpec
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    agent_ids: _containers.RepeatedScalarFieldContainer[str]
    troubles: _containers.RepeatedCompositeFieldContainer[Trouble]
    verdict: Verdict
    due_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    priority: int
    waiting: Waiting
    attempt: int
    attempts: _containers.RepeatedCompositeFieldContainer[RunAttempt]
    def __init__(self, run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., reason: _Optional[str] = ..., plan: _Optional[_Union[RunSpec, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agent_ids: _Optional[_Iterable[str]] = ..., troubles: _Optional[_Iterable[_Union[Trouble, _Mapping]]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., priority: _Optional[int] = ..., waiting: _Optional[_Union[Waiting, _Mapping]] = ..., attempt: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[RunAttempt, _Mapping]]] = ...) -> None: ...

class Waiting(_message.Message):
    __slots__ = ("position", "length", "reason", "agents")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    position: int
    length: int
    reason: str
    agents: int
    def __init__(self, position: _Optional[int] = ..., length: _Optional[int] = ..., reason: _Optional[str] = ..., agents: _Optional[int] = ...) -> None: ...

class RunAttempt(_message.Message):
    __slots__ = ("attempt", "state", "reason", "verdict", "start_time", "end_time", "agent_ids")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    state: RunState
    reason: str
    verdict: Verdict
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    agent_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, attempt: _Optional[int] = ..., state: _Optional[_Union[RunState, str]] = ..., reason: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agent_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Trouble(_message.Message):
    __slots__ = ("kind", "agent_id", "message", "since", "until")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    kind: TroubleKind
    agent_id: str
    message: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[TroubleKind, str]] = ..., agent_id: _Optional[str] = ..., message: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__ = ("run_id", "state", "reason", "verdict", "plan", "create_time", "start_time", "end_time", "duration", "hits", "iterations", "names", "failures", "errors", "hit_errors", "agents", "counters", "accounting", "generator", "scenarios", "tests", "users", "cycles", "sockets", "troubles", "data", "notifications", "cases", "coverage", "output", "custom_states", "checks", "transactions", "measurements", "gauges", "tags", "thresholds", "attempt", "attempts")
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    HIT_ERRORS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTING_FIELD_NUMBER: _ClassVar[int]
    GENERATOR_FIELD_NUMBER: _ClassVar[int]
    SCENARIOS_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    CYCLES_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATES_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    state: RunState
    reason: str
    verdict: Verdict
    plan: RunSpec
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    hits: HitFigures
    iterations: IterationFigures
    names: _containers.RepeatedCompositeFieldContainer[NameFigures]
    failures: _containers.RepeatedCompositeFieldContainer[IterationErrorGroup]
    errors: _containers.RepeatedCompositeFieldContainer[IterationErrorGroup]
    hit_errors: _containers.RepeatedCompositeFieldContainer[HitErrorGroup]
    agents: _containers.RepeatedCompositeFieldContainer[AgentFigures]
    counters: _containers.ScalarMap[str, int]
    accounting: Accounting
    generator: GeneratorFigures
    scenarios: _containers.RepeatedCompositeFieldContainer[ScenarioFigures]
    tests: _containers.RepeatedCompositeFieldContainer[TestFigures]
    users: UserFigures
    cycles: _containers.RepeatedCompositeFieldContainer[CycleFigures]
    sockets: SocketSummary
    troubles: _containers.RepeatedCompositeFieldContainer[Trouble]
    data: _containers.RepeatedCompositeFieldContainer[DataFigures]
    notifications: _containers.RepeatedCompositeFieldContainer[Notification]
    cases: _containers.RepeatedCompositeFieldContainer[CaseFigures]
    coverage: CoverageFigures
    output: OutputFigures
    custom_states: _containers.RepeatedCompositeFieldContainer[ReportedState]
    checks: _containers.RepeatedCompositeFieldContainer[CheckFigures]
    transactions: _containers.RepeatedCompositeFieldContainer[TransactionFigures]
    measurements: _containers.RepeatedCompositeFieldContainer[MeasurementFigures]
    gauges: _containers.RepeatedCompositeFieldContainer[GaugeFigures]
    tags: _containers.RepeatedCompositeFieldContainer[TagFigures]
    thresholds: _containers.RepeatedCompositeFieldContainer[ThresholdResult]
    attempt: int
    attempts: _containers.RepeatedCompositeFieldContainer[RunAttempt]
    def __init__(self, run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., reason: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., plan: _Optional[_Union[RunSpec, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ..., iterations: _Optional[_Union[IterationFigures, _Mapping]] = ..., names: _Optional[_Iterable[_Union[NameFigures, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[IterationErrorGroup, _Mapping]]] = ..., errors: _Optional[_Iterable[_Union[IterationErrorGroup, _Mapping]]] = ..., hit_errors: _Optional[_Iterable[_Union[HitErrorGroup, _Mapping]]] = ..., agents: _Optional[_Iterable[_Union[AgentFigures, _Mapping]]] = ..., counters: _Optional[_Mapping[str, int]] = ..., accounting: _Optional[_Union[Accounting, _Mapping]] = ..., generator: _Optional[_Union[GeneratorFigures, _Mapping]] = ..., scenarios: _Optional[_Iterable[_Union[ScenarioFigures, _Mapping]]] = ..., tests: _Optional[_Iterable[_Union[TestFigures, _Mapping]]] = ..., users: _Optional[_Union[UserFigures, _Mapping]] = ..., cycles: _Optional[_Iterable[_Union[CycleFigures, _Mapping]]] = ..., sockets: _Optional[_Union[SocketSummary, _Mapping]] = ..., troubles: _Optional[_Iterable[_Union[Trouble, _Mapping]]] = ..., data: _Optional[_Iterable[_Union[DataFigures, _Mapping]]] = ..., notifications: _Optional[_Iterable[_Union[Notification, _Mapping]]] = ..., cases: _Optional[_Iterable[_Union[CaseFigures, _Mapping]]] = ..., coverage: _Optional[_Union[CoverageFigures, _Mapping]] = ..., output: _Optional[_Union[OutputFigures, _Mapping]] = ..., custom_states: _Optional[_Iterable[_Union[ReportedState, _Mapping]]] = ..., checks: _Optional[_Iterable[_Union[CheckFigures, _Mapping]]] = ..., transactions: _Optional[_Iterable[_Union[TransactionFigures, _Mapping]]] = ..., measurements: _Optional[_Iterable[_Union[MeasurementFigures, _Mapping]]] = ..., gauges: _Optional[_Iterable[_Union[GaugeFigures, _Mapping]]] = ..., tags: _Optional[_Iterable[_Union[TagFigures, _Mapping]]] = ..., thresholds: _Optional[_Iterable[_Union[ThresholdResult, _Mapping]]] = ..., attempt: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[RunAttempt, _Mapping]]] = ...) -> None: ...

class TagFigures(_message.Message):
    __slots__ = ("name", "value", "hits", "scenario")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    hits: HitFigures
    scenario: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ..., scenario: _Optional[str] = ...) -> None: ...

class CheckFigures(_message.Message):
    __slots__ = ("name", "passed", "failed", "scenario")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    name: str
    passed: int
    failed: int
    scenario: str
    def __init__(self, name: _Optional[str] = ..., passed: _Optional[int] = ..., failed: _Optional[int] = ..., scenario: _Optional[str] = ...) -> None: ...

class TransactionFigures(_message.Message):
    __slots__ = ("name", "count", "failed", "rate", "elapsed", "scenario")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    failed: int
    rate: float
    elapsed: ElapsedFigures
    scenario: str
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ..., failed: _Optional[int] = ..., rate: _Optional[float] = ..., elapsed: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., scenario: _Optional[str] = ...) -> None: ...

class MeasurementFigures(_message.Message):
    __slots__ = ("name", "count", "avg", "min", "p50", "p90", "p95", "p99", "max", "scenario")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    avg: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    scenario: str
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ..., avg: _Optional[float] = ..., min: _Optional[float] = ..., p50: _Optional[float] = ..., p90: _Optional[float] = ..., p95: _Optional[float] = ..., p99: _Optional[float] = ..., max: _Optional[float] = ..., scenario: _Optional[str] = ...) -> None: ...

class GaugeFigures(_message.Message):
    __slots__ = ("name", "last", "min", "max", "scenario")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    name: str
    last: float
    min: float
    max: float
    scenario: str
    def __init__(self, name: _Optional[str] = ..., last: _Optional[float] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., scenario: _Optional[str] = ...) -> None: ...

class ReportedState(_message.Message):
    __slots__ = ("state", "agent_id", "scenario", "time")
    STATE_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    state: _event_pb2.CustomState
    agent_id: str
    scenario: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[_event_pb2.CustomState, _Mapping]] = ..., agent_id: _Optional[str] = ..., scenario: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ThresholdResult(_message.Message):
    __slots__ = ("threshold", "outcome", "failed", "value", "limit", "unit", "count", "window_start", "window_length", "windows", "windows_failed", "aborted", "near", "message", "failed_spans")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_START_FIELD_NUMBER: _ClassVar[int]
    WINDOW_LENGTH_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FAILED_FIELD_NUMBER: _ClassVar[int]
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    NEAR_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAILED_SPANS_FIELD_NUMBER: _ClassVar[int]
    threshold: str
    outcome: ThresholdOutcome
    failed: bool
    value: float
    limit: float
    unit: str
    count: int
    window_start: _timestamp_pb2.Timestamp
    window_length: _duration_pb2.Duration
    windows: int
    windows_failed: int
    aborted: bool
    near: _containers.RepeatedScalarFieldContainer[str]
    message: str
    failed_spans: _containers.RepeatedCompositeFieldContainer[FailedSpan]
    def __init__(self, threshold: _Optional[str] = ..., outcome: _Optional[_Union[ThresholdOutcome, str]] = ..., failed: bool = ..., value: _Optional[float] = ..., limit: _Optional[float] = ..., unit: _Optional[str] = ..., count: _Optional[int] = ..., window_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., window_length: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., windows: _Optional[int] = ..., windows_failed: _Optional[int] = ..., aborted: bool = ..., near: _Optional[_Iterable[str]] = ..., message: _Optional[str] = ..., failed_spans: _Optional[_Iterable[_Union[FailedSpan, _Mapping]]] = ...) -> None: ...

class FailedSpan(_message.Message):
    __slots__ = ("start", "length", "windows", "between")
    START_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    BETWEEN_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    length: _duration_pb2.Duration
    windows: int
    between: _duration_pb2.Duration
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., length: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., windows: _Optional[int] = ..., between: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TestFigures(_message.Message):
    __slots__ = ("test", "scenario", "iterations", "iteration_time", "user_fixture", "errors")
    TEST_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    ITERATION_TIME_FIELD_NUMBER: _ClassVar[int]
    USER_FIXTURE_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    test: str
    scenario: str
    iterations: IterationFigures
    iteration_time: ElapsedFigures
    user_fixture: _event_pb2.UserFixture
    errors: _containers.RepeatedCompositeFieldContainer[IterationErrorGroup]
    def __init__(self, test: _Optional[str] = ..., scenario: _Optional[str] = ..., iterations: _Optional[_Union[IterationFigures, _Mapping]] = ..., iteration_time: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., user_fixture: _Optional[_Union[_event_pb2.UserFixture, str]] = ..., errors: _Optional[_Iterable[_Union[IterationErrorGroup, _Mapping]]] = ...) -> None: ...

class CaseFigures(_message.Message):
    __slots__ = ("case", "scenario", "iterations", "iteration_time", "hits")
    CASE_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    ITERATION_TIME_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    case: str
    scenario: str
    iterations: IterationFigures
    iteration_time: ElapsedFigures
    hits: HitFigures
    def __init__(self, case: _Optional[str] = ..., scenario: _Optional[str] = ..., iterations: _Optional[_Union[IterationFigures, _Mapping]] = ..., iteration_time: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ...) -> None: ...

class CoverageFigures(_message.Message):
    __slots__ = ("rules", "exercised")
    RULES_FIELD_NUMBER: _ClassVar[int]
    EXERCISED_FIELD_NUMBER: _ClassVar[int]
    rules: int
    exercised: int
    def __init__(self, rules: _Optional[int] = ..., exercised: _Optional[int] = ...) -> None: ...

class DataFigures(_message.Message):
    __slots__ = ("file", "mode", "rows", "taken", "repeated", "refused", "stopped", "scenario", "differs")
    FILE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    file: str
    mode: _event_pb2.DataMode
    rows: int
    taken: int
    repeated: int
    refused: int
    stopped: int
    scenario: str
    differs: bool
    def __init__(self, file: _Optional[str] = ..., mode: _Optional[_Union[_event_pb2.DataMode, str]] = ..., rows: _Optional[int] = ..., taken: _Optional[int] = ..., repeated: _Optional[int] = ..., refused: _Optional[int] = ..., stopped: _Optional[int] = ..., scenario: _Optional[str] = ..., differs: bool = ...) -> None: ...

class OutputFigures(_message.Message):
    __slots__ = ("lines", "left_out")
    LINES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    lines: int
    left_out: int
    def __init__(self, lines: _Optional[int] = ..., left_out: _Optional[int] = ...) -> None: ...

class CycleFigures(_message.Message):
    __slots__ = ("cycle", "users", "duration", "hits", "start_time", "scenarios")
    CYCLE_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    SCENARIOS_FIELD_NUMBER: _ClassVar[int]
    cycle: int
    users: int
    duration: _duration_pb2.Duration
    hits: HitFigures
    start_time: _timestamp_pb2.Timestamp
    scenarios: _containers.RepeatedCompositeFieldContainer[CycleScenarioFigures]
    def __init__(self, cycle: _Optional[int] = ..., users: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scenarios: _Optional[_Iterable[_Union[CycleScenarioFigures, _Mapping]]] = ...) -> None: ...

class CycleScenarioFigures(_message.Message):
    __slots__ = ("name", "users", "duration", "hits")
    NAME_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    users: int
    duration: _duration_pb2.Duration
    hits: HitFigures
    def __init__(self, name: _Optional[str] = ..., users: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ...) -> None: ...

class ScenarioFigures(_message.Message):
    __slots__ = ("name", "test", "hits", "iterations", "users")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    test: str
    hits: HitFigures
    iterations: IterationFigures
    users: UserFigures
    def __init__(self, name: _Optional[str] = ..., test: _Optional[str] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ..., iterations: _Optional[_Union[IterationFigures, _Mapping]] = ..., users: _Optional[_Union[UserFigures, _Mapping]] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("exit_code", "reason")
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    exit_code: int
    reason: str
    def __init__(self, exit_code: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class HitFigures(_message.Message):
    __slots__ = ("count", "failed", "rate", "elapsed", "bytes_sent", "bytes_received", "response")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    count: int
    failed: int
    rate: float
    elapsed: ElapsedFigures
    bytes_sent: int
    bytes_received: int
    response: ElapsedFigures
    def __init__(self, count: _Optional[int] = ..., failed: _Optional[int] = ..., rate: _Optional[float] = ..., elapsed: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., response: _Optional[_Union[ElapsedFigures, _Mapping]] = ...) -> None: ...

class ElapsedFigures(_message.Message):
    __slots__ = ("avg", "min", "p50", "p90", "p95", "p99", "max")
    AVG_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    avg: _duration_pb2.Duration
    min: _duration_pb2.Duration
    p50: _duration_pb2.Duration
    p90: _duration_pb2.Duration
    p95: _duration_pb2.Duration
    p99: _duration_pb2.Duration
    max: _duration_pb2.Duration
    def __init__(self, avg: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p50: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p90: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p99: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class IterationFigures(_message.Message):
    __slots__ = ("started", "success", "failure", "error", "interrupted", "planned", "dropped", "not_yet", "late", "lateness", "elapsed", "response", "waiting", "not_started", "users", "max_users")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    NOT_YET_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    LATENESS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    NOT_STARTED_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    MAX_USERS_FIELD_NUMBER: _ClassVar[int]
    started: int
    success: int
    failure: int
    error: int
    interrupted: int
    planned: int
    dropped: int
    not_yet: int
    late: int
    lateness: ElapsedFigures
    elapsed: ElapsedFigures
    response: ElapsedFigures
    waiting: int
    not_started: _containers.RepeatedCompositeFieldContainer[NotStarted]
    users: int
    max_users: int
    def __init__(self, started: _Optional[int] = ..., success: _Optional[int] = ..., failure: _Optional[int] = ..., error: _Optional[int] = ..., interrupted: _Optional[int] = ..., planned: _Optional[int] = ..., dropped: _Optional[int] = ..., not_yet: _Optional[int] = ..., late: _Optional[int] = ..., lateness: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., elapsed: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., response: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., waiting: _Optional[int] = ..., not_started: _Optional[_Iterable[_Union[NotStarted, _Mapping]]] = ..., users: _Optional[int] = ..., max_users: _Optional[int] = ...) -> None: ...

class NotStarted(_message.Message):
    __slots__ = ("reason", "count")
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    count: int
    def __init__(self, reason: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class UserFigures(_message.Message):
    __slots__ = ("planned", "started", "unknown")
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    planned: int
    started: int
    unknown: int
    def __init__(self, planned: _Optional[int] = ..., started: _Optional[int] = ..., unknown: _Optional[int] = ...) -> None: ...

class SocketFigures(_message.Message):
    __slots__ = ("opened", "closed", "broken", "messages_sent", "messages_received", "bytes_sent", "bytes_received", "sent_rate", "received_rate", "gaps")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_SENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SENT_RATE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_RATE_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    opened: int
    closed: int
    broken: int
    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int
    sent_rate: float
    received_rate: float
    gaps: ElapsedFigures
    def __init__(self, opened: _Optional[int] = ..., closed: _Optional[int] = ..., broken: _Optional[int] = ..., messages_sent: _Optional[int] = ..., messages_received: _Optional[int] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., sent_rate: _Optional[float] = ..., received_rate: _Optional[float] = ..., gaps: _Optional[_Union[ElapsedFigures, _Mapping]] = ...) -> None: ...

class SocketNameFigures(_message.Message):
    __slots__ = ("name", "protocol", "scenario", "sockets")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    name: str
    protocol: str
    scenario: str
    sockets: SocketFigures
    def __init__(self, name: _Optional[str] = ..., protocol: _Optional[str] = ..., scenario: _Optional[str] = ..., sockets: _Optional[_Union[SocketFigures, _Mapping]] = ...) -> None: ...

class SocketSummary(_message.Message):
    __slots__ = ("total", "names")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    total: SocketFigures
    names: _containers.RepeatedCompositeFieldContainer[SocketNameFigures]
    def __init__(self, total: _Optional[_Union[SocketFigures, _Mapping]] = ..., names: _Optional[_Iterable[_Union[SocketNameFigures, _Mapping]]] = ...) -> None: ...

class NameFigures(_message.Message):
    __slots__ = ("name", "method", "hits", "statuses", "scenario", "protocol", "failed_statuses", "retries")
    class StatusesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    class FailedStatusesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FAILED_STATUSES_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    method: str
    hits: HitFigures
    statuses: _containers.ScalarMap[int, int]
    scenario: str
    protocol: str
    failed_statuses: _containers.ScalarMap[int, int]
    retries: int
    def __init__(self, name: _Optional[str] = ..., method: _Optional[str] = ..., hits: _Optional[_Union[HitFigures, _Mapping]] = ..., statuses: _Optional[_Mapping[int, int]] = ..., scenario: _Optional[str] = ..., protocol: _Optional[str] = ..., failed_statuses: _Optional[_Mapping[int, int]] = ..., retries: _Optional[int] = ...) -> None: ...

class IterationErrorGroup(_message.Message):
    __slots__ = ("count", "test", "exception")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    count: int
    test: str
    exception: _event_pb2.ExceptionInfo
    def __init__(self, count: _Optional[int] = ..., test: _Optional[str] = ..., exception: _Optional[_Union[_event_pb2.ExceptionInfo, _Mapping]] = ...) -> None: ...

class HitErrorGroup(_message.Message):
    __slots__ = ("count", "name", "method", "error", "error_message")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    count: int
    name: str
    method: str
    error: _event_pb2.HitError
    error_message: str
    def __init__(self, count: _Optional[int] = ..., name: _Optional[str] = ..., method: _Optional[str] = ..., error: _Optional[_Union[_event_pb2.HitError, str]] = ..., error_message: _Optional[str] = ...) -> None: ...

class AgentFigures(_message.Message):
    __slots__ = ("agent_id", "hostname", "hits", "iterations", "state", "reason", "load_error", "generator", "users", "end_time", "clock_offset", "all_users", "planned_iterations")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LOAD_ERROR_FIELD_NUMBER: _ClassVar[int]
    GENERATOR_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    CLOCK_OFFSET_FIELD_NUMBER: _ClassVar[int]
    ALL_USERS_FIELD_NUMBER: _ClassVar[int]
    PLANNED_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    hostname: str
    hits: int
    iterations: int
    state: AssignmentState
    reason: str
    load_error: _event_pb2.ExceptionInfo
    generator: GeneratorFigures
    users: int
    end_time: _timestamp_pb2.Timestamp
    clock_offset: _duration_pb2.Duration
    all_users: UserFigures
    planned_iterations: int
    def __init__(self, agent_id: _Optional[str] = ..., hostname: _Optional[str] = ..., hits: _Optional[int] = ..., iterations: _Optional[int] = ..., state: _Optional[_Union[AssignmentState, str]] = ..., reason: _Optional[str] = ..., load_error: _Optional[_Union[_event_pb2.ExceptionInfo, _Mapping]] = ..., generator: _Optional[_Union[GeneratorFigures, _Mapping]] = ..., users: _Optional[int] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., clock_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., all_users: _Optional[_Union[UserFigures, _Mapping]] = ..., planned_iterations: _Optional[int] = ...) -> None: ...

class GeneratorFigures(_message.Message):
    __slots__ = ("saturated", "saturated_time", "watched_time", "lag", "worst_lag", "worst_lag_time", "cpu", "worst_cpu", "gc_pauses", "gc_time", "gc_max", "at_limit_time", "machine_busy_time", "worst_other_cpu", "worst_steal")
    SATURATED_FIELD_NUMBER: _ClassVar[int]
    SATURATED_TIME_FIELD_NUMBER: _ClassVar[int]
    WATCHED_TIME_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    WORST_LAG_FIELD_NUMBER: _ClassVar[int]
    WORST_LAG_TIME_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    WORST_CPU_FIELD_NUMBER: _ClassVar[int]
    GC_PAUSES_FIELD_NUMBER: _ClassVar[int]
    GC_TIME_FIELD_NUMBER: _ClassVar[int]
    GC_MAX_FIELD_NUMBER: _ClassVar[int]
    AT_LIMIT_TIME_FIELD_NUMBER: _ClassVar[int]
    MACHINE_BUSY_TIME_FIELD_NUMBER: _ClassVar[int]
    WORST_OTHER_CPU_FIELD_NUMBER: _ClassVar[int]
    WORST_STEAL_FIELD_NUMBER: _ClassVar[int]
    saturated: bool
    saturated_time: _duration_pb2.Duration
    watched_time: _duration_pb2.Duration
    lag: ElapsedFigures
    worst_lag: _duration_pb2.Duration
    worst_lag_time: _timestamp_pb2.Timestamp
    cpu: float
    worst_cpu: float
    gc_pauses: int
    gc_time: _duration_pb2.Duration
    gc_max: _duration_pb2.Duration
    at_limit_time: _duration_pb2.Duration
    machine_busy_time: _duration_pb2.Duration
    worst_other_cpu: float
    worst_steal: float
    def __init__(self, saturated: bool = ..., saturated_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., watched_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lag: _Optional[_Union[ElapsedFigures, _Mapping]] = ..., worst_lag: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., worst_lag_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cpu: _Optional[float] = ..., worst_cpu: _Optional[float] = ..., gc_pauses: _Optional[int] = ..., gc_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., gc_max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., at_limit_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., machine_busy_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., worst_other_cpu: _Optional[float] = ..., worst_steal: _Optional[float] = ...) -> None: ...

class Accounting(_message.Message):
    __slots__ = ("committed", "duplicates", "rejected", "lost", "losses", "mismatches", "rejections")
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    MISMATCHES_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    committed: int
    duplicates: int
    rejected: int
    lost: int
    losses: _containers.RepeatedCompositeFieldContainer[Loss]
    mismatches: _containers.RepeatedScalarFieldContainer[str]
    rejections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, committed: _Optional[int] = ..., duplicates: _Optional[int] = ..., rejected: _Optional[int] = ..., lost: _Optional[int] = ..., losses: _Optional[_Iterable[_Union[Loss, _Mapping]]] = ..., mismatches: _Optional[_Iterable[str]] = ..., rejections: _Optional[_Iterable[str]] = ...) -> None: ...

class Loss(_message.Message):
    __slots__ = ("reason", "count", "at_least", "agent_id", "hits")
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AT_LEAST_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    count: int
    at_least: bool
    agent_id: str
    hits: int
    def __init__(self, reason: _Optional[str] = ..., count: _Optional[int] = ..., at_least: bool = ..., agent_id: _Optional[str] = ..., hits: _Optional[int] = ...) -> None: ...
