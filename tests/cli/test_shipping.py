"""What `loadgrpc run` sends with a plan, and what it says about that."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from loadgrpc.cli import plan_values, shipping
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.plan_file import spelled
from loadgrpc.protocol import options
from loadgrpc.testing import plan_of

TEST = "import helper\nclass TestIt: pass\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a test, what it imports, and a table."""
    for name, text in (("web.py", TEST), ("helper.py", ""), ("users.csv", "a\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sent(plan, include=(), *, ships=True):
    """The plan that is run, and the names in its bundle."""
    from loadgrpc.bundle import archive

    made, bundle = shipping.packed(plan, include, ships=ships)
    if bundle is None:
        return made, []
    with bundle:
        assert bundle.sha256 == made.bundle
        return made, [entry.name for entry in archive.entries(bundle.file)]


def test_a_test_is_sent_with_what_it_imports(here):
    """And with what is named; the same files make the same bundle."""
    plan, names = sent(plan_of(test="web.py::TestIt.test_it"), ["*.csv"])
    again, _ = sent(plan_of(test="web.TestIt.test_it"), ["users.csv"])

    assert names == ["helper.py", "users.csv", "web.py"]
    assert plan.bundle == again.bundle


def test_what_is_not_sent(here):
    """With --no-ship only what is named; nothing for programs and runners by hand."""
    assert sent(plan_of(test="web.TestIt.test_it"), ships=False) == (
        plan_of(test="web.TestIt.test_it"),
        [],
    )
    assert sent(plan_of(test="web.TestIt.test_it"), ["users.csv"], ships=False)[1] == ["users.csv"]
    assert sent(plan_of(test="web.py", test_runner="./run {test}"))[1] == []
    assert sent(plan_of(test="loadgrpc.examples.demo.TestDemo.test_it"))[1] == []


def test_a_wheel_is_sent(here):
    """Its requirement becomes its path in the bundle."""
    (here / "own.whl").write_text("")

    plan, names = sent(plan_of(test="a.B.c", python_deps=("own.whl", "faker")))

    assert plan.python_deps == ("./own.whl", "faker")
    assert names == ["own.whl"]


def test_what_cannot_be_sent(here):
    """The command ends before it has asked anybody."""
    with pytest.raises(Failure, match=r"no file or folder 'no\.csv'") as caught:
        sent(plan_of(test="a.B.c"), ["no.csv"])
    assert caught.value.exit_code == 2
    (here / "link").symlink_to("/nowhere")
    with pytest.raises(Failure, match="there is no file or folder 'link'"):
        sent(plan_of(test="a.B.c"), ["link"])


REQUIREMENTS = {
    "faker": ["faker"],
    "faker,rich": ["faker", "rich"],
    "faker>=20,<30": ["faker>=20,<30"],
    "faker>=20,<30, rich": ["faker>=20,<30", "rich"],
    "httpx[http2,socks],rich": ["httpx[http2,socks]", "rich"],
    "./a.whl,../b.whl": ["./a.whl", "../b.whl"],
    "x; python_version in '3.11,a'": ["x; python_version in '3.11,a'"],
    "git+https://x/y?a=1,b": ["git+https://x/y?a=1,b"],
}
"""What people type for --python-dep, and the requirements that it means."""


@pytest.mark.parametrize("typed", REQUIREMENTS)
def test_requirements(typed):
    """Loads separated several by commas; pip has commas of its own."""
    kind = options.ALL["python_deps"].kind

    assert list(plan_values.of_kind(kind).read(typed)) == REQUIREMENTS[typed]


@pytest.mark.parametrize(
    ("typed", "said"),
    [("-r x", "is an option of pip"), ("a\nb", "cannot be printed"), (" ", "empty requirement")],
)
def test_what_is_no_requirement(typed, said):
    """Options of pip come from the environment of the agents."""
    with pytest.raises(ValueError, match=said):
        plan_values.of_kind(options.ALL["python_deps"].kind).read(typed)


def test_an_upload_is_mentioned_if_it_takes_long(monkeypatch):
    """Not before a second has passed, and then now and again; a quiet command says nothing."""
    now = [100.0]
    monkeypatch.setattr(shipping.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    progress = shipping.UploadProgress(40_000_000, stream)
    quiet = shipping.UploadProgress(40_000_000, None)

    for passed, done in (
        (0.5, 1_000_000),
        (0.6, 12_300_000),
        (1.0, 13_000_000),
        (5.0, 30_000_000),
        (9.0, 40_000_000),
    ):
        now[0] += passed
        progress(done)
        quiet(done)

    assert stream.getvalue().splitlines() == [
        "sending the test's files: 12.3 of 40.0 MB",
        "sending the test's files: 30.0 of 40.0 MB",
    ]


def test_requirements_in_a_plan_file():
    """One is written as a text, several as a list or as on the command line."""
    for written in ("faker>=20,<30,rich", ["faker>=20,<30", "rich"]):
        assert spelled({"python-dep": written}, Path()) == {
            "python_deps": ["faker>=20,<30", "rich"]
        }
