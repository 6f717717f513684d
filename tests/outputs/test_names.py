"""Outputs by name, those of other packages too."""

import pytest

from loadgrpc.outputs import Output, OutputError, names
from loadgrpc.outputs.junit import JUnit

MODULE = """\
from loadgrpc.outputs import Output


class Chat(Output):
    async def write(self, results):
        pass


class Picky(Chat):
    def __init__(self, target):
        raise ValueError("needs a URL")


NotOne = dict
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package with outputs."""

    def package(name, **outputs):
        (tmp_path / f"{name}.py").write_text(MODULE)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {name}:{value}" for key, value in outputs.items()]
        (info / "entry_points.txt").write_text("\n".join(["[loadgrpc.outputs]", *lines]))
        monkeypatch.syspath_prepend(str(tmp_path))

    return package


def test_ours_are_there():
    """Each of our names makes an output."""
    for name in ("csv", "file", "funkload", "json", "junit", "markdown"):
        assert isinstance(names.make(name, ""), Output)


def test_outputs_of_other_packages_are_found(install):
    """By the name of their entry point; what is behind = is theirs."""
    install("outputs_of_one", chat="Chat")
    found = names.make("chat", "https://chat.example.com/?room=1")
    assert type(found).__name__ == "Chat"
    assert found.target == "https://chat.example.com/?room=1"
    assert "chat" in names.known()


def test_a_name_of_ours_stays_ours(install):
    """Installing a package changes no output that there was before."""
    install("outputs_of_two", junit="Chat")
    assert type(names.make("junit", "")) is JUnit


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "xyz",
            "there is no output 'xyz'; there are csv, file, funkload, html, json, junit, markdown",
        ),
        ("missing", "outputs_of_three:Missing of outputs_of_three cannot be imported: Attribute"),
        ("none", "outputs_of_three:NotOne of outputs_of_three is no subclass of loadgrpc.outputs"),
        ("picky", "outputs_of_three:Picky of outputs_of_three cannot be made: .*needs a URL"),
    ],
)
def test_what_is_wrong_is_named(install, name, why):
    """An output that is not there, or cannot be used, is an error before the run."""
    install("outputs_of_three", missing="Missing", none="NotOne", picky="Picky")
    with pytest.raises(OutputError, match=why):
        names.make(name, "")


def test_two_packages_with_one_name_are_refused(install):
    """Which of them is meant is not guessed."""
    install("outputs_of_four", post="Chat")
    install("outputs_of_five", post="Chat")
    with pytest.raises(OutputError, match="several packages have an output 'post'"):
        names.make("post", "")
