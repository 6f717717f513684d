"""How a user records: what it adds to what is measured, and what records for it.

Rule: the test of a user reports here; what it reports goes on to the recorder of the process, with
who the user is and the iteration it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from loadgrpc.clock import Clock
from loadgrpc.model import CustomState
from loadgrpc.runner.context import LoadStatus, UserContext
from loadgrpc.runner.expectation import HitJudge
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.measure_tally import MeasureTally
from loadgrpc.runner.recorder import Recorder, Tags
from loadgrpc.runner.retry import ATTEMPT
from loadgrpc.runner.socket_tally import SocketTally
from loadgrpc.runner.testcase import NOT_MEASURED
from loadgrpc.runner.texts import NAME_BYTES, bounded


class _Mute:
    """A recorder of nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


MUTE: Final[Any] = _Mute()


class _TaggingRecorder:
    """A recorder whose hits have tags."""

    def __init__(self, recorder: Recorder, tags: Tags) -> None:
        self.plain = recorder
        self._tags = tags

    def hit(self, hit: Hit, user: int, iteration: int) -> None:
        """See Recorder."""
        self.plain.tagged_hit(hit, user, iteration, self._tags)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class NamedRecorder:
    """Records iterations under the name of one of several tests."""

    def __init__(self, recorder: Recorder, test: str) -> None:
        self._record = recorder.iteration
        self._test = bounded(test, NAME_BYTES)

    def iteration(self, **ended: Any) -> None:
        """See Recorder."""
        self._record(test=self._test, **ended)


class UserReporter:
    """Records on behalf of a user: adds who it is, and the iteration it is in."""

    case = ""
    """The rule whose case the iteration is fed with; empty: it is fed with none."""
    retrying = 0
    pause: Callable[[float], bool]
    """See RetryingUser, for which its user sets it."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        user: int,
        addresses: AddressBook | None,
        context: UserContext | None = None,
    ) -> None:
        known = context or UserContext(LoadStatus(user=user))
        self.clock = clock
        self.config = known.config
        self.data = known.data
        self.addresses = addresses
        self.iteration = 0
        self._recorder: Any = recorder
        self._user = user
        self._status = known.status
        self._judges: list[HitJudge] = []
        """Hits go to the last of these before they are recorded."""

    def mute(self) -> None:
        """Records nothing any more."""
        self._recorder = MUTE

    def tag(self, tags: Tags) -> None:
        """See Reporter. Without tags, hits take no detour."""
        recorder: Any = self._recorder
        plain = recorder.plain if isinstance(recorder, _TaggingRecorder) else recorder
        self._recorder = _TaggingRecorder(plain, tags) if tags and plain is not MUTE else plain

    def load_status(self) -> LoadStatus:
        """See Reporter."""
        return self._status._replace(iteration=self.iteration)

    def hit(self, hit: Hit, /) -> None:
        """See HitSink."""
        if self.retrying:
            hit.attempt = hit.attempt or ATTEMPT.get()
        self._recorder.hit(hit, self._user, self.iteration)

    def record(self, hit: Hit, how: object, /) -> None:
        """See JudgedSink."""
        now = self._recorder
        if now is not MUTE:
            self._recorder = how
            type(self).hit(self, hit)
            self._recorder = now

    def judged_by(self, judge: HitJudge, /) -> None:
        """See JudgedSink. While nobody judges, hits take no detour."""
        self._judges.append(judge)
        vars(self)["hit"] = self._judge

    def judge_left(self, judge: HitJudge, /) -> None:
        """See JudgedSink."""
        self._judges.remove(judge)
        if not self._judges:
            del vars(self)["hit"]

    def _judge(self, hit: Hit, /) -> None:
        self._judges[-1].judge(hit, self._recorder)

    def unmeasured(self) -> None:
        """See HitSink."""
        self.counter(NOT_MEASURED, 1)

    def counter(self, name: str, increment: int) -> None:
        """See Reporter."""
        self._recorder.counter(name, increment, self._user, self.iteration)

    def measure(self, kind: type[MeasureTally], name: str, value: Any) -> None:
        """See Reporter."""
        self._recorder.measure(kind, name, value)

    def state(self, state: CustomState) -> None:
        """See Reporter."""
        self._recorder.state(state)

    def socket(self, name: str, protocol: str) -> SocketTally:
        """See Reporter."""
        tally: SocketTally = self._recorder.socket(name, protocol)
        return tally


class FedReporter(UserReporter):
    """Of a user that is fed with cases: adds that of the iteration, too."""

    def hit(self, hit: Hit, /) -> None:
        """See HitSink."""
        hit.case = self.case
        super().hit(hit)


class PlannedReporter(FedReporter):
    """Of a user whose iterations have a planned start: the first hit of each has one, too."""

    delay_ns = 0
    """How late its iteration started; 0: that was said of a hit already."""

    def hit(self, hit: Hit, /) -> None:
        """See HitSink."""
        if self.delay_ns:
            hit.planned_start_ns = hit.start_ns - self.delay_ns
            self.delay_ns = 0
        super().hit(hit)
