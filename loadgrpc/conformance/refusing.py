"""What a runner said that no home takes, with the rule that it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from loadgrpc.errors import InvalidRequest, LoadgrpcError, NotAllowed, NotFound, Violation

ON_PURPOSE: Final = "the kit says so, to see what comes of it"


class NotTaken(InvalidRequest):
    """What a runner said breaks a rule; the source is closed, and its stream is not."""

    rule = ""


@contextmanager
def refused_by(rule: str) -> Iterator[None]:
    """What is wrong in here breaks this rule."""
    try:
        yield
    except InvalidRequest as error:
        not_taken = NotTaken(error.violations or str(error))
        not_taken.rule = rule
        raise not_taken from error


def rule_of(error: LoadgrpcError) -> str:
    """The rule that a message breaks which closes its source."""
    if isinstance(error, NotTaken):
        return error.rule
    return "2.1" if isinstance(error, NotFound) else "2.2"


def on_purpose(status: str) -> LoadgrpcError:
    """What ends a stream of which the script wants no other."""
    if status == NotAllowed.reason:
        return NotAllowed(ON_PURPOSE)
    return InvalidRequest([Violation("source", ON_PURPOSE)])
