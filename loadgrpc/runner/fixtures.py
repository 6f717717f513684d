"""The fixtures of the classes and modules of tests, once for each user process, as in unittest.

Rule: fixtures are taken down in the opposite order, and cleanups run whatever raises. An
exception before the users start means that the test cannot be loaded; an exception after them is
an error in the results.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable, Iterable, Iterator, Sequence

from loadgrpc.errors import TestNotLoaded
from loadgrpc.runner.exception_text import message, traceback_text, type_name
from loadgrpc.runner.judge import check_that_it_ran, is_cut_off
from loadgrpc.runner.texts import TRACEBACK_BYTES, without_middle

_Note = Callable[[BaseException], object]


def set_up(*case_classes: type[unittest.TestCase]) -> None:
    """Runs setUpModule and setUpClass of some classes, in order, each once.

    Raises:
        TestNotLoaded: one of them raised; what there was to clean up is cleaned up.
    """
    raised: list[BaseException] = []
    done: list[type[unittest.TestCase]] = []
    modules: set[str] = set()
    where = ""
    for case_class in dict.fromkeys(case_classes):
        if case_class.__module__ not in modules:
            where = f"{case_class.__module__}.setUpModule"
            module = sys.modules.get(case_class.__module__)
            if not _run(getattr(module, "setUpModule", None), raised.append):
                break
            modules.add(case_class.__module__)
        where = f"{case_class.__qualname__}.setUpClass"
        if not _run(case_class.setUpClass, raised.append):
            raised += _class_cleanups(case_class)
            break
        done.append(case_class)
    else:
        return
    _tear_down(done, modules, raised.append)
    first = raised[0]
    said = " ".join(message(first).split())
    raise TestNotLoaded(
        f"{where} raised {type_name(first)}{said and ': '}{said}",
        cause=type_name(first),
        traceback=without_middle("\n".join(map(traceback_text, raised)), TRACEBACK_BYTES),
    ) from None


def tear_down(case_classes: Iterable[type[unittest.TestCase]], note: _Note) -> None:
    """Runs tearDownClass, tearDownModule and the cleanups; `note` gets what they raise."""
    once = list(dict.fromkeys(case_classes))
    _tear_down(once, {each.__module__ for each in once}, note)


def _tear_down(
    case_classes: Sequence[type[unittest.TestCase]], modules: set[str], note: _Note
) -> None:
    """Takes down classes, the last first, and each module of these when its classes are."""
    for case_class in reversed(case_classes):
        _run(case_class.tearDownClass, note)
        for error in _class_cleanups(case_class):
            note(error)
    last_first = [each.__module__ for each in reversed(case_classes)]
    for name in dict.fromkeys([*last_first, *sorted(modules)]):
        _run(getattr(sys.modules.get(name), "tearDownModule", None), note)
    for error in _module_cleanups():
        note(error)


def _run(fixture: Callable[[], object] | None, note: _Note) -> bool:
    """Runs a fixture, if there is one; whether nothing was raised."""
    if fixture is None:
        return True
    try:
        check_that_it_ran(fixture, fixture())
    except BaseException as error:
        if is_cut_off(error):
            raise
        note(error)
        return False
    return True


def _class_cleanups(case_class: type[unittest.TestCase]) -> Iterator[BaseException]:
    """Runs the cleanups of a class; what they raise."""
    for _ in range(1 + len(getattr(case_class, "_class_cleanups", ()))):
        raised: list[BaseException] = []
        whole = _run(case_class.doClassCleanups, raised.append)
        for _, error, _ in getattr(case_class, "tearDown_exceptions", ()):
            yield error
        yield from raised
        if whole:
            return
        # A SystemExit has left the others.


def _module_cleanups() -> Iterator[BaseException]:
    """Runs the cleanups of a module; what they raise."""
    for _ in range(1 + len(getattr(unittest.case, "_module_cleanups", ()))):
        raised: list[BaseException] = []
        if _run(unittest.doModuleCleanups, raised.append):
            return
        yield from raised
