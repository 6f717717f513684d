"""One thing, one place: no import circle, no class name twice, no file too long, one number.

Rule: what stands in the lists of exceptions has its reason there, and a list that holds what is
no exception any more is wrong, too. The checks take sources by name, so that they are tested on
what nobody should write.
"""

import ast
import importlib.util
import re
from collections import defaultdict
from pathlib import Path

import pytest

_LAYERS = Path(__file__).with_name("test_layers.py")
_spec = importlib.util.spec_from_file_location("layers", _LAYERS)
layers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(layers)

MAX_LINES = 450
LONG_FILES: dict[str, str] = {}
"""Files that may be longer, and why."""

TWICE: dict[str, str] = {
    "Case": "of a decision table, where everybody calls it that; and of the conformance kit",
    "Rule": "likewise",
    "Value": "of a condition, likewise; and of an option of a command",
}
"""Class names that two modules have, and why."""

NUMBERS: dict[str, str] = {}
"""Rooms and constants with more than one value there, and why."""

CIRCLES: dict[str, str] = {}
"""Modules that import each other, and why."""


def circles(sources):
    """The groups of modules that import each other, also only for types or in a function."""
    edges = {}
    for module, source in sources.items():
        own = module.removesuffix(".__init__")
        found = set()
        for name, _ in layers.imports(module, source):
            parts = name.split(".")
            for count in range(len(parts), 0, -1):
                other = ".".join(parts[:count])
                if key := next((k for k in (other, f"{other}.__init__") if k in sources), None):
                    found.add(key)
                    break
        edges[module] = found - {module}
        if own != module:  # a package may name its own modules; they import from each other
            edges[module] = {each for each in edges[module] if not layers.within(each, own)}
    return [group for group in _components(edges) if len(group) > 1]


def _components(edges):
    """The strongly connected components of a graph, each sorted."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return found


def class_names(sources):
    """The modules that define a class of each public or private name at their top."""
    found = defaultdict(list)
    for module, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module)
    return found


def seconds(sources):
    """The modules in which a name is a second in nanoseconds."""
    return [
        module
        for module, source in sources.items()
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        and node.value.value == 1_000_000_000
        and "NS" in ast.dump(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    ]


def constants(sources):
    """The numbers that a public constant stands for, by room and name."""
    found = defaultdict(set)
    for module, source in sources.items():
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            number = ast.unparse(node.value).replace("_", "")
            name = getattr(target, "id", "")
            if re.fullmatch(r"[A-Z][A-Z0-9_]+", name) and re.fullmatch(r"[-\d.e+*< ]+", number):
                found[layers.room_of(module), name].add(eval(number))  # noqa: S307
    return found


def compare(found, allowed):
    """What is wrong: exceptions that nobody has allowed, and allowed ones that are none."""
    return [
        *(f"{each} is no exception" for each in sorted(found - allowed.keys())),
        *(f"{each} need not be an exception" for each in sorted(allowed.keys() - found)),
    ]


def test_no_modules_import_each_other():
    """A reader can begin at the bottom: nothing is understood only with what stands on it."""
    assert compare({" ".join(group) for group in circles(layers.house())}, CIRCLES) == []


def test_no_class_name_is_used_twice():
    """One name, one thing, in the whole package."""
    found = {name for name, modules in class_names(layers.house()).items() if len(modules) > 1}

    assert compare(found, TWICE) == []


def test_files_are_short():
    """A file has one noun, and few have more to say about it."""
    found = {
        module for module, source in layers.house().items() if len(source.splitlines()) > MAX_LINES
    }

    assert compare(found, LONG_FILES) == []


def test_a_number_has_one_value_in_a_room():
    """Who reads a constant in one file of a room is not misled by another of the same name."""
    found = {
        " ".join(place) for place, numbers in constants(layers.house()).items() if len(numbers) > 1
    }

    assert compare(found, NUMBERS) == []


def test_a_second_is_written_down_once():
    """How many nanoseconds a second has is said in `clock`."""
    assert seconds(layers.house()) == ["loadgrpc.clock"]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a": "import b", "b": "import a"}, [["a", "b"]]),
        ({"a": "import b", "b": "import c", "c": "from a import x"}, [["a", "b", "c"]]),
        ({"a": "def f():\n    import b", "b": "from a import f"}, [["a", "b"]]),
        ({"a": "if TYPE_CHECKING:\n    import b", "b": "import a"}, [["a", "b"]]),
        ({"a": "import b\nimport c", "b": "import c", "c": "import json"}, []),
        ({"p.__init__": "from p.x import f", "p.x": "from p.y import f", "p.y": ""}, []),
    ],
)
def test_a_circle_is_found(sources, expected):
    """However the circle is closed; a package that names its modules closes none."""
    assert circles(sources) == expected


def test_what_is_twice_is_found():
    """Names at the top of modules count; those inside of classes and functions do not."""
    sources = {
        "a": "class X: pass\nclass Y:\n    class Z: pass",
        "b": "class X: pass\nclass Z: pass",
    }

    names = class_names(sources)

    assert {name: modules for name, modules in names.items() if len(modules) > 1} == {
        "X": ["a", "b"]
    }
    assert seconds({"a": "NS = 1_000_000_000", "b": "MS = 1_000_000"}) == ["a"]


def test_a_number_with_two_values_is_found():
    """Two values of one name in a room are; one value twice, or in two rooms, is not."""
    sources = {
        "p.a.x": "MAX: Final = 1 << 10\nONE = 1",
        "p.a.y": "MAX = 1024\nONE = 2.0",
        "p.b.x": "MAX = 5\nNAMES = ()",
    }

    assert constants(sources) == {
        ("a", "MAX"): {1024},
        ("a", "ONE"): {1, 2.0},
        ("b", "MAX"): {5},
    }


def test_lists_of_exceptions_shrink():
    """What is no exception any more has to leave the list."""
    assert compare({"a"}, {"a": "because"}) == []
    assert compare({"a"}, {}) == ["a is no exception"]
    assert compare(set(), {"a": "because"}) == ["a need not be an exception"]
