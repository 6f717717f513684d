"""Which files of a folder a test is made of: its module, and what that imports from there.

Rule: nothing is run: imports are read from the source, wherever in it they stand. What is found
in no folder of the test is installed on the agents, or not: they say so. `loadgrpc` itself is
the agents' own. What is imported by a name that only exists at run time cannot be found:
`--include-file` adds it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_OWN: Final = "loadgrpc"
_IMPORTS: Final = ("import_module", "__import__")
"""Functions that import what their first argument names."""


class TestFiles(NamedTuple):
    """The files of a test."""

    own: Path | None
    """The one that it is in. None: it is in none of its folders."""
    all: list[Path]
    """That, and what it imports, sorted."""
    roots: list[Path]
    """The folders that it imports from, in their order."""


def files_of(test: str, folder: Path) -> TestFiles:
    """The files of a test, which is run from `folder`.

    `test` is package.module.Class.method, or file.py::Class.method.
    """
    place, separator, _ = test.partition("::")
    roots = [folder]
    if not separator:
        first = list(_modules(test.rsplit(".", 2)[0], roots))
    else:
        path = Path(os.path.normpath(folder / place))
        if not path.is_file():
            return TestFiles(None, [], roots)
        root, packages = place_of(path)
        if root != folder:
            roots.insert(0, root)
        first = [*_modules(".".join(packages), roots), path]
    return TestFiles(first[-1] if first else None, _closure(first, roots), roots)


def place_of(path: Path) -> tuple[Path, list[str]]:
    """Where pytest imports a file from, and the packages that are on the way to it."""
    packages: list[str] = []
    root = path.parent
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        packages.insert(0, root.name)
        root = root.parent
    return root, packages


def _closure(first: list[Path], roots: list[Path]) -> list[Path]:
    """These files, and what they import from these folders, and so on."""
    found = dict.fromkeys(first)
    todo = list(found)
    while todo:
        path = todo.pop()
        for other in _imported_by(path, roots):
            if other not in found:
                found[other] = None
                todo.append(other)
    return sorted(found)


def _imported_by(path: Path, roots: list[Path]) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return  # the agents report what is wrong with it
    for node in ast.walk(tree):
        for name in _names(node, path):
            yield from _modules(name, roots)


def _names(node: ast.AST, path: Path) -> Iterator[str]:
    """The modules that a statement of a file may import, `a.b.*` for those of a package."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            packages = place_of(path)[1]
            above = packages[: len(packages) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
    elif isinstance(node, ast.Call) and node.args:
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        name = node.args[0]
        if called in _IMPORTS and isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield name.value


def _modules(name: str, roots: list[Path]) -> Iterator[Path]:
    """The files that are run when a module is imported, as far as they are in these folders.

    The last part may be a name inside of a module.
    """
    parts = name.split(".")
    if parts[0] == _OWN or not all(part.isidentifier() or part == "*" for part in parts):
        return
    for root in roots:
        at = root / parts[0]
        if at.is_dir() or at.with_suffix(".py").is_file():
            yield from _on_the_way(root, parts)
            return


def _on_the_way(root: Path, parts: list[str]) -> Iterator[Path]:
    at = root
    for part in parts:
        if part == "*":
            yield from sorted(at.glob("*.py"))
            return
        at /= part
        init, module = at / "__init__.py", at.with_name(f"{part}.py")
        if init.is_file():
            yield init
        elif module.is_file():
            yield module
            return
        elif not at.is_dir():
            return
