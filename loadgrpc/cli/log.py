"""What the parts log, on stderr.

Rule: the handler looks stderr up for every record, because a live display stands in for
it while it is on.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)


class StderrHandler(logging.Handler):
    """Writes records to what is stderr at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as logging does it: a log line must not stop a run
            self.handleError(record)


def set_up(verbose: int) -> int:
    """Log to stderr, the more the more often -v was given; the level."""
    level = LEVELS[min(verbose, len(LEVELS) - 1)]
    root = logging.getLogger()
    if not any(isinstance(handler, StderrHandler) for handler in root.handlers):
        handler = StderrHandler()
        handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        )
        root.addHandler(handler)
    logging.getLogger("loadgrpc").setLevel(level)
    return level
