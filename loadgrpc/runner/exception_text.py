"""Exceptions as text that groups well: equal causes give equal words.

Rule: what differs by accident goes (object addresses, frames of unittest, of the import
machinery and of this package), what a person follows stays (paths, lines, causes).
"""

from __future__ import annotations

import importlib
import re
import traceback
import unittest
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, TracebackType

from loadgrpc.model import ExceptionInfo

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_HIDDEN = (
    str(Path(unittest.__file__).parent) + "/",
    str(Path(importlib.__file__).parent) + "/",
    str(Path(__file__).parent) + "/",
    "<frozen importlib.",
)
_CACHED = 256
"""Different exceptions whose text is kept: under load the same one comes again and again,
and formatting it costs as much as a request."""

_Print = tuple[type[BaseException], str, tuple[tuple[CodeType, int], ...]]
_cache: dict[tuple[_Print, ...], ExceptionInfo] = {}


def exception_info(error: BaseException) -> ExceptionInfo:
    """An exception as type, message and traceback, without frames nobody wrote a test in."""
    key = tuple(_prints(error))
    info = _cache.get(key)
    if info is None:
        info = ExceptionInfo(
            type=type_name(error), message=message(error), traceback=traceback_text(error)
        )
        if len(_cache) >= _CACHED:
            _cache.clear()
        _cache[key] = info
    return info


def type_name(error: BaseException) -> str:
    """The name of an exception's class, with its module unless that is builtins."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def is_a(error: BaseException, *names: str) -> bool:
    """As isinstance, by qualified names, for classes of packages that are not imported here."""
    return any(f"{kind.__module__}.{kind.__qualname__}" in names for kind in type(error).__mro__)


def message(error: BaseException) -> str:
    """What an exception says, without addresses."""
    try:
        return without_addresses(str(error))
    except Exception:  # noqa: BLE001  # __str__ is somebody else's code
        return "<exception whose str() failed>"


def traceback_text(error: BaseException) -> str:
    """The traceback, causes included, as Python prints it, less the hidden frames."""
    summary = traceback.TracebackException.from_exception(error, lookup_lines=False, compact=True)
    _hide(summary)
    return without_addresses("".join(summary.format()))


def visible_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of an exception that are not hidden, innermost last."""
    return [
        frame for frame in traceback.extract_tb(error.__traceback__) if _visible(frame.filename)
    ]


def without_addresses(text: str) -> str:
    """A text with ` at 0x7f…` taken out."""
    return _ADDRESS.sub("", text) if " at 0x" in text else text


def _visible(filename: str) -> bool:
    return not filename.startswith(_HIDDEN)


def _hide(summary: traceback.TracebackException) -> None:
    for each in _chain(summary):
        each.stack[:] = [frame for frame in each.stack if _visible(frame.filename)]


def _chain(summary: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    pending = [summary]
    while pending:
        each = pending.pop()
        yield each
        pending += [more for more in (each.__cause__, each.__context__) if more is not None]
        pending += each.exceptions or ()


def _prints(error: BaseException) -> Iterator[_Print]:
    """What tells exceptions apart as far as their text goes, at a fraction of its cost."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        notes = "".join(map(str, getattr(each, "__notes__", ())))
        yield type(each), message(each) + notes, tuple(_calls(each.__traceback__))
        pending += [more for more in (each.__cause__, each.__context__) if more is not None]
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions


def _calls(trace: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next
