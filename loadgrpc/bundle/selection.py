"""Which files go into a bundle, and the names that they get in it.

Rule: what is below the current folder keeps its path, so that tests find it as they find it
there; what is elsewhere gets its own name. Folders come with all that is in them, except for
what programs make for themselves: version control, bytecode, virtual environments.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from loadgrpc.bundle import imports
from loadgrpc.errors import InvalidRequest

LEFT_OUT: Final = ("__pycache__", ".git", ".hg", ".svn")
_VENV: Final = "pyvenv.cfg"
_WILD: Final = re.compile(r"[*?\[]")
_PACKED: Final = (".whl", ".tar.gz", ".zip")
"""What pip installs from a file."""
_EXTRAS: Final = re.compile(r"(?P<path>[^\[]+)(?P<extras>\[[^\[\]]*\])?")


class Selection:
    """Files and folders, by their names in the bundle; `folder` is the current one."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, Path] = {}
        self._folder = folder.absolute()

    def add_test(self, test: str, named: Callable[[str], Iterable[str]] = lambda _: ()) -> str:
        """Adds a test's own module, and what it imports; returns the test as it is named there.

        `named`: the files of data that a source names, as seen from the folder of the test's own
        file; those that are there are added.

        Raises:
            InvalidRequest: another file has the name of one of these.
        """
        own, found, roots = imports.files_of(test, self._folder)
        if own is None:
            return test  # installed on the agents, or not there: they say so
        top = self._folder if roots[0].is_relative_to(self._folder) else roots[0]
        data = [
            Path(os.path.normpath(own.parent / name))
            for path in found
            for name in named(path.read_text(encoding="utf-8", errors="replace"))
        ]
        for path in (*found, *(each for each in data if each.is_file())):
            base = top if path.is_relative_to(top) else self._folder
            if path.is_relative_to(base):
                self._add(path.relative_to(base).as_posix(), path)
        _, separator, inside = test.partition("::")
        if not separator:
            return test
        return f"{own.relative_to(top).as_posix()}{separator}{inside}"

    def add_included(self, pattern: str) -> None:
        """Adds a file, a folder, or all that a pattern matches.

        Raises:
            InvalidRequest: there is nothing of that name.
        """
        path = self._folder / pattern
        if path.exists():
            self._add_tree(path)
            return
        wild = _WILD.search(pattern) is not None
        matches = sorted(glob.glob(str(path), recursive=True)) if wild else []  # noqa: PTH207 - pathlib takes no absolute patterns
        if not matches:
            what = "nothing matches" if wild else "there is no file or folder"
            raise InvalidRequest(f"{what} {pattern!r} in {self._folder}")
        for match in matches:
            self._add_tree(Path(match))

    def add_requirements(self, requirements: Sequence[str]) -> tuple[str, ...]:
        """Adds the wheels and projects among requirements of pip; returns them as they are there.

        Raises:
            InvalidRequest: one of them names a file that is not there.
        """
        return tuple(map(self._required, requirements))

    def _required(self, requirement: str) -> str:
        found = _EXTRAS.fullmatch(requirement)
        if found is None or "://" in requirement or "@" in requirement:
            return requirement
        text = found["path"]
        path = self._folder / text
        looks_like_one = text in (".", "..") or "/" in text or text.endswith(_PACKED)
        if not looks_like_one:
            return requirement
        if not path.exists():
            raise InvalidRequest(f"there is no file or folder {text!r} for pip to install")
        name = self._add_tree(path)
        return f"./{name}{found['extras'] or ''}"

    def _add_tree(self, path: Path) -> str:
        """Adds a file, or a folder with all that is in it; its name."""
        path = Path(os.path.normpath(path))
        name = self._name_of(path)
        if not path.is_dir():
            self._add(name, path)
            return name
        for inside in _walk(path):
            relative = inside.relative_to(path).as_posix()
            whole = relative if not name else name if relative == "." else f"{name}/{relative}"
            if whole != ".":
                self._add(whole, inside)
        return name

    def _name_of(self, path: Path) -> str:
        """Empty: it is the current folder itself."""
        if path == self._folder:
            return ""
        if path.is_relative_to(self._folder):
            return path.relative_to(self._folder).as_posix()
        return path.name

    def _add(self, name: str, path: Path) -> None:
        known = self.files.setdefault(name, path)
        if known != path and not (known.is_dir() and path.is_dir()):
            raise InvalidRequest(f"both {str(known)!r} and {str(path)!r} would be called {name!r}")


def _walk(folder: Path) -> Iterator[Path]:
    """A folder, and all files and folders in it, however deep.

    Raises:
        InvalidRequest: one of them is a link to a folder.
    """
    yield folder
    for at, folders, files in os.walk(folder):
        here = Path(at)
        folders[:] = sorted(
            each for each in folders if each not in LEFT_OUT and not (here / each / _VENV).is_file()
        )
        for name in folders:
            if (here / name).is_symlink():
                raise InvalidRequest(
                    f"{str(here / name)!r} is a link to a folder: include that folder itself"
                )
            yield here / name
        yield from (here / name for name in sorted(files))
