import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from loadgrpc.v1 import control_pb2 as _control_pb2
from loadgrpc.v1 import run_pb2 as _run_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StepGate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_GATE_UNSPECIFIED: _ClassVar[StepGate]
    STEP_GATE_PASSED: _ClassVar[StepGate]
    STEP_GATE_FAILED: _ClassVar[StepGate]
    STEP_GATE_OVER: _ClassVar[StepGate]

class StepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_STATE_UNSPECIFIED: _ClassVar[StepState]
    STEP_STATE_WAITING: _ClassVar[StepState]
    STEP_STATE_READY: _ClassVar[StepState]
    STEP_STATE_RUNNING: _ClassVar[StepState]
    STEP_STATE_STOPPING: _ClassVar[StepState]
    STEP_STATE_REPLACING: _ClassVar[StepState]
    STEP_STATE_PASSED: _ClassVar[StepState]
    STEP_STATE_FAILED: _ClassVar[StepState]
    STEP_STATE_SKIPPED: _ClassVar[StepState]
    STEP_STATE_CANCELLED: _ClassVar[StepState]

class CampaignState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAMPAIGN_STATE_UNSPECIFIED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_RUNNING: _ClassVar[CampaignState]
    CAMPAIGN_STATE_STOPPING: _ClassVar[CampaignState]
    CAMPAIGN_STATE_FINISHED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_STOPPED: _ClassVar[CampaignState]
STEP_GATE_UNSPECIFIED: StepGate
STEP_GATE_PASSED: StepGate
STEP_GATE_FAILED: StepGate
STEP_GATE_OVER: StepGate
STEP_STATE_UNSPECIFIED: StepState
STEP_STATE_WAITING: StepState
STEP_STATE_READY: StepState
STEP_STATE_RUNNING: StepState
STEP_STATE_STOPPING: StepState
STEP_STATE_REPLACING: StepState
STEP_STATE_PASSED: StepState
STEP_STATE_FAILED: StepState
STEP_STATE_SKIPPED: StepState
STEP_STATE_CANCELLED: StepState
CAMPAIGN_STATE_UNSPECIFIED: CampaignState
CAMPAIGN_STATE_RUNNING: CampaignState
CAMPAIGN_STATE_STOPPING: CampaignState
CAMPAIGN_STATE_FINISHED: CampaignState
CAMPAIGN_STATE_STOPPED: CampaignState

class After(_message.Message):
    __slots__ = ("step", "gate", "exit_codes")
    STEP_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODES_FIELD_NUMBER: _ClassVar[int]
    step: str
    gate: StepGate
    exit_codes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, step: _Optional[str] = ..., gate: _Optional[_Union[StepGate, str]] = ..., exit_codes: _Optional[_Iterable[int]] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("name", "after", "any_of", "plan", "observer", "results")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OBSERVER_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    after: _containers.RepeatedCompositeFieldContainer[After]
    any_of: bool
    plan: _run_pb2.RunSpec
    observer: _run_pb2.Observer
    results: bool
    def __init__(self, name: _Optional[str] = ..., after: _Optional[_Iterable[_Union[After, _Mapping]]] = ..., any_of: bool = ..., plan: _Optional[_Union[_run_pb2.RunSpec, _Mapping]] = ..., observer: _Optional[_Union[_run_pb2.Observer, _Mapping]] = ..., results: bool = ...) -> None: ...

class CampaignSpec(_message.Message):
    __slots__ = ("steps", "title", "start_timeout")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    START_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    title: str
    start_timeout: _duration_pb2.Duration
    def __init__(self, steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., title: _Optional[str] = ..., start_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StepResult(_message.Message):
    __slots__ = ("state", "verdict", "duration", "hits", "iterations")
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    state: _run_pb2.RunState
    verdict: _run_pb2.Verdict
    duration: _duration_pb2.Duration
    hits: _run_pb2.HitFigures
    iterations: _run_pb2.IterationFigures
    def __init__(self, state: _Optional[_Union[_run_pb2.RunState, str]] = ..., verdict: _Optional[_Union[_run_pb2.Verdict, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., hits: _Optional[_Union[_run_pb2.HitFigures, _Mapping]] = ..., iterations: _Optional[_Union[_run_pb2.IterationFigures, _Mapping]] = ...) -> None: ...

class StepStatus(_message.Message):
    __slots__ = ("name", "state", "time", "reason", "run_id", "replaced", "generation", "result")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: StepState
    time: _timestamp_pb2.Timestamp
    reason: str
    run_id: str
    replaced: _containers.RepeatedScalarFieldContainer[str]
    generation: int
    result: StepResult
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[StepState, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., run_id: _Optional[str] = ..., replaced: _Optional[_Iterable[str]] = ..., generation: _Optional[int] = ..., result: _Optional[_Union[StepResult, _Mapping]] = ...) -> None: ...

class Campaign(_message.Message):
    __slots__ = ("campaign_id", "spec", "state", "reason", "create_time", "end_time", "steps", "verdict", "sequence")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    spec: CampaignSpec
    state: CampaignState
    reason: str
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    steps: _containers.RepeatedCompositeFieldContainer[StepStatus]
    verdict: _run_pb2.Verdict
    sequence: int
    def __init__(self, campaign_id: _Optional[str] = ..., spec: _Optional[_Union[CampaignSpec, _Mapping]] = ..., state: _Optional[_Union[CampaignState, str]] = ..., reason: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[StepStatus, _Mapping]]] = ..., verdict: _Optional[_Union[_run_pb2.Verdict, _Mapping]] = ..., sequence: _Optional[int] = ...) -> None: ...

class StartCampaignRequest(_message.Message):
    __slots__ = ("campaign", "request_id")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    campaign: CampaignSpec
    request_id: str
    def __init__(self, campaign: _Optional[_Union[CampaignSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StartCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class GetCampaignRequest(_message.Message):
    __slots__ = ("campaign_id",)
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    def __init__(self, campaign_id: _Optional[str] = ...) -> None: ...

class GetCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class ListCampaignsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCampaignsResponse(_message.Message):
    __slots__ = ("campaigns", "next_page_token")
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    campaigns: _containers.RepeatedCompositeFieldContainer[Campaign]
    next_page_token: str
    def __init__(self, campaigns: _Optional[_Iterable[_Union[Campaign, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchCampaignRequest(_message.Message):
    __slots__ = ("campaign_id", "after")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    after: int
    def __init__(self, campaign_id: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class WatchCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class StopCampaignRequest(_message.Message):
    __slots__ = ("campaign_id", "mode")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    mode: _control_pb2.StopMode
    def __init__(self, campaign_id: _Optional[str] = ..., mode: _Optional[_Union[_control_pb2.StopMode, str]] = ...) -> None: ...

class StopCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class ReplaceStepRequest(_message.Message):
    __slots__ = ("campaign_id", "step", "plan")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    step: str
    plan: _run_pb2.RunSpec
    def __init__(self, campaign_id: _Optional[str] = ..., step: _Optional[str] = ..., plan: _Optional[_Union[_run_pb2.RunSpec, _Mapping]] = ...) -> None: ...

class ReplaceStepResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class DeleteCampaignRequest(_message.Message):
    __slots__ = ("campaign_id",)
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    def __init__(self, campaign_id: _Optional[str] = ...) -> None: ...

class DeleteCampaignResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
