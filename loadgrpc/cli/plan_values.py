"""How people write the options of a plan, by their kinds; labels and retries among them.

Rule: as in `values.py`.
"""

from __future__ import annotations

from typing import Any

from loadgrpc.cli import spans, values
from loadgrpc.model import RetryPolicy, RetryReason, hyphened, words_of
from loadgrpc.protocol import kinds, kinds_of_users
from loadgrpc.protocol.labels_kind import LABEL, LabelsKind
from loadgrpc.protocol.parameters_kind import ParametersKind
from loadgrpc.protocol.retry_kind import RetryKind


def retry_policy(text: str, kind: RetryKind) -> RetryPolicy:
    """A policy: `3`, or `5,initial-backoff=2s,multiplier=3,max-backoff=1m,jitter,on=incomplete`."""
    attempts, *parts = (each.strip() for each in text.split(","))
    told: dict[str, Any] = {"max_attempts": values.count(attempts, 1, kind.most)}
    reasons: list[RetryReason] = []
    known = words_of(RetryReason)
    for part in parts:
        name, _, value = part.partition("=")
        match hyphened(name):
            case "initial-backoff":
                told["initial_backoff_s"] = spans.seconds(value, most=kind.most_s, zero=True)
            case "max-backoff":
                told["max_backoff_s"] = spans.seconds(value, most=kind.most_s, zero=True)
            case "multiplier":
                told["multiplier"] = values.rate(value)
            case "jitter" if not value:
                told["jitter"] = True
            case "on" if hyphened(value) in known:
                reasons.append(known[hyphened(value)])
            case "on":
                raise ValueError(f"{value!r} is none of {', '.join(known)}")
            case _:
                raise ValueError(
                    f"{part!r} is none of initial-backoff=TIME, max-backoff=TIME, multiplier=N,"
                    " jitter and on=REASON"
                )
    if reasons:
        told["retry_on"] = tuple(dict.fromkeys(reasons))
    policy = RetryPolicy(**told)
    for where, detail in kind.wrong(policy):
        raise ValueError(f"{where.strip('.').replace('_', '-')} {detail}")
    return policy


class Labels(values.Value[tuple[str, ...]]):
    """Labels: `eu`, or several: `eu,big`."""

    name = "LABEL"

    def __init__(self, kind: LabelsKind) -> None:
        self.kind = kind

    def read(self, text: str) -> tuple[str, ...]:
        """See Value."""
        found = tuple(each.strip() for each in text.split(","))
        for each in found:
            if not LABEL.fullmatch(each) or len(each) > self.kind.chars:
                raise ValueError(
                    f"{each!r} is not a label; expected letters, digits and any of . _ : / = + -,"
                    f" at most {self.kind.chars}"
                )
        return found


class Retry(values.Value[RetryPolicy]):
    """See `retry_policy`."""

    name = "ATTEMPTS[,...]"

    def __init__(self, kind: RetryKind) -> None:
        self.kind = kind

    def read(self, text: str) -> RetryPolicy:
        """See Value."""
        return retry_policy(text, self.kind)


def of_kind(kind: kinds.Kind) -> values.Value[Any] | None:  # noqa: C901, PLR0912 - one for each
    """How people write an option of a plan, by its kind; None: as it is."""
    made: values.Value[Any] | None = None
    match kind:
        case kinds.PercentKind(most, least):
            made = values.Percent(least, most)
        case kinds.CountKind(most, least):
            made = values.Count(least, most)
        case kinds.CountsKind():
            made = values.Counts(kind)
        case kinds.SecondsKind(most, zero):
            made = values.Seconds(most, zero=zero)
        case kinds_of_users.WaitKind():
            made = values.WaitValue()
        case kinds.RateKind():
            made = values.Rate()
        case kinds.ChoiceKind():
            made = values.EnumValue(kind)
        case kinds.UrlKind():
            made = values.Url()
        case kinds.VariablesKind():
            made = values.Variable()
        case ParametersKind():
            made = values.Given()
        case kinds.RequirementsKind():
            made = values.Requirements(kind)
        case LabelsKind():
            made = Labels(kind)
        case RetryKind():
            made = Retry(kind)
        case kinds.TextKind(chars, printable=True):
            made = values.Printable(chars)
    return made
