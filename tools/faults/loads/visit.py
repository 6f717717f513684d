"""The load of the fault suite: every request has an id, and one iteration makes one request."""
# ruff: noqa: PT009 - unittest style is the subject

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
import uuid
from typing import ClassVar

from loadgrpc import TestCase


class TestVisit(TestCase):
    """Visits to the server of the suite, `/AGENT/ID`."""

    agent: ClassVar[str]
    process: ClassVar[str]
    numbers: ClassVar[itertools.count[int]]

    @classmethod
    def setUpClass(cls) -> None:
        """Names the process, and leaves a grandchild behind, which must not outlive the runner."""
        cls.agent = os.environ["LOADGRPC_AGENT_ID"]
        cls.process = uuid.uuid4().hex[:8]
        cls.numbers = itertools.count(1)
        subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL)

    def visit(self) -> None:
        """One request, which no other is like."""
        target = f"{self.server_url}/{self.agent}/{self.process}-{next(self.numbers)}"
        self.assertEqual(self.session.get(target, name="visit").status_code, 200)

    def test_visit(self) -> None:
        """A visit."""
        self.visit()

    def test_deaf(self) -> None:
        """A visit that does not end, of a process that SIGTERM does not end."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.visit()
        time.sleep(600)
