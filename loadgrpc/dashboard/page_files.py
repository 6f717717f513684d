"""The files of the page, as they are in the package: read once, served under their own names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parent / "page"
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
"""What is served; other files, such as licences, stay in the package."""
INDEX: Final = "index.html"


@dataclass(frozen=True, kw_only=True)
class PageFile:
    """A file of the page."""

    content: bytes
    media_type: str
    tag: str
    """Of its content, for browsers that have it."""


@cache
def page_files() -> dict[str, PageFile]:
    """All of them, by path below the folder; `index.html` is the page itself."""
    found = {}
    for path in sorted(PAGE.rglob("*")):
        if path.suffix not in TYPES or not path.is_file():
            continue
        content = path.read_bytes()
        found[path.relative_to(PAGE).as_posix()] = PageFile(
            content=content,
            media_type=TYPES[path.suffix],
            tag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        )
    return found
