"""Text from outside, made safe to show: one place that cleans, for tables, logs and documents.

Rule: all text from elsewhere (a name, an exception, a server's answer) passes through here before
it is printed. Characters that are not printable, which include terminal escapes, C1 controls,
line breaks and characters that turn the direction of writing, are shown as escapes.
"""

from __future__ import annotations

import re
from typing import Final

MAX_LINE: Final = 8_192
"""Characters shown of a text on one line."""

_SUSPECT: Final = re.compile(r"[^ -~\n]")
"""What `str.isprintable` is to be asked about; the rest of a JSON document is harmless."""
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def printable(text: str) -> str:
    """The text with all but line breaks made visible: it must not steer a terminal."""
    text = text.expandtabs(4)
    if text.isprintable():
        return text
    return "".join(
        character if character == "\n" or character.isprintable() else ascii(character)[1:-1]
        for character in text
    )


def one_line(text: str) -> str:
    """The text on one line, of at most MAX_LINE characters."""
    if len(text) > MAX_LINE:
        text = text[: MAX_LINE - 1] + "…"
    return " ".join(printable(text).split())


def safe_line(text: str) -> str:
    """A line as it is to be written: spaces stay where they are, line breaks are escaped."""
    return text if text.isprintable() else printable(text).replace("\n", "\\n")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 agent`, `5 agents`, `2 batches`; `plural` is for other endings."""
    several = plural or noun + ("es" if noun.endswith("ch") else "s")
    return f"{number} {noun if number == 1 else several}"


def safe_json(document: str) -> str:
    """A JSON document that is the same for programs, and harmless on a terminal."""
    return _SUSPECT.sub(
        lambda found: found[0] if found[0].isprintable() else _escape(found[0]), document
    )


def json_for(encoding: str | None, document: str) -> str:
    """A JSON document as a stream of this encoding takes it: in ASCII where that is not UTF-8."""
    is_utf8 = (encoding or "utf-8").lower().replace("_", "-") in ("utf-8", "utf8")
    return document if is_utf8 else ascii_json(document)


def ascii_json(document: str) -> str:
    """A JSON document that is the same for programs, in ASCII only."""
    return _NOT_ASCII.sub(lambda found: _escape(found[0]), document)


def _escape(character: str) -> str:
    """A character as JSON escapes it: above U+FFFF as a pair."""
    number = ord(character)
    if number <= 0xFFFF:  # noqa: PLR2004 - the last that UTF-16 has in one
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
