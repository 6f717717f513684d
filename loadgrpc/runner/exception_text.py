"""Exceptions as text that groups well: equal causes give equal text.

Rule: accidental differences are removed (object addresses, frames of unittest, of the import
machinery and of this package), what a person follows stays (paths, lines, causes). It copes with
anything that is raised: exceptions are other people's code, which may raise in turn, lie about
its type, contain cycles, and never end. Nothing is kept beyond its bound.
"""

from __future__ import annotations

import importlib
import re
import traceback
import unittest
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any, Final

from loadgrpc.design import feed
from loadgrpc.model import ExceptionInfo
from loadgrpc.runner.texts import (
    MESSAGE_BYTES,
    NAME_BYTES,
    TRACEBACK_BYTES,
    bounded,
    without_middle,
)
from loadgrpc.secrets import masked

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_HIDDEN = (
    str(Path(unittest.__file__).parent) + "/",
    str(Path(importlib.__file__).parent) + "/",
    str(Path(__file__).parent) + "/",
    feed.__file__,
    "<frozen importlib.",
)
_CACHED = 256
"""Different exceptions whose text is kept: under load the same one comes again and again,
and formatting it costs as much as a request."""
_CACHED_CHARACTERS = 2 << 20
"""What they may hold in all; over one of the two, all are forgotten."""
_MAX_EXCEPTIONS: Final = 50
"""Exceptions of a chain or group that Python is left to format, and that are looked at."""
_MAX_FRAMES: Final = 1_000
"""Calls of a traceback that are looked at, the outermost; Python allows no more by itself."""
_MAX_NOTES: Final = 50
_MAX_PIECES: Final = 4_000
"""Pieces of a formatted traceback that are looked at."""
_UNKNOWN: Final = "<unknown>"

_Print = tuple[type[BaseException], str, str, tuple[tuple[CodeType, int], ...]]
_cache: dict[tuple[_Print, ...], ExceptionInfo] = {}
_characters = 0

# What `type` itself says of a class, whatever its metaclass says.
_mro_of: Any = type.__dict__["__mro__"].__get__
_name_of: Any = type.__dict__["__qualname__"].__get__
_module_of: Any = type.__dict__["__module__"].__get__
# And of an exception what Python keeps, whatever its class makes of these names.
_trace_of: Any = BaseException.__dict__["__traceback__"].__get__
_members_of: Any = BaseExceptionGroup.__dict__["exceptions"].__get__


_LOOKED_AT: Final = 8
"""How many times what is kept of a message is looked at for secrets."""


def exception_info(error: BaseException) -> ExceptionInfo:
    """An exception as type, message and traceback, without frames outside of test code."""
    global _characters  # noqa: PLW0603 - of the cache beside it
    try:
        key = tuple(_prints(error))
    except Exception:  # noqa: BLE001 - it cannot be recognised: made again each time
        return _info(error)
    info = _cache.get(key)
    if info is None:
        info = _info(error)
        size = sum(len(text) + len(notes) for _, text, notes, _ in key)
        size += len(info.type) + len(info.message) + len(info.traceback)
        if len(_cache) >= _CACHED or _characters + size > _CACHED_CHARACTERS:
            _cache.clear()
            _characters = 0
        _cache[key] = info
        _characters += size
    return info


def type_name(error: BaseException) -> str:
    """The name of an exception's class, with its module unless that is builtins."""
    return _class_name(type(error))


def is_a(error: BaseException, *names: str) -> bool:
    """As isinstance, by qualified names, for classes of packages that are not imported here."""
    return any(_class_name(kind) in names for kind in _mro_of(type(error)))


def message(error: BaseException) -> str:
    """What an exception says, without addresses and secrets, in at most MESSAGE_BYTES.

    A secret is hidden before the text is cut: half of one would not be recognised.
    """
    try:
        return _kept(without_addresses(str(error)[: _LOOKED_AT * MESSAGE_BYTES]))
    except BaseException as mute:  # __str__ is somebody else's code
        if _is_end(mute):
            raise
        return "<exception whose str() failed>"


def traceback_text(error: BaseException) -> str:
    """The traceback, causes included, as Python prints it, less the hidden frames.

    At most TRACEBACK_BYTES; of what is too long the middle is left out.
    """
    text = ""
    try:
        if len(list(islice(_chain(error), _MAX_EXCEPTIONS + 1))) <= _MAX_EXCEPTIONS:
            text = "".join(_formatted(error))
    except BaseException as trouble:  # it runs somebody else's code
        if _is_end(trouble):
            raise
    if not text:
        text = "".join(_simply_formatted(error))
    return without_middle(masked(without_addresses(text)), TRACEBACK_BYTES)


def _kept(text: str) -> str:
    """What is kept of a text, without secrets."""
    return bounded(masked(text[: _LOOKED_AT * MESSAGE_BYTES]), MESSAGE_BYTES)


def visible_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of an exception that are not hidden, innermost last, without source lines."""
    return [
        traceback.FrameSummary(code.co_filename, line, code.co_name, lookup_line=False)
        for code, line in _calls(_trace_of(error))
        if _visible(code.co_filename)
    ]


def without_addresses(text: str) -> str:
    """A text with ` at 0x7f…` taken out."""
    return _ADDRESS.sub("", text) if " at 0x" in text else text


def _info(error: BaseException) -> ExceptionInfo:
    return ExceptionInfo(
        type=type_name(error),
        message=message(error),
        traceback=traceback_text(error),
    )


def _class_name(kind: type) -> str:
    module, name = _module_of(kind), _name_of(kind)
    if not isinstance(module, str):  # as Python has it
        module = _UNKNOWN
    return bounded(name if module == "builtins" else f"{module}.{name}", NAME_BYTES) or _UNKNOWN


def _is_end(error: BaseException) -> bool:
    """Whether a greenlet is being ended while it makes a text."""
    return is_a(error, "greenlet.GreenletExit")


def _visible(filename: str) -> bool:
    return not filename.startswith(_HIDDEN)


def _formatted(error: BaseException) -> Iterator[str]:
    """As Python does it, of what has an end."""
    deep = any(
        next(islice(_calls(_trace_of(each)), _MAX_FRAMES, None), None) for each in _chain(error)
    )
    summary = traceback.TracebackException.from_exception(
        error, limit=_MAX_FRAMES if deep else None, lookup_lines=False, compact=True
    )
    pending = [summary]
    while pending:
        each: Any = pending.pop()
        each.stack[:] = [frame for frame in each.stack if _visible(frame.filename)]
        if isinstance(getattr(each, "_str", None), str):
            each._str = _kept(each._str)  # noqa: SLF001 - or it is copied about
        if isinstance(each.__notes__, Iterable):
            each.__notes__ = [_note(note) for note in islice(each.__notes__, _MAX_NOTES)]
        elif each.__notes__ is not None:
            each.__notes__ = [_note(each.__notes__)]
        if hasattr(each, "end_offset"):  # of a SyntaxError
            _bound_syntax_error(each)
        pending += [more for more in (each.__cause__, each.__context__) if more is not None]
        pending += each.exceptions or ()
    yield from islice(summary.format(), _MAX_PIECES)


def _bound_syntax_error(summary: Any) -> None:
    """Python draws as many carets under the line as such an error says."""
    text = summary.text
    if not isinstance(text, str) or len(text) > NAME_BYTES:
        summary.text = None
    elif not all(
        each is None or (isinstance(each, int) and -1 <= each <= len(text) + 1)
        for each in (summary.offset, summary.end_offset)
    ):
        summary.offset = None


def _simply_formatted(error: BaseException) -> Iterator[str]:
    """Without any code of others but `__str__`, and of a chain only the last few."""
    chain = [error]
    while len(chain) < _MAX_EXCEPTIONS // 5:
        cause = _cause_of(chain[-1])
        if cause is None or any(cause is each for each in chain):
            break
        chain.append(cause)
    for number, each in enumerate(reversed(chain)):
        if number:
            yield "\nThis led to another exception:\n\n"
        calls = [call for call in _calls(_trace_of(each)) if _visible(call[0].co_filename)]
        if calls:
            yield "Traceback (most recent call last):\n"
        for code, line in calls[-_MAX_EXCEPTIONS:]:
            yield f'  File "{code.co_filename}", line {line}, in {code.co_name}\n'
        said = message(each)
        yield f"{type_name(each)}: {said}\n" if said else f"{type_name(each)}\n"


def _cause_of(error: BaseException) -> BaseException | None:
    own: Any = BaseException.__dict__  # not what a class of its own makes of these names
    cause: BaseException | None = own["__cause__"].__get__(error)
    if cause is None and not own["__suppress_context__"].__get__(error):
        cause = own["__context__"].__get__(error)
    return cause


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, those that led to it, and the members of groups, each once."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [more for more in (each.__cause__, each.__context__) if more is not None]
        if isinstance(each, BaseExceptionGroup):
            pending += _members_of(each)


def _prints(error: BaseException) -> Iterator[_Print]:
    """A key that distinguishes exceptions like their text, at a fraction of its cost."""
    for each in islice(_chain(error), _MAX_EXCEPTIONS):
        notes = getattr(each, "__notes__", None)
        yield (
            type(each),
            message(each),
            "" if notes is None else _notes_text(notes),
            tuple(islice(_calls(_trace_of(each)), _MAX_FRAMES)),
        )


def _notes_text(notes: object) -> str:
    """All notes in one; they should be a list of str, and can be anything."""
    if isinstance(notes, Iterable):
        return bounded("".join(map(_note, islice(notes, _MAX_NOTES))), MESSAGE_BYTES)
    return _note(notes)


def _note(note: object) -> str:
    try:
        return _kept(str(note))
    except Exception:  # noqa: BLE001 - __str__ is somebody else's code
        return "<note whose str() failed>"


def _calls(trace: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next
