"""Finds the test that a plan names.

Rule: whatever goes wrong becomes one TestNotLoaded whose sentence says what was looked for,
where, and what is there instead; nobody should have to read a traceback to find a typo. Code that
fails while it is imported keeps its traceback.

Two ways to name a test:

    package.module.Class.method      from a folder, which goes first on the path
    path/file.py::Class.method       a file; its own folder goes first on the path, or, when it
                                     is part of a package, the folder that holds the package;
                                     then comes the folder that it is run from
    path/file.py::Class::method      the same, as pytest writes it, and finds it
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import unittest
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from traceback import FrameSummary
from types import ModuleType
from typing import NamedTuple

from loadgrpc.bundle.imports import place_of
from loadgrpc.errors import TestNotLoaded
from loadgrpc.model import did_you_mean
from loadgrpc.runner.exception_text import message, traceback_text, type_name, visible_frames
from loadgrpc.runner.plain import is_run_by_the_library, is_run_plainly

_PARTS = 2
"""After the module: the class and the method."""
_SHOWN = 10
"""Names a sentence lists."""


class LoadedTest(NamedTuple):
    """A test that can be run."""

    case_class: type[unittest.TestCase]
    method: str
    name: str = ""
    """As the plan has it, if it is one of several."""


def load(test: str, folder: Path, python_path: Sequence[str] = ()) -> LoadedTest:
    """The test of this name; raises TestNotLoaded. Changes sys.path and sys.modules.

    `python_path`: what it imports from after its own folders, and what programs that it starts
    import from.
    """
    folder = folder.resolve()
    for entry in reversed(python_path):
        _put_first(Path(entry))
    if python_path:
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([*python_path, *([known] if known else [])])
    place, separator, inside = test.partition("::")
    if not separator:  # module.Class.method
        place, *parts = test.rsplit(".", 2)
    else:
        parts = inside.replace("::", ".").split(".")
    if (
        len(parts) != _PARTS
        or not all(part.isidentifier() for part in parts)
        or not (place.endswith(".py") if separator else _is_dotted_name(place))
    ):
        raise TestNotLoaded(
            f"{test!r} does not name a test;"
            " expected package.module.Class.method or path/file.py::Class.method"
        )
    module = (
        _module_of_file(folder / place, folder) if separator else _module_of_name(place, folder)
    )
    class_name, method = parts
    shown = _shown(module, folder)
    case_class = _find_class(module, class_name, shown)
    _check_method(case_class, method, shown)
    return LoadedTest(case_class, method)


def _is_dotted_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _module_of_name(name: str, folder: Path) -> ModuleType:
    first = name.partition(".")[0]
    for path in (folder / first / "__init__.py", folder / f"{first}.py"):
        if path.is_file():
            _check_that_no_other_is_there(first, path)
            break
    _put_first(folder)
    return _import(name, folder, lambda: importlib.import_module(name))


def _module_of_file(path: Path, folder: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        there = sorted(each.name for each in path.parent.glob("*.py"))
        raise TestNotLoaded(
            f"no file {path.name!r} in {path.parent}{_instead(path.name, there)}",
            cause="FileNotFoundError",
        )
    root, packages = place_of(path)
    for depth in range(1, len(packages) + 1):
        home = root.joinpath(*packages[:depth], "__init__.py")
        _check_that_no_other_is_there(".".join(packages[:depth]), home)
    own = [] if packages and path.name == "__init__.py" else [path.stem.replace(".", "_")]
    name = ".".join([*packages, *own])
    _check_that_no_other_is_there(name, path)
    _put_first(folder)
    _put_first(root)
    if "." not in path.stem:
        module = _import(name, folder, lambda: importlib.import_module(name))
        _check_that_no_other_is_there(name, path)
        return module
    return sys.modules.get(name) or _import(name, folder, lambda: _execute(path, name))


def _execute(path: Path, name: str) -> ModuleType:
    """Imports a file that Python itself could not find by its name."""
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return sys.modules.get(name, module)


def _check_that_no_other_is_there(name: str, path: Path) -> None:
    """Refuses a file whose name as a module is another's: both would break."""
    present = sys.modules.get(name)
    if present is None:
        return
    origin = getattr(present, "__file__", None)
    if origin is None or Path(origin).resolve() != path.resolve():
        what = "folder" if path.name == "__init__.py" else "file"
        raise TestNotLoaded(
            f"{path} cannot be imported: a module {name!r} is there already,"
            f" from {origin or 'Python itself'}; another {what} name helps"
        )


def _import(name: str, folder: Path, run: Callable[[], ModuleType]) -> ModuleType:
    importlib.invalidate_caches()  # files may have been put there a moment ago
    try:
        return run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a SystemExit, too: the module's, not ours
        frames = visible_frames(error)
        if isinstance(error, ModuleNotFoundError) and not frames and error.name:
            # No code of anybody's has run: the import machinery itself did not find it.
            raise TestNotLoaded(
                _missing_module(error.name, folder), cause="ModuleNotFoundError"
            ) from None
        # A SyntaxError's str() has its position in it, a second time.
        words = error.msg if isinstance(error, SyntaxError) and error.msg else message(error)
        text = " ".join(words.split())
        raise TestNotLoaded(
            f"importing {name!r} raised {type_name(error)}{text and ': '}{text}"
            f"{_position(error, frames, folder)}",
            cause=type_name(error),
            traceback=traceback_text(error),
        ) from None


def _position(error: BaseException, frames: list[FrameSummary], folder: Path) -> str:
    """Where it broke: the innermost line in the folder, or else the innermost."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({_relative(error.filename, folder)}, line {error.lineno})"
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    for frame in (ours or frames)[-1:]:
        return f" ({_relative(frame.filename, folder)}, line {frame.lineno})"
    return ""


def _missing_module(missing: str, folder: Path) -> str:
    what = f"no module named {missing!r} (imported from {folder})"
    parent, _, last = missing.rpartition(".")
    paths = getattr(sys.modules.get(parent), "__path__", None) if parent else [str(folder)]
    if paths is None:
        return f"{what}: {parent!r} is a module, not a package"
    return f"{what}{_instead(last, [each.name for each in pkgutil.iter_modules(paths)])}"


def _find_class(module: ModuleType, name: str, shown: str) -> type[unittest.TestCase]:
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, unittest.TestCase):
        return found
    there = [
        each
        for each, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, unittest.TestCase)
        and value.__module__ == module.__name__
    ]
    what = f"{shown} has no class {name}"
    if found is not None:
        what = f"{shown}: {name} is not a subclass of unittest.TestCase"
    raise TestNotLoaded(f"{what}{_instead(name, there)}")


def _check_method(case_class: type[unittest.TestCase], name: str, shown: str) -> None:
    where = f"{shown}: {case_class.__name__}"
    method = getattr(case_class, name, None)
    if not callable(method):
        there = unittest.defaultTestLoader.getTestCaseNames(case_class)
        raise TestNotLoaded(f"{where} has no test method {name}{_instead(name, there)}")
    for skipped, what in ((case_class, where), (method, f"{where}.{name}")):
        if getattr(skipped, "__unittest_skip__", False):
            why = " ".join(str(getattr(skipped, "__unittest_skip_why__", "")).split())
            raise TestNotLoaded(
                f"{what} is skipped{why and ': '}{why}; a test that does nothing makes no load"
            )
    _check_that_it_runs(case_class, name, where)
    if inspect.isabstract(case_class):
        missing = ", ".join(sorted(getattr(case_class, "__abstractmethods__", ())))
        raise TestNotLoaded(f"{where} is abstract: it has no {missing}")
    try:
        inspect.signature(case_class).bind(name)
    except TypeError as error:
        raise TestNotLoaded(
            f"{where} cannot be made with the name of its method, as unittest makes it: {error}",
            cause="TypeError",
        ) from None
    except ValueError:
        pass  # it has no signature; its users will see


def _check_that_it_runs(case_class: type[unittest.TestCase], name: str, where: str) -> None:
    """Refuses what returns at once without having run, unless the class knows what to do."""
    if not is_run_by_the_library(case_class):
        return
    awaits = not is_run_plainly(case_class)  # it is an IsolatedAsyncioTestCase
    own = (name, "setUp", "tearDown", "setUpClass", "tearDownClass")
    for each in (*own, "setUpUser", "tearDownUser"):
        function = getattr(case_class, each, None)
        if inspect.isgeneratorfunction(function):
            what = "is a generator, and would never run: it must not `yield`"
        elif inspect.isasyncgenfunction(function):
            what = "is an asynchronous generator, and would never run"
        elif inspect.iscoroutinefunction(function) and not (awaits and each == name):
            what = "is async, and would never be awaited"
            if not awaits:
                what += "; unittest.IsolatedAsyncioTestCase runs such tests"
            elif not each.endswith(("Class", "User")):
                what += f"; async{each[0].upper()}{each[1:]} would"
        else:
            continue
        raise TestNotLoaded(f"{where}.{each} {what}")


def _instead(name: str, there: Iterable[str]) -> str:
    """The end of a sentence: the names that are meant, or else those that are there."""
    names = [each for each in there if not each.startswith("_")]
    if meant := did_you_mean(name, names):
        return meant
    if not names:
        return "; it has none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; it has: {', '.join(sorted(names)[:_SHOWN])}{more}"


def _put_first(folder: Path) -> None:
    entry = str(folder)
    sys.path[:] = [entry, *(each for each in sys.path if each != entry)]


def _shown(module: ModuleType, folder: Path) -> str:
    origin = getattr(module, "__file__", None)
    return _relative(origin, folder) if origin else module.__name__


def _relative(filename: str, folder: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else filename
