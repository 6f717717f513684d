"""What a test expects of its answers: whether its hits have failed is then for the test to say.

Rule: only hits of which nobody has said whether they failed are judged by their status, so not
those of WebSockets. A hit is held back until the next one or the end of the block, so that the test
can look at the answer first. Nested blocks: the innermost judges.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, Protocol, Self

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import FAILED_FROM, HitError
from loadgrpc.runner.hit import Hit

_REDIRECTS: Final = range(300, 400)
MAX_STATUSES_NAMED: Final = 10
"""Statuses that a reason names."""


class HitJudge(Protocol):
    """Whoever takes hits before they are recorded."""

    def judge(self, hit: Hit, how: object, /) -> None:
        """A hit ended; `how` is for its sink to know when it is recorded."""


class JudgedSink(Protocol):
    """Where the hits of a user are recorded."""

    def judged_by(self, judge: HitJudge, /) -> None:
        """Hits go to a judge from now on, until it leaves, or another one comes."""

    def judge_left(self, judge: HitJudge, /) -> None:
        """This one does not judge any more."""

    def record(self, hit: Hit, how: object, /) -> None:
        """Records a hit as it is, and as it would have been when it was made."""


class Expectation:
    """A block in which the test says what it expects of its answers."""

    def __init__(
        self, sink: JudgedSink | None, status: object = None, within_s: float | None = None
    ) -> None:
        """Without a `sink` nothing is measured.

        Args:
            sink: Where hits are recorded.
            status: The statuses that are expected: a number, or several. None: any below 400.
            within_s: How long a hit may take. None: as long as it likes.

        Raises:
            ValueError: no status is expected, or no time is allowed.
            TypeError: a status is no number.
        """
        self._sink = sink
        self._statuses = _statuses(status)
        self._within_ns = None
        self._too_slow = ""
        if within_s is not None:
            if not within_s > 0:
                raise ValueError(f"within={within_s!r}: it is a time in seconds, above 0")
            self._within_ns = round(within_s * NS_PER_S)
            self._too_slow = f"it took longer than {within_s:g} s"
        self._held: Hit | None = None
        self._how: object = None

    def fail(self, reason: str = "the test says so") -> None:
        """The last hit of the block has failed, and why; equal reasons are counted together."""
        if self._held is not None:
            self._held.failed = True
            self._held.error_message = str(reason)

    def ok(self) -> None:
        """The last hit of the block has not failed, whatever came."""
        if self._held is not None:
            self._held.failed = False
            if self._held.error is HitError.NONE:
                self._held.error_message = ""

    def judge(self, hit: Hit, how: object, /) -> None:
        """See HitJudge."""
        self._let_go()
        if hit.failed is None and hit.error is HitError.NONE:
            reason = self._reason(hit)
            hit.failed = bool(reason)
            hit.error_message = reason
        self._held, self._how = hit, how

    def _reason(self, hit: Hit) -> str:
        """Why an answer is not what is expected; empty: it is."""
        status, expected = hit.status, self._statuses
        if expected is None:
            unexpected = status >= FAILED_FROM
        else:
            followed = status in _REDIRECTS and not any(each in expected for each in _REDIRECTS)
            unexpected = status not in expected and not followed
        if unexpected:
            return f"status {status}, and {_named(expected)} was expected"
        if self._within_ns is not None and hit.elapsed_ns > self._within_ns:
            return self._too_slow
        return ""

    def _let_go(self) -> None:
        hit, self._held = self._held, None
        if hit is not None and self._sink is not None:
            self._sink.record(hit, self._how)

    def __enter__(self) -> Self:
        if self._sink is not None:
            self._sink.judged_by(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._sink is not None:
            self._sink.judge_left(self)
            self._let_go()


def _statuses(status: object) -> Container[int] | None:
    if status is None:
        return None
    if isinstance(status, int):
        return (status,)
    if isinstance(status, range):
        found: Container[int] = status
    elif isinstance(status, Iterable) and not isinstance(status, str | bytes):
        found = tuple(status)
    else:
        raise TypeError(f"a status is a number, or several, not {status!r}")
    if not found:
        raise ValueError("no status is expected")
    if isinstance(found, tuple) and not all(isinstance(each, int) for each in found):
        raise TypeError(f"statuses are numbers, not {status!r}")
    return found


def _named(expected: Container[int] | None) -> str:
    if expected is None:
        return f"one below {FAILED_FROM}"
    if isinstance(expected, range):
        return f"one of {expected[0]} to {expected[-1]}"
    assert isinstance(expected, tuple)  # noqa: S101 - see _statuses
    named = [str(each) for each in expected[:MAX_STATUSES_NAMED]]
    return " or ".join([*named, *["others"] * (len(expected) > len(named))])
