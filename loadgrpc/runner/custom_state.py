"""What a test says it is doing, checked and made ready to be reported."""

from __future__ import annotations

from collections.abc import Mapping

from loadgrpc.model import (
    MAX_DETAIL_CHARS,
    MAX_DETAIL_NAME_CHARS,
    MAX_DETAILS,
    MAX_STATE_CHARS,
    CustomState,
)
from loadgrpc.protocol.bounds import kept_chars
from loadgrpc.runner.texts import bounded
from loadgrpc.secrets import masked


def custom_state(name: str, details: Mapping[str, object]) -> CustomState:
    """A state as it is reported: without secrets, and as UTF-8 can carry it.

    Raises:
        ValueError: it has no name, or too much of something.
    """
    if not 0 < len(name) <= MAX_STATE_CHARS:
        raise ValueError(f"a state needs a name of at most {MAX_STATE_CHARS} characters")
    if len(details) > MAX_DETAILS:
        raise ValueError(f"a state has at most {MAX_DETAILS} details, not {len(details)}")
    if any(len(str(each)) > MAX_DETAIL_NAME_CHARS for each in details):
        raise ValueError(f"the name of a detail has at most {MAX_DETAIL_NAME_CHARS} characters")
    said = {
        _kept(each, MAX_DETAIL_NAME_CHARS): _kept(value, MAX_DETAIL_CHARS)
        for each, value in details.items()
    }
    return CustomState(_kept(name, MAX_STATE_CHARS), tuple(sorted(said.items())))


def _kept(text: object, most: int) -> str:
    return kept_chars(bounded(masked(str(text)), 4 * most), most)
