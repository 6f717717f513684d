"""The pages agree with the code: tables, rooms, paths, links, and the targets of make."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from loadgrpc.broker.firing import FIRING_TRANSITIONS, FiringEvent
from loadgrpc.broker.state import (
    NEVER,
    PART_TRANSITIONS,
    TRANSITIONS,
    PartEvent,
    RunEvent,
    diagram,
)
from loadgrpc.broker.step_life import STEP_TRANSITIONS, StepEvent
from loadgrpc.cli.failure import EXIT_CODES
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import AgentState, AssignmentState, FiringState, RunState, StepState
from loadgrpc.protocol import status
from loadgrpc.protocol.rights import RIGHTS
from loadgrpc.stats import load_text

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
SHOWN_FILES = {"example.py", "file.py", "shop.py"}
"""Files of the reader's, which pages name."""


def sibling(name: str):
    """Another module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(page: str) -> list[list[list[str]]]:
    """The tables of a page: rows of cells, the headings first, without marks."""
    found = []
    for match in re.finditer(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        heads, _, *rows = [
            [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
            for line in match[0].splitlines()
        ]
        found.append([heads, *rows])
    return found


def table(*heads: str) -> list[list[str]]:
    """The rows of the table of architecture.md that begins with these headings."""
    (rows,) = [found[1:] for found in tables(ARCHITECTURE) if found[0][: len(heads)] == [*heads]]
    return rows


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def without_blocks(page: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*\n(?:.*\n)*?```$", "", page, flags=re.MULTILINE)


def test_every_room_is_told():
    """Each room of the house is in the table, on its floor, and none is that is not there."""
    package = ROOT / "loadgrpc"
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    told = {room: int(floor) for room, floor, _ in table("room", "floor")}

    assert told.keys() == folders | modules
    floors = sibling("test_layers").FLOORS
    assert told == {room: floors[room] for room in told}


def test_a_runs_life_is_told():
    """The table of a run's states is the one that the program runs."""
    (found,) = [found for found in tables(ARCHITECTURE) if found[0][1:2] == ["its time has come"]]
    events = [RunEvent(head) for head in found[0][1:]]
    told = {
        RunState[state]: {
            event: RunState[then] if then else NEVER
            for event, then in zip(events, cells, strict=True)
        }
        for state, *cells in found[1:]
    }

    assert set(events) == set(RunEvent)
    assert told == TRANSITIONS


def test_a_runs_life_is_drawn():
    """The diagram is the one that the table makes."""
    page = (ROOT / "docs/run-life.md").read_text()
    (drawn,) = re.findall(r"^```mermaid\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    assert drawn == f"{diagram()}\n"


def test_the_life_of_a_part_is_told():
    """So is the table of the states of an agent's part."""
    (found,) = [found for found in tables(ARCHITECTURE) if found[0][1:2] == ["it is ready"]]
    events = [PartEvent(head) for head in found[0][1:]]
    told = {
        AssignmentState[state]: {
            event: AssignmentState[then] for event, then in zip(events, cells, strict=True) if then
        }
        for state, *cells in found[1:]
    }

    assert set(events) == set(PartEvent)
    assert told == PART_TRANSITIONS


@pytest.mark.parametrize(
    ("first", "events", "states", "transitions"),
    [
        ("its gates are open", StepEvent, StepState, STEP_TRANSITIONS),
        ("no other run of the schedule is active", FiringEvent, FiringState, FIRING_TRANSITIONS),
    ],
)
def test_lives_of_steps_and_firings_are_told(first, events, states, transitions):
    """So are the tables of what the broker does by itself."""
    (found,) = [found for found in tables(ARCHITECTURE) if found[0][1:2] == [first]]
    heads = [events(head) for head in found[0][1:]]
    told = {
        states[state]: {
            event: states[then] for event, then in zip(heads, cells, strict=True) if then
        }
        for state, *cells in found[1:]
    }

    assert set(heads) == set(events)
    assert told == transitions


@pytest.mark.parametrize("states", [AssignmentState, AgentState])
def test_states_are_told(states):
    """Each state of a part and of an agent is in a table of its own, in order."""
    told = [
        [row[0] for row in found[1:]]
        for found in tables(ARCHITECTURE)
        if found[0] == ["state", "how it comes about"]
    ]

    assert [state.name for state in states] in told


def test_errors_are_told():
    """Each error is in the table, with its status and the exit code of commands."""
    told = {name: (code, int(exit_code)) for name, code, exit_code in table("error")}

    assert told == {
        error.__name__: (code.name, EXIT_CODES[error]) for error, code in status.TABLE.items()
    }
    assert LoadgrpcError not in status.TABLE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Each link to a file finds it, and each link to a heading finds that."""
    text = without_blocks(page.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        there = page.parent / target if target else page
        assert there.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page):
    """Each file or folder that a page names in code marks is there."""
    places = (ROOT, ROOT / "loadgrpc", ROOT / "loadgrpc/broker")
    named = re.findall(r"`([\w./-]+(?:\.py|\.proto|/))`", without_blocks(page.read_text()))
    missing = [
        name
        for name in named
        if name not in SHOWN_FILES and not any((place / name).exists() for place in places)
    ]

    # architecture.md names modules of a room by their file alone, where it speaks of that room.
    assert [name for name in missing if not list((ROOT / "loadgrpc").glob(f"*/{name}"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_exist(page):
    """Each `make TARGET` that a page names is in the Makefile."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = page.read_text()
    typed = re.findall(r"^```sh.*\n(?:.*\n)*?```$", text, re.MULTILINE)
    named = re.findall(r"`make ([a-z]+)\b", text)
    named += re.findall(r"^make ([a-z]+)\b", "\n".join(typed), re.MULTILINE)

    assert set(named) <= set(targets)


def test_readme_begins_with_the_two_commands():
    """`make demo` and `make test` are the first commands that a reader meets."""
    first = re.search(r"^```sh\n((?:.*\n)*?)```$", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert first
    assert re.findall(r"^make (\w+)", first[1], re.MULTILINE) == ["demo", "test"]


def test_who_may_call_what_is_told():
    """The table of methods and roles is the one that the broker decides by."""
    (found,) = [
        found
        for found in tables((ROOT / "docs/safety.md").read_text())
        if found[0] == ["method", "role"]
    ]
    told = {f"/{'loadgrpc.v1.' * ('.' not in path)}{path}": role for path, role in found[1:]}

    assert told == {path: str(right) for path, right in RIGHTS.items()}


def test_loads_that_pages_show_can_be_typed():
    """Those after `--load`, and those in quotes that begin like a stage."""
    text = "".join(page.read_text() for page in PAGES)
    shown = re.findall(r'"load": "([^"…]+)"|--load "([^"…]+)"', text)
    shown += re.findall(
        r'`"()([0-9.]+(?:/[sm]| users?) for [^"…]+|(?:step|sine|ramp) [^"…]+)"`', text
    )
    assert len(shown) > 20
    for of_plan, typed in shown:
        load = load_text.stages(of_plan or typed, lambda _: (1.0,))
        assert load_text.stages(load_text.text(load)) == load
