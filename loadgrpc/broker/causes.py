"""Why hits failed, if that is said, and what iterations raised: similar ones are counted together.

Rule: pure, and bounded: what would make one group too many is counted with the rest, and bounded
lists have an entry for the rest, so that the parts always add up to the whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from loadgrpc.broker import likeness
from loadgrpc.broker.groups import Groups
from loadgrpc.model import (
    OTHER,
    ExceptionInfo,
    HitError,
    HitErrorGroup,
    IterationErrorGroup,
    TestOutcome,
)
from loadgrpc.protocol.decoded import HitLabel, IterationLabel

MAX_CAUSES: Final = 500
"""Groups kept apart, of failures, of errors, and of each kind of hits without an answer."""
MAX_REPORTED_GROUPS: Final = 100
MAX_TRACEBACKS: Final = 20
MAX_SHORT_MESSAGE_CHARS: Final = 512


class Causes:
    """See the module."""

    def __init__(self) -> None:
        self._hit_errors: dict[HitError, Groups[HitLabel]] = {}
        self._raised: dict[TestOutcome, Groups[IterationLabel]] = {}

    def add_hits(self, label: HitLabel, count: int) -> None:
        """Adds hits of a label that had no answer, or one that its test did not expect."""
        errors = self._hit_errors.setdefault(label.error, Groups(MAX_CAUSES))
        errors.add(likeness.of_hit_error(label), label, count)

    def add_iterations(self, label: IterationLabel, count: int) -> None:
        """Adds iterations of a label, if they raised something."""
        if label.exception is None or not count:
            return
        raised = self._raised.setdefault(label.outcome, Groups(MAX_CAUSES))
        raised.add(likeness.of_exception(label), label, count)

    def raised(self, outcome: TestOutcome) -> list[IterationErrorGroup]:
        """What iterations of an outcome raised, the most frequent first, and the rest at the end.

        Whole tracebacks go with the first of them only: the document is to stay below what
        gRPC clients take, 4 MiB.
        """
        raised = self._raised.get(outcome, Groups(MAX_CAUSES))
        groups = [
            IterationErrorGroup(count=count, test=label.test, exception=label.exception)
            for count, label in raised.most_common()
            if label.exception is not None
        ]
        if raised.rest or len(groups) > MAX_REPORTED_GROUPS:
            del groups[MAX_REPORTED_GROUPS - 1 :]
            rest = raised.total - sum(group.count for group in groups)
            groups.append(
                IterationErrorGroup(count=rest, test=OTHER, exception=ExceptionInfo(type=OTHER))
            )
        whole, short = groups[:MAX_TRACEBACKS], groups[MAX_TRACEBACKS:]
        return whole + [replace(group, exception=_shortened(group.exception)) for group in short]

    def hit_errors(self) -> list[HitErrorGroup]:
        """Why hits failed, the most frequent reason first; at the end the rest of each kind."""
        groups = [
            HitErrorGroup(
                count=count,
                name=label.name,
                method=label.method,
                error=label.error,
                error_message=label.error_message,
            )
            for of_kind in self._hit_errors.values()
            for count, label in of_kind.most_common()
        ]
        groups.sort(key=lambda group: -group.count)
        left = {kind: of_kind.total for kind, of_kind in self._hit_errors.items()}
        if len(groups) > MAX_REPORTED_GROUPS or any(e.rest for e in self._hit_errors.values()):
            del groups[MAX_REPORTED_GROUPS - len(left) :]
        for group in groups:
            left[group.error] -= group.count
        others = [
            HitErrorGroup(count=count, name=OTHER, method="", error=kind, error_message="")
            for kind, count in sorted(left.items())
            if count
        ]
        return groups + others


def _shortened(exception: ExceptionInfo) -> ExceptionInfo:
    return replace(exception, message=exception.message[:MAX_SHORT_MESSAGE_CHARS], traceback="")
