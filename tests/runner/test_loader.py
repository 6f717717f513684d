"""Finding a test, and saying what is wrong when there is none."""

import sys
import unittest
from textwrap import dedent

import pytest

from loadgrpc.errors import TestNotLoaded
from loadgrpc.runner.loader import load

SITE = """
    import unittest

    class TestWebSite(unittest.TestCase):
        kind = "shop"

        def test_es(self):
            pass

        async def test_later(self):
            pass

    class TestAsync(unittest.IsolatedAsyncioTestCase):
        async def test_later(self):
            pass

    class Helper:
        pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with tests; sys.path and sys.modules are as before afterwards."""
    before = dict(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    _write(tmp_path / "exsite.py", SITE)
    _write(tmp_path / "expkg" / "__init__.py", "")
    _write(tmp_path / "expkg" / "deep.py", SITE)
    yield tmp_path
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


def _write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(text))


def refusal(test, folder):
    """What the loader says about a test that it cannot load."""
    with pytest.raises(TestNotLoaded) as caught:
        load(test, folder)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "test",
    [
        "exsite.TestWebSite.test_es",
        "expkg.deep.TestWebSite.test_es",
        "exsite.py::TestWebSite.test_es",
        "exsite.py::TestWebSite::test_es",
        "expkg/deep.py::TestWebSite.test_es",
        "./exsite.py::TestWebSite.test_es",
        "{folder}/exsite.py::TestWebSite.test_es",
    ],
)
def test_a_test_is_found(folder, test):
    """Every form of a name leads to the class and the method, which can be run."""
    case_class, method, _ = load(test.format(folder=folder), folder)
    assert issubclass(case_class, unittest.TestCase)
    assert (case_class.__name__, method) == ("TestWebSite", "test_es")
    assert sys.modules[case_class.__module__].TestWebSite is case_class
    result = unittest.TestResult()
    case_class(method).run(result)
    assert result.wasSuccessful()
    assert result.testsRun == 1


def test_async_cases_are_accepted(folder):
    """A test case that unittest itself awaits is one like any other."""
    assert load("exsite.TestAsync.test_later", folder).method == "test_later"


def test_the_folder_goes_first_on_the_path(folder, monkeypatch):
    """A test's neighbours are imported before anything else of that name, and once."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    load("exsite.TestWebSite.test_es", folder)
    assert sys.path[0] == str(folder)
    assert sys.path.count(str(folder)) == 1


def test_a_file_finds_its_neighbours(folder):
    """A file in another folder imports what lies beside it."""
    _write(folder / "sub" / "exneighbour.py", "WORD = 'beside'")
    _write(folder / "sub" / "extest.py", "from exneighbour import WORD\n" + dedent(SITE))
    load("sub/extest.py::TestWebSite.test_es", folder)
    assert sys.path[0] == str(folder / "sub")
    assert sys.modules["extest"].WORD == "beside"


PACKAGED = """
    import unittest
    from . import helpers
    from .deeper.more import WORD
    from exouter.helpers import WORD as SAME

    class Test(unittest.TestCase):
        def test_it(self):
            self.assertEqual((helpers.WORD, SAME, WORD), ("beside", "beside", "below"))
"""


@pytest.mark.parametrize("name", ["test_x.py", "__init__.py", "test.x.py", "deeper/test_x.py"])
@pytest.mark.parametrize("here", ["", "exouter", "exouter/deeper"])
def test_f18_a_file_in_a_package_is_imported_as_part_of_it(folder, name, here):
    """As pytest has it: relative imports work, whatever folder the name is given from."""
    _write(folder / "exouter" / "__init__.py", "")
    _write(folder / "exouter" / "helpers.py", "WORD = 'beside'")
    _write(folder / "exouter" / "deeper" / "__init__.py", "")
    _write(folder / "exouter" / "deeper" / "more.py", "WORD = 'below'")
    code = PACKAGED
    if name.startswith("deeper"):
        code = code.replace("from . import helpers", "from .. import helpers")
        code = code.replace("from .deeper.more", "from .more")
    _write(folder / "exouter" / name, code)
    test = f"{folder}/exouter/{name}::Test.test_it"
    case_class, method, _ = load(test, folder / here)
    result = unittest.TestResult()
    case_class(method).run(result)
    assert result.wasSuccessful()
    assert sys.path[0] == str(folder)
    assert load(test, folder / here) == (case_class, method, "")


def test_f18_a_package_with_the_name_of_another_is_told(folder):
    """A package that is there already, from elsewhere, is named."""
    _write(folder / "json" / "__init__.py", "")
    _write(folder / "json" / "test_x.py", SITE)
    import json

    message = str(refusal("json/test_x.py::TestWebSite.test_es", folder))
    assert message.startswith(f"{folder}/json/__init__.py cannot be imported: a module 'json' is")
    assert message.endswith("; another folder name helps")
    assert sys.modules["json"] is json


def test_f18_a_file_finds_what_is_in_the_current_folder(folder):
    """`tests/test_x.py` may test what lies beside `tests`, as under `python -m pytest`."""
    _write(folder / "the_application.py", "name = 'shop'")
    _write(
        folder / "checks" / "test_application.py",
        """
        import unittest
        from the_application import name

        class Test(unittest.TestCase):
            def test_it(self):
                assert name == "shop"
        """,
    )

    assert load("checks/test_application.py::Test.test_it", folder).method == "test_it"


def test_a_file_is_loaded_once(folder):
    """The same file, asked for twice, is the same module."""
    first = load("exsite.py::TestWebSite.test_es", folder)
    assert load("exsite.py::TestWebSite.test_es", folder) == first


@pytest.mark.parametrize(
    "test",
    [
        "",
        "example",
        "a.b",
        "a..b.c",
        "a.b.c-d",
        "x.py::",
        "x.py::A",
        "x.py::A.b.c",
        "x::A.b",
        "1a.B.c",
    ],
)
def test_a_name_that_is_none_is_told_the_form(folder, test):
    """A name with too few or odd parts is answered with the forms that there are."""
    assert str(refusal(test, folder)) == (
        f"{test!r} does not name a test;"
        " expected package.module.Class.method or path/file.py::Class.method"
    )


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (
            "exsit.TestWebSite.test_es",
            "no module named 'exsit' (imported from {folder}); did you mean 'exsite'?",
        ),
        (
            "zzz.TestWebSite.test_es",
            "no module named 'zzz' (imported from {folder}); it has: expkg, exsite",
        ),
        (
            "zzz.deep.TestWebSite.test_es",
            "no module named 'zzz' (imported from {folder}); it has: expkg, exsite",
        ),
        (
            "expkg.deeq.TestWebSite.test_es",
            "no module named 'expkg.deeq' (imported from {folder}); did you mean 'deep'?",
        ),
        (
            "exsite.deep.TestWebSite.test_es",
            (
                "no module named 'exsite.deep' (imported from {folder}):"
                " 'exsite' is a module, not a package"
            ),
        ),
        ("exsit.py::A.b", "no file 'exsit.py' in {folder}; did you mean 'exsite.py'?"),
        ("nowhere/x.py::A.b", "no file 'x.py' in {folder}/nowhere; it has none"),
        (
            "exsite.TestWebSit.test_es",
            "exsite.py has no class TestWebSit; did you mean 'TestWebSite'?",
        ),
        ("exsite.Zzz.test_es", "exsite.py has no class Zzz; it has: TestAsync, TestWebSite"),
        (
            "expkg/deep.py::Zzz.test_es",
            "expkg/deep.py has no class Zzz; it has: TestAsync, TestWebSite",
        ),
        (
            "expkg.deep.Zzz.test_es",
            "expkg/deep.py has no class Zzz; it has: TestAsync, TestWebSite",
        ),
        (
            "exsite.Helper.test_es",
            (
                "exsite.py: Helper is not a subclass of unittest.TestCase;"
                " it has: TestAsync, TestWebSite"
            ),
        ),
        (
            "exsite.TestWebSite.zzz",
            "exsite.py: TestWebSite has no test method zzz; it has: test_es, test_later",
        ),
        (
            "exsite.TestWebSite.test_e",
            (
                "exsite.py: TestWebSite has no test method test_e;"
                " did you mean 'test_es' or 'test_later'?"
            ),
        ),
        (
            "exsite.TestWebSite.kind",
            "exsite.py: TestWebSite has no test method kind; it has: test_es, test_later",
        ),
        (
            "exsite.TestWebSite.test_later",
            (
                "exsite.py: TestWebSite.test_later is async, and would never be awaited;"
                " unittest.IsolatedAsyncioTestCase runs such tests"
            ),
        ),
        ("expkg.Test.test_es", "expkg/__init__.py has no class Test; it has none"),
    ],
)
def test_what_is_missing_is_named_with_what_is_there(folder, test, sentence):
    """The sentence says what is not there, where it was looked for, and what is."""
    assert str(refusal(test, folder)) == sentence.format(folder=folder)


@pytest.mark.parametrize(
    ("code", "cause", "sentence"),
    [
        (
            "import os\nraise ValueError('no\\n good')",
            "ValueError",
            "importing 'exbad' raised ValueError: no good (exbad.py, line 2)",
        ),
        (
            "def f(:\n  pass",
            "SyntaxError",
            "importing 'exbad' raised SyntaxError: invalid syntax (exbad.py, line 1)",
        ),
        (
            "import sys\nsys.exit(3)",
            "SystemExit",
            "importing 'exbad' raised SystemExit: 3 (exbad.py, line 2)",
        ),
        (
            "import json\njson.loads('x')",
            "json.decoder.JSONDecodeError",
            (
                "importing 'exbad' raised json.decoder.JSONDecodeError: Expecting value:"
                " line 1 column 1 (char 0) (exbad.py, line 2)"
            ),
        ),
        (
            "import exmissing",
            "ModuleNotFoundError",
            (
                "importing 'exbad' raised ModuleNotFoundError: No module named 'exmissing'"
                " (exbad.py, line 1)"
            ),
        ),
        (
            "import exbad.sub",
            "ModuleNotFoundError",
            (
                "importing 'exbad' raised ModuleNotFoundError: No module named 'exbad.sub';"
                " 'exbad' is not a package (exbad.py, line 1)"
            ),
        ),
    ],
)
@pytest.mark.parametrize("form", ["exbad.Test.test_it", "exbad.py::Test.test_it"])
def test_a_module_that_breaks_is_told_with_place_and_traceback(folder, form, code, cause, sentence):
    """An exception at import is told with type, words, file and line; only its own frames."""
    _write(folder / "exbad.py", code)
    error = refusal(form, folder)
    assert str(error) == sentence
    assert error.cause == cause
    assert 'exbad.py", line ' in error.traceback
    assert "loader.py" not in error.traceback
    assert "importlib" not in error.traceback
    assert "exbad" not in sys.modules


def test_a_package_that_breaks_is_not_taken_for_a_missing_one(folder):
    """That a parent package imports something missing is that package's error."""
    _write(folder / "exbroken" / "__init__.py", "import exbroken.gone")
    _write(folder / "exbroken" / "mod.py", SITE)
    error = refusal("exbroken.mod.TestWebSite.test_es", folder)
    assert str(error) == (
        "importing 'exbroken.mod' raised ModuleNotFoundError: No module named 'exbroken.gone'"
        " (exbroken/__init__.py, line 1)"
    )


def test_a_file_does_not_take_the_name_of_another_module(folder):
    """A file that is named like a module in use is refused: both would break."""
    _write(folder / "json.py", SITE)
    import json

    message = str(refusal("json.py::TestWebSite.test_es", folder))
    assert message.startswith(f"{folder}/json.py cannot be imported: a module 'json' is there")
    assert sys.modules["json"] is json


def test_f29_loading_makes_no_instance(folder):
    """There are as many instances of a test class as users: the loader makes none."""
    _write(
        folder / "exmake.py",
        """
        import unittest
        MADE = []
        class Test(unittest.TestCase):
            def __init__(self, name):
                MADE.append(name)
                super().__init__(name)
            def test_it(self):
                pass
        """,
    )
    load("exmake.Test.test_it", folder)
    assert sys.modules["exmake"].MADE == []


def test_f29_a_class_that_takes_no_name_is_told(folder):
    """What unittest could not make either is told before any user is started."""
    _write(
        folder / "exmake.py",
        """
        import unittest
        class Test(unittest.TestCase):
            def __init__(self):
                pass
            def test_it(self):
                pass
        """,
    )
    assert str(refusal("exmake.Test.test_it", folder)) == (
        "exmake.py: Test cannot be made with the name of its method, as unittest makes it:"
        " too many positional arguments"
    )


def test_f29_an_abstract_class_is_told(folder):
    """Nobody can make an instance of it, which is told without trying."""
    _write(
        folder / "exmake.py",
        """
        import abc, unittest
        class Test(unittest.TestCase, abc.ABC):
            @abc.abstractmethod
            def page(self):
                pass
            def test_it(self):
                pass
        """,
    )
    sentence = "exmake.py: Test is abstract: it has no page"
    assert str(refusal("exmake.Test.test_it", folder)) == sentence


NEVER_RUN = """
    import functools, unittest

    class Plain(unittest.TestCase):
        def test_generator(self):
            yield
        async def test_async(self):
            pass
        async def test_async_generator(self):
            yield
        test_partial = functools.partialmethod(test_generator)
        @unittest.skip("not today")
        def test_skipped(self):
            pass

    class AsyncSetUp(unittest.TestCase):
        async def setUp(self):
            pass
        def test_it(self):
            pass

    class GeneratorSetUpClass(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            yield
        def test_it(self):
            pass

    @unittest.skip("none of it")
    class Skipped(unittest.TestCase):
        def test_it(self):
            pass

    class Isolated(unittest.IsolatedAsyncioTestCase):
        def test_generator(self):
            yield

    class IsolatedSetUp(unittest.IsolatedAsyncioTestCase):
        async def setUp(self):
            pass
        async def test_it(self):
            pass

    class IsolatedSetUpClass(unittest.IsolatedAsyncioTestCase):
        @classmethod
        async def setUpClass(cls):
            pass
        async def test_it(self):
            pass

    class OwnWay(unittest.TestCase):
        def _callTestMethod(self, method):
            list(method())
        def test_generator(self):
            yield
"""


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (
            "Plain.test_generator",
            "Plain.test_generator is a generator, and would never run: it must not `yield`",
        ),
        (
            "Plain.test_async",
            (
                "Plain.test_async is async, and would never be awaited;"
                " unittest.IsolatedAsyncioTestCase runs such tests"
            ),
        ),
        (
            "Plain.test_async_generator",
            "Plain.test_async_generator is an asynchronous generator, and would never run",
        ),
        (
            "AsyncSetUp.test_it",
            (
                "AsyncSetUp.setUp is async, and would never be awaited;"
                " unittest.IsolatedAsyncioTestCase runs such tests"
            ),
        ),
        (
            "GeneratorSetUpClass.test_it",
            (
                "GeneratorSetUpClass.setUpClass is a generator, and would never run:"
                " it must not `yield`"
            ),
        ),
        (
            "Isolated.test_generator",
            "Isolated.test_generator is a generator, and would never run: it must not `yield`",
        ),
        (
            "IsolatedSetUp.test_it",
            "IsolatedSetUp.setUp is async, and would never be awaited; asyncSetUp would",
        ),
        (
            "IsolatedSetUpClass.test_it",
            "IsolatedSetUpClass.setUpClass is async, and would never be awaited",
        ),
        (
            "Plain.test_skipped",
            "Plain.test_skipped is skipped: not today; a test that does nothing makes no load",
        ),
        (
            "Skipped.test_it",
            "Skipped is skipped: none of it; a test that does nothing makes no load",
        ),
    ],
)
def test_f17_what_would_never_run_is_refused(folder, test, sentence):
    """A test or fixture that returns at once without having run cannot be loaded."""
    _write(folder / "exnever.py", NEVER_RUN)
    assert str(refusal(f"exnever.{test}", folder)) == f"exnever.py: {sentence}"


def test_f17_who_has_an_own_way_to_run_tests_is_let_pass(folder):
    """A class that overrides how its tests are called may have generators for tests."""
    _write(folder / "exnever.py", NEVER_RUN)
    assert load("exnever.OwnWay.test_generator", folder).method == "test_generator"


def test_ctrl_c_is_not_the_modules(folder):
    """A KeyboardInterrupt while importing is somebody at the keyboard."""
    _write(folder / "exslow.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load("exslow.Test.test_it", folder)


def test_f13_a_module_named_as_a_library_is_told_by_its_file(folder):
    """A test file that has the name of a module which is there is refused, and both are named."""
    _write(folder / "requests.py", SITE)
    text = str(refusal("requests.TestWebSite.test_es", folder))

    assert text.startswith(f"{folder / 'requests.py'} cannot be imported")
    assert "another file name helps" in text
