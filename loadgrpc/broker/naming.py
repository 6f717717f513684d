"""What a client calls a run, and which run or attempt it is.

Rule: an id names its run; `latest` is the run that was asked for last; the beginning of an id names
its run if no other begins like this. With a number behind a dot it is that attempt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.store_watch import StoreWatch
from loadgrpc.errors import InvalidRequest, NotFound, Violation
from loadgrpc.store import Store

LATEST: Final = "latest"
MIN_CHARS: Final = 4
"""Of the beginning of an id: less is a slip of the fingers."""
MAX_MEANT: Final = 5
"""Runs that a sentence names when several are meant."""
_WHOLE: Final = re.compile(r"r-[0-9a-f]{10}")
_NAMED: Final = re.compile(r"(?P<run>[^.]+)(?:\.(?P<attempt>[1-9][0-9]{0,2}))?")


class Named(NamedTuple):
    """What was named."""

    run_id: str
    attempt: int | None = None
    """None: the newest one."""

    def __str__(self) -> str:
        return self.run_id if self.attempt is None else f"{self.run_id}.{self.attempt}"


class Naming:
    """See the module. `runs` are those that are not over."""

    def __init__(
        self, runs: Mapping[str, ActiveRun], store: Store, store_watch: StoreWatch
    ) -> None:
        self._runs = runs
        self._store = store
        self._store_watch = store_watch

    async def named(self, text: str) -> Named:
        """The run, and the attempt, that a text names.

        Raises:
            NotFound: there are no runs, or none whose id begins like this.
            InvalidRequest: several begin like this, or it is too short for a beginning.
            StoreError: the store cannot be read.
        """
        found = _NAMED.fullmatch(text)
        if found is None:
            return Named(text)  # it names none
        attempt = int(found["attempt"]) if found["attempt"] else None
        return Named(await self._run(found["run"]), attempt)

    async def _run(self, text: str) -> str:
        if text in self._runs or _WHOLE.fullmatch(text):
            return text
        if text == LATEST:
            newest = await self._begin_with("", 1)
            if not newest:
                raise NotFound("there are no runs yet")
            return newest[0]
        begun = await self._begin_with(text, MAX_MEANT + 1)
        if not begun or text in begun:
            return text  # it is one, or whoever looks for it says that there is none
        if len(text) < MIN_CHARS:
            rule = f"is too short: {MIN_CHARS} characters of an id are needed"
            raise InvalidRequest([Violation("run_id", rule)])
        if len(begun) > 1:
            more = " and others" * (len(begun) > MAX_MEANT)
            rule = f"{text!r} is the beginning of {', '.join(begun[:MAX_MEANT])}{more}"
            raise InvalidRequest([Violation("run_id", rule)])
        return begun[0]

    async def _begin_with(self, beginning: str, limit: int) -> list[str]:
        return await self._store_watch.read(self._store.find_runs(beginning, limit))
