"""Defects of ours in tasks that nobody waits for: they are logged, and never silent."""

from __future__ import annotations

import asyncio
import logging

_log = logging.getLogger(__name__)


def log_defect(task: asyncio.Task[None]) -> None:
    """Logs what a task raised; for tasks that should not end by themselves, as a done callback."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a defect: please report it", exc_info=error)
