"""`loadgrpc examples`: lists, shows and copies the tests that come with loadgrpc."""

import importlib
import re
import subprocess
import sys

from loadgrpc import cli
from loadgrpc.cli.examples import NAMES


def test_every_example_is_listed_with_its_tests(capsys):
    """The list has each example and each test in it, with what it shows, and a command to try."""
    assert cli.main(["examples"]) == 0

    said = capsys.readouterr().out
    for name in NAMES:
        module = importlib.import_module(f"loadgrpc.examples.{name}")
        assert f"\n{name}: {module.__doc__.splitlines()[0]}" in "\n" + said
        for case in vars(module).values():
            if isinstance(case, type) and case.__module__ == module.__name__:
                for test in (each for each in vars(case) if each.startswith("test")):
                    assert f"  {case.__name__}.{test}: " in said
    assert "loadgrpc run loadgrpc.examples.demo.TestDemo.test_browse" in said


def test_the_list_has_every_module_of_tests(root):
    """A new file of tests in loadgrpc/examples/ is not forgotten."""
    files = (root / "loadgrpc/examples").glob("*.py")

    assert {path.stem for path in files if "(TestCase)" in path.read_text()} == set(NAMES)


def test_an_example_is_shown_as_it_is(capsys, root):
    """The text of the module, to the byte."""
    assert cli.main(["examples", "demo"]) == 0

    assert capsys.readouterr().out == (root / "loadgrpc/examples/demo.py").read_text()


def test_copies_come_with_what_to_do_next(capsys, tmp_path):
    """All examples and a README.md; its commands name tests that are there."""
    folder = tmp_path / "new" / "tests"

    assert cli.main(["examples", "--copy", str(folder)]) == 0

    said = capsys.readouterr().out
    assert said.endswith(f"{folder}/README.md says what to do next\n")
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    assert names == {"README.md", "design/nextdate.toml"} | {f"{n}.py" for n in NAMES}
    readme = (folder / "README.md").read_text()
    named = re.findall(r"loadgrpc run (\w+)\.(\w+)\.(\w+) ", readme)
    assert [module for module, _, _ in named] == list(NAMES)
    for module, case, test in named:
        loaded = importlib.import_module(f"loadgrpc.examples.{module}")
        assert callable(getattr(getattr(loaded, case), test))


def test_a_copy_stands_alone(tmp_path):
    """A copied module is found by its own name, from its folder."""
    assert cli.main(["examples", "test_blog", "--copy", str(tmp_path)]) == 0

    tests = [sys.executable, "-m", "unittest", "-v", "test_blog.TestWebSite.test_health"]
    done = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["README.md", "test_blog.py"]


def test_a_cluster_is_copied_whole(capsys, tmp_path, root):
    """`deploy` is listed with its files, and copied as they are."""
    files = {path.name: path.read_bytes() for path in (root / "tools/deploy").iterdir()}

    assert cli.main(["examples", "deploy"]) == 0
    said = capsys.readouterr().out
    assert [line.split(":")[0].strip() for line in said.splitlines()[1:]] == sorted(files)
    assert cli.main(["examples", "deploy", "--copy", str(tmp_path)]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert cli.main(["examples"]) == 0
    assert "\ndeploy: A cluster: " in capsys.readouterr().out


def test_what_is_there_and_differs_is_left(capsys, tmp_path):
    """Nothing is overwritten that somebody has changed, unless --force says so."""
    mine = tmp_path / "demo.py"
    mine.write_text("mine")

    assert cli.main(["examples", "--copy", str(tmp_path)]) == 2
    assert f"{mine} would change; --force overwrites" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["demo.py"]
    assert cli.main(["examples", "--copy", str(tmp_path), "--force"]) == 0
    assert cli.main(["examples", "--copy", str(tmp_path)]) == 0
    assert "class TestDemo" in mine.read_text()


def test_bad_input_is_a_sentence(capsys, tmp_path):
    """A name that does not exist, a folder that cannot be made, --force without --copy."""
    assert cli.main(["examples", "dmo"]) == 2
    assert "no such example: dmo (did you mean demo?)" in capsys.readouterr().err
    assert cli.main(["examples", "website"]) == 2
    assert "no such example: website (there are demo, test_blog" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert cli.main(["examples", "--copy", str(tmp_path / "file" / "x")]) == 2
    assert "--copy: cannot write " in capsys.readouterr().err
    assert cli.main(["examples", "--force"]) == 2
    assert "--force needs --copy" in capsys.readouterr().err
