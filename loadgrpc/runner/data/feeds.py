"""The files that the users of a process take rows from, and what they have taken.

Rule: a file is opened once in a process, whatever its size and the number of users. What was
taken is counted, and reported as events: a file that has ended is never a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

from loadgrpc.model import DataMode, DataUse, words_of
from loadgrpc.runner.data.row_file import BadDataFile, RowFile
from loadgrpc.runner.data.turns import Seat, number

MODES: Final = words_of(DataMode)
AT_END: Final = {
    DataMode.UNIQUE: ("error", "stop", "repeat"),
    DataMode.IN_TURN: ("repeat", "error", "stop"),
    DataMode.RANDOM: ("repeat",),
    DataMode.ONCE: ("stop", "error"),
}
"""What may be done when rows run out, by mode; the first is the default."""


class NoMoreRows(LookupError):
    """A test asked for a row, and there is none left for its user."""


class UserIsDone(BaseException):
    """Ends a user whose rows have run out, as its test asked for: `at_end="stop"`.

    No Exception, so that a test does not take it for one of its own.
    """


class Feed(NamedTuple):
    """What a test asks for: a file, and how it is shared out."""

    file: str
    mode: DataMode
    at_end: str
    seed: str | None
    delimiter: str

    @classmethod
    def of(
        cls,
        file: str,
        mode: str = "unique",
        at_end: str | None = None,
        *,
        seed: object = None,
        delimiter: str = "",
    ) -> Feed:
        """What the arguments of `TestCase.data` ask for.

        Raises:
            ValueError: one of them is wrong; the sentence names it.
        """
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, MODES))}, not {mode!r}")
        allowed = AT_END[MODES[mode]]
        if at_end is not None and at_end not in allowed:
            raise ValueError(
                f"at_end of mode {mode!r} must be one of {', '.join(map(repr, allowed))},"
                f" not {at_end!r}"
            )
        if len(delimiter) > 1 or delimiter in {'"', "\r", "\n"}:
            raise ValueError(f"delimiter must be one character, not {delimiter!r}")
        said = None if seed is None else str(seed)
        return cls(str(file), MODES[mode], at_end or allowed[0], said, delimiter)


feed_of = lru_cache(maxsize=256)(Feed.of)
"""The same, for tests that ask in each iteration."""


class _Used:
    """A feed with its file, and what of it was taken since that was last reported."""

    def __init__(self, feed: Feed, rows: RowFile) -> None:
        self.feed = feed
        self.rows = rows
        self.taken = self.repeated = self.refused = self.stopped = 0

    def report(self) -> DataUse | None:
        """What was taken since the last report; None: nothing."""
        counts = (self.taken, self.repeated, self.refused, self.stopped)
        if not any(counts):
            return None
        self.taken = self.repeated = self.refused = self.stopped = 0
        return DataUse(self.feed.file, self.feed.mode, len(self.rows), self.rows.digest, *counts)


class Feeds:
    """See the module."""

    def __init__(self, folder: Path, run_id: str = "") -> None:
        """Files are found from `folder`; `run_id` seeds what is random, unless the test does."""
        self._folder = folder
        self._run_id = run_id
        self._files: dict[tuple[str, str], RowFile] = {}
        self._used: dict[Feed, _Used] = {}
        self._lock = Lock()

    def open(self, feed: Feed) -> RowFile:
        """The file of a feed.

        Raises:
            BadDataFile: see RowFile.
        """
        return self._of(feed).rows

    def _of(self, feed: Feed) -> _Used:
        used = self._used.get(feed)
        if used is None:
            with self._lock:
                key = feed.file, feed.delimiter
                if key not in self._files:
                    self._files[key] = RowFile(self._folder / feed.file, feed.delimiter)
                used = self._used.setdefault(feed, _Used(feed, self._files[key]))
        return used

    def take(self, feed: Feed, seat: Seat, taken: int) -> dict[str, Any]:
        """The next row of a user who has taken this many of the feed.

        Raises:
            NoMoreRows: there is none, and the test asked for an error.
            UserIsDone: there is none, and the test asked for this.
            BadDataFile: see RowFile.
        """
        used = self._of(feed)
        rows = len(used.rows)
        seed = self._run_id if feed.seed is None else feed.seed
        at = number(feed.mode, seat, taken, rows, f"{seed}/{feed.file}")
        again = at >= rows
        if again and feed.at_end == "stop":
            with self._lock:
                used.stopped += 1
            raise UserIsDone(f"{feed.file} has no row left for this user")
        if again and feed.at_end == "error":
            with self._lock:
                used.refused += 1
            raise NoMoreRows(_ran_out(feed, seat, rows))
        row = used.rows.row(at % rows)
        if not (taken and feed.mode is DataMode.UNIQUE):
            with self._lock:
                used.taken += 1
                used.repeated += again
        return row

    def report(self, note: Callable[[DataUse], object]) -> None:
        """Notes what was taken of each file since this was last called."""
        for used in list(self._used.values()):
            with self._lock:
                use = used.report()
            if use is not None:
                note(use)

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._used.clear()


class UserData:
    """The rows of one user."""

    def __init__(self, feeds: Feeds, seat: Seat) -> None:
        self._feeds = feeds
        self._seat = seat
        self._taken: dict[Feed, int] = {}

    def take(self, feed: Feed) -> dict[str, Any]:
        """Its next row; see Feeds."""
        taken = self._taken.get(feed, 0)
        row = self._feeds.take(feed, self._seat, taken)
        self._taken[feed] = taken + 1
        return row

    def close(self) -> None:
        """Closes the files, which are this user's alone."""
        self._feeds.close()


def _ran_out(feed: Feed, seat: Seat, rows: int) -> str:
    counted = f"{rows} row{'s' * (rows != 1)}"
    if feed.mode is DataMode.UNIQUE:
        return (
            f"{feed.file} has {counted}, and {seat.users} users need one each: this is user"
            f" {seat.place + 1} of them; give it more rows, or say at_end='repeat' or 'stop'"
        )
    return (
        f"{feed.file} has {counted}, and none is left for this user;"
        f" say at_end='stop' to end the user instead"
    )


def too_few(feed: Feed, rows: int, users: tuple[int, ...]) -> str:
    """Why a file cannot do for the users of some cycles, as is known before; empty: it can."""
    most = max(users, default=0)
    if feed.mode is not DataMode.UNIQUE or feed.at_end != "error" or most <= rows:
        return ""
    cycle = users.index(most) + 1
    where = f"cycle {cycle}" if len(users) > 1 else "the run"
    return (
        f"{feed.file} has {rows} row{'s' * (rows != 1)}, and {where} has {most} users, each with a"
        " row of its own; give it more rows, or say at_end='repeat' or 'stop'"
    )


__all__ = [
    "BadDataFile",
    "Feed",
    "Feeds",
    "NoMoreRows",
    "UserData",
    "UserIsDone",
    "feed_of",
    "too_few",
]
