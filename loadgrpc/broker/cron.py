"""When a schedule is due next: a cron expression, in a time zone.

Rule: pure. Days of a calendar are the library's business (`cronsim`, as Debian's cron does it):
when clocks are put forward, a time of day that does not exist comes right after the gap; when they
are put back, one that exists twice comes once. With `*` for minutes or hours, every one that passes
counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, Violation

FIELDS: Final = 5
NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""As cron has them."""
MAX_TRIES: Final = 200
"""Times of the library that are looked at: of those in a doubled hour the first have passed."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Cron:
    """The times of a schedule."""

    def __init__(self, expression: str, time_zone: str) -> None:
        """Five fields, or a nickname such as `@daily`; and the IANA's name of a time zone.

        Raises:
            InvalidRequest: one of them is wrong.
        """
        found = []
        self._expression = NICKNAMES.get(expression.strip().lower(), expression)
        if detail := _wrong(self._expression):
            found.append(Violation("schedule.cron", detail))
        try:
            self._zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = "an IANA name is required, such as Europe/Berlin or UTC"
            found.append(Violation("schedule.time_zone", f"{time_zone!r} is not known: {known}"))
        if found:
            raise InvalidRequest(found)

    def after(self, moment_ns: int) -> int | None:
        """The first time after a moment, both by the wall clock. None: it never comes again."""
        moment = _EPOCH + timedelta(microseconds=moment_ns // 1_000)
        times = CronSim(self._expression, moment.astimezone(self._zone))
        for _ in range(MAX_TRIES):
            try:
                due = next(times).astimezone(UTC)
            except (StopIteration, OverflowError):
                return None
            if due > moment:
                return round((due - _EPOCH) / timedelta(seconds=1)) * NS_PER_S
        return None


def _wrong(expression: str) -> str:
    """What is wrong with an expression; empty: nothing."""
    parts = expression.split()
    if len(parts) != FIELDS:
        return (
            f"has {len(parts)} fields and not 5: minute, hour, day of the month, month, day of the"
            " week, such as '0 3 * * 1-5'"
        )
    try:
        CronSim(expression, _EPOCH)
    except CronSimError as error:
        return f"{expression!r} is not a cron expression: {error}"
    return ""
