"""Who may import whom: the floors of the house, and the doors to what is outside of it.

Rule: a room imports from its own floor and those below it; what stands beside a floor or a
door in the tables is the exception. The checks take names and sources, not files, so that
they are tested on what nobody should write. They live here and not in tools/, because
nothing else asks them.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FLOORS = {
    "errors": 0,
    "clock": 0,
    "private": 0,
    "model": 0,
    "secrets": 0,
    "text": 0,
    "verdict": 0,
    "campaign": 1,
    "stats": 1,
    "design": 1,
    "judge": 1,
    "v1": 1,  # generated, and closed to floors 0 and 1: see what_is_wrong
    "certs": 2,
    "protocol": 2,
    "store": 2,
    "outputs": 2,
    "observers": 2,
    "reflection": 2,
    "bundle": 2,
    "broker": 3,
    "agent": 3,
    "runner": 3,
    "client": 3,
    "dashboard": 4,
    "conformance": 4,
    "testing": 4,
    "local": 4,
    "eager": 4,
    "pytest_plugin": 4,
    "case": 4,
    "examples": 4,
    "cli": 5,
    "__main__": 5,
}
"""Rooms of loadgrpc/ and their floor. A room that is not here has no place yet."""

APART = 3
"""Rooms of this floor meet on the wire: they never import each other."""
PUBLIC = "case"
"""Where the public names of `loadgrpc` come from, all but these."""
ROOT_NAMES = {"__version__"}

RUNNER = "loadgrpc.runner"
LINK = "loadgrpc.runner.link"
"""The part of the runner's room that is not part of a user process."""

DOORS = {
    "gevent": {
        "loadgrpc.runner.__main__",
        "loadgrpc.runner.patching",
        "loadgrpc.runner.greenlets",
        "loadgrpc.runner.http.lane.connection",  # only where it is loaded already
        "loadgrpc.runner.ticks",
        "loadgrpc.runner.alarms",
        "loadgrpc.runner.forked",
        "loadgrpc.runner.left_behind",
        "loadgrpc.runner.multiprocess",
    },
    "requests": {
        "loadgrpc.runner.http",
        "loadgrpc.runner.websocket",
        "loadgrpc.runner.testcase",
        "loadgrpc.observers.webhook",
    },
    "grpc": {
        "loadgrpc.broker",
        "loadgrpc.agent",
        "loadgrpc.client",
        "loadgrpc.reflection",
        "loadgrpc.protocol",
        "loadgrpc.conformance",
        LINK,
    },
    "asyncio": {
        "loadgrpc.broker",
        "loadgrpc.agent",
        "loadgrpc.client",
        "loadgrpc.cli",
        "loadgrpc.store",
        "loadgrpc.protocol.door",  # of servers; to say that a call is cancelled
        "loadgrpc.protocol.secure_channel",  # of clients; channels are closed when calls are over
        "loadgrpc.protocol.ends",  # of processes
        "loadgrpc.conformance",
        LINK,
        "loadgrpc.runner.retry",  # waits of asynchronous tests
        "loadgrpc.dashboard",
        "loadgrpc.testing",
        "loadgrpc.local",
        "loadgrpc.examples.server",  # no part of loadgrpc: what it is loaded against
    },
    "numpy": {"loadgrpc.stats", "loadgrpc.broker", "loadgrpc.protocol", "loadgrpc.store"},
    "sqlalchemy": {"loadgrpc.store"},
    "click": {"loadgrpc.cli"},
    "webtest": {"loadgrpc.runner.http.webtest_app"},
    "wsproto": {"loadgrpc.runner.websocket"},
    "covertable": {"loadgrpc.design.covering"},
    "openpyxl": {"loadgrpc.design.files"},
    "cronsim": {"loadgrpc.broker.cron"},
    "starlette": {"loadgrpc.dashboard"},
    "uvicorn": {"loadgrpc.dashboard.page_server"},
    "cryptography": {"loadgrpc.certs"},
}
"""Third parties and the modules or rooms that may import them."""

SAME_DOOR = {
    "urllib3": "requests",
    "grpc_health": "grpc",
    "grpc_reflection": "grpc",
    "grpc_status": "grpc",
}
OUTSIDE_BY_FLOOR = {0: set(), 1: {"numpy", "covertable", "openpyxl"}}
"""All that the lowest floors may import beside the standard library."""

HEAVY = ("grpc", "google.protobuf", "gevent", "requests", "urllib3", "numpy", "sqlalchemy")
"""What `import loadgrpc` must not load: it is imported wherever a test is."""


def room_of(module):
    """The room of a module: `runner` of `loadgrpc.runner.link`, "" of `loadgrpc` itself."""
    return module.partition(".")[2].partition(".")[0]


def within(module, place):
    """Whether `module` is `place` or inside of it."""
    return module == place or module.startswith(place + ".")


def imports(module, source, *, at_import=False):
    """What `module` imports, as `package.module` or `package.name`, with line numbers.

    With `at_import` only what is imported when the module itself is: nothing inside of
    functions, nothing for type checkers.
    """
    is_package = module.endswith(".__init__")
    parts = module.removesuffix(".__init__").split(".")
    found = []
    todo = list(ast.parse(source).body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Import):
            found.extend((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found.extend((f"{origin}.{alias.name}", node.lineno) for alias in node.names)
        elif at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif at_import and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo.extend(node.orelse)
        else:
            todo.extend(ast.iter_child_nodes(node))
    return found


def room_imported(name):
    """The room that an import of `loadgrpc.…` enters; public names stand for their room."""
    first = room_of(name)
    if first in FLOORS:
        return first
    return "" if first in ROOT_NAMES or not first else PUBLIC


def check_floors(module, source):
    """Complaints about the directions of a module's imports inside of the house."""
    room = room_of(module)
    if room == "__init__":
        return []  # the front door: see check_front_door
    if room not in FLOORS:
        return [f"{module}: the room {room!r} is on no floor"]
    complaints = []
    for name, line in imports(module, source):
        other = room_imported(name) if within(name, "loadgrpc") else ""
        if other not in ("", room) and (wrong := what_is_wrong(room, other)):
            complaints.append(f"{module}:{line}: {room} imports {other}, {wrong}")
    return complaints


def what_is_wrong(room, other):
    """Why `room` must not import from `other`; empty when it may."""
    floor, floor_of_other = FLOORS[room], FLOORS[other]
    if floor_of_other > floor:
        return f"from floor {floor_of_other}, which is above its own, {floor}"
    if floor_of_other == floor == APART:
        return "but they meet on the wire"
    if other == "v1" and floor <= FLOORS["v1"]:
        return "but generated code is for floors above"
    if other in ("cli", "examples") and room != "__main__":
        return "which nobody does"
    return ""


def check_doors(module, source):
    """Complaints about what a module imports from outside of the house."""
    own = module.removesuffix(".__init__")
    complaints = []
    for name, line in imports(module, source):
        package = name.partition(".")[0]
        if package == "loadgrpc":
            if name.endswith("_pb2_grpc") and room_of(own) == "runner" and not within(own, LINK):
                complaints.append(f"{module}:{line}: a user process imports gRPC by way of {name}")
            continue
        door = SAME_DOOR.get(package, package)
        if door in DOORS and not any(within(own, place) for place in DOORS[door]):
            complaints.append(f"{module}:{line}: {package} is for {', '.join(sorted(DOORS[door]))}")
        allowed = OUTSIDE_BY_FLOOR.get(FLOORS.get(room_of(own)))
        if (
            allowed is not None
            and package not in allowed
            and package not in sys.stdlib_module_names
        ):
            complaints.append(f"{module}:{line}: {package} is not for this floor")
    return complaints


def check_front_door(source):
    """Complaints about what `loadgrpc/__init__.py` imports as it is imported."""
    return [
        f"loadgrpc:{line}: `import loadgrpc` would load {name}"
        for name, line in imports("loadgrpc.__init__", source, at_import=True)
        if within(name, "loadgrpc") or name.partition(".")[0] not in sys.stdlib_module_names
    ]


def check_user_process(sources):
    """Complaints about modules of the user process that load gRPC or asyncio, however far off.

    `sources` has the source of each module by name; packages as `….__init__`.
    """

    def loaded_by(module):
        """What importing `module` imports at once, house modules by their key in `sources`."""
        outside, inside = set(), set()
        for name, _ in imports(module, sources[module], at_import=True):
            if not within(name, "loadgrpc"):
                outside.add(name)
                continue
            words = name.split(".")
            # `a.b.c` loads a, a.b and, unless it is a name, a.b.c.
            prefixes = {".".join(words[:count]) for count in range(1, len(words) + 1)}
            inside |= {key for p in prefixes for key in (p, p + ".__init__") if key in sources}
        return outside, inside

    complaints = []
    for start in sorted(sources):
        if not within(start, RUNNER) or within(start, LINK):
            continue
        paths = {start: [start]}
        todo = [start]
        while todo:
            module = todo.pop(0)
            outside, inside = loaded_by(module)
            for name in sorted(outside):
                package = name.partition(".")[0]
                if SAME_DOOR.get(package, package) in ("grpc", "asyncio"):
                    complaints.append(" → ".join([*paths[module], package]))
            for found in sorted(inside - paths.keys()):
                paths[found] = [*paths[module], found]
                todo.append(found)
    return complaints


def house():
    """The source of every module that a person has written, by name."""
    found = {}
    for path in sorted((ROOT / "loadgrpc").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not within(module, "loadgrpc.v1"):
            found[module] = path.read_text()
    return found


def generated():
    """The source of the generated modules, by name."""
    paths = sorted((ROOT / "loadgrpc/v1").glob("*.py"))
    return {f"loadgrpc.v1.{path.stem}": path.read_text() for path in paths}


def test_imports_go_down():
    """No room imports from a floor above it, and broker, agent, runner, client not each other."""
    assert [text for item in house().items() for text in check_floors(*item)] == []


def test_third_parties_stay_behind_their_doors():
    """gRPC, asyncio, gevent, Requests and NumPy are imported only where the tables say."""
    assert [text for item in house().items() for text in check_doors(*item)] == []


def test_user_processes_load_neither_grpc_nor_asyncio():
    """No module of the Python runner but its link loads gRPC or asyncio, not even indirectly."""
    assert check_user_process({**house(), **generated()}) == []


def test_a_user_process_has_loaded_neither_grpc_nor_asyncio():
    """A fresh Python with all of a user process in it has loaded neither, by whatever way."""
    code = (
        "import sys, loadgrpc.runner.__main__, loadgrpc.case;"
        "print([name for name in ('grpc', 'asyncio') if name in sys.modules])"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert seen.stdout == "[]\n"


def test_the_front_door_is_light():
    """`loadgrpc/__init__.py` imports nothing but the standard library when it is imported."""
    assert check_front_door((ROOT / "loadgrpc/__init__.py").read_text()) == []


def test_importing_loadgrpc_loads_nothing_heavy():
    """A fresh Python that imports loadgrpc has loaded none of the heavy libraries."""
    code = f"import sys, loadgrpc; print([name for name in {HEAVY} if name in sys.modules])"
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert seen.stdout == "[]\n"


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("loadgrpc.model", "from loadgrpc.stats import histogram", "floor 1, which is above"),
        ("loadgrpc.model", "from loadgrpc.v1 import run_pb2", "above its own"),
        ("loadgrpc.stats.series", "from loadgrpc.v1 import run_pb2", "generated code"),
        ("loadgrpc.stats.series", "import loadgrpc.protocol.runs", "above its own"),
        ("loadgrpc.store.sqlite", "from loadgrpc import broker", "above its own"),
        ("loadgrpc.broker.broker", "from loadgrpc.agent import relay", "meet on the wire"),
        ("loadgrpc.runner.link", "from loadgrpc.client.client import Client", "on the wire"),
        ("loadgrpc.broker.broker", "from ..agent import relay", "meet on the wire"),
        ("loadgrpc.broker.__init__", "from ..agent import relay", "meet on the wire"),
        ("loadgrpc.broker.broker", "def f():\n    import loadgrpc.runner.pool", "on the wire"),
        ("loadgrpc.testing", "from loadgrpc.cli import main", "above its own"),
        ("loadgrpc.runner.loader", "from loadgrpc import TestCase", "case, from floor 4"),
        ("loadgrpc.testing", "from loadgrpc.examples import server", "nobody does"),
        ("loadgrpc.utils", "import sys", "on no floor"),
    ],
)
def test_a_wrong_direction_is_found(module, source, complaint):
    """Each kind of wrong import inside of the house is found, once."""
    (found,) = check_floors(module, source)

    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("loadgrpc.verdict", "from loadgrpc.model import Verdict"),
        ("loadgrpc.stats.series", "from . import histogram\nfrom .histogram import Histogram"),
        ("loadgrpc.broker.control_service", "from loadgrpc import __version__, errors"),
        ("loadgrpc.broker.broker", "from .state import step\nfrom loadgrpc.v1 import run_pb2"),
        ("loadgrpc.broker.__init__", "from .broker import Broker"),
        ("loadgrpc.testing", "from loadgrpc.broker.server import serve"),
        ("loadgrpc.case", "from loadgrpc.runner.testcase import TestCase"),
        ("loadgrpc.examples.demo", "from loadgrpc import TestCase"),
        ("loadgrpc.__main__", "from loadgrpc.cli import main"),
        ("loadgrpc.cli.run", "from loadgrpc.client.client import Client"),
    ],
)
def test_a_right_direction_is_not_found(module, source):
    """What the floors allow is not complained about."""
    assert check_floors(module, source) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("loadgrpc.agent.agent", "import gevent"),
        ("loadgrpc.runner.user", "from gevent import sleep"),
        ("loadgrpc.client.client", "import requests"),
        ("loadgrpc.runner.user", "from urllib3.util import Timeout"),
        ("loadgrpc.runner.linkage", "import grpc"),
        ("loadgrpc.store.sqlite", "import grpc.aio"),
        ("loadgrpc.cli.run", "from grpc_status import rpc_status"),
        ("loadgrpc.runner.pool", "import asyncio"),
        ("loadgrpc.runner.pool", "from loadgrpc.v1 import runner_pb2_grpc"),
        ("loadgrpc.cli.run", "import numpy as np"),
        ("loadgrpc.broker.broker", "from sqlalchemy import select"),
        ("loadgrpc.model", "import click"),
        ("loadgrpc.stats.series", "def f():\n    from google.protobuf import message"),
    ],
)
def test_a_wrong_door_is_found(module, source):
    """Third parties are found where they do not belong, inside of functions too."""
    assert check_doors(module, source) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("loadgrpc.runner.__main__", "from gevent import monkey"),
        ("loadgrpc.runner.http.session", "import requests\nimport urllib3"),
        ("loadgrpc.runner.link", "import asyncio\nimport grpc.aio"),
        ("loadgrpc.runner.link", "from loadgrpc.v1 import runner_pb2_grpc"),
        ("loadgrpc.stats.__init__", "import numpy as np"),
        ("loadgrpc.model", "import dataclasses\nimport xml.etree"),
    ],
)
def test_a_right_door_is_not_found(module, source):
    """What the doors allow is not complained about."""
    assert check_doors(module, source) == []


def test_a_heavy_front_door_is_found():
    """An import at the top of the package is found; a late one and one for types is not."""
    late = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from loadgrpc.case import TestCase\n"
        "def __getattr__(name):\n    from loadgrpc.case import TestCase\n    return TestCase\n"
    )

    assert check_front_door(late) == []
    assert len(check_front_door("from .case import TestCase")) == 1
    assert len(check_front_door("try:\n    import requests\nexcept ImportError:\n    pass")) == 1


def test_grpc_is_found_through_other_modules():
    """A user process that loads gRPC by way of a package's __init__ is found, with the way."""
    sources = {
        "loadgrpc.__init__": "",
        "loadgrpc.runner.__init__": "",
        "loadgrpc.runner.__main__": "def main():\n    from loadgrpc.runner import link",
        "loadgrpc.runner.link": "import grpc",
        "loadgrpc.runner.user": "from loadgrpc.protocol.pack import pack",
        "loadgrpc.protocol.__init__": "from loadgrpc.protocol import status",
        "loadgrpc.protocol.pack": "import struct",
        "loadgrpc.protocol.status": "import grpc",
    }

    assert check_user_process(sources) == [
        "loadgrpc.runner.user → loadgrpc.protocol.__init__ → loadgrpc.protocol.status → grpc"
    ]
