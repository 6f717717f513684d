"""Text in XML documents: whatever a test or a server said, the document is well-formed.

Rule: characters that XML 1.0 does not have, and those that steer terminals, are shown as escapes.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from loadgrpc.text import one_line, printable

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
MAX_ATTRIBUTE: Final = 512
"""Characters of an attribute; the whole is in the text of the element."""


def content(text: str) -> str:
    """As the content of an element; line breaks stay."""
    return escape(printable(text))


def attribute(text: str, *, limit: int = MAX_ATTRIBUTE) -> str:
    """As the value of an attribute between double quotes, on one line and not empty-handed."""
    line = one_line(text)
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    return escape(line, {'"': "&quot;"})


def whole(text: str) -> str:
    """As the value of an attribute between double quotes, with its line breaks."""
    return escape(printable(text), {'"': "&quot;", "\n": "&#10;"})
