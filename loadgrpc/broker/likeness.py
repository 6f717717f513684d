"""What makes two exceptions, or two errors of hits, similar, so that they are counted as one.

Rule: numbers, and words that contain digits, such as ids and addresses, make no difference;
neither does anything after the first line of a message. The line of an exception is the innermost
one in the test's own code, as far as a traceback of its language shows that. Comparing takes time
linear in the length of the text: it comes from strangers.
"""

from __future__ import annotations

import re
from typing import Final

from loadgrpc.protocol.decoded import HitLabel, IterationLabel

MAX_MESSAGE_CHARS: Final = 1_024
"""How much of a message is looked at."""

_UUID: Final = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_NUMBER: Final = re.compile(r"[-+]?(?<!\w)[^\W\d]*+\d\w*+(?:[.,:+\-][^\W\d]*+\d\w*+)*+")
"""One or more words with digits, such as 12, -0.5, 1e-05, 0x7f, ab12 or 127.0.0.1:80."""
_FED: Final = re.compile(r"\[rule ([^:\n]{1,256}): [^\n]{0,4096}?\] ")
"""Of an iteration that was fed with a case: its rule and its values."""
_PYTHON_FRAME: Final = re.compile(r'File "([^"\n]{1,512})", line (\d{1,9})')
_FRAME: Final = re.compile(r"(?<![^\s():])([^\s():]{1,256}+):(\d{1,9})\b")
"""As at f (test.js:12:5), at a.B.c(B.java:12), or /src/test.go:12 +0x1d."""
_FOREIGN_OF_PYTHON: Final = ("/site-packages/", "/dist-packages/", "/lib/python", "<frozen ")
_FOREIGN: Final = ("node:", "node_modules", "internal/", "Assert", "/runtime/", "/testing/")
"""What frames of libraries have in their paths."""


def of_exception(label: IterationLabel) -> tuple[str, str, str, str]:
    """What exceptions have in common that are alike: test and rule, type, line and message."""
    exception = label.exception
    assert exception is not None  # noqa: S101 - a failure or an error has one
    rule, message = "", exception.message
    if fed := _FED.match(message):
        rule, message = fed[1], message[fed.end() :]
    return f"{label.test} {rule}", exception.type, line_of(exception.traceback), gist(message)


def of_hit_error(label: HitLabel) -> tuple[str, str, str]:
    """What hits without an answer have in common that are alike: name, method and message."""
    return label.name, label.method, gist(label.error_message)


def gist(message: str) -> str:
    """The first line of a message, without what differs by accident."""
    first = message[:MAX_MESSAGE_CHARS].lstrip().partition("\n")[0]
    return _NUMBER.sub("0", _UUID.sub("0", first))


def line_of(traceback: str) -> str:
    """`path:line` of the innermost line of the test's own code; empty: there is no traceback."""
    frames: list[tuple[str, str]] = _PYTHON_FRAME.findall(traceback)[::-1]  # the innermost is last
    foreign: tuple[str, ...] = _FOREIGN_OF_PYTHON
    if not frames:
        frames, foreign = _FRAME.findall(traceback), _FOREIGN
    own = (frame for frame in frames if not any(part in frame[0] for part in foreign))
    path, line = next(own, frames[0] if frames else ("", ""))
    return f"{path}:{line}" if line else ""
