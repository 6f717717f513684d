"""The files of a test, opened before its users start, so that a bad file stops the run at once.

Rule: a file is found from the folder of the file that the test's class is in. What a test names in
its source is opened and checked here; all else when it is first used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadgrpc.errors import TestNotLoaded
from loadgrpc.model import Assignment
from loadgrpc.runner.data.feeds import Feed, Feeds, too_few
from loadgrpc.runner.data.named import NamedUse, uses
from loadgrpc.runner.data.row_file import BadDataFile
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.testcase import TestCase


def prepared(tests: Sequence[LoadedTest], assignment: Assignment) -> Feeds:
    """The files that the users of a process share, who call these tests.

    Raises:
        TestNotLoaded: a file cannot be read, or has too few rows; the sentence says which and why.
            Or tests that share users take rows from different folders.
    """
    folder = folder_of(tests[0].case_class)
    feeds = Feeds(folder, assignment.run_id)
    for test in tests:
        if getattr(test.case_class, "data", None) is TestCase.data:  # else its own
            _prepare(feeds, folder, test, assignment)
    return feeds


def _prepare(feeds: Feeds, folder: Path, test: LoadedTest, assignment: Assignment) -> None:
    """Opens the files that a test names."""
    for where, use in _uses(test.case_class, test.method):
        if (own := folder_of(test.case_class)) != folder:
            raise TestNotLoaded(
                f"{where}: tests of one scenario take rows from one folder, that of the first of"
                f" them: {folder}, and not {own}",
                cause="BadDataFile",
            )
        try:
            feed = Feed.of(*use.args, **use.kwargs)
            rows = len(feeds.open(feed))
        except BadDataFile as error:
            raise TestNotLoaded(str(error), cause="BadDataFile") from None
        except (TypeError, ValueError) as error:
            raise TestNotLoaded(f"{where}: self.data: {error}", cause="ValueError") from None
        if few := too_few(feed, rows, assignment.place.total_users):
            raise TestNotLoaded(f"{where}: {few}", cause="NoMoreRows")


def folder_of(case_class: type) -> Path:
    """The folder of the file that a class is in; the current one, if it is in none."""
    return file.parent if (file := _file_of(case_class)) else Path.cwd()


def _file_of(case_class: type) -> Path | None:
    module = sys.modules.get(case_class.__module__)
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if name else None


def _uses(case_class: type, test: str) -> Iterator[tuple[str, NamedUse]]:
    """What a class and those it derives from name, each with where that is."""
    for each in case_class.__mro__:
        if each in TestCase.__mro__ or (file := _file_of(each)) is None:
            continue
        try:
            source = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue  # it is no source: what it names is found when it is used
        for use in uses(source, each.__qualname__, test):
            yield f"{file.name}, line {use.line}", use
