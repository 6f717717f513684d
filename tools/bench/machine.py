"""What was measured on: the machine and the versions, without names of hosts or people."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench import process

LIBRARIES: Final = ("loadgrpc", "requests", "urllib3", "gevent", "grpcio", "numpy", "sqlalchemy")


def describe() -> str:
    """The machine, in a line."""
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    gib = int(memory[1]) / 2**20 if memory else 0
    kernel = re.match(r"[\d.]+\d", platform.release())
    return (
        f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}, {gib:.0f} GiB,"
        f" {platform.system()} {kernel[0] if kernel else ''}"
    )


def versions() -> dict[str, str]:
    """Of Python, of what loadgrpc is made of, and of nginx."""
    found = {"Python": platform.python_version()}
    found.update((name, version(name)) for name in LIBRARIES)
    _, text = process.run(["nginx", "-v"], timeout_s=10)
    found["nginx"] = text.strip().rpartition("/")[2]
    return found
