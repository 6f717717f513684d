"""What a run needs on an agent: fetched once, unpacked, installed once, and gone afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import grpc
import grpc.aio
import pytest

from loadgrpc.agent import cache, packages
from loadgrpc.agent.process import Exit
from loadgrpc.agent.supplies import NotPrepared, Prepared, Supplies
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import fleet_pb2

PIECE = 4_096


def tar(**files):
    """A bundle of files with these contents."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return file.getvalue()


def failure(code, details):
    """What a call ends with."""
    empty = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, empty, empty, details=details)


class FakeBroker:
    """Bundles by name; `breaks`: after how many pieces each of the first streams breaks off."""

    def __init__(self, *bundles, breaks=(), spoils=0):
        self.bundles = {hashlib.sha256(each).hexdigest(): each for each in bundles}
        self.breaks = list(breaks)
        self.spoils = spoils
        """How many streams have a byte that is wrong."""
        self.asked = []
        """The offset of each request."""
        self.sent = 0

    @property
    def name(self):
        """The name of its only bundle."""
        return next(iter(self.bundles))

    def FetchBundle(self, request):  # noqa: N802 - the name in the proto
        """See fleet.proto."""
        self.asked.append(request.offset)
        after = self.breaks.pop(0) if self.breaks else None
        return Stream(self._pieces(request, after))

    async def _pieces(self, request, after):
        data = self.bundles.get(request.sha256)
        if data is None:
            raise failure(grpc.StatusCode.NOT_FOUND, "it is not there")
        yield fleet_pb2.FetchBundleResponse(size=len(data))
        for count, at in enumerate(range(request.offset, len(data), PIECE)):
            if after is not None and count >= after:
                raise failure(grpc.StatusCode.UNAVAILABLE, "the connection broke")
            chunk = data[at : at + PIECE]
            if self.spoils:
                self.spoils -= 1
                chunk = b"?" + chunk[1:]
            self.sent += len(chunk)
            yield fleet_pb2.FetchBundleResponse(chunk=chunk)


class Stream:
    """The answers of a call."""

    def __init__(self, pieces):
        self._pieces = pieces

    def __aiter__(self):
        return self._pieces

    def cancel(self):
        """See grpc.aio."""


class FakePip:
    """Starts processes that install, as pip would; `fails` is what it prints if it cannot."""

    def __init__(self, fails=""):
        self.fails = fails
        self.commands = []
        self.folders = []

    def __call__(self, command, _variables, *, cwd, redactor):
        """See RunnerProcess.of."""
        self.commands.append(command)
        self.folders.append(cwd)
        return self

    async def wait(self):
        """See RunnerProcess."""
        if self.fails:
            return Exit(1, "", self.fails)
        command = self.commands[-1]
        target = Path(command[command.index("--target") + 1])
        (target / "installed.py").write_text(" ".join(command[command.index("--") + 1 :]))
        return Exit(0, "")


class Place:
    """An agent's supplies, in a folder of its own."""

    def __init__(self, state, broker, pip):
        self.steps = []
        held = SimpleNamespace(folder=state, agent_id="host-1")
        self.supplies = Supplies(held, broker, pip, lambda _, step: self.steps.append(step))

    @asynccontextmanager
    async def of_run(self, run_id="r-1", **plan):
        """What is prepared for a run."""
        assignment = assignment_of(run_id=run_id, test="a.B.c", **plan)
        async with self.supplies.of_run(assignment) as preparing:
            yield await preparing


@pytest.fixture
def place(tmp_path, monkeypatch):
    """`place(broker, pip)`: the supplies of an agent, which was started in an empty folder."""
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.setattr(cache, "FIRST_RETRY_S", 0.001)

    def make(broker=None, pip=None):
        return Place(tmp_path / "state", broker or FakeBroker(), pip or FakePip())

    return make


def files(folder):
    """The files below a folder, by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_bundle_comes_once(place, tmp_path):
    """Two runs, the second with two parts, share what was fetched; each has its own folder."""
    broker = FakeBroker(tar(a=b"x" * 9_000))
    here = place(broker)

    async def main():
        async with here.of_run("r-1", bundle=broker.name) as one:
            first = files(one.folder)
            (one.folder / "a").write_text("written over")
        assert not one.folder.exists()
        async with here.of_run("r-2", bundle=broker.name) as two:
            async with here.of_run("r-2", bundle=broker.name) as again:
                assert again.folder == two.folder
            return first, files(two.folder), one.folder, two.folder, two.python_path

    first, second, one, two, python_path = asyncio.run(main())

    assert first == second == {"a": b"x" * 9_000}
    assert one != two
    assert broker.asked == [0]
    assert broker.sent == len(tar(a=b"x" * 9_000))
    assert python_path == (str(tmp_path / "own"),)
    assert list((tmp_path / "state/runs").iterdir()) == []
    assert here.steps[-1] == ""


def test_what_breaks_off_is_continued(place):
    """From where it was, however often; every byte comes once."""
    broker = FakeBroker(tar(a=b"x" * 30_000), breaks=[0, 2, 1])
    here = place(broker)

    async def main():
        async with here.of_run(bundle=broker.name) as prepared:
            return files(prepared.folder)

    assert asyncio.run(main()) == {"a": b"x" * 30_000}
    assert broker.asked == [0, 0, 2 * PIECE, 3 * PIECE]
    assert broker.sent == len(tar(a=b"x" * 30_000))


@pytest.mark.parametrize(("spoils", "said"), [(1, ""), (99, "have another SHA-256")])
def test_what_is_not_the_bundle_is_not_unpacked(place, spoils, said):
    """Wrong bytes are fetched once more; if they stay wrong, the run cannot begin."""
    broker = FakeBroker(tar(a=b"x"), spoils=spoils)
    here = place(broker)

    async def main():
        async with here.of_run(bundle=broker.name) as prepared:
            return files(prepared.folder)

    if said:
        with pytest.raises(NotPrepared, match=said):
            asyncio.run(main())
    else:
        assert asyncio.run(main()) == {"a": b"x"}
    assert len(broker.asked) == 2


def test_why_a_run_cannot_begin(place, tmp_path):
    """A bundle that is not there, one that is hostile, a folder that cannot be made."""
    hostile = tar(**{"../a": b"x"})
    broker = FakeBroker(hostile)
    here = place(broker)
    (tmp_path / "file").write_text("")

    async def why(**plan):
        with pytest.raises(NotPrepared) as caught:
            async with here.of_run(**plan):
                pass
        return str(caught.value)

    assert "it is not there" in asyncio.run(why(bundle="0" * 64))
    assert "'../a', which leaves its folder" in asyncio.run(why(bundle=broker.name))
    assert "cannot prepare the folder" in asyncio.run(why(test_dir=f"{tmp_path}/file/x"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "own", "state"]


def test_file_copy_test_file(place, tmp_path):
    """Loads: with --test-dir, a file that is included is in the folder named by it and the agent.

    The folder is kept, with what is in it; what the bundle has replaces what has its name.
    """
    broker = FakeBroker(tar(a=b"new"))
    here = place(broker)
    folder = tmp_path / "tests-host-1"
    folder.mkdir()
    (folder / "a").write_text("old")
    (folder / "kept").write_text("kept")

    async def main():
        async with here.of_run(bundle=broker.name, test_dir=f"{tmp_path}/tests-") as prepared:
            assert prepared.folder == folder
        async with here.of_run(test_dir="relative-") as prepared:
            return prepared

    prepared = asyncio.run(main())

    assert files(folder) == {"a": b"new", "kept": b"kept"}
    assert prepared.folder == tmp_path / "own/relative-host-1"
    assert prepared.folder.is_dir()


def test_packages_are_installed_once(place, tmp_path):
    """One set for all runs that need it, in whichever order they name it; another has its own."""
    pip = FakePip()
    here = place(pip=pip)

    async def main():
        found = []
        for deps in (("a", "b>=1,<2"), ("b>=1,<2", "a"), ("a",)):
            async with here.of_run(python_deps=deps) as prepared:
                found.append(prepared.packages)
                assert prepared.python_path == (str(prepared.packages),)
                assert prepared.folder == tmp_path / "own"
        return found

    one, same, other = asyncio.run(main())

    assert one == same != other
    assert files(one) == {"installed.py": b"a b>=1,<2"}
    assert len(pip.commands) == 2
    assert "installing 2 Python packages" in here.steps
    kept = sorted(path.name for path in one.parent.iterdir() if path.is_dir())
    assert kept == sorted([one.name, other.name])


def test_a_wheel_of_the_bundle_counts_by_what_is_in_it(place):
    """The same name with other contents is another set."""
    pip = FakePip()
    brokers = [FakeBroker(tar(**{"x.whl": data})) for data in (b"1", b"2")]

    async def main():
        found = []
        for broker in brokers:
            async with place(broker, pip).of_run(
                bundle=broker.name, python_deps=("./x.whl[extra]",)
            ) as prepared:
                found.append(prepared.packages)
                assert pip.folders[-1] == prepared.folder
        return found

    one, other = asyncio.run(main())
    assert one != other


def test_what_pip_says_is_the_reason(place):
    """The first twenty lines of it; nothing is kept of what it began."""
    here = place(pip=FakePip("\n".join(f"line {number}" for number in range(30))))

    async def main():
        async with here.of_run(python_deps=("a", "b")):
            pass

    with pytest.raises(NotPrepared) as caught:
        asyncio.run(main())
    said = str(caught.value).splitlines()
    assert said[0] == "pip could not install a, b (status 1)"
    assert said[1:] == [*(f"line {number}" for number in range(20)), "…"]


def test_a_secret_in_a_requirement_is_on_no_command_line(place):
    """Pip reads it from a file; it is in no reason either."""
    pip = FakePip("no such project")
    here = place(pip=pip)

    async def main():
        deps = ("a", "shop @ git+https://hunter2-token@host/shop.git")
        async with here.of_run(python_deps=deps):
            pass

    with pytest.raises(NotPrepared, match=r"could not install a, shop @ git\+https://\*\*\*@host"):
        asyncio.run(main())
    (command,) = pip.commands
    assert "hunter2" not in " ".join(command)
    assert command[-4:][::2] == ["--requirement", "--"]
    assert command[-1] == "a"


def test_there_may_be_no_pip(place):
    """Then that is said, instead of what Python prints."""
    here = place(pip=FakePip("/usr/bin/python: No module named pip"))

    async def main():
        async with here.of_run(python_deps=("a",)):
            pass

    with pytest.raises(NotPrepared, match=r"there is no pip for .*: install it"):
        asyncio.run(main())


def test_sets_of_packages_are_bounded(place, monkeypatch):
    """The one that was used longest ago goes; one that is used now stays."""
    monkeypatch.setattr(packages, "MAX_SETS", 2)
    here = place()

    async def main():
        async with here.of_run("r-0", python_deps=("used",)) as used:
            for at in range(3):
                async with here.of_run(f"r-{at + 1}", python_deps=(f"p{at}",)) as prepared:
                    pass
            there = {path for path in used.packages.parent.iterdir() if path.is_dir()}
            return used.packages in there, prepared.packages in there, len(there)

    assert asyncio.run(main()) == (True, True, 3)


def test_the_cache_is_bounded(place, tmp_path, monkeypatch):
    """The bundle that was used longest ago goes; what is fetched again is fetched whole."""
    bundles = [tar(a=bytes([at])) for at in range(3)]
    monkeypatch.setattr(cache, "MAX_CACHE_BYTES", len(bundles[0]))
    broker = FakeBroker(*bundles)
    here = place(broker)

    async def main():
        for name in broker.bundles:
            async with here.of_run(bundle=name):
                pass

    asyncio.run(main())

    kept = {path.name for path in (tmp_path / "state/bundles").iterdir()}
    assert kept == set(list(broker.bundles)[1:])


def test_a_killed_agent_leaves_nothing(place, tmp_path):
    """The next one removes folders of runs, and what was being fetched and installed."""
    left = ["runs/r-1/deep/file", "bundles/abc.part", "packages/h.new-1/target/x.py"]
    kept = ["bundles/abc", "packages/h/x.py", "packages/h.lock", "agent-id"]
    for name in left + kept:
        path = tmp_path / "state" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    async def main():
        await (await place().supplies.clear([]))

    asyncio.run(main())

    assert sorted(files(tmp_path / "state")) == sorted(kept)


def test_a_part_that_gives_up(place, tmp_path):
    """What is being fetched for a run is dropped when no part waits for it any more."""
    broker = FakeBroker(tar(a=b"x" * 30_000), breaks=[1] + [0] * 1_000)
    here = place(broker)

    async def main():
        assignment = assignment_of(test="a.B.c", bundle=broker.name)
        async with here.supplies.of_run(assignment) as preparing:
            while len(broker.asked) < 2:  # noqa: ASYNC110 - nobody else tells
                await asyncio.sleep(0)
        return preparing

    preparing = asyncio.run(main())

    assert preparing.cancelled()
    assert list((tmp_path / "state/runs").iterdir()) == []


def test_a_program_that_only_the_agent_has_starts_there(tmp_path, monkeypatch):
    """A command that names a file of the agent's folder starts there; others, with the bundle."""
    own, bundle = tmp_path / "own", tmp_path / "bundle"
    for folder, names in ((own, ["shop", "both"]), (bundle, ["both", "data.csv"])):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    monkeypatch.chdir(own)
    prepared = Prepared(bundle)

    assert prepared.start_of(["./shop", "-u", "x" * 5_000]) == own
    assert prepared.start_of(["python3", "shop"]) == own
    assert prepared.start_of(["./both", "buy"]) == bundle
    assert prepared.start_of(["shop-on-path", "data.csv", "\0"]) == bundle


def test_a_bundle_that_was_changed_here_is_fetched_again(place, tmp_path):
    """It is checked whenever it is used, and not only when it comes."""
    broker = FakeBroker(tar(a=b"x" * 9_000))
    here = place(broker)

    async def main():
        async with here.of_run("r-1", bundle=broker.name):
            pass
        (tmp_path / "state/bundles" / broker.name).write_bytes(tar(a=b"evil"))
        async with here.of_run("r-2", bundle=broker.name) as again:
            return files(again.folder)

    assert asyncio.run(main()) == {"a": b"x" * 9_000}
    assert broker.asked == [0, 0]
