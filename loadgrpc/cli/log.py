"""What the parts log, on stderr or in a file: a line each, for people or as JSON.

    2026-11-30T02:19:56.123+00:00 INFO broker: run r-1 is RUNNING
    {"time": "2026-11-30T02:19:56.123+00:00", "level": "INFO", "logger": "loadgrpc.broker.broker",
     "message": "run r-1 is RUNNING", "run": "r-1"}          (in one line)

Rule: text from outside cannot forge a line, steer a terminal, or reveal a secret. The handler
looks stderr up for every record, because a live display replaces it while it is on.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, Final

from loadgrpc.secrets import masked
from loadgrpc.text import MAX_LINE, printable, safe_json, safe_line

LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
FORMATS: Final = ("text", "json")
FIELDS: Final = {"run_id": "run", "agent_id": "agent", "client": "client"}
"""What records have as `extra`, and what a JSON line calls it."""
MAX_TRACEBACK: Final = 65_536

_own: Final[dict[str, str]] = {}
"""Fields of all records of this process, as the agent that it is."""


class TextFormatter(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, a traceback beneath it."""
        name = record.name.removeprefix("loadgrpc.").rpartition(".")
        room = name[0] or name[2]
        line = f"{moment(record)} {record.levelname} {room}: {message(record)}"
        trace = traceback_of(self, record)
        return line + "".join(f"\n  {each}" for each in printable(trace).splitlines())


class JsonFormatter(logging.Formatter):
    """A JSON document a line, for programs."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a document."""
        document: dict[str, Any] = {
            "time": moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": message(record),
        }
        for field, name in FIELDS.items():
            if value := getattr(record, field, _own.get(field, "")):
                document[name] = str(value)[:MAX_LINE]
        if trace := traceback_of(self, record):
            document["exception"] = trace
        return safe_json(json.dumps(document, ensure_ascii=False))


def of_agent(agent_id: str) -> None:
    """From now on this process is an agent's."""
    _own["agent_id"] = agent_id


def moment(record: logging.LogRecord) -> str:
    """When it was, by ISO 8601, in local time with its offset."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


def message(record: logging.LogRecord) -> str:
    """What it says, on one line."""
    return safe_line(masked(record.getMessage()[:MAX_LINE]))


def traceback_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback that it has, if it has one."""
    if not record.exc_info:
        return ""
    return masked(formatter.formatException(record.exc_info)[-MAX_TRACEBACK:])


class StderrHandler(logging.Handler):
    """Writes records to what is stderr at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as logging does it: a log line must not stop a run
            self.handleError(record)


class LogFile(WatchedFileHandler):
    """Appends records to a file, and to another one of its name once somebody has moved it."""


def set_up(verbose: int, log_format: str = "text", file: Path | None = None) -> int:
    """Log to stderr or to a file, the more the more often -v was given; the level.

    Raises:
        OSError: the file cannot be written.
    """
    level = LEVELS[min(verbose, len(LEVELS) - 1)]
    root = logging.getLogger()
    for each in [each for each in root.handlers if isinstance(each, StderrHandler | LogFile)]:
        root.removeHandler(each)
        each.close()
    handler = LogFile(file, encoding="utf-8") if file is not None else StderrHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root.addHandler(handler)
    logging.getLogger("loadgrpc").setLevel(level)
    return level
