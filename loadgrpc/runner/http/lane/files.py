"""Files that Requests looks for before each request: netrc files, authorities, certificates.

Rule: a process looks for the same files at most once in 10 ms. A file that appears or vanishes in
between counts from the next look on; a service cannot see the difference, because the request
might as well have been made 10 ms earlier.
"""

from __future__ import annotations

import os
from typing import Final

LOOK_EVERY_NS: Final = 10_000_000
MAX_LOOKS: Final = 256
"""Sets of files that a process remembers; over that, all are forgotten."""

_looks: dict[tuple[tuple[str, ...], tuple[str, ...]], FileLook] = {}


class FileLook:
    """Whether some files are missing and others are there, as last seen."""

    __slots__ = ("_absent", "_held", "_looked_ns", "_next_ns", "_present")

    def __init__(self, absent: tuple[str, ...], present: tuple[str, ...]) -> None:
        self._absent = absent
        self._present = present
        self._held = False
        self._looked_ns = self._next_ns = 0

    @classmethod
    def of(cls, absent: tuple[str, ...], present: tuple[str, ...]) -> FileLook:
        """The look that all sessions of this process share."""
        key = absent, present
        look = _looks.get(key)
        if look is None:
            if len(_looks) >= MAX_LOOKS:
                _looks.clear()
            look = _looks[key] = cls(absent, present)
        return look

    def holds(self, now_ns: int) -> bool:
        """Whether all is as it should be; `now_ns` is a reading of the monotonic clock."""
        if self._looked_ns <= now_ns < self._next_ns:  # a clock of a test's own may be earlier
            return self._held
        return self.look(now_ns)

    def look(self, now_ns: int) -> bool:
        """The same, as it is now."""
        held = not any(map(_exists, self._absent)) and all(map(_exists, self._present))
        self._held = held
        self._looked_ns, self._next_ns = now_ns, now_ns + LOOK_EVERY_NS
        return held


def _exists(path: str) -> bool:
    return os.access(path, os.F_OK)  # costs a third of os.path.exists
