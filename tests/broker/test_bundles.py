"""Bundles at the broker: brought in pieces, checked, kept for the runs that use them, bounded."""

from __future__ import annotations

import hashlib
import io
import itertools
import tarfile

import pytest

from loadgrpc.broker import bundles
from loadgrpc.errors import InvalidRequest, NoRoom, NotFound, TooFewAgents
from loadgrpc.model import RunState, TroubleKind
from loadgrpc.protocol.bundles import Piece
from loadgrpc.protocol.fleet import Registration


def tar(**files):
    """A bundle of files with these contents."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return file.getvalue()


def name_of(data):
    """The name of a bundle."""
    return hashlib.sha256(data).hexdigest()


async def bring(desk, data, *cuts, sha256=None, size=None, start=0):
    """Brings a bundle in one stream, cut into pieces at these places."""

    async def pieces():
        places = [start, *cuts, len(data)]
        for begin, end in itertools.pairwise(places):
            yield Piece(sha256 or name_of(data), size or len(data), begin, data[begin:end])

    return await desk.broker.bundles.receive(pieces())


async def whole(desk, record, offset=0):
    """What agents get of a bundle."""
    return b"".join([data async for data in desk.broker.bundles.read(record, offset)])


def test_a_bundle_in_pieces(at_desk):
    """What is brought in pieces, and continued in another stream, comes out whole."""
    data = tar(a=b"x" * 5_000)

    async def use(desk):
        first = await bring(desk, data[:3_000], 1_000, sha256=name_of(data), size=len(data))
        assert (first.received, first.complete) == (3_000, False)
        with pytest.raises(NotFound, match=r"3,000 of its .* UploadBundle brings it"):
            await desk.broker.bundles.need(name_of(data))
        done = await bring(desk, data, start=2_000)  # some of it is there already
        assert (done.received, done.complete) == (len(data), True)
        again = await bring(desk, data)
        assert again.complete
        needed = await desk.broker.bundles.need(name_of(data))
        assert await whole(desk, needed) == data
        assert await whole(desk, needed, 2_500) == data[2_500:]

    at_desk(use)


def test_what_is_wrong_is_refused_and_dropped(at_desk):
    """A gap, too many bytes, another SHA-256, and a tar that leaves its folder."""
    good, hostile = tar(a=b"x"), tar(**{"../a": b"x"})

    async def use(desk):
        with pytest.raises(InvalidRequest, match=r"offset: leaves a gap: 0 bytes are there"):
            await bring(desk, good, start=10)
        with pytest.raises(InvalidRequest, match=r"chunk: goes beyond the 100 bytes"):
            await bring(desk, good, size=100)
        with pytest.raises(InvalidRequest, match=f"sha256: is not that .* {name_of(good)}"):
            await bring(desk, good, sha256="0" * 64)
        with pytest.raises(InvalidRequest, match=r"the bundle has '\.\./a', which leaves"):
            await bring(desk, hostile)
        for gone in ("0" * 64, name_of(hostile)):
            assert await desk.broker.bundles.known(gone) is None

    at_desk(use)


def test_another_size_begins_again(at_desk):
    """A client that was wrong about the size is not in the way of one that is right."""
    data = tar(a=b"x")

    async def use(desk):
        await bring(desk, b"abc", sha256=name_of(data), size=5_000)
        assert (await bring(desk, data)).complete

    at_desk(use)


def test_a_run_needs_its_bundle(at_desk):
    """A run without its bundle does not begin; with it, the order to the agent names it."""
    data = tar(a=b"x")

    async def use(desk):
        desk.broker.connect_agent(
            Registration(agent_id="a1", hostname="h", pid=1, version="1", cores=1, prepares=True)
        )
        desk.agents["a1"] = None  # it is connected
        with pytest.raises(NotFound, match="is not there: UploadBundle brings it"):
            await desk.start(bundle=name_of(data))
        await bring(desk, data)
        return await desk.start(bundle=name_of(data))

    assert at_desk(use).plan.bundle == name_of(data)


@pytest.mark.parametrize("need", [{"test_dir": "/tmp/x-"}, {"python_deps": ("faker",)}])
def test_an_older_agent_is_not_chosen(at_desk, need):
    """One that would ignore what a run needs, and run something else, gets no part in it."""

    async def use(desk):
        with pytest.raises(TooFewAgents, match=r"1 idle .* too old to be sent files or packages"):
            await desk.start(**need)
        return await desk.start()

    assert at_desk(use).state is RunState.STARTING


def test_what_is_not_needed_makes_room(at_desk, monkeypatch):
    """All together are bounded; what was brought a moment ago stays, as a run with it comes."""
    one, two, three = (tar(a=bytes([at]) * 20_000) for at in range(3))
    monkeypatch.setattr(bundles, "MAX_BYTES", 2 * len(one))

    async def use(desk):
        await bring(desk, one)
        desk.clock.advance(10)
        await bring(desk, two)
        with pytest.raises(NoRoom, match="leave no room for 30,720 bytes"):
            await bring(desk, three)
        desk.clock.advance(55)  # only the first is old enough
        await bring(desk, three)
        known = [await desk.broker.bundles.known(name_of(each)) for each in (one, two, three)]
        return [record is not None for record in known]

    assert at_desk(use) == [False, True, True]


def test_an_agent_that_could_not_prepare(at_desk):
    """The run fails with 107 and the reason, what pip printed is kept, others are stopped."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        words = "pip could not install x (status 1)\nERROR: no\nERROR: really"
        desk.agent("a1").exits(run, 1, words, not_prepared=True)
        await desk.settled()
        assert ("stop", run.run_id, "GRACEFUL") in desk.agent("a2").orders()
        desk.agent("a2").exits(run)
        over = await desk.over(run)
        return over, await desk.broker.get_summary(run.run_id)

    over, summary = at_desk(use)

    assert over.state is RunState.FAILED
    assert summary.verdict.exit_code == 107
    assert "pip could not install x (status 1)" in summary.verdict.reason
    error = next(agent.load_error for agent in summary.agents if agent.load_error)
    assert error.traceback == "ERROR: no\nERROR: really"


def test_what_agents_prepare_is_a_trouble(at_desk):
    """Whoever waits for a run sees what its agents are doing, until they have done it."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        desk.broker.fleet.agent_preparing("a1", run.run_id, "installing 2 Python packages")
        desk.clock.advance(3)
        desk.broker.fleet.agent_preparing("a2", run.run_id, "fetching 1.0 of 9.0 MB of files")
        desk.clock.advance(4)
        seen = (await desk.broker.get_run(run.run_id)).troubles
        for agent_id in ("a1", "a2"):
            desk.broker.fleet.agent_preparing(agent_id, run.run_id, "")
        return seen, (await desk.broker.get_run(run.run_id)).troubles

    before, after = (
        [each.message for each in seen if each.kind is TroubleKind.PREPARING]
        for seen in at_desk(use)
    )

    assert before == ["agent a1 is installing 2 Python packages, for 7 s, and 1 more get ready"]
    assert after == []
