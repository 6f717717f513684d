"""What the demo server has seen: its own counts, independent of loadgrpc."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Final

MAX_PATHS: Final = 1_000
"""Paths counted each for itself; further ones are counted together, as `other`."""
MAX_SECONDS: Final = 3_600
"""Seconds that the timeline keeps, the first ones."""


@dataclass
class Second:
    """What happened in one second."""

    requests: int = 0
    max_concurrent: int = 0


@dataclass
class SeenSockets:
    """The web sockets that the server has seen, and is seeing."""

    opened: int = 0
    open: int = 0
    max_open: int = 0
    messages: int = 0
    """That came, and were echoed unless their connection was lost."""
    bytes: int = 0
    """Of their payloads."""

    def came(self) -> None:
        """A connection became a web socket."""
        self.opened += 1
        self.open += 1
        self.max_open = max(self.max_open, self.open)

    def start_over(self) -> None:
        """Forgets what was, and keeps what is."""
        self.opened = self.messages = self.bytes = 0
        self.max_open = self.open


@dataclass
class SeenCounts:
    """What the server has seen, and is seeing."""

    requests: int = 0
    concurrent: int = 0
    max_concurrent: int = 0
    connections: int = 0
    max_connections: int = 0
    visitors: int = 0
    slow: int = 0
    """Answers of /slow."""
    flaky: int = 0
    """Answers of /flaky."""
    sockets: SeenSockets = field(default_factory=SeenSockets)
    paths: dict[str, int] = field(default_factory=dict)
    timeline: dict[int, Second] = field(default_factory=dict)
    """By whole seconds since the first request; seconds without a request are absent."""
    first: float = 0.0

    def arrived(self, path: str, now: float) -> None:
        """A request has arrived, and is being answered from now on."""
        self.first = self.first or now
        self.requests += 1
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        if path not in self.paths and len(self.paths) >= MAX_PATHS:
            path = "other"
        self.paths[path] = self.paths.get(path, 0) + 1
        number = int(now - self.first)
        if number < MAX_SECONDS:
            second = self.timeline.setdefault(number, Second())
            second.requests += 1
            second.max_concurrent = max(second.max_concurrent, self.concurrent)

    def answered(self) -> None:
        """A request was answered, or given up."""
        self.concurrent -= 1

    def start_over(self) -> None:
        """Forgets what was, and keeps what is."""
        self.requests = 0
        self.first = 0.0
        self.max_concurrent = self.concurrent
        self.max_connections = self.connections
        self.sockets.start_over()
        self.paths.clear()
        self.timeline.clear()

    def document(self) -> bytes:
        """All of it, as JSON."""
        return to_json(
            {
                "requests": self.requests,
                "concurrent": self.concurrent,
                "max_concurrent": self.max_concurrent,
                "connections": self.connections,
                "max_connections": self.max_connections,
                "websockets": asdict(self.sockets),
                "paths": self.paths,
                "timeline": [
                    {
                        "second": number,
                        "requests": second.requests,
                        "max_concurrent": second.max_concurrent,
                    }
                    for number, second in sorted(self.timeline.items())
                ],
            }
        )


def to_json(document: object) -> bytes:
    """A document as JSON, on one line."""
    return json.dumps(document).encode() + b"\n"
