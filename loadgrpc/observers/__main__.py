"""The process of one try: it reads what to do from standard input, does it, and writes how it went.

    in   {"observer": "webhook", "own": {…}, "plan": {…}, "trusted": false, "notice": {…}}
    out  {"outcome": "delivered"} or {"outcome": "failed" | "refused", "reason": "…"}

    in   {"observer": "pager"}
    out  {"outcome": "described", "settings": [{"name": "…", …}]} or {"outcome": "unknown", …}

Rule: it ends by itself, whatever happens to the broker, and what it writes has no secret in it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import asdict
from typing import Any, Final

from loadgrpc.observers.environment import UnreadableFile, combined, missing, scrubbed
from loadgrpc.observers.notice import Notice
from loadgrpc.observers.observer import Observer, Undeliverable, wrong
from loadgrpc.observers.registry import Unknown, find

TRY_S: Final = 30
"""How long a try may take: the broker ends its process then."""
OWN_END_S: Final = TRY_S + 10
"""When the process ends if no broker does that."""
NICE: Final = 10
"""A machine that makes the load, too, has better things to do."""
MAX_REASON_CHARS: Final = 512
MAX_TRACEBACK_CHARS: Final = 8_192


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked for; how it went."""
    try:
        observer = find(asked["observer"])
    except Unknown as error:
        return {"outcome": "unknown", "reason": str(error)[:MAX_REASON_CHARS]}
    if "notice" in asked:
        return _tried(observer, asked)
    return {"outcome": "described", "settings": [asdict(each) for each in observer.SETTINGS]}


def _tried(observer: type[Observer], asked: dict[str, Any]) -> dict[str, Any]:
    """How a try goes."""
    settings = observer.SETTINGS
    values: dict[str, str] = {}
    try:
        values = combined(
            asked["observer"],
            settings,
            own=asked["own"],
            plan=asked["plan"],
            trusted=asked["trusted"],
            environ=os.environ,
        )
        for name, detail in (*wrong(settings, values), *_missing(asked, settings, values)):
            raise Undeliverable(f"{name} {detail}")  # noqa: TRY301
        observer(values).notify(Notice.from_json(asked["notice"]))
    except Undeliverable as error:
        return {"outcome": "refused", "reason": _reason(error, settings, values)}
    except UnreadableFile as error:
        return {"outcome": "failed", "reason": str(error)[:MAX_REASON_CHARS]}
    except Exception as error:  # noqa: BLE001 - whatever an observer raises
        reason = _reason(error, settings, values)
        if isinstance(error, OSError):  # of the network, and no defect
            return {"outcome": "failed", "reason": reason}
        told = scrubbed(traceback.format_exc(), settings, values)[-MAX_TRACEBACK_CHARS:]
        return {"outcome": "failed", "reason": reason, "traceback": told}
    return {"outcome": "delivered"}


def _missing(asked: dict[str, Any], settings: Any, values: dict[str, str]) -> Any:
    return missing(asked["observer"], settings, values).items()


def _reason(error: Exception, settings: Any, values: dict[str, str]) -> str:
    """What went wrong; an error that is a defect says of which type it is."""
    text = " ".join(str(error).split()) or "no reason given"
    if not isinstance(error, OSError | Undeliverable):
        text = f"{type(error).__name__}: {text}"
    return scrubbed(text, settings, values)[:MAX_REASON_CHARS]


def main() -> None:
    """Reads, does, writes."""
    signal.alarm(OWN_END_S)
    os.nice(NICE)
    asked = json.loads(sys.stdin.buffer.read())
    out = os.dup(1)
    os.dup2(2, 1)  # what an observer prints is none of the answer
    with os.fdopen(out, "w") as file:
        json.dump(answer(asked), file)


if __name__ == "__main__":
    main()
