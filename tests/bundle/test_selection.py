"""Which files are sent with a test: its own, what it imports from here, and what is named."""

from __future__ import annotations

import pytest

from loadgrpc.bundle.selection import Selection
from loadgrpc.cli.shipping import named_data
from loadgrpc.errors import InvalidRequest


@pytest.fixture
def here(tmp_path):
    """A folder of a client; `here(name=text, …)` makes files in it."""
    folder = tmp_path / "here"
    folder.mkdir()

    def make(**files):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_py", ".py").replace("_csv", ".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return make


def names(selection):
    """The names of the files that are chosen."""
    return sorted(name for name, path in selection.files.items() if not path.is_dir())


IMPORTS = {
    "import own": ["own.py"],
    "import own.part": ["own/__init__.py", "own/part.py"],
    "from own import part, Name": ["own/__init__.py", "own/part.py"],
    "from own.part import Name": ["own/__init__.py", "own/part.py"],
    "from own import *": ["own/__init__.py", "own/part.py"],
    "import space.part": ["space/part.py"],
    "def f():\n    try:\n        import own\n    except ImportError: pass": ["own.py"],
    "import importlib\nown = importlib.import_module('own')": ["own.py"],
    "import requests, os.path": [],
    "import loadgrpc.case": [],
    "from . import nothing": [],
}
"""What a test says, and the files that it needs."""


@pytest.mark.parametrize("source", IMPORTS)
def test_what_is_imported_from_here_is_sent(here, source):
    """However it is imported; what is installed, and loadgrpc itself, are the agents' own."""
    package = any(name.startswith("own/") for name in IMPORTS[source])
    files = {"own__" + "__init___py": "", "own__part_py": ""} if package else {"own_py": ""}
    folder = here(web_py=source, space__part_py="", loadgrpc__case_py="", **files)
    if package:
        (folder / "own").mkdir(exist_ok=True)
        (folder / "own/__init__.py").write_text("")
    selection = Selection(folder)

    assert selection.add_test("web.TestWeb.test_it") == "web.TestWeb.test_it"
    assert names(selection) == sorted(["web.py", *IMPORTS[source]])


def test_imports_of_imports(here):
    """A test in a package: relative imports, those of what is imported, and no others."""
    folder = here(
        tests__web_py="from .base import Base\nimport helper",
        tests__base_py="from ..tests import deep\n",
        tests__deep_py="import broken",
        tests__other_py="",
        helper_py="",
        broken_py="def (",
        unused_py="",
    )
    (folder / "tests/__init__.py").write_text("")
    selection = Selection(folder)

    assert selection.add_test("tests/web.py::TestWeb.test_it") == "tests/web.py::TestWeb.test_it"
    expected = ["__init__", "base", "deep", "web"]
    assert names(selection) == sorted(
        ["broken.py", "helper.py", *(f"tests/{name}.py" for name in expected)]
    )


def test_a_file_that_is_elsewhere(here, tmp_path):
    """Its folder becomes the top of the bundle, and the test is named from there."""
    folder = here(helper_py="")
    other = tmp_path / "other"
    other.mkdir()
    (other / "web.py").write_text("import near, helper")
    (other / "near.py").write_text("")
    for name in ("../other/web.py", str(other / "web.py")):
        selection = Selection(folder)

        assert selection.add_test(f"{name}::TestWeb.test_it") == "web.py::TestWeb.test_it"
        assert names(selection) == ["helper.py", "near.py", "web.py"]


def test_an_absolute_path_below_is_as_a_relative_one(here):
    """Agents would not find it by the client's path."""
    folder = here(sub__web_py="")
    selection = Selection(folder)

    assert selection.add_test(f"{folder}/sub/web.py::T.t") == "sub/web.py::T.t"
    assert names(selection) == ["sub/web.py"]


def test_a_test_that_is_not_here(here):
    """One that is installed on the agents, or nowhere, has nothing to send."""
    selection = Selection(here(other_py=""))

    assert selection.add_test("loadgrpc.examples.demo.TestDemo.test_it")
    assert selection.add_test("nothing.py::T.t") == "nothing.py::T.t"
    assert names(selection) == []


def test_files_of_rows_are_sent(here):
    """What `self.data` names is sent with the test, from the folder that it is found in."""
    source = (
        "ROWS = 'more.csv'\n"
        "class TestWeb(TestCase):\n"
        "    def test_it(self):\n"
        "        self.data('users.csv')\n"
        "        self.data(file=ROWS)\n"
        "        self.data('absent.csv'), self.data('../secret.csv'), self.data(made())\n"
    )
    folder = here(sub__web_py=source, sub__users_csv="", sub__more_csv="")
    selection = Selection(folder)

    selection.add_test("sub/web.py::TestWeb.test_it", named_data)

    assert names(selection) == ["sub/more.csv", "sub/users.csv", "sub/web.py"]


def test_files_folders_and_patterns(here, tmp_path):
    """What is below the folder keeps its path, what is elsewhere gets its own name."""
    folder = here(data__a_csv="", data__deep__b_csv="", data__c_py="", x_py="")
    for made in ("data/.git", "data/__pycache__", "data/venv"):
        (folder / made).mkdir()
        (folder / made / "junk").write_text("")
    (folder / "data/venv/pyvenv.cfg").write_text("")
    (folder / "data/empty").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/s.csv").write_text("")

    def chosen(*patterns):
        selection = Selection(folder)
        for pattern in patterns:
            selection.add_included(pattern)
        return names(selection)

    assert chosen("x.py") == ["x.py"]
    assert chosen("data/*.csv", "x.py") == ["data/a.csv", "x.py"]
    assert chosen("data/**/*.csv") == ["data/a.csv", "data/deep/b.csv"]
    assert chosen("data") == ["data/a.csv", "data/c.py", "data/deep/b.csv"]
    assert chosen("data/a.csv", str(folder / "data/a.csv")) == ["data/a.csv"]
    assert chosen("../shared") == ["shared/s.csv"]
    assert chosen("../shared/s.csv") == ["s.csv"]
    assert chosen(".") == ["data/a.csv", "data/c.py", "data/deep/b.csv", "x.py"]
    selection = Selection(folder)
    selection.add_included("data")
    assert "data/empty" in selection.files


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("nothing.csv", "there is no file or folder 'nothing.csv'"), ("*.no", "nothing matches")],
)
def test_what_is_not_there_is_an_error(here, pattern, said):
    """Nobody wants a run without the data that was named."""
    with pytest.raises(InvalidRequest, match=said):
        Selection(here()).add_included(pattern)


def test_two_of_one_name(here, tmp_path):
    """Two files cannot have one name on the agents."""
    folder = here(x_py="")
    (tmp_path / "x.py").write_text("")
    selection = Selection(folder)
    selection.add_included("x.py")

    with pytest.raises(InvalidRequest, match=r"would be called 'x\.py'"):
        selection.add_included("../x.py")


def test_a_link_to_a_folder_is_an_error(here, tmp_path):
    """It could lead around in a circle; a link to a file is the file."""
    folder = here(data__a_csv="text")
    (folder / "data/b.csv").symlink_to(folder / "data/a.csv")
    selection = Selection(folder)
    selection.add_included("data")
    assert names(selection) == ["data/a.csv", "data/b.csv"]
    (folder / "data/loop").symlink_to(folder)

    with pytest.raises(InvalidRequest, match=r"'.*/data/loop' is a link to a folder"):
        Selection(folder).add_included("data")


def test_wheels_and_projects_are_sent(here, tmp_path):
    """A requirement that is a file here becomes one of the bundle; others stay as they are."""
    folder = here(project__pyproject_py="")
    (folder / "own.whl").write_text("")
    (tmp_path / "far.whl").write_text("")
    selection = Selection(folder)
    plain = ("faker", "faker>=20,<30", "httpx[http2]", "git+https://x/y", "a @ file:///x.whl")

    made = selection.add_requirements(("./own.whl[extra]", "../far.whl", "project/", *plain))

    assert made == ("./own.whl[extra]", "./far.whl", "./project", *plain)
    assert names(selection) == ["far.whl", "own.whl", "project/pyproject.py"]
    for missing in ("./no.whl", "no.whl", "sub/folder"):
        with pytest.raises(InvalidRequest, match="for pip to install"):
            Selection(folder).add_requirements((missing,))
